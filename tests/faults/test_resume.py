"""FAULTS F1 to F4 and F26: a training run that is killed, cut, stopped or poisoned.

I1: the checkpoint before stays as it was. I2: nothing partial under a final name. I3: the same call again finishes, and on a
CPU its weights equal the uninterrupted run's bit for bit.

Covers ``glmkit.train.loop.signals``.
"""

import json
import math
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from glmkit import files
from glmkit.errors import BadInput
from glmkit.files import sha256
from glmkit.train import MaskedLanguageModel, TrainConfig, fit
from glmkit.train.loop.checkpoints import PARTS, read_snapshot
from tests.faults.tiny_run import SETTINGS, Letters, run, tiny_model


@cache
def uninterrupted(accumulation: int = 1) -> str:
    return run(None, accumulation=accumulation)[0]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As in the child that is killed: a fork has none of the parent's threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def killed(folder: Path, fault: str, **settings: Any) -> int:
    """Run in a child that gets SIGKILL at a fault point; its exit status. A fork spares the seconds that importing torch takes."""
    child = os.fork()
    if child == 0:
        try:
            os.environ.update(GLMKIT_TESTING="1", GLMKIT_FAULT=fault)
            files._passed.clear()
            run(folder, **settings)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def content(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path) for path in folder.iterdir()}


def stopped_at(folder: Path, step: int, **settings: Any) -> list[int]:
    """Run up to `step`; the item numbers read."""
    store, asked = Letters(), []
    _, result = run(folder, store, stop=lambda: asked.append(1) or len(asked) == step, **settings)
    assert (result.reason, result.steps) == ("stopped", step)
    return store.read


