"""Study files: what is read and what is refused.

Covers ``glmkit.studies.files.strict_yaml``.
"""

from pathlib import Path

import pytest

from glmkit.errors import BadInput
from glmkit.studies.study.plan import Plan, make_plan, parse_settings
from glmkit.studies.study.study_file import load_study
from tests.faults.notebooks import notebook, toy


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GLMKIT_WORKSPACE", str(tmp_path))
    return toy(tmp_path)


def test_folders_follow_the_name_of_the_run(study: Path) -> None:
    plan = make_plan(load_study(study), name="other run")
    assert plan.folder == study.parents[2] / "runs" / "other run"
    assert plan.stage("first").parameters["out"] == "runs/other run/first"
    assert plan.stage("second").parameters == {"out": "runs/other run/second", "first": "runs/other run/first"}


def test_a_parameter_named_like_a_stage_is_a_dependency_unless_it_is_given(study: Path) -> None:
    assert make_plan(load_study(study)).stage("second").after == ("first",)
    study.write_text(study.read_text() + "    with: {first: runs/old/first}\n")
    second = make_plan(load_study(study)).stage("second")
    assert second.after == ()
    assert second.parameters["first"] == "runs/old/first"


def test_stages_come_in_an_order_that_can_be_run(study: Path) -> None:
    study.write_text("stages:\n  second: {notebook: second.ipynb}\n  first: {notebook: first.ipynb}\n")
    assert [stage.name for stage in make_plan(load_study(study)).stages] == ["first", "second"]


def test_set_goes_before_with(study: Path) -> None:
    study.write_text(study.read_text().replace("first.ipynb\n", "first.ipynb\n    with: {steps: 7, rate: 1e-2}\n"))
    first = make_plan(load_study(study), settings=parse_settings(["first.steps=9"])).stage("first")
    assert (first.parameters["steps"], first.parameters["rate"]) == (9, 0.01)


def test_prose_and_outputs_do_not_change_the_code_of_a_stage(study: Path) -> None:
    before = make_plan(load_study(study)).stage("first").code
    path = study.parents[1] / "first.ipynb"
    text = path.read_text()
    path.write_text(text.replace('"outputs": []', '"outputs": [{"name": "stdout", "output_type": "stream", "text": "x"}]'))
    assert make_plan(load_study(study)).stage("first").code == before
    path.write_text(text.replace("# random seed", "# the seed"))
    assert make_plan(load_study(study)).stage("first").code != before


def test_a_plan_survives_json(study: Path) -> None:
    plan = make_plan(load_study(study))
    assert Plan.from_dict(plan.as_dict()) == plan


def test_notebooks_are_found_beside_the_study_too(study: Path) -> None:
    notebook(study.parent / "first.ipynb", 'out: str = "x"\nnear: int = 1')
    assert "near" in make_plan(load_study(study)).stage("first").parameters


def test_yaml_reads_numbers_and_texts_as_they_look(study: Path) -> None:
    notebook(
        study.parents[1] / "first.ipynb", 'out: str = ""\na: str = ""\nb: float = 0.0\nc: str = ""\nd: bool = False\ne: int = 0'
    )
    study.write_text(
        "stages:\n  first:\n    notebook: first.ipynb\n    with: {a: no, b: 1e-3, c: 2024-01-01, d: true, e: 1_000}\n"
    )
    values = make_plan(load_study(study)).stage("first").parameters
    assert values == {"out": "runs/toy/first", "a": "no", "b": 0.001, "c": "2024-01-01", "d": True, "e": 1000}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stages: []", "a study has a 'name' and 'stages'"),
        ("nam: x\nstages: {first: {notebook: first.ipynb}}", "'nam' is unknown. Did you mean 'name'?"),
        ("stages: {first: {notebok: first.ipynb}}", "first.notebok is unknown. Did you mean 'notebook'?"),
        ("stages: {first: {notebook: nowhere.ipynb}}", "first.notebook nowhere.ipynb was not found in "),
        ("stages: {first: first.ipynb}", "stage first must be written as 'notebook: FILE', got 'first.ipynb'"),
        ("stages: {a-b: {notebook: first.ipynb}}", "'a-b' cannot name a stage"),
        (
            "stages: {first: {notebook: first.ipynb, after: frist}}",
            "first.after names 'frist', which is no stage. Did you mean 'first'?",
        ),
        ("stages: {first: {notebook: first.ipynb, minutes: 0}}", "first.minutes must be a number above 0, got 0"),
        (
            "stages: {first: {notebook: first.ipynb, resources: {gpu: one}}}",
            "first.resources.gpu must be a whole number of 0 or more, got 'one'",
        ),
        (
            "stages: {first: {notebook: first.ipynb, resources: {gpus: 1}}}",
            "first.resources.gpus is unknown. Did you mean 'gpu'?",
        ),
        (
            "stages: {first: {notebook: first.ipynb, resources: {gpu: 5, nodes: 2}}}",
            "first.resources: gpu: 5 cannot be shared evenly by nodes: 2",
        ),
        (
            "stages: {first: {notebook: first.ipynb, resources: {memory: 16}}}",
            "first.resources.memory must be a size such as 16G or 900M, got 16",
        ),
        (
            "stages: {first: {notebook: first.ipynb, resources: {partition: a b}}}",
            "first.resources.partition must be a plain name such as 'long', got 'a b'",
        ),
        ("stages: {first: {notebook: first.ipynb, with: [3]}}", "first.with must be written as 'parameter: value', got [3]"),
        ("stages: {first: {notebook: first.ipynb, with: {out: x}}}", "first.out is decided by the run's name (runs/toy/first)"),
        (
            "stages: {a: {notebook: first.ipynb, after: b}, b: {notebook: first.ipynb, after: a}}",
            "these stages wait for each other: ",
        ),
        ("name: [", "line 2: not YAML"),
    ],
)
def test_a_study_that_cannot_be_is_refused_in_words(study: Path, text: str, words: str) -> None:
    study.write_text(text + "\n")
    with pytest.raises(BadInput) as error:
        make_plan(load_study(study))
    assert words in str(error.value)


def test_all_problems_of_a_study_are_listed_together(study: Path) -> None:
    study.write_text(study.read_text().replace("first.ipynb\n", "first.ipynb\n    with: {stepz: 7, rate: -1}\n"))
    with pytest.raises(BadInput) as error:
        make_plan(load_study(study), settings=parse_settings(["secnd.first=x", "second.first=../../x"]))
    lines = str(error.value).splitlines()
    assert [line.split(":")[0].split(" ")[0] for line in lines] == ["--set", "first.stepz", "first.rate", "second.first"]
    assert "Did you mean 'second'?" in lines[0]


@pytest.mark.parametrize("text", ["steps=3", "first.steps", ".steps=3", "first.=3"])
def test_set_has_one_form(text: str) -> None:
    with pytest.raises(BadInput, match=r"expected stage\.parameter=value"):
        parse_settings([text])
