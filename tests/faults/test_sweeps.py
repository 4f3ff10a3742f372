"""A sweep of 3 × 2 points: a point that fails stops no other; killed half-way and run again, only the rest runs."""

import contextlib
import csv
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from glmkit.studies.files import record
from glmkit.studies.report.status import describe
from tests.faults.notebooks import FIRST, notebook

ROOT = Path(__file__).parents[2]
SECOND = """\
out: str = "x"  # folder this stage writes
first: str = "x"  # folder of the stage before
dropout: float = 0.1  # share [0, 0.9]
seed: int = 0  # random seed
"""
CELL = """\
from glmkit.studies import open_stage
run = open_stage(out)
run.log(1, validation_loss=0.25)
run.finish()"""
FAILURE = "sweep/dropout=0.3,seed=1/second: BadInput: too much dropout."


def workspace(root: Path, axes: str) -> Path:
    """A study of a shared stage and a swept one; returns the root."""
    notebook(
        root / "notebooks/first.ipynb", FIRST, "from glmkit.studies.notebook.stage import open_stage", "open_stage(out).finish()"
    )
    notebook(root / "notebooks/second.ipynb", SECOND, CELL)
    (root / "glmkit.toml").touch()
    study = root / "notebooks/studies/toy.yaml"
    study.parent.mkdir()
    stages = "stages:\n  first: {notebook: first.ipynb}\n  second: {notebook: second.ipynb}\n"
    study.write_text(f"name: toy\n{stages}sweep:\n  side_by_side: 2\n  axes: {{{axes}}}\n")
    return root


def start(root: Path, module: str) -> "subprocess.Popen[str]":
    words = [sys.executable, "-P", "-m", module, "run", "toy", "--cores", "2"]
    environment = {**os.environ, "GLMKIT_WORKSPACE": str(root), "PYTHONPATH": str(ROOT)}
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(words, cwd=root, env=environment, text=True, start_new_session=True, **pipes)


def ran(root: Path) -> list[str]:
    return (root / "ran.txt").read_text().split() if (root / "ran.txt").exists() else []


def test_killed_half_way_only_the_rest_runs_and_a_failed_point_stops_no_other(tmp_path: Path) -> None:
    root = workspace(tmp_path, "second.dropout: [0, 0.1, 0.3], second.seed: [0, 1]")
    folder = root / "runs/toy"
    (root / "hold").touch()
    process = start(root, "tests.faults.quick_job")
    deadline = time.monotonic() + 90
    held = [folder / f"sweep/dropout=0.1,seed={seed}/second" for seed in (0, 1)]
    while [record.read(place).get("status") for place in held] != ["RUNNING"] * 2:  # two points are done
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    everyone = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for number in (signal.SIGSTOP, signal.SIGKILL):  # stopped first, so that no job can act on the death of its parent
        for each in everyone:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.send_signal(number)
    process.communicate(timeout=30)
    shared = ["first", "sweep/dropout=0.0,seed=0/second", "sweep/dropout=0.0,seed=1/second"]
    assert sorted(ran(root)) == shared
    assert "0.1      0     KILLED" in describe(folder)

    (root / "hold").unlink()
    (root / "ran.txt").unlink()
    process = start(root, "tests.faults.quick_job")
    out, err = process.communicate(timeout=90)
    assert process.returncode == 2
    rest = [f"sweep/dropout={dropout},seed={seed}/second" for dropout in ("0.1", "0.3") for seed in (0, 1)]
    assert sorted(ran(root)) == rest
    assert "sweep/dropout=0.1,seed=0/second: its last run was killed." in err
    assert f"glmkit: {FAILURE}\n" in err
    assert "sweep: 5 of 6 points finished" in describe(folder)
    assert "dropout=0.3,seed=1: second: BadInput: too much dropout." in describe(folder)
    with open(folder / "sweep.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["status"] for row in table] == ["FINISHED"] * 5 + ["FAILED"]
    assert [row["best"] for row in table] == ["best", "best", "", "", "", ""]
    assert "1 of 6 points failed: dropout=0.3,seed=1." in out
    assert "Best of 3 settings on validation" in (folder / "report.html").read_text()

    (root / "mended").touch()
    (root / "ran.txt").unlink()
    process = start(root, "tests.faults.quick_job")
    process.communicate(timeout=90)
    assert process.returncode == 0
    assert ran(root) == ["sweep/dropout=0.3,seed=1/second"]
    assert record.read(folder)["complete"] is True


def test_with_a_real_kernel_and_MLflow_a_child_run_carries_its_point(tmp_path: Path) -> None:
    root = workspace(tmp_path, "second.dropout: [0.2]")
    notebook(root / "notebooks/second.ipynb", SECOND.replace('first: str = "x"  # folder of the stage before\n', ""), CELL)
    study = root / "notebooks/studies/toy.yaml"
    study.write_text(study.read_text().replace("  first: {notebook: first.ipynb}\n", ""))
    process = start(root, "glmkit.cli")
    out, err = process.communicate(timeout=240)
    assert (process.returncode, err) == (0, "")
    assert re.search(r"0\.200 +FINISHED +0\.250", out), out
    with sqlite3.connect(root / "runs/mlflow.db") as database:
        runs = dict(database.execute("select name, status from runs"))
        tagged = "select name, value from runs join tags using (run_uuid) where key = ?"
        points = dict(database.execute(tagged, ["sweep.second.dropout"]))
        parents = dict(database.execute(tagged, ["mlflow.parentRunId"]))
    assert runs == {"toy": "FINISHED", "second dropout=0.2": "FINISHED"}
    assert points == {"second dropout=0.2": "0.2"}
    assert list(parents) == ["second dropout=0.2"]
    assert (root / "runs/toy/sweep/dropout=0.2/second/notebook.ipynb").is_file()
