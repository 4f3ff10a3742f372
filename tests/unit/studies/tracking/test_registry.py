"""A study's acceptance criterion, the model registry, and system metrics."""

import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from glmkit.errors import BadInput
from glmkit.files import write_text
from glmkit.studies.files import record
from glmkit.studies.study.acceptance import Acceptance
from glmkit.studies.study.plan import Plan, make_plan
from glmkit.studies.study.study_file import load_study
from glmkit.studies.tracking import registry, runs, store
from glmkit.studies.tracking.system_metrics import SystemMetrics, sample
from tests.faults.notebooks import toy

ACCEPTANCE = Acceptance(metric="evaluate.auroc_low", row={"method": "ours"}, at_least=0.9, model="finetune/model")


def finished(folder: Path, low: float, weights: str, parent: str) -> Path:
    tables = [{"name": "bits", "file": "tables/bits.csv", "headline": True}]
    tables += [{"name": "scores", "file": "tables/scores.csv", "headline": True}]
    record.update(folder, status="FINISHED", mlflow_run=parent)
    record.update(folder / "evaluate", status="FINISHED", results={"tables": tables})
    write_text(folder / "evaluate/tables/bits.csv", "method,bits\nours,1.9\n")
    write_text(folder / "evaluate/tables/scores.csv", f"method,auroc,auroc_low\nothers,0.99,0.98\nours,0.95,{low}\n")
    write_text(folder / "finetune/model/weights", weights)
    return folder


def test_the_champion_is_who_passed_and_its_weights_are_kept(tracked: Path) -> None:
    runs.prepare_store()
    parent = runs.open_parent("toy", tracked / "runs/toy")
    folder = finished(tracked / "runs/toy", 0.85, "first", parent)
    says = "acceptance: evaluate.auroc_low at least 0.9: not reached with 0.850; finetune/model is version 1 of toy, candidate."
    assert registry.promote("toy", folder, ACCEPTANCE) == says
    finished(folder, 0.93, "second", parent)
    assert registry.promote("toy", folder, ACCEPTANCE).endswith(
        "passed with 0.930; finetune/model is version 2 of toy, champion."
    )
    assert record.read(folder)["registered"] == {"name": "toy", "version": 2, "alias": "champion", "value": 0.93}
    assert registry.promote("toy", folder, ACCEPTANCE).endswith(
        "version 2 of toy, champion."
    )  # the same weights, the same version
    finished(folder, 0.7, "third", runs.open_parent("toy", folder))
    assert registry.promote("toy", folder, ACCEPTANCE).endswith("version 3 of toy, candidate.")

    client = store.client()
    aliases = client.get_registered_model("toy").aliases
    assert {alias: int(number) for alias, number in aliases.items()} == {"champion": 2, "candidate": 3}
    champion = client.get_model_version_by_alias("toy", "champion")
    assert (champion.run_id, champion.tags["glmkit.value"]) == (parent, "0.93")
    assert champion.tags["glmkit.acceptance"] == "evaluate.auroc_low at least 0.9"
    for number, weights in ((1, "first"), (2, "second")):  # whatever the run folder holds now
        source = client.get_model_version_download_uri("toy", str(number))
        assert (Path(unquote(urlsplit(source).path)) / "weights").read_text() == weights
    finished(folder, 0.99, "third", parent)
    assert registry.promote("toy", folder, ACCEPTANCE).endswith("version 3 of toy, champion.")
    assert {alias: int(number) for alias, number in client.get_registered_model("toy").aliases.items()} == {"champion": 3}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"metric": "evaluate.aurok_low"}, "evaluate has no column 'aurok_low'. Did you mean 'auroc_low'?"),
        ({"table": "score"}, "evaluate has no table 'score'; its tables: bits, scores."),
        ({"row": {"method": "mine"}}, "no row of evaluate's table 'scores' has {'method': 'mine'}."),
        ({"metric": "evaluate.method", "table": "scores"}, "evaluate.method is 'ours', expected a number."),
        ({"model": "finetune/models"}, "finetune/models contains no model. Give the folder that the stage writes."),
    ],
)
def test_a_criterion_on_a_missing_number_or_model(untracked: Path, changes: dict, says: str) -> None:
    folder = finished(untracked / "runs/toy", 0.9, "w", "")
    with pytest.raises(BadInput) as caught:
        registry.promote("toy", folder, Acceptance(**(ACCEPTANCE.as_dict() | changes)))
    assert says in str(caught.value)


def test_without_a_store_the_criterion_is_still_evaluated(untracked: Path) -> None:
    folder = finished(untracked / "runs/toy", 0.9, "w", "")
    assert registry.promote("toy", folder, ACCEPTANCE).endswith(
        "passed with 0.900; nothing was registered, because the run is not tracked."
    )
    assert not Acceptance(metric="a.b", at_most=0.1, model="a").passed(float("nan"))


def test_the_criterion_is_checked_before_anything_runs_and_kept_in_the_plan(workspace: Path) -> None:
    path = toy(workspace)
    text = path.read_text()
    path.write_text(text + "acceptance: {metric: second.auroc, at_least: 0.5, model: first/model}\n")
    plan = make_plan(load_study(path))
    assert Plan.from_dict(plan.as_dict()).acceptance == Acceptance(metric="second.auroc", at_least=0.5, model="first/model")
    path.write_text(
        text + "acceptance: {metric: secnd.auroc, at_lest: 0.5, model: ../first}\nsweep: {axes: {first.steps: [1, 2]}}\n"
    )
    with pytest.raises(BadInput) as caught:
        load_study(path)
    for says in (
        "acceptance.metric names 'secnd', which is no stage. Did you mean 'second'?",
        "acceptance.at_lest is unknown. Did you mean 'at_least'?",
        "acceptance needs one of at_least and at_most, a number, got [].",
        "acceptance.model: '../first' points outside",
        "a study with a sweep has many models; acceptance is for one model. Remove one of the two keys.",
    ):
        assert says in str(caught.value)


def test_the_former_name_of_the_key_gives_its_new_one(workspace: Path) -> None:
    path = toy(workspace)
    path.write_text(path.read_text() + "bar: {metric: second.auroc, at_least: 0.5, model: first/model}\n")
    with pytest.raises(BadInput, match=r"the key 'bar' is now called 'acceptance'\. Rename it; its content stays the same\.$"):
        load_study(path)


def test_system_metrics_reach_the_run_and_stop_with_the_stage(tracked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs.prepare_store()
    run_id = runs.open_parent("toy", tracked / "runs/toy")
    with SystemMetrics(run_id, interval=0.05):
        deadline = time.monotonic() + 20
        while "system/stage_memory_usage_megabytes" not in store.client().get_run(run_id).data.metrics:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    found = store.client().get_run(run_id).data.metrics
    assert 20 < found["system/stage_memory_usage_megabytes"] < 20_000
    assert set(found) >= {f"system/{name}" for name in ("cpu_utilization_percentage", "system_memory_usage_percentage")}
    assert set(sample()) >= {name.removeprefix("system/") for name in found}
