"""The workflow: the Snakefile that is written, locks and records.

Covers ``glmkit.studies.study.planned_stage``.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from glmkit.files import write_json
from glmkit.studies.files import record, run_folder
from glmkit.studies.kernels import processes
from glmkit.studies.run import workflow
from glmkit.studies.run.job import exit_code
from glmkit.studies.run.snakefile import command, render, write_workflow
from glmkit.studies.study.plan import Plan, make_plan, parse_settings
from glmkit.studies.study.study_file import load_study
from tests.faults.notebooks import toy


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.setenv("GLMKIT_WORKSPACE", str(tmp_path))
    return make_plan(load_study(toy(tmp_path, extra="    resources: {gpu: 1}\n")))


def test_snakefile_names_only_what_lies_below_the_run_folder(plan: Plan) -> None:
    text = render(plan)
    assert plan.root not in text
    assert "rule stage_second:" in text
    assert "after=['first/.done']" in text
    assert "resources: gpu=1" in text
    assert f"exec {sys.executable} -P -m glmkit.studies.run.job . second" in text


def test_snakefile_is_python_whatever_a_parameter_holds(plan: Plan, tmp_path: Path) -> None:
    odd = "{x} '\" \\ \n $(touch x)"
    study = load_study(tmp_path / "notebooks" / "studies" / "toy.yaml")
    text = render(make_plan(study, settings=parse_settings([f"second.first=runs/{odd}"])))
    values = next(line for line in text.splitlines() if "values=" in line and "touch" in line)
    assert odd in eval(values.strip().removesuffix(",").removeprefix("values="))(None).encode().decode("unicode_escape")


def test_command_is_a_list_with_what_was_asked(plan: Plan) -> None:
    words = command(plan, 3, until=["first"], force=["first"])
    assert words[words.index("--cores") + 1] == "3"
    assert words[words.index("--forcerun") + 1] == "first/.done"
    assert words[-2:] == ["--", "first/.done"]
    assert "--nolock" in words
    assert words[words.index("--resources") + 1] == "gpu=1"
    assert command(plan, 1)[-1] == "all"


def test_workflow_keeps_a_copy_of_each_notebook(plan: Plan) -> None:
    write_workflow(plan)
    copy = plan.folder / run_folder.source("first")
    assert copy.read_text() == Path(plan.stage("first").notebook).read_text()
    before = copy.stat().st_mtime_ns
    write_workflow(plan)
    assert copy.stat().st_mtime_ns == before


def test_settle_marks_what_died_and_ends_what_it_left(plan: Plan, capsys: pytest.CaptureFixture[str]) -> None:
    folder = plan.folder / "first"
    folder.mkdir(parents=True)
    gone = subprocess.Popen(["true"])
    who = processes.identity(gone.pid)
    gone.wait()
    orphan = subprocess.Popen(["sleep", "60"], env={**os.environ, processes.MARKER: str(folder)})
    left = processes.identity(orphan.pid)
    record.update(folder, status="RUNNING", process=who, host=who["host"], mlflow_run="")
    workflow.settle(plan.folder)
    assert processes.find(left) is None
    assert record.read(folder)["status"] == "KILLED"
    assert capsys.readouterr().err == "first: its last run was killed; ended 1 process(es) that it left.\n"


def test_settle_leaves_what_another_host_runs(plan: Plan) -> None:
    folder = plan.folder / "first"
    record.update(folder, status="RUNNING", process={"pid": 1, "started": 0.0, "host": "elsewhere"}, host="elsewhere")
    workflow.settle(plan.folder)
    assert record.read(folder)["status"] == "RUNNING"


def test_a_pid_that_is_used_again_is_not_the_process_it_was() -> None:
    me = processes.identity()
    assert processes.find(me) is not None
    assert processes.find(me | {"started": me["started"] - 60}) is None
    assert processes.find(me | {"host": "elsewhere"}) is None


def test_success_is_decided_by_the_record_not_by_the_mark(plan: Plan) -> None:
    for name, status in (("first", "FINISHED"), ("second", "KILLED")):
        write_json(plan.folder / name / run_folder.DONE, {})
        record.update(plan.folder / name, status=status)
    workflow._remove_invalid_marks(plan)
    assert list(workflow._done(plan)) == ["first"]


def test_until_wants_what_comes_before_it(plan: Plan) -> None:
    assert workflow._wanted(plan, ["first"]) == {"first"}
    assert workflow._wanted(plan, ["second"]) == {"first", "second"}
    assert workflow._wanted(plan, []) == {"first", "second"}


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("BadInput", "", 2),
        ("NetworkError", "", 3),
        ("ResourceError", "", 5),
        ("MemoryError", "", 5),
        ("OSError", "[Errno 28] No space left on device", 5),
        ("OSError", "[Errno 2]", 1),
        ("KeyboardInterrupt", "", 130),
        ("ValueError", "", 1),
        ("Path", "", 1),
    ],
)
def test_exit_code_of_an_error_in_a_kernel(name: str, text: str, code: int) -> None:
    assert exit_code(name, text) == code
