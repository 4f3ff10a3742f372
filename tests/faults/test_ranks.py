"""Several processes: what they compute together is what one computes, and (FAULTS F28) one that is killed never hangs the others.

Covers ``glmkit.train.loop.process_group``.
"""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from glmkit.errors import BadInput, ResourceError
from glmkit.files import read_json
from glmkit.models import weights_hash
from glmkit.models.formats.safetensors_file import read_weights
from glmkit.train import FitResult, MaskedLanguageModel, TrainConfig, fit, fit_distributed
from glmkit.train.distributed import launch
from tests.faults.tiny_run import SETTINGS, Letters, tiny_model

RANKS = 2


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def together(folder: Path, **options: Any) -> tuple[Any, FitResult]:
    """Two processes, each with two passes a step."""
    model = tiny_model()
    config = TrainConfig(**SETTINGS | {"accumulation": 2, "checkpoint_every": 1, "keep": 12})
    objective = MaskedLanguageModel(0.3, reverse_complement=True)
    result = fit_distributed(
        model, Letters(), objective, config, folder=folder, ranks=RANKS, validation=Letters(1), **{"restarts": 0} | options
    )
    return model, result


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, FitResult, Path]:
    """One process with four passes a step."""
    folder, model = tmp_path_factory.mktemp("alone"), tiny_model()
    config = TrainConfig(**SETTINGS | {"accumulation": 4, "checkpoint_every": 1, "keep": 12})
    result = fit(
        model, Letters(), MaskedLanguageModel(0.3, reverse_complement=True), config, folder=folder, validation=Letters(1)
    )
    return model, result, folder


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, FitResult, Path, list[int]]:
    folder, steps = tmp_path_factory.mktemp("together"), []
    model, result = together(folder, log=lambda step, **metrics: steps.append(step))
    return model, result, folder, steps


def first_gradients(folder: Path) -> dict[str, torch.Tensor]:
    """The first step's gradient, clipped: AdamW's mean of gradients is then 0.1 of it."""
    state = read_weights(folder / "checkpoints" / "step-00000001" / "optimizer.safetensors")
    return {name: value / 0.1 for name, value in state.items() if name.startswith("exp_avg/")}


def equal(found: Path, expected: Path) -> float:
    """Largest difference of first gradients, relative to the largest gradient."""
    one, other = first_gradients(expected), first_gradients(found)
    assert one.keys() == other.keys()
    largest = max(float(value.abs().max()) for value in one.values())
    return max(float((one[name] - other[name]).abs().max()) for name in one) / largest


def check_same(found: tuple[Any, FitResult], expected: tuple[Any, FitResult]) -> None:
    (model, result), (whole, wanted) = found, expected
    for name, tensor in whole.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], tensor, atol=2e-6, rtol=1e-5)
    assert (result.steps, result.reason, result.tokens) == (12, "finished", wanted.tokens)
    assert result.best_validation == pytest.approx(wanted.best_validation, rel=1e-6)
    assert result.history.loss.to_numpy() == pytest.approx(wanted.history.loss.to_numpy(), rel=1e-6, nan_ok=True)


def test_two_processes_have_the_gradients_of_one(alone: Any, uninterrupted: Any) -> None:
    model, result, folder, steps = uninterrupted
    assert equal(folder, alone[2]) < 1e-6
    check_same((model, result), alone[:2])
    assert steps == [*range(1, 13), 12], "each line once, as it happened, the validation last"
    assert not model.training


def test_a_model_spread_over_two_processes_has_them_too(tmp_path: Path, alone: Any) -> None:
    found = together(tmp_path, shard=True)
    assert equal(tmp_path, alone[2]) < 1e-6
    check_same(found, alone[:2])


def test_F28_a_killed_process_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uninterrupted: Any) -> None:
    monkeypatch.setenv("GLMKIT_TESTING", "1")
    monkeypatch.setenv("GLMKIT_FAULT", "rank1.attempt0:7:SIGKILL")
    began, steps = time.monotonic(), []
    model, result = together(tmp_path, restarts=1, log=lambda step, **metrics: steps.append(step))
    assert time.monotonic() - began < 120
    assert result.resumed_from in {6, 7}
    assert steps == [*range(1, 13), 12]
    assert weights_hash(model) == weights_hash(uninterrupted[0]), "bit for bit"


