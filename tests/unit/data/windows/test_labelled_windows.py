"""The table of windows: names stay text, integers stay integers, anything else is refused with its line."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from glmkit.bio import Interval
from glmkit.data import LabelledWindows
from glmkit.data.windows import block_names
from glmkit.errors import BadInput


@pytest.fixture
def windows() -> LabelledWindows:
    extra = pd.DataFrame({"frame": [2, -1, 0], "locus": ["SEPT2", "001", 'a\t"b"']})
    places = [Interval("NA", 5, 9, -1), Interval("1E5", 0, 4, 1), Interval("=cmd()", 7, 11, 0)]
    return LabelledWindows(["ACGT", "CCCC", "GATT"], np.array([1, 0, 1]), ["NA", "1E5", "=cmd()"], places, extra)


def test_what_is_saved_comes_back(tmp_path: Path, windows: LabelledWindows) -> None:
    windows.save(tmp_path / "w.tsv.gz")
    loaded = LabelledWindows.load(tmp_path / "w.tsv.gz")
    assert loaded.where == windows.where
    assert loaded.groups == ["NA", "1E5", "=cmd()"]
    assert loaded.extra["frame"].tolist() == [2, -1, 0]
    assert loaded.extra["locus"].tolist() == ["SEPT2", "001", 'a\t"b"']
    assert loaded.hash == windows.hash


def test_select_by_mask_and_by_index(windows: LabelledWindows) -> None:
    assert windows.select(np.array([True, False, True])).sequences == ["ACGT", "GATT"]
    some = windows.select([2, 0])
    assert (some.sequences, some.labels.tolist(), some.extra["frame"].tolist()) == (["GATT", "ACGT"], [1, 1], [0, 2])
    assert len(windows.select(np.zeros(3, bool))) == 0


def test_parts_are_read_from_a_column(windows: LabelledWindows) -> None:
    windows.extra["part"] = ["train", "test", "train"]
    windows.extra["random"] = ["test", "test", "train"]
    for column in ("part", "random"):
        for part in ("train", "validation", "test"):
            by_hand = windows.select(windows.extra[column].to_numpy() == part)
            assert windows.part(part, column).hash == by_hand.hash
    train, test = windows.partition("random").train_test()
    assert (train.tolist(), test.tolist()) == ([2], [0, 1])
    with pytest.raises(BadInput, match=r"no column 'homology'; they have \['frame', 'locus', 'part', 'random'\]"):
        windows.part("train", "homology")
    with pytest.raises(BadInput, match="Unknown part 'dev'"):
        windows.part("dev")


def test_counts_of_parts(windows: LabelledWindows) -> None:
    windows.extra["part"] = ["test", "train", "test"]
    assert windows.counts().to_numpy().tolist() == [["test", 2, 0, 2], ["train", 0, 1, 1]]
    assert windows.counts("none", default="test").to_numpy().tolist() == [["test", 2, 1, 3]]
    assert list(windows.counts().columns) == ["part", "positive", "negative", "groups"]


def test_groups_by_block_and_by_column_are_copies(windows: LabelledWindows) -> None:
    assert windows.by_block(5).groups == ["NA:1", "1E5:0", "=cmd():1"]
    assert windows.by_column("frame").groups == ["2", "-1", "0"]
    assert windows.groups == ["NA", "1E5", "=cmd()"]
    assert windows.by_block(5).where == windows.where
    assert block_names(windows.where, 3) == ["NA:1", "1E5:0", "=cmd():2"]
    with pytest.raises(BadInput, match="at least 1 base, got size=0"):
        windows.by_block(0)
    with pytest.raises(BadInput, match="no column 'id'"):
        windows.by_column("id")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("\t1\tNA", "\t1.0\tNA"), "line 2: label is '1.0', expected an integer"),
        (("\t0\t1E5", "\t01\t1E5"), "line 3: label is '01', expected an integer"),
        (("label", "class"), "lacks the columns ['label']; it has ['sequence', 'class'"),
        (("\t5\t9", "\tfive\t9"), "line 2: start is 'five'"),
    ],
)
def test_Labels_other_spellings_and_missing_columns_are_refused(
    tmp_path: Path, windows: LabelledWindows, change: tuple[str, str], words: str
) -> None:
    path = tmp_path / "w.tsv.gz"
    windows.save(path)
    text = gzip.decompress(path.read_bytes()).decode()
    assert change[0] in text
    path.write_bytes(gzip.compress(text.replace(*change).encode()))
    with pytest.raises(BadInput) as caught:
        LabelledWindows.load(path)
    assert words in str(caught.value)


def test_a_cut_file_and_a_plain_one_are_refused(tmp_path: Path, windows: LabelledWindows) -> None:
    path = tmp_path / "w.tsv.gz"
    windows.save(path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(BadInput, match="is not a gzipped table"):
        LabelledWindows.load(path)
    path.write_text("sequence\tlabel\n")
    with pytest.raises(BadInput, match="is not a gzipped table"):
        LabelledWindows.load(path)


def test_columns_of_different_length_are_refused(windows: LabelledWindows) -> None:
    with pytest.raises(BadInput, match=r"differ in number: \[2, 3\]"):
        LabelledWindows(windows.sequences, windows.labels[:2], windows.groups, windows.where)
