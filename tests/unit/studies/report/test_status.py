"""``glmkit status`` and ``glmkit new``: true, quick and without MLflow."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from glmkit.errors import BadInput
from glmkit.studies.files import record
from glmkit.studies.files.metrics_log import Journal
from glmkit.studies.notebook.stage import open_stage
from glmkit.studies.report import status
from glmkit.studies.study import new_project

DEAD = 2**22 + 1  # above the largest pid


def test_stages_in_the_studys_order_with_step_loss_and_time_to_go(untracked: Path, capsys: pytest.CaptureFixture) -> None:
    folder = untracked / "runs/genes"
    record.update(folder, status="RUNNING", stages=["acquire", "pretrain", "evaluate"], started=record.now(), **record.process())
    record.update(folder / "acquire", status="FINISHED", seconds=65.2, started=record.now())
    record.update(folder / "pretrain", status="RUNNING", started=record.now(), **record.process())
    journal = Journal(folder / "pretrain/metrics.jsonl")
    journal.log(1999, {"validation_loss": 1.5})
    journal.log(2000, {"loss": 1.2345678, "eta_seconds": 4000})
    journal.close()
    status.print_status("genes")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "genes  RUNNING"
    rows = [line.split() for line in lines[1:4]]
    assert float(rows[2].pop(2)) < 60  # seconds since the record was written, on however busy a machine
    assert rows == [
        ["stage", "status", "took", "step", "loss", "to", "go"],
        ["acquire", "FINISHED", "1", "min", "05", "s"],
        ["pretrain", "RUNNING", "s", "2,000", "1.235", "1", "h", "06", "min"],
    ]
    assert lines[4].split() == ["evaluate", "WAITING"]


def test_running_is_said_only_of_the_living(untracked: Path, capsys: pytest.CaptureFixture) -> None:
    folder = untracked / "runs/genes"
    record.update(folder / "dead", status="RUNNING", started=record.now(), **record.process() | {"pid": DEAD})
    record.update(folder / "reused", status="RUNNING", started="2020-01-01T00:00:00+00:00", **record.process())
    record.update(folder / "far", status="RUNNING", started=record.now(), pid=DEAD, host="another-host")
    record.update(folder / "failed", status="FAILED", error="ValueError: no such contig\nmore")
    assert {name: state for name, _, state in status.stages_of(folder)} == {
        "dead": "KILLED",
        "reused": "KILLED",
        "far": "RUNNING",
        "failed": "FAILED",
    }
    status.print_status("genes")
    assert "failed: ValueError: no such contig\n" in capsys.readouterr().out


def test_a_stage_under_way_reads_running(untracked: Path) -> None:
    run = open_stage("runs/genes/pretrain", {})
    assert record.status_of(record.read(run.folder)) == "RUNNING"
    run.finish()


def test_without_a_name_it_lists_the_runs(untracked: Path, capsys: pytest.CaptureFixture) -> None:
    status.print_status()
    assert "No runs below" in capsys.readouterr().out
    record.update(untracked / "runs/one", status="FINISHED", seconds=7.5, started="2026-01-02T03:04:05.678+00:00")
    record.update(untracked / "runs/one/acquire", status="FINISHED", seconds=7.5)
    open_stage("runs/two/acquire", {}).finish()
    record.update(untracked / "runs/two/pretrain", status="FAILED")
    status.print_status()
    lines = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines()}
    assert lines["one"] == ["FINISHED", "1", "of", "1", "2026-01-02", "03:04", "7.5", "s"]
    assert lines["two"][:4] == ["FAILED", "1", "of", "2"]


def test_an_unknown_run_names_those_there_are(untracked: Path) -> None:
    record.update(untracked / "runs/genes/acquire", status="FINISHED")
    with pytest.raises(BadInput, match=r"'gene' is not a run: .*Runs below .*: genes\."):
        status.print_status("gene")


def test_status_imports_neither_mlflow_nor_torch_nor_pandas(untracked: Path) -> None:
    code = "import sys; from glmkit.studies.report import status; status.print_status(); print({'mlflow', 'torch', 'pandas', 'jinja2'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ.copy(), timeout=60)
    assert done.stdout.splitlines()[-1] == "set()", done.stderr


def test_new_copies_the_notebooks_and_marks_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "package/_notebooks"
    for name in ("dna/1_acquire.ipynb", "studies/bacterial_genes.yaml", "dna/.ipynb_checkpoints/x.ipynb"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
    monkeypatch.setattr(new_project, "notebooks", lambda: source)
    folder = new_project.new_project(tmp_path / "my project")
    made = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert made == {"notebooks/dna/1_acquire.ipynb", "notebooks/studies/bacterial_genes.yaml", "README.md", "glmkit.toml"}
    assert "glmkit run notebooks/studies/bacterial_genes.yaml" in (folder / "README.md").read_text()
    monkeypatch.delenv("GLMKIT_WORKSPACE", raising=False)
    monkeypatch.chdir(folder / "notebooks/dna")
    from glmkit.files import workspace as found

    assert found() == folder.resolve()
    with pytest.raises(BadInput, match=r"my project is not empty \(README\.md, …\)\. Give a folder that is new or empty"):
        new_project.new_project(folder)
    with pytest.raises(BadInput, match="is a file"):
        new_project.new_project(folder / "README.md")
