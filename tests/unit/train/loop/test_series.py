"""Several trainings of one stage: steps go on, metrics carry the training's name, a stop ends the series."""

import pandas as pd
import pytest

from glmkit.errors import BadInput
from glmkit.train import FitResult
from glmkit.train.loop import TrainingSeries, steps_per_epoch


class Monitor:
    def __init__(self) -> None:
        self.lines: list = []
        self.reason = ""

    def log(self, step: int, **metrics: float) -> None:
        self.lines.append((step, metrics))

    def finish(self, reason: str) -> None:
        self.reason = reason


def result(steps: int, reason: str = "finished", **validation: float) -> FitResult:
    history = pd.DataFrame({"step": [1, steps, steps], "loss": [2.0, 1.0, float("nan")]})
    for name, value in validation.items():
        history[name] = [float("nan"), float("nan"), value]
    return FitResult(steps, reason, None, None, 2.5, 100, "float32", history, None)


def test_steps_go_on_and_metrics_carry_the_name_of_the_training() -> None:
    lines: list = []
    monitor = Monitor()
    series = TrainingSeries(lambda step, **metrics: lines.append((step, metrics)), monitor)
    for split, seed, steps in [("homology", 0, 30), ("homology", 2, 20), ("random", 0, 10)]:
        log = series.log(split=split, network="scratch", seed=seed)
        log(5, loss=1.0)
        series.add(result(steps, validation_loss=0.25 * seed, validation_accuracy=0.5))
    series.finish()
    assert lines[1] == (35, {"homology_scratch_seed2/loss": 1.0})
    assert [step for step, _ in monitor.lines] == [5, 35, 55]
    assert monitor.lines[0][1] == {"loss": 1.0}
    assert monitor.reason == "finished"
    assert list(series.table) == ["split", "network", "seed", "steps", "seconds", "validation loss", "validation accuracy"]
    assert series.table["validation loss"].tolist() == [0.0, 0.5, 0.0]
    history = series.history
    assert len(history) == 9
    assert history[(history.split == "homology") & (history.seed == 2)].step.tolist() == [1, 20, 20]


def test_without_accuracy_there_is_no_such_column() -> None:
    series = TrainingSeries(lambda step, **metrics: None)
    with pytest.raises(BadInput, match="No training has been added yet"):
        _ = series.history
    series.log(network="scratch")
    series.add(result(3, validation_loss=0.5))
    assert list(series.table) == ["network", "steps", "seconds", "validation loss"]


def test_a_stop_ends_the_series() -> None:
    monitor = Monitor()
    series = TrainingSeries(lambda step, **metrics: None, monitor)
    series.log(network="scratch")
    with pytest.raises(KeyboardInterrupt, match="Run this cell again to continue from the last checkpoint"):
        series.add(result(3, "stopped", validation_loss=0.5))
    assert monitor.reason == "stopped"
    assert series.table.empty


def test_the_summary_of_a_training_names_its_end() -> None:
    assert result(1500).summary() == "1,500 steps (100 tokens, float32) in 2 s; ended because: finished."
    resumed = FitResult(9, "stopped", None, None, 60.2, 5000, "bf16", pd.DataFrame(), 1200)
    assert resumed.summary() == "9 steps (5,000 tokens, bf16) in 60 s; ended because: stopped. Resumed from step 1,200."


def test_steps_per_epoch_counts_special_tokens_and_is_at_least_one() -> None:
    assert steps_per_epoch([10, 20, 30], 30) == 2
    assert steps_per_epoch([10, 20, 30], 30, special=1) == 3
    assert steps_per_epoch([1], 4096) == 1
