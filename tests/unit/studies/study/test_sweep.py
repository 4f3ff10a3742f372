"""A study's sweep: what is refused, which stages are shared, and the table that sums the points up.

Covers ``glmkit.studies.report.sweep_state``.
"""

import csv
from pathlib import Path

import pandas as pd
import pytest

from glmkit.errors import BadInput
from glmkit.files import write_json
from glmkit.studies.files import record
from glmkit.studies.report.report import write_report
from glmkit.studies.report.status import describe, overview
from glmkit.studies.report.sweep_table import write_sweep
from glmkit.studies.run.snakefile import command, render
from glmkit.studies.study.plan import Plan, make_plan, parse_settings
from glmkit.studies.study.study_file import load_study
from glmkit.studies.study.sweep_points import point_name
from tests.faults.notebooks import FIRST, notebook

SECOND = """\
out: str = "x"  # folder this stage writes
first: str = "x"  # folder of the stage before
dropout: float = 0.1  # share [0, 0.9]
seeds: list[int] = [0]  # one model each
"""
THIRD = 'out: str = "x"\nsecond: str = "x"\nfirst: str = "x"\n'
STUDY = """\
name: toy
stages:
  first: {notebook: first.ipynb}
  second: {notebook: second.ipynb}
  third: {notebook: third.ipynb}
sweep:
  axes:
    second.dropout: [0, 0.1, 0.3]
    second.seeds: [[0], [1, 2]]
"""


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GLMKIT_WORKSPACE", str(tmp_path))
    for name, cell in (("first", FIRST), ("second", SECOND), ("third", THIRD)):
        notebook(tmp_path / "notebooks" / f"{name}.ipynb", cell)
    path = tmp_path / "notebooks" / "studies" / "toy.yaml"
    path.parent.mkdir()
    path.write_text(STUDY)
    return path


def test_what_no_axis_reaches_is_shared_and_folders_follow_the_point(study: Path) -> None:
    plan = make_plan(load_study(study))
    assert [stage.name for stage in plan.stages if not stage.point] == ["first"]
    assert len(plan.points) == 6
    assert len(plan.stages) == 1 + 2 * 6
    third = plan.stage("sweep/dropout=0.1,seeds=1+2/third")
    assert third.after == ("first", "sweep/dropout=0.1,seeds=1+2/second")
    assert third.parameters == {
        "out": "runs/toy/sweep/dropout=0.1,seeds=1+2/third",
        "second": "runs/toy/sweep/dropout=0.1,seeds=1+2/second",
        "first": "runs/toy/first",
    }
    second = plan.stage("sweep/dropout=0.1,seeds=1+2/second")
    assert (second.parameters["dropout"], second.parameters["seeds"], second.parameters["first"]) == (
        0.1,
        [1, 2],
        "runs/toy/first",
    )
    assert Plan.from_dict(plan.as_dict()) == plan
    assert len(plan.named("third")) == 6


def test_a_stage_runs_once_for_the_axes_that_reach_it(study: Path) -> None:
    study.write_text(STUDY.replace("second.seeds: [[0], [1, 2]]", "third.first: [runs/a, runs/b]"))
    names = [stage.name for stage in make_plan(load_study(study)).stages]
    assert sum(name.endswith("/second") for name in names) == 3
    assert sum(name.endswith("/third") for name in names) == 6
    assert "sweep/dropout=0.3/second" in names


