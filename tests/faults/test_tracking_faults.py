"""F12, F13, F15 and the truth after a kernel is gone: tracking watches a training and never ends it."""

import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from glmkit.studies.files import record
from glmkit.studies.notebook.stage import open_stage
from glmkit.studies.tracking import store


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GLMKIT_WORKSPACE", str(tmp_path))
    for name in ("MLFLOW_TRACKING_URI", "GLMKIT_STAGE_FOLDER", "GLMKIT_MLFLOW_RUN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(store, "_warned", set())
    return tmp_path


def start(code: str) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def query(database: Path, words: str) -> list[tuple]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(words).fetchall()


EIGHT_RUNS = """
import multiprocessing, sys, time
from glmkit.files import workspace
from glmkit.studies.files import record
from glmkit.studies.tracking import runs as tracking
from glmkit.studies.tracking import store
from glmkit.studies.tracking.forwarder import Forwarder
from glmkit.studies.files.metrics_log import Journal

def run(me, barrier):
    barrier.wait(60)
    assert tracking.prepare_store()
    folder = workspace() / "runs" / f"run{me}" / "pretrain"
    parent = tracking.open_parent(f"run{me}", folder.parent, {})
    child = tracking.open_child(parent, "pretrain", {"number": me})
    with Forwarder(folder, child, interval=0.2):
        journal = Journal(folder / record.METRICS)
        for step in range(1, 31):
            journal.log(step, {"loss": 1 / step, "number": me})
            time.sleep(0.01)
    tracking.close_run(child, "FINISHED", folder)
    tracking.close_run(parent, "FINISHED")

store._import_mlflow()  # once, so that eight processes reach the fresh database in the same instant
from mlflow.store.tracking import sqlalchemy_store
context = multiprocessing.get_context("fork")
barrier = context.Barrier(8)
processes = [context.Process(target=run, args=(me, barrier)) for me in range(8)]
for process in processes:
    process.start()
for process in processes:
    process.join()
sys.exit(sum(process.exitcode != 0 for process in processes))
"""


def test_F12_eight_runs_at_once_on_a_fresh_database(workspace: Path) -> None:
    running = start(EIGHT_RUNS)
    said = running.communicate(timeout=250)
    assert (running.returncode, said) == (0, ("", ""))
    database = workspace / "runs/mlflow.db"
    assert query(database, "SELECT status, count(*) FROM runs GROUP BY status") == [("FINISHED", 16)]
    counts = query(
        database, "SELECT p.value, m.key, count(*) FROM metrics m JOIN params p USING (run_uuid) GROUP BY 1, 2 ORDER BY 1, 2"
    )
    assert counts == [(str(number), name, 30) for number in range(8) for name in ("loss", "number")]


def test_F13_a_locked_database_holds_up_no_training(workspace: Path) -> None:
    run = open_stage("runs/s/pretrain", {})
    locked, release = threading.Event(), threading.Event()

    def hold() -> None:
        with closing(sqlite3.connect(workspace / "runs/mlflow.db", timeout=20, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            locked.set()
            release.wait(30)
            connection.execute("ROLLBACK")

    holder = threading.Thread(target=hold)
    holder.start()
    assert locked.wait(20)
    slowest = 0.0
    until = time.monotonic() + 6
    step = 0
    while time.monotonic() < until:
        step += 1
        before = time.monotonic()
        run.log(step, loss=1 / step)
        slowest = max(slowest, time.monotonic() - before)
        time.sleep(0.02)
    sent = query_when_free(release, holder, workspace)
    run.finish()
    assert slowest < 1.0
    assert sent < step, "the lock was not felt, so this test shows nothing"
    assert record.read(run.folder)["status"] == "FINISHED"
    assert query(workspace / "runs/mlflow.db", "SELECT count(*), count(DISTINCT step) FROM metrics") == [(step, step)]
    assert query(workspace / "runs/mlflow.db", "SELECT status FROM runs") == [("FINISHED",)]


def query_when_free(release: threading.Event, holder: threading.Thread, workspace: Path) -> int:
    """Let the lock go and count at once what had got through."""
    release.set()
    holder.join()
    return int(query(workspace / "runs/mlflow.db", "SELECT count(*) FROM metrics")[0][0])


def train_without_mlflow(caplog: Any) -> None:
    """A stage from open to finish, which must go well and say one sentence about MLflow."""
    begun = time.monotonic()
    with caplog.at_level(logging.WARNING, logger="glmkit.tracking"):
        run = open_stage("runs/s/pretrain", {})
        for step in range(1, 101):
            run.log(step, loss=1 / step)
        run.finish()
    assert time.monotonic() - begun < 60
    assert record.read(run.folder)["status"] == "FINISHED"
    lines = (run.folder / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(1, 101))
    said = [entry.message for entry in caplog.records if entry.name == "glmkit.tracking"]
    assert len(said) == 1, said
    assert "run.json and metrics.jsonl are complete" in said[0]


def test_F15_a_corrupt_database_is_said_once_and_left_as_it_is(workspace: Path, caplog: Any) -> None:
    database = workspace / "runs/mlflow.db"
    database.parent.mkdir()
    database.write_bytes(b"not a database, but eight hundred bytes." * 20)
    train_without_mlflow(caplog)
    assert "file is not a database" in caplog.text
    assert database.read_bytes() == b"not a database, but eight hundred bytes." * 20


def test_F15_a_server_that_is_not_there_is_said_once(workspace: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    train_without_mlflow(caplog)


def test_F15_a_database_that_breaks_while_training(workspace: Path, caplog: Any) -> None:
    with caplog.at_level(logging.WARNING, logger="glmkit.tracking"):
        run = open_stage("runs/s/pretrain", {})
        for step in range(1, 51):
            if step == 5:
                (workspace / "runs/mlflow.db").write_bytes(os.urandom(1 << 16))
            run.log(step, loss=1 / step)
            time.sleep(0.03)
        run.finish()
    assert record.read(run.folder)["status"] == "FINISHED"
    assert record.history(run.folder)["loss"] == {step: 1 / step for step in range(1, 51)}
    said = [entry.message for entry in caplog.records if entry.name == "glmkit.tracking"]
    assert "Training continues" in said[0]
    assert f"They are in {run.folder / 'metrics.jsonl'}, from byte" in said[1]
    assert len(said) <= 3


ALONE = """
import os, signal
os.environ["MLFLOW_TRACKING_URI"] = "http://127.0.0.1:9"
from glmkit.studies.tracking import runs as tracking
tracking.open_alone = lambda *words: ""
from glmkit.studies import open_stage
run = open_stage("runs/s/pretrain", {})
run.log(1, loss=1.0)
"""

FORKED = """
if os.fork() == 0:
    raise SystemExit  # a forked child ends in its own time and says nothing about the stage
os.wait()
from glmkit.studies.files import record
if record.read(run.folder)["status"] == "RUNNING":
    run.finish()
"""


@pytest.mark.parametrize(
    ("ending", "status", "error"),
    [
        ("run.finish()", "FINISHED", None),
        ("raise ValueError('no such contig')", "FAILED", "ValueError: no such contig"),
        ("pass", "KILLED", "The kernel was shut down before run.finish()."),
        (FORKED, "FINISHED", None),
    ],
)
def test_F5_how_a_lone_stage_ended_is_true(workspace: Path, ending: str, status: str, error: str | None) -> None:
    start(ALONE + ending).communicate(timeout=60)
    found = record.read(workspace / "runs/s/pretrain")
    assert (found["status"], found["error"]) == (status, error)


def test_F5_a_kernel_killed_outright_reads_killed(workspace: Path) -> None:
    process = start(ALONE + "os.kill(os.getpid(), signal.SIGKILL)")
    process.communicate(timeout=60)
    found = record.read(workspace / "runs/s/pretrain")
    assert process.returncode == -signal.SIGKILL
    assert (found["status"], record.status_of(found)) == ("RUNNING", "KILLED")


def notebook(cells: list[str], path: Path) -> Path:
    import nbformat

    made = nbformat.v4.new_notebook()
    made.cells = [nbformat.v4.new_code_cell(source) for source in cells]
    made.cells[0].metadata["tags"] = ["parameters"]
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(made, path)
    return path


def test_F5_under_plain_papermill_a_stage_records_its_parameters_and_its_failure(workspace: Path) -> None:
    import papermill

    first = 'out: str = "runs/s/pretrain"  # folder\nsteps: int = 400  # steps'
    second = "from glmkit.studies.notebook.stage import open_stage\nrun = open_stage(out)\nrun.log(1, loss=2.0)"
    path = notebook([first, second, "assert steps != 3, 'three'", "run.finish()"], workspace / "n.ipynb")
    with pytest.raises(papermill.PapermillExecutionError, match="three"):
        papermill.execute_notebook(
            path, workspace / "o.ipynb", parameters={"steps": 3}, kernel_name="python3", progress_bar=False, log_output=False
        )
    found = record.read(workspace / "runs/s/pretrain")
    assert (found["status"], found["error"]) == ("FAILED", "AssertionError: three")
    assert found["parameters"] == {"out": "runs/s/pretrain", "steps": 3}
    assert query(workspace / "runs/mlflow.db", "SELECT status FROM runs") == [("FAILED",)]
    assert query(workspace / "runs/mlflow.db", "SELECT key, value, step FROM metrics") == [("loss", 2.0, 1)]