def test_F28_a_process_killed_for_good_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alone: Any) -> None:
    monkeypatch.setenv("GLMKIT_TESTING", "1")
    monkeypatch.setenv("GLMKIT_FAULT", "rank1.attempt0:5:SIGKILL")
    began = time.monotonic()
    with pytest.raises(
        ResourceError, match=r"One of 2 training processes was killed by SIGKILL.*resumes from the newest"
    ) as caught:
        together(tmp_path)
    assert time.monotonic() - began < 120
    assert caught.value.exit_code == 5
    for rank in range(RANKS):
        assert not psutil.pid_exists(read_json(tmp_path / "job" / f"rank-{rank}.json")["pid"])
    assert not [
        child for child in psutil.Process().children(recursive=True) if "glmkit.train.distributed.worker" in child.cmdline()
    ]
    monkeypatch.delenv("GLMKIT_FAULT")
    model, config = tiny_model(), TrainConfig(**SETTINGS | {"accumulation": 4})
    result = fit(
        model, Letters(), MaskedLanguageModel(0.3, reverse_complement=True), config, folder=tmp_path, validation=Letters(1)
    )
    assert result.resumed_from in {4, 5}, "one process goes on from what two wrote"
    check_same((model, result), alone[:2])


def test_F28_a_launcher_that_does_not_notice_is_ended_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The launcher sleeps while a process is killed: our own watch ends all of them."""
    monkeypatch.setattr(launch, "LOST_SECONDS", 2.0)
    monkeypatch.setattr(launch, "END_SECONDS", 1.0)
    pids: list[int] = []

    def log(step: int, **metrics: float) -> None:
        if not pids:
            (launcher,) = [child for child in psutil.Process().children() if "torch.distributed.run" in child.cmdline()]
            pids.extend([launcher.pid, *(child.pid for child in launcher.children(recursive=True))])
            launcher.suspend()
            os.kill(read_json(tmp_path / "job" / "rank-1.json")["pid"], signal.SIGKILL)

    began = time.monotonic()
    with pytest.raises(ResourceError, match="One of 2 training processes failed, and the others ended with it"):
        fit_distributed(
            tiny_model(),
            Letters(),
            MaskedLanguageModel(0.3),
            TrainConfig(**SETTINGS | {"steps": 100_000, "checkpoint_every": 100_000}),
            folder=tmp_path,
            ranks=RANKS,
            log=log,
        )
    assert time.monotonic() - began < 120
    assert len(pids) >= 3
    assert not [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


def test_an_error_of_ours_comes_back_as_itself(tmp_path: Path) -> None:
    class Poisoned(Letters):
        def weights(self, index: int) -> np.ndarray:
            return np.full(len(self.items[index]), np.nan, np.float32)

    config = TrainConfig(**SETTINGS)
    with pytest.raises(BadInput, match="Training diverged at step 1: loss nan") as caught:
        fit_distributed(tiny_model(), Poisoned(), MaskedLanguageModel(0.3), config, folder=tmp_path, ranks=1)
    assert caught.value.__notes__ == ["reported by process 0 of 1"]


def test_what_cannot_be_launched_is_refused(tmp_path: Path) -> None:
    class Mine(MaskedLanguageModel):
        """Not glmkit's own."""

    cases: list[tuple[dict[str, Any], str]] = [
        ({"ranks": 0}, "ranks must be a whole number of 1 or more, got 0"),
        ({"restarts": -1}, "restarts must be 0 or more, got -1"),
        ({"timeout": 0.0}, "timeout must be 1 or more, got 0.0"),
    ]
    for wrong, words in cases:
        with pytest.raises(BadInput, match=words):
            fit_distributed(
                tiny_model(), Letters(), MaskedLanguageModel(), TrainConfig(**SETTINGS), folder=tmp_path, **{"ranks": 2} | wrong
            )
    with pytest.raises(BadInput, match="Mine cannot be transferred to other processes; expected one of MaskedLanguageModel"):
        fit_distributed(tiny_model(), Letters(), Mine(), TrainConfig(**SETTINGS), folder=tmp_path, ranks=2)
    assert "RANK" not in os.environ