def test_names_are_plain_and_stay_apart() -> None:
    assert point_name({"a.seed": 3}, ["a.seed"]) == "seed=3"
    assert point_name({"a.seed": 3, "b.seed": 4}, ["a.seed", "b.seed"]) == "a.seed=3,b.seed=4"
    odd = [point_name({"a.x": value}, ["a.x"]) for value in ("../up", "b/../up", "", "1+2", "k" * 300)]
    assert len(set(odd)) == len(odd)
    assert all("/" not in name and len(name) < 100 for name in odd)
    assert odd[0].startswith("x=.._up,")
    assert point_name({"a.x": ["1", "2"]}, ["a.x"]) == "x=1+2"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("second.dropout", "second.dropuot", "sweep: second.dropuot is unknown to second.ipynb. Did you mean 'dropout'?"),
        ("second.dropout", "secnd.dropout", "second.dropout names".replace("second", "secnd") + " 'secnd', which is no stage."),
        ("second.dropout", "dropout", "'dropout' is no axis, expected stage.parameter"),
        ("second.dropout", "second.out", "second.out follows from the point's name"),
        ("[0, 0.1, 0.3]", "[0, 1.5]", "sweep: second.dropout expects float in [0, 0.9], got 1.5"),
        ("[0, 0.1, 0.3]", "[0, none]", "sweep: second.dropout expects float in [0, 0.9], got"),
        ("[0, 0.1, 0.3]", "[0, 0.0]", "second.dropout holds 0.0 twice"),
        ("[0, 0.1, 0.3]", "[]", "second.dropout must be a list of values"),
        ("[0, 0.1, 0.3]", "0.1", "second.dropout must be a list of values, such as [0.0, 0.1], got 0.1"),
        ("second.dropout: [0, 0.1, 0.3]", f"first.seed: {list(range(501))}", "1,002 points, expected at most 1,000"),
        ("second.dropout: [0, 0.1, 0.3]", "third.second: [../../up]", "sweep: third.second: "),
        ("sweep:\n  axes:", "sweep:\n  side_by_side: 0\n  axes:", "sweep.side_by_side must be a whole number above 0, got 0"),
        ("sweep:\n  axes:", "sweep:\n  axis: {}\n  axes:", "sweep.axis is unknown. Did you mean 'axes'?"),
        ("sweep:\n  axes:", "sweep:\n  result: {stage: third_, table: a}\n  axes:", "'third_', which is no stage. Did you mean 'third'?"),
        ("sweep:\n  axes:", "sweep:\n  choose: {stage: third, table: a, column: b, is: best}\n  axes:", "must be 'lowest' or 'highest'"),
        ("sweep:\n  axes:", "sweep:\n  choose: {stage: third, table: a, is: lowest}\n  axes:", "sweep.choose.column is missing"),
        ("  third: {", "  sweep: {", "cannot name a stage 'sweep'"),
        ("second.ipynb}", "second.ipynb, with: {dropout: 0.2}}", "second.dropout is swept and given a value too"),
        ("sweep:\n  axes:\n    second", "sweep: []\nx:\n  axes:\n    second", "sweep must be written as 'axes: "),
    ],
)  # fmt: skip
def test_a_sweep_that_cannot_be_is_refused_in_words(study: Path, old: str, new: str, words: str) -> None:
    assert old in STUDY
    study.write_text(STUDY.replace(old, new, 1))
    with pytest.raises(BadInput) as error:
        make_plan(load_study(study))
    assert words in str(error.value)


def test_a_setting_of_a_swept_parameter_is_refused(study: Path) -> None:
    with pytest.raises(
        BadInput, match=r"second.dropout is swept and given a value too \(with: or --set\). Remove one of the two"
    ):
        make_plan(load_study(study), settings=parse_settings(["second.dropout=0.5"]))


def test_the_snakefile_shares_the_cores_and_a_stage_is_named_for_all_its_points(study: Path) -> None:
    study.write_text(STUDY.replace("  axes:", "  side_by_side: 2\n  axes:"))
    plan = make_plan(load_study(study))
    text = render(plan)
    assert text.count("threads: max(1, workflow.cores // 2)") == 12
    assert text.count("threads: workflow.cores\n") == 1
    assert plan.root not in text
    compile(text.replace("rule ", "class ").partition("class all")[0], "Snakefile", "exec")
    words = command(plan, 2, until=["second"])
    assert len(words[words.index("--") + 1 :]) == 6
    assert words[-1] == "sweep/dropout=0.3,seeds=1+2/second/.done"


def finish(plan: Plan, name: str, losses: tuple[float, ...] = (), status: str = "FINISHED") -> None:
    """What a stage of the plan leaves behind."""
    folder = plan.folder / name
    table = {"name": "results", "file": "tables/results.csv", "caption": "All.", "headline": True}
    results = {"tables": [table] if name.endswith("third") else [], "figures": [], "notes": []}
    error = "BadInput: too much." if status == "FAILED" else None
    record.update(folder, status=status, seconds=2.0, error=error, results=results, started=record.now())
    if name.endswith("third"):
        (folder / "tables").mkdir()
        frame = pd.DataFrame(
            {"method": ["ours", "forest"], "auroc": [0.7, 0.6], "auroc_low": [0.5, 0.4], "auroc_high": [0.8, 0.7]}
        )
        frame.to_csv(folder / "tables/results.csv", index=False)
    for step, loss in enumerate(losses):
        with open(folder / record.METRICS, "a") as file:
            file.write(f'{{"step": {step}, "time": 1.0, "a/validation_loss": {loss}, "b/validation_loss": {loss + 1}}}\n')