# The third write is that of step 9; what is committed before it are steps 3 and 6.
@pytest.mark.parametrize(
    ("point", "newest"),
    [
        ("checkpoint.write:3", 6),
        ("checkpoint.fsync:3", 6),
        ("checkpoint.rename:3", 6),
        ("checkpoint.commit:3", 6),
        ("atomic.rename:3", 6),
        ("checkpoint.prune:3", 9),
        ("checkpoint.pruning:1", 9),
    ],
)
def test_F1_sigkill(tmp_path: Path, point: str, newest: int) -> None:
    assert killed(tmp_path, f"{point}:SIGKILL") == -signal.SIGKILL
    checkpoints = tmp_path / "checkpoints"
    names = sorted(path.name for path in checkpoints.iterdir() if not path.name.startswith("."))
    steps = [name for name in names if name.startswith("step-")]
    for name in steps:  # I1 and I2: whatever has a final name is whole
        read_snapshot(checkpoints / name)
    assert (checkpoints / "LATEST").read_text().strip() == f"step-{newest:08d}"
    assert set(names) == {*steps, "LATEST", "history.jsonl"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        weights, result = run(tmp_path)
    assert result.resumed_from == newest
    assert weights == uninterrupted()  # I3
    assert list(result.history.step) == list(range(1, 13))
    assert sorted(path.name for path in checkpoints.iterdir()) == [
        ".lock",
        "LATEST",
        "history.jsonl",
        "step-00000009",
        "step-00000012",
    ]


def test_F1_faults_need_the_testing_switch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLMKIT_FAULT", "checkpoint.write:1:SIGKILL")
    monkeypatch.delenv("GLMKIT_TESTING", raising=False)
    assert run(tmp_path)[1].reason == "finished"


@pytest.mark.parametrize("part", [*PARTS, "manifest.json"])
def test_F2_truncated(tmp_path: Path, part: str) -> None:
    stopped_at(tmp_path, 8)
    checkpoints = tmp_path / "checkpoints"
    victim = checkpoints / "step-00000008" / part
    victim.write_bytes(victim.read_bytes()[:-30])
    good = content(checkpoints / "step-00000006")
    with pytest.warns(
        UserWarning, match=rf"step-00000008 is damaged: .*{part}.*; resuming from the previous one, step-00000006"
    ) as caught:
        weights, result = run(tmp_path, checkpoint_every=50)
    assert len(caught) == 1
    assert result.resumed_from == 6
    assert weights == uninterrupted()
    assert content(checkpoints / "step-00000006") == good
    assert (checkpoints / "step-00000008.damaged").is_dir()


def test_F2_all_damaged_begins_anew(tmp_path: Path) -> None:
    stopped_at(tmp_path, 5)
    for path in (tmp_path / "checkpoints").glob("step-*"):
        (path / "model.safetensors").write_bytes(b"")
    with pytest.warns(UserWarning, match=r"there is no previous one: starting anew"):
        weights, result = run(tmp_path)
    assert result.resumed_from is None
    assert weights == uninterrupted()


def test_F2_missing_LATEST_takes_the_newest_whole(tmp_path: Path) -> None:
    stopped_at(tmp_path, 8)
    (tmp_path / "checkpoints" / "LATEST").unlink()
    weights, result = run(tmp_path)
    assert (result.resumed_from, weights) == (8, uninterrupted())


def test_F3_deleted_rng(tmp_path: Path) -> None:
    stopped_at(tmp_path, 8)
    (tmp_path / "checkpoints" / "step-00000008" / "rng.json").unlink()
    with pytest.raises(BadInput, match=r"cannot be resumed exactly: its rng.json is missing.*inexact_resume=True"):
        run(tmp_path)
    _, result = run(tmp_path, inexact_resume=True)
    assert (result.resumed_from, result.reason) == (8, "finished")


def batches_of_an_epoch() -> int:
    from glmkit.data.corpora import token_budget_batches

    return len(token_budget_batches(Letters().lengths, SETTINGS["batch_tokens"], SETTINGS["seed"], 0))


@pytest.mark.parametrize("accumulation", [1, 4])
@pytest.mark.parametrize("where", ["mid-epoch", "epoch edge", "first step", "last but one"])
def test_F4_stopped_and_resumed(tmp_path: Path, where: str, accumulation: int) -> None:
    edge = batches_of_an_epoch()
    assert edge == 5, "with 4 passes a step, an epoch ends within an accumulation"
    step = {"mid-epoch": 3, "epoch edge": edge, "first step": 1, "last but one": 11}[where]
    whole = Letters()
    expected, _ = run(None, whole, accumulation=accumulation)
    first = stopped_at(tmp_path, step, accumulation=accumulation)
    store = Letters()
    weights, result = run(tmp_path, store, accumulation=accumulation)
    assert result.resumed_from == step
    assert first + store.read == whole.read
    assert weights == expected


@pytest.mark.parametrize("accumulation", [1, 4])
def test_F4_killed_and_resumed(tmp_path: Path, accumulation: int) -> None:
    """SIGKILL in the eighth step; masks are drawn and dropout is on."""
    assert killed(tmp_path, "train.step:8:SIGKILL", accumulation=accumulation) == -signal.SIGKILL
    weights, result = run(tmp_path, accumulation=accumulation)
    assert result.resumed_from == 6
    assert weights == uninterrupted(accumulation)


def test_F4_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    weights, first = run(tmp_path)
    store = Letters()
    again, second = run(tmp_path, store)
    assert again == weights
    assert store.read == []
    assert (second.steps, second.reason, second.resumed_from) == (12, "finished", 12)
    assert second.history.equals(first.history)


def test_F4_resumed_after_a_validation_and_early_stopping(tmp_path: Path) -> None:
    def train(folder: Path | None, at: int = 0) -> Any:
        model, asked = tiny_model(), []
        config = TrainConfig(**SETTINGS | {"steps": 40, "validate_every": 2, "patience": 2, "learning_rate": 0.2, "warmup": 0.0})
        stop = (lambda: asked.append(1) or len(asked) == at) if at else None
        result = fit(model, Letters(), MaskedLanguageModel(), config, folder=folder, validation=Letters(1), stop=stop)
        return {name: tensor.tolist() for name, tensor in model.state_dict().items()}, result

    expected, whole = train(None)
    assert whole.reason == "early stopping"
    assert whole.best_step is not None
    assert whole.best_step < whole.steps < 40
    assert train(tmp_path, at=whole.steps - 1)[1].reason == "stopped"
    weights, result = train(tmp_path)
    assert (result.best_step, result.best_validation, result.steps) == (whole.best_step, whole.best_validation, whole.steps)
    assert weights == expected
    lines = whole.history.dropna(subset="validation_loss")
    assert whole.best_validation == lines.validation_loss.min()
    assert [path.name for path in (tmp_path / "checkpoints").glob("best-*")] == [f"best-{whole.best_step:08d}.safetensors"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"learning_rate": 0.5}, "learning_rate was 0.001 in step-00000004, is 0.5 now"),
        ({"steps": 13}, "steps was 12 in step-00000004, is 13 now"),
        ({"accumulation": 2}, "accumulation was 1 in step-00000004, is 2 now"),
    ],
)
def test_F4_an_unfinished_run_with_other_settings_is_refused(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    stopped_at(tmp_path, 4)
    with pytest.raises(BadInput, match=rf"belongs to an unfinished run with other settings: {words}.*resume=False"):
        run(tmp_path, **change)
    assert run(tmp_path, resume=False, **change)[1].resumed_from is None


def test_F4_other_data_is_refused_and_a_finished_run_gives_way(tmp_path: Path) -> None:
    stopped_at(tmp_path, 4)
    with pytest.raises(BadInput, match=r"data was 'letters 0' in step-00000004, is 'letters 1' now"):
        run(tmp_path, Letters(1))
    run(tmp_path)
    with pytest.warns(UserWarning, match=r"Starting anew: data was 'letters 0'.* The earlier run was complete"):
        weights, result = run(tmp_path, Letters(1))
    assert result.resumed_from is None
    assert weights != uninterrupted()


def test_F4_more_steps_of_a_constant_schedule_go_on(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"schedule": "constant", "warmup": 0.0}
    run(tmp_path, steps=6, **settings)
    weights, result = run(tmp_path, steps=12, **settings)
    assert result.resumed_from == 6
    assert weights == run(None, steps=12, **settings)[0]


def test_F6_sigterm_lets_the_step_end_and_a_checkpoint_be_written(tmp_path: Path) -> None:
    environment = os.environ | {"GLMKIT_TESTING": "1", "GLMKIT_FAULT": "train.step:5:SIGTERM", "OMP_NUM_THREADS": "1"}
    script = Path(__file__).with_name("tiny_run.py")
    done = subprocess.run([sys.executable, script, tmp_path], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGTERM, done.stderr
    assert (tmp_path / "checkpoints" / "LATEST").read_text() == "step-00000005\n"


def test_F7_the_first_interrupt_waits_for_a_checkpoint(tmp_path: Path) -> None:
    def log(step: int, **metrics: float) -> None:
        if step == 5:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, log=log)
    assert (tmp_path / "checkpoints" / "LATEST").read_text() == "step-00000005\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert run(tmp_path)[0] == uninterrupted()


def test_F7_the_second_interrupt_is_immediate(tmp_path: Path) -> None:
    def log(step: int, **metrics: float) -> None:
        if step == 5:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, log=log)
    assert (tmp_path / "checkpoints" / "LATEST").read_text() == "step-00000003\n"
    assert run(tmp_path)[0] == uninterrupted()


