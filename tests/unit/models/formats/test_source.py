"""Detection of a model folder's format, and the version of glmkit's own.

Covers ``glmkit.models.formats.version``.
"""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from glmkit.errors import BadInput
from glmkit.models import TransformerConfig, load, load_head, new_classifier, new_model, save, save_head
from glmkit.models.formats import version
from glmkit.models.formats.source import detect
from glmkit.tokens import BaseTokenizer

OPENED: list[str] = []
WATCHING: list[bool] = []


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    if WATCHING and event == "open" and Path(str(arguments[0])).name == "config.json":
        OPENED.append(str(arguments[0]))


sys.addaudithook(watch)


def write(folder: Path, **config: Any) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = new_model(TransformerConfig(vocabulary_size=10, width=8, layers=1, heads=2), BaseTokenizer(), seed=1)
    save(model, tmp_path / "model")
    save_head(new_classifier(model, ["a", "b"]), tmp_path / "head")
    return tmp_path


def test_the_kind_is_read_from_the_files(tmp_path: Path, folder: Path) -> None:
    assert detect(folder / "model").kind == detect(folder / "head").kind == "saved"
    assert detect(write(tmp_path / "esm", model_type="esm")).kind == "published"
    assert detect(write(tmp_path / "gpt2", model_type="gpt2")).kind == "transformers"
    assert detect(write(tmp_path / "bare", model_type="esm", glmkit={"kind": "language model"})).kind == "saved"
    assert detect(tmp_path / "nothing").kind == "saved"
    (tmp_path / "unirep").mkdir()
    (tmp_path / "unirep/model_weights.npz").touch()
    assert detect(tmp_path / "unirep").kind == "arrays"


def test_a_word_inside_a_value_does_not_make_a_folder_glmkits(tmp_path: Path) -> None:
    assert detect(write(tmp_path / "esm", model_type="esm", note='"glmkit" was here')).kind == "published"


def test_the_code_of_a_model_is_refused_and_a_list_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="needs Python code that came with it, which glmkit never runs"):
        assert detect(write(tmp_path / "coded", model_type="gpt2", auto_map={})).kind
    (tmp_path / "list").mkdir()
    (tmp_path / "list/config.json").write_text("[1]")
    with pytest.raises(BadInput, match="is not the configuration of a model"):
        assert detect(tmp_path / "list").kind


@pytest.mark.parametrize(("name", "opener"), [("model", load), ("head", load_head)])
def test_a_call_of_load_opens_the_configuration_once(folder: Path, name: str, opener: Any) -> None:
    OPENED.clear()
    WATCHING.append(True)
    try:
        opener(folder / name, device="cpu")
    finally:
        WATCHING.clear()
    assert [str(folder / name / "config.json")] == OPENED


@pytest.mark.parametrize("found", [0, -1, "1", None, True, 1.5])
def test_what_no_glmkit_has_written_is_told_from_a_later_version(found: Any) -> None:
    with pytest.raises(BadInput, match="which no glmkit has written"):
        version.check_version(found, "here")
    with pytest.raises(BadInput, match="Install a later glmkit"):
        version.check_version(version.FORMAT + 1, "here")
    assert version.check_version(version.FORMAT, "here") == version.FORMAT


def test_an_older_version_is_converted_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "FORMAT", 3)
    monkeypatch.setattr(version, "CONVERT", {1: lambda c: {**c, "two": 2}, 2: lambda c: {**c, "three": c["two"] + 1}})
    assert version.convert({"one": 1}, version.check_version(1, "here")) == {"one": 1, "two": 2, "three": 3}
    assert version.convert({"two": 2}, 2) == {"two": 2, "three": 3}
    assert version.convert({"new": 1}, 3) == {"new": 1}