@pytest.fixture
def run(study: Path) -> Plan:
    """A run in which one point failed and another has not begun; dropout 0.1 is best on the last validation loss."""
    plan = make_plan(load_study(study))
    finish(plan, "first")
    for dropout, last in (("0.0", 0.5), ("0.1", 0.3), ("0.3", 0.4)):
        for seeds in ("0", "1+2"):
            place = f"sweep/dropout={dropout},seeds={seeds}"
            if (dropout, seeds) == ("0.0", "1+2"):
                finish(plan, f"{place}/second", status="FAILED")
            elif (dropout, seeds) != ("0.3", "0"):
                finish(plan, f"{place}/second", (0.1, last))
                finish(plan, f"{place}/third")
    record.update(plan.folder, status="FAILED", study="toy", stages=["first"], sweep=plan.sweep_record(), host=None)
    return plan


def rows(plan: Plan) -> list[dict[str, str]]:
    with open(plan.folder / "sweep.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_has_a_row_a_point_and_marks_the_best_setting_on_validation(run: Plan) -> None:
    notes = write_sweep(run.folder)
    table = rows(run)
    assert [row["status"] for row in table] == ["FINISHED", "FAILED", "FINISHED", "FINISHED", "WAITING", "FINISHED"]
    assert [row["best"] for row in table] == ["", "", "best", "best", "", ""]
    losses = [row["validation loss"] for row in table]
    assert [loss and round(float(loss), 6) for loss in losses] == [1.0, "", 0.8, 0.8, "", 0.9]
    assert (table[0]["dropout"], table[1]["seeds"], table[0]["method"], table[0]["auroc_low"]) == ("0.0", "1+2", "ours", "0.5")
    assert table[1]["auroc"] == ""
    assert notes == [
        "Best of 3 settings on validation (lowest validation loss of second, mean of 2 points): dropout=0.1 with 0.800; "
        "the worst is dropout=0.0 with 1. The result columns were not used for this choice.",
        "1 of 6 points failed: dropout=0.0,seeds=1+2.",
        "1 of 6 points did not run: dropout=0.3,seeds=0.",
    ]


def test_the_study_says_which_row_and_which_number(run: Plan, study: Path) -> None:
    row = "{stage: third, table: results, row: {method: forest}"
    study.write_text(f"{STUDY}  result: {row}}}\n  choose: {row}, column: auroc, is: highest}}\n")
    record.update(run.folder, sweep=make_plan(load_study(study)).sweep_record())
    write_sweep(run.folder)
    assert (rows(run)[0]["auroc"], rows(run)[0]["result: auroc"]) == ("0.6", "0.6")
    assert "method" not in rows(run)[0]
    study.write_text(f"{STUDY}  result: {row.replace('forest', 'tree')}}}\n  choose: {row}, column: f1, is: highest}}\n")
    record.update(run.folder, sweep=make_plan(load_study(study)).sweep_record())
    notes = write_sweep(run.folder)
    assert "third: no row of the table 'results' has method='tree'." in notes
    assert "third: the table 'results' has no column 'f1'; it has auroc, auroc_low, auroc_high." in notes


def test_status_and_report_tell_of_every_point(run: Plan) -> None:
    text = describe(run.folder)
    assert "sweep: 4 of 6 points finished" in text
    assert "dropout=0.0,seeds=1+2: second: BadInput: too much." in text
    assert "0.3      0      WAITING   WAITING         WAITING" in text
    assert "9 of 13" in overview(run.folder.parent)
    html = write_report(run.folder).read_text()
    assert "Best of 3 settings on validation" in html
    assert "1 of 6 points failed: dropout=0.0,seeds=1+2." in html
    assert '<span class="status failed">failed</span>' in html
    point = run.folder / "sweep/dropout=0.1,seeds=0/report.html"
    assert "ours" in point.read_text()


def test_settling_looks_at_the_points_too(run: Plan, capsys: pytest.CaptureFixture[str]) -> None:
    from glmkit.studies.kernels import processes
    from glmkit.studies.run import workflow

    place = run.folder / "sweep/dropout=0.3,seeds=0/second"
    record.update(
        place, status="RUNNING", process={"pid": 2**22 - 1, "started": 0.0, "host": processes.host()}, host=processes.host()
    )
    write_json(place / ".done", {})
    workflow.settle(run.folder)
    workflow._remove_invalid_marks(run)
    assert record.read(place)["status"] == "KILLED"
    assert capsys.readouterr().err == "sweep/dropout=0.3,seeds=0/second: its last run was killed.\n"
    assert not (place / ".done").exists()
