"""Runs in MLflow: one parent, one child a stage, with what was used and made; and metrics that follow beside the training."""

import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from glmkit.studies.files import record
from glmkit.studies.files.metrics_log import Journal
from glmkit.studies.notebook.stage import open_stage
from glmkit.studies.tracking import runs, store
from glmkit.studies.tracking.forwarder import Forwarder


def metrics(run_id: str, name: str) -> dict[int, float]:
    found = store.client().get_metric_history(run_id, name)
    assert len({entry.step for entry in found}) == len(found), "a step has two values"
    return {entry.step: entry.value for entry in found}


def write(folder: Path, steps: range, **values: float) -> None:
    journal = Journal(folder / record.METRICS, fresh=False)
    for step in steps:
        journal.log(step, {"loss": 1 / step, **values})
    journal.close()


@pytest.fixture
def child(tracked: Path) -> tuple[Path, str]:
    """A stage's folder and its MLflow run."""
    runs.prepare_store()
    parent = runs.open_parent("genes", tracked / "runs/genes", {})
    folder = tracked / "runs/genes/pretrain"
    folder.mkdir(parents=True)
    return folder, runs.open_child(parent, "pretrain", {"steps": 5})


def test_parent_and_child_with_everything_that_belongs_to_them(tracked: Path) -> None:
    assert runs.prepare_store() == f"sqlite:///{tracked}/runs/mlflow.db"
    parent = runs.open_parent("genes", tracked / "runs/genes", {"why": "a test", "api_key": "abcdefgh12"})
    child = runs.open_child(parent, "evaluate", {"draws": 1000, "long": "x" * 9000, "hf_token": "abcdefgh12", "model": None})
    folder = tracked / "runs/genes/evaluate"
    for name in ("figures/roc.svg", "tables/starts.csv", "notebook.ipynb", "figures/.hidden"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    record.update(folder, data={"genome": {"sha256": "ab" * 32, "path": "runs/genes/acquire/a.fasta"}})
    runs.close_run(child, "FINISHED", folder)
    runs.close_run(parent, "FINISHED", None)

    run = store.client().get_run(child)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "evaluate"
    assert run.data.tags["mlflow.parentRunId"] == parent
    assert run.data.tags["glmkit.version"]
    assert run.data.tags["data.genome"] == "ab" * 32
    assert [(item.dataset.name, item.dataset.digest) for item in run.inputs.dataset_inputs] == [("genome", ("ab" * 32)[:36])]
    assert run.data.params["draws"] == "1000"
    assert run.data.params["hf_token"] == "[hidden]"
    assert run.data.params["long"].endswith("… (9,000 characters)")
    assert len(run.data.params["long"]) <= 500
    files = [item.path for item in store.client().list_artifacts(child)]
    assert files == ["figures", "notebook.ipynb", "run.json", "tables"]
    assert [item.path for item in store.client().list_artifacts(child, "figures")] == ["figures/roc.svg"]
    assert run.info.artifact_uri.startswith((tracked / "runs/mlartifacts/genes").as_uri())
    above = store.client().get_run(parent)
    assert (above.info.status, above.data.tags["api_key"], above.data.tags["glmkit.folder"]) == (
        "FINISHED",
        "[hidden]",
        "runs/genes",
    )


def test_nothing_lands_in_the_current_folder_and_the_database_is_private(workspace: Path) -> None:
    runs.close_run(runs.open_parent("genes", workspace, {}), "FINISHED")
    assert list(Path.cwd().iterdir()) == []
    assert (workspace / "runs/mlflow.db").stat().st_mode & 0o077 == 0
    assert (workspace / "runs/mlartifacts").stat().st_mode & 0o077 == 0
    places = [found.artifact_location for found in store.client().search_experiments()]
    assert [place for place in places if not place.startswith((workspace / "runs/mlartifacts").as_uri())] == []


def test_killed_marks_the_run_and_the_children_that_still_claim_to_run(tracked: Path) -> None:
    parent = runs.open_parent("genes", tracked, {})
    done, running = (runs.open_child(parent, name, {}) for name in ("acquire", "pretrain"))
    runs.close_run(done, "FINISHED")
    runs.mark_killed(parent)
    assert [store.client().get_run(run).info.status for run in (parent, done, running)] == ["KILLED", "FINISHED", "KILLED"]


def test_untracked_runs_are_the_empty_string(tracked: Path) -> None:
    assert runs.open_child("", "pretrain", {}) == ""
    runs.close_run("", "FINISHED", tracked)
    runs.mark_killed("")
    before = sorted(tracked.rglob("*"))
    with Forwarder(tracked, "") as forwarder:
        assert forwarder._thread is None
    assert sorted(tracked.rglob("*")) == before


def test_metrics_stream_while_the_stage_runs(child: tuple[Path, str]) -> None:
    folder, run = child
    with Forwarder(folder, run, interval=0.05):
        write(folder, range(1, 4), gap=float("nan"))
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and len(metrics(run, "loss")) < 3:
            time.sleep(0.1)
        assert metrics(run, "loss") == {1: 1.0, 2: 0.5, 3: 1 / 3}
        write(folder, range(4, 2500))
    assert len(metrics(run, "loss")) == 2499
    assert [value != value for value in metrics(run, "gap").values()] == [True, True, True]


def test_a_forwarder_goes_on_where_the_last_one_of_its_run_stopped(
    child: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, run = child
    with Forwarder(folder, run):
        write(folder, range(1, 6))
    sent: list[tuple[str, int]] = []
    log = Forwarder._log
    monkeypatch.setattr(Forwarder, "_log", lambda self, values: (sent.extend(values), log(self, values)))
    with Forwarder(folder, run):
        write(folder, range(4, 8))  # resumed from the checkpoint at step 3: 4 and 5 come again
    assert sent == [("loss", 6), ("loss", 7)]
    assert sorted(metrics(run, "loss")) == [1, 2, 3, 4, 5, 6, 7]


def test_a_new_run_takes_the_history_that_it_goes_on_from(child: tuple[Path, str]) -> None:
    folder, run = child
    write(folder, range(1, 6))
    with Forwarder(folder, run, interval=0.05):
        time.sleep(0.3)
        assert metrics(run, "loss") == {}, "whether the old lines count is not known before the first new one"
        write(folder, range(4, 8))
    assert sorted(metrics(run, "loss")) == [1, 2, 3, 4, 5, 6, 7]


def test_a_stage_that_starts_over_leaves_the_old_history_behind(child: tuple[Path, str]) -> None:
    folder, run = child
    write(folder, range(1, 60), old=1.0)
    with Forwarder(folder, run, interval=0.05):
        time.sleep(0.2)
        journal = Journal(folder / record.METRICS, fresh=True)
        journal.log(1, {"loss": 7.0})
        journal.close()
        time.sleep(0.2)
    assert (metrics(run, "loss"), metrics(run, "old")) == ({1: 7.0}, {})


def test_a_half_written_line_waits_for_its_other_half(child: tuple[Path, str]) -> None:
    folder, run = child
    path = folder / record.METRICS
    with Forwarder(folder, run, interval=0.05):
        path.write_text('{"step": 1, "time": 1, "loss": 0.5}\n{"step": 2, "ti')
        time.sleep(0.5)
        with open(path, "a") as file:
            file.write('me": 2, "loss": 0.25, "f1 (macro)": 1}\n')
    assert metrics(run, "loss") == {1: 0.5, 2: 0.25}
    assert metrics(run, "f1 _macro_") == {2: 1.0}


def test_a_store_that_comes_back_gets_everything(child: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    from mlflow.exceptions import MlflowException

    folder, run = child
    log, failures = Forwarder._log, iter(range(3))

    def fail_three_times(self: Forwarder, values: dict) -> None:
        if next(failures, None) is not None:
            raise MlflowException("(sqlite3.OperationalError) database is locked")
        log(self, values)

    monkeypatch.setattr(Forwarder, "_log", fail_three_times)
    monkeypatch.setattr(store, "_warned", set())
    with caplog.at_level(logging.WARNING, logger="glmkit.tracking"), Forwarder(folder, run, interval=0.05):
        write(folder, range(1, 5))
    assert sorted(metrics(run, "loss")) == [1, 2, 3, 4]
    said = [entry.message for entry in caplog.records if entry.name == "glmkit.tracking"]
    assert len(said) == 1
    assert "database is locked" in said[0]
    assert "Training continues" in said[0]


def test_alone_a_stage_has_a_run_of_its_own_with_everything(tracked: Path) -> None:
    run = open_stage("runs/genes/pretrain", {"steps": 2})
    run.log(1, loss=1.5)
    run.log(2, loss=0.5)
    run.finish()
    found = store.client().get_run(record.read(run.folder)["mlflow_run"])
    assert (found.info.status, found.data.params, found.data.tags["glmkit.alone"]) == ("FINISHED", {"steps": "2"}, "true")
    assert metrics(found.info.run_id, "loss") == {1: 1.5, 2: 0.5}
    assert [item.path for item in store.client().list_artifacts(found.info.run_id)] == ["run.json"]


def test_quiet_and_without_telemetry(workspace: Path) -> None:
    code = "from glmkit.studies.tracking import runs; runs.close_run(runs.open_parent('s', '.', {}), 'FINISHED')\n"
    code += "import os, mlflow.telemetry.utils as t; print(os.environ['MLFLOW_DISABLE_TELEMETRY'], t.is_telemetry_disabled())"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW", "DO_NOT_TRACK", "PYTEST"))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "true True\n", "")