def test_F11_one_folder_one_run(tmp_path: Path) -> None:
    def log(step: int, **metrics: float) -> None:
        with pytest.raises(BadInput, match=rf"is in use by pid {os.getpid()}"):
            run(tmp_path)

    run(tmp_path, log=log, steps=1)


def test_F26_nan_batch(tmp_path: Path) -> None:
    class Poisoned(Letters):
        def weights(self, index: int) -> np.ndarray:
            poison = np.nan if len(self.read) > 33 else 1.0
            return np.full(len(self.items[index]), poison, np.float32)

    lines: list[tuple[int, dict[str, float]]] = []
    with pytest.raises(
        BadInput, match=r"diverged at step 8: loss nan.*not a finite number.*checkpoint is .*step-00000006"
    ) as caught:
        run(tmp_path, Poisoned(), log=lambda step, **metrics: lines.append((step, metrics)), steps=40, warmup=0.0)
    assert "check the data for NaN" in str(caught.value)
    assert lines[-1][0] == 8
    assert math.isnan(lines[-1][1]["loss"])
    last = (tmp_path / "checkpoints" / "history.jsonl").read_text().splitlines()[-1]
    assert '"loss": NaN' in last
    assert math.isnan(json.loads(last)["loss"])
    kept = read_snapshot(tmp_path / "checkpoints" / "step-00000006")
    assert all(bool(tensor.isfinite().all()) for tensor in kept.model.values())


def test_F26_learning_rate_of_a_million(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"Training diverged at step .*Lower learning_rate .now 1e.06.") as caught:
        run(tmp_path, learning_rate=1e6, warmup=0.0, steps=200, clip=0.0, checkpoint_every=1)
    step = int(str(caught.value).split("at step ")[1].split(":")[0])
    assert step <= 12
    for path in (tmp_path / "checkpoints").glob("step-*"):
        assert all(bool(tensor.isfinite().all()) for tensor in read_snapshot(path).model.values())
