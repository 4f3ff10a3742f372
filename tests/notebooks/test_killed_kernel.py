"""F5 on the real pretraining notebook: its kernel is killed half-way, the same command goes on, the weights are the same."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from glmkit.files import sha256
from tests.small_study import STUDY, glmkit, make_workspace

STEPS, EVERY = 60, 10
VALUES = {
    "preprocess": {"block": 5000, "gap": 200},
    "pretrain": {"steps": STEPS, "checkpoint_every": EVERY, "width": 64, "heads": 4, "remembered": 4},
}


def kernel_of(folder: Path) -> psutil.Process:
    """The kernel that runs the stage in `folder`."""
    for process in psutil.process_iter():
        try:
            if "ipykernel_launcher" in " ".join(process.cmdline()) and process.environ().get("GLMKIT_STAGE_FOLDER") == str(
                folder
            ):
                return process
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    raise AssertionError(f"no kernel runs {folder}")


def steps_logged(folder: Path) -> int:
    path = folder / "metrics.jsonl"
    return max((json.loads(line)["step"] for line in path.read_text().splitlines()), default=0) if path.exists() else 0


@pytest.mark.timeout(900)  # three runs of the notebooks: 100 s on a quiet machine
def test_F5_a_killed_pretraining_resumes_to_the_same_weights(tmp_path: Path, small_sources: dict[str, list[str]]) -> None:
    folder = make_workspace(tmp_path / "workspace", VALUES | {"acquire": small_sources})
    whole = glmkit(folder, "run", STUDY, "--name", "whole", "--until", "pretrain")
    assert whole.returncode == 0, whole.stderr
    expected = sha256(folder / "runs/whole/pretrain/model/model.safetensors")

    stage = folder / "runs/killed/pretrain"
    command = [sys.executable, "-m", "glmkit.cli", "run", STUDY, "--name", "killed", "--until", "pretrain"]
    environment = {**os.environ, "GLMKIT_WORKSPACE": str(folder)}
    run = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    deadline = time.monotonic() + 300
    while steps_logged(stage) < 2 * EVERY + 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    kernel_of(stage).kill()
    began = time.monotonic()
    said, _ = run.communicate(timeout=60)
    assert run.returncode != 0
    assert time.monotonic() - began < 10
    assert "killed by signal 9" in said
    assert json.loads((stage / "run.json").read_text())["status"] == "FAILED"
    assert not (stage / "model").exists()

    again = glmkit(folder, "run", STUDY, "--name", "killed", "--until", "pretrain")
    assert again.returncode == 0, again.stderr
    assert "acquire …" not in again.stdout + again.stderr
    assert sha256(stage / "model/model.safetensors") == expected
