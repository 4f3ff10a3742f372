"""The manifest of a stage: what one notebook enters with ``run.made``, the next one reads with ``run.input``."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from glmkit.errors import BadInput
from glmkit.studies.files import record
from glmkit.studies.notebook.manifest import MANIFEST, stage_files
from glmkit.studies.notebook.stage import StageRun, open_stage


def write(run: StageRun, name: str) -> Path:
    path = run.path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(name)
    return path


def finetuned(workspace: Path) -> Path:
    """A finished stage with a table and five models."""
    run = open_stage("runs/s/finetune", {"steps": 3})
    run.made("history", write(run, "history.csv"))
    for network, seed in [("scratch", 10), ("scratch", 2), ("pretrained", 10), ("pretrained", 2), ("pretrained", 1)]:
        run.made("model", write(run, f"models/{network}/{seed}"), network=network, seed=seed)
    run.finish()
    return workspace / "runs/s/finetune"


def test_the_next_stage_finds_files_by_role_and_attributes(untracked: Path) -> None:
    folder = finetuned(untracked)
    run = open_stage("runs/s/evaluate", {}, ["runs/s/finetune"])
    found = run.input("runs/s/finetune")
    assert found.one("history") == folder / "history.csv"
    assert found.one("model", network="pretrained", seed=2).read_text() == "models/pretrained/2"
    assert [entry["seed"] for entry in found.all("model", network="scratch")] == [10, 2]
    assert found.values("network", role="model") == ["pretrained", "scratch"]
    assert found.values("seed", role="model") == [1, 2, 10]  # as numbers: 2 before 10
    assert found.values("seed", role="model", network="scratch") == [2, 10]
    assert found.all("split") == []


def test_a_missing_or_ambiguous_file_is_an_error_that_lists_what_there_is(untracked: Path) -> None:
    (untracked / "notebooks/dna").mkdir(parents=True)
    (untracked / "notebooks/dna/4_finetune.ipynb").touch()
    found = stage_files(finetuned(untracked))
    has = r"It has history \(1\), model \(5\)\. Run notebooks/dna/4_finetune\.ipynb again"
    with pytest.raises(BadInput, match=rf"runs/s/finetune has no 'split'\. {has}"):
        found.one("split")
    with pytest.raises(BadInput, match=rf"has no 'model' \(network='lora'\)\. {has}"):
        found.one("model", network="lora")
    with pytest.raises(BadInput, match=rf"has no 'model' with the attribute 'fold'\. {has}"):
        found.values("fold", role="model")
    with pytest.raises(
        BadInput, match=r"has 2 entries for 'model' \(seed=2\): 'model' \(network='scratch', seed=2\), .*Give fur"
    ):
        found.one("model", seed=2)
    (untracked / "runs/s/finetune/history.csv").unlink()
    with pytest.raises(BadInput, match=r"finetune/history\.csv is in made\.json but does not exist\. Run "):
        found.one("history")


def test_only_inputs_of_the_stage_are_read_and_only_with_a_manifest(untracked: Path) -> None:
    folder = finetuned(untracked)
    open_stage("runs/s/pretrain", {}).finish()
    run = open_stage("runs/s/evaluate", {}, ["runs/s/finetune"])
    with pytest.raises(
        BadInput, match=r"runs/s/pretrain is not an input of this stage\. Add it to open_stage\(inputs=\[\.\.\.\]\)"
    ):
        run.input("runs/s/pretrain")
    (folder / MANIFEST).write_text('{"format": 2}')
    with pytest.raises(
        BadInput, match=r"made\.json is not a manifest of format 1\. Run the notebook that writes it \(finetune\)"
    ):
        run.input("runs/s/finetune")
    (folder / MANIFEST).unlink()
    with pytest.raises(BadInput, match=r"runs/s/finetune has no made\.json, the list of the files it made\. Run"):
        run.input("runs/s/finetune")


def test_paths_are_relative_so_a_copied_stage_can_be_read(untracked: Path) -> None:
    shutil.copytree(finetuned(untracked), untracked / "runs/copy/finetune")
    assert stage_files("runs/copy/finetune").one("history") == untracked / "runs/copy/finetune/history.csv"
    paths = [entry["path"] for entry in json.loads((untracked / "runs/s/finetune/made.json").read_text())["made"]]
    assert paths[:2] == ["history.csv", "models/scratch/10"]


def test_what_does_not_exist_or_is_no_plain_value_is_refused(untracked: Path) -> None:
    run = open_stage("runs/s/finetune", {})
    path = write(run, "model")
    with pytest.raises(BadInput, match=r"made\('model'\): runs/s/finetune/other does not exist\. Write it before"):
        run.made("model", "other")
    with pytest.raises(BadInput, match=r"made\('model', seed=.*3.*\): expected text, a number, a boolean or None, got int64"):
        run.made("model", path, seed=np.int64(3))  # type: ignore[arg-type]
    with pytest.raises(BadInput, match=r"'a model' cannot be a role"):
        run.made("a model", path)
    with pytest.raises(BadInput, match="points outside"):
        run.made("model", untracked)
    assert stage_files(run.folder).entries == ()


def test_an_entry_made_twice_is_replaced(untracked: Path) -> None:
    run = open_stage("runs/s/finetune", {})
    path = write(run, "model")
    run.made("model", path, seed=0)
    run.made("model", "model", seed=1)
    assert [(entry.path, entry.attributes) for entry in stage_files(run.folder).all("model")] == [(path, {"seed": 1})]


def test_an_interrupted_stage_goes_on_with_its_entries_and_a_new_run_starts_empty(untracked: Path) -> None:
    first = open_stage("runs/s/finetune", {"steps": 3})
    first.made("model", write(first, "model0"), seed=0)
    again = open_stage("runs/s/finetune", {"steps": 3})  # the first was not finished
    again.made("model", write(again, "model1"), seed=1)
    again.finish()
    assert stage_files(again.folder).values("seed", role="model") == [0, 1]
    open_stage("runs/s/finetune", {"steps": 3})  # it was finished: the stage runs anew
    assert stage_files(again.folder).entries == ()
    other = open_stage("runs/s/finetune", {"steps": 3})
    other.made("model", "model0", seed=0)
    open_stage("runs/s/finetune", {"steps": 4})  # not finished, but with other parameters
    assert stage_files(again.folder).entries == ()


def test_attached_to_a_job_the_manifest_is_the_same(untracked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = untracked / "runs/s/pretrain"
    record.update(folder, status="RUNNING", pid=1, parameters={"steps": 9}, stage="pretrain")
    monkeypatch.setenv("GLMKIT_STAGE_FOLDER", str(folder))
    run = open_stage("runs/s/pretrain")
    run.made("model", write(run, "model"))
    run.finish()
    assert json.loads((folder / MANIFEST).read_text())["complete"] is True
    assert stage_files(folder).one("model") == folder / "model"
