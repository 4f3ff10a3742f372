"""Files that parameters name are looked at before anything runs."""

import gzip
from pathlib import Path

import pytest

from glmkit.studies.files.input_files import broken_files


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GLMKIT_WORKSPACE", str(tmp_path))
    whole = gzip.compress(b">a\n" + b"ACGT" * 50_000 + bytes(range(256)) * 40)
    (tmp_path / "whole.fa.gz").write_bytes(whole)
    (tmp_path / "cut.fa.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "bad.fa.gz").write_bytes(whole[:-8] + b"\0\0\0\0" + whole[-4:])
    (tmp_path / "empty.fa").touch()
    (tmp_path / "plain.fa").write_text(">a\nACGT\n")
    return tmp_path


def test_whole_files_and_other_values_pass(folder: Path) -> None:
    values = {"a": "whole.fa.gz", "b": ["plain.fa", "sample:x"], "steps": 3, "name": "nothing.here", "out": ".", "none": None}
    assert list(broken_files(values)) == []


def test_each_broken_file_is_named_with_its_parameter(folder: Path) -> None:
    found = dict(broken_files({"a": ["plain.fa", "cut.fa.gz"], "b": str(folder / "empty.fa"), "c": "bad.fa.gz"}))
    assert list(found) == ["a", "b", "c"]
    assert "cut.fa.gz: the gzip stream ends early" in found["a"]
    assert "empty.fa is empty (0 bytes)" in found["b"]
    assert "bad.fa.gz: damaged gzip" in found["c"]
