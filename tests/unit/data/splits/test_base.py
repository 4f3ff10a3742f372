"""One API for all kinds of splits: parts, masks, positions and files."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from glmkit.bio import Interval
from glmkit.data import Split, split_groups
from glmkit.data.splits import CellSplit, PairSplit, Partition
from glmkit.errors import BadInput

PARTS = ["train", "test", "validation", "train", "test"]


def some_splits() -> dict[str, Partition]:
    cells = pd.DataFrame({"cell": list("abcde"), "part": PARTS, "group": list("abcde")})
    places = pd.DataFrame({"reference": list("abcde"), "start": 0, "end": 9, "part": PARTS})
    pairs = pd.DataFrame({"left": list("abcde"), "right": list("vwxyz"), "part": PARTS, "class": ["", "C1", "C2", "", "C3"]})
    return {
        "names": Partition.of(PARTS, list("abcde")),
        "cells": CellSplit(cells),
        "places": Split(places),
        "pairs": PairSplit(pairs),
    }


@pytest.mark.parametrize("kind", ["names", "cells", "places", "pairs"])
def test_every_kind_offers_the_same(kind: str, tmp_path: Path) -> None:
    split = some_splits()[kind]
    items = split.parts.index.tolist()
    assert split.parts.tolist() == PARTS
    assert split.counts() == {"train": 2, "validation": 1, "test": 2}
    assert split.items("train") == [items[0], items[3]]
    assert split.mask("test").tolist() == [False, True, False, False, True]
    assert split.mask("test", items[::-1]).tolist() == [True, False, False, True, False]
    assert split.part_of(items[:2]).tolist() == ["train", "test"]
    assert len(split.groups) == 5
    for chosen in (None, items):
        train, test = split.train_test(chosen)
        assert (train.tolist(), test.tolist()) == ([0, 3], [1, 4])
        assert train.dtype == test.dtype == np.int64
    assert split.train_test(train=("train", "validation"))[0].tolist() == [0, 2, 3]
    split.to_csv(tmp_path / "split.csv")
    again = type(split).from_csv(tmp_path / "split.csv")
    pd.testing.assert_frame_equal(again.table, split.table)
    assert again.hash == split.hash == hashlib.sha256((tmp_path / "split.csv").read_bytes()).hexdigest()


@pytest.mark.parametrize("kind", ["names", "cells", "places", "pairs"])
def test_unknown_parts_are_refused_by_every_kind(kind: str) -> None:
    split = some_splits()[kind]
    for call in (split.items, split.mask, lambda part: split.train_test(train=(part,))):
        with pytest.raises(BadInput, match="Unknown part 'dev': expected train, validation, test"):
            call("dev")
    with pytest.raises(BadInput, match=r"train: expected train and perhaps validation, got \('train', 'test'\)"):
        split.train_test(train=("train", "test"))
    with pytest.raises(BadInput, match=r"Unknown parts \['dev'\]"):
        type(split)(split.table.assign(part="dev"))
    with pytest.raises(BadInput, match=rf"{type(split).__name__} needs the columns .*; missing \['part'\]"):
        type(split)(split.table.drop(columns="part"))


def test_an_array_of_parts_becomes_a_split_of_row_numbers() -> None:
    groups = ["x", "x", "y", "z", "w"]
    split = Partition.of(split_groups(groups, (0.5, 0.25, 0.25), seed=2), groups=groups, notes=["One."])
    assert split.table["item"].tolist() == ["0", "1", "2", "3", "4"]
    assert split.groups["3"] == "z"
    assert split.notes == ("One.",)
    assert Partition.of(PARTS).groups.tolist() == ["0", "1", "2", "3", "4"]
    with pytest.raises(BadInput, match="1 groups are in more than one part, the first is 'x'"):
        Partition.of(PARTS, groups=["x", "x", "y", "z", "w"])
    with pytest.raises(BadInput, match=r"Expected one item and group for each part, got {'item': 2, 'part': 5}"):
        Partition.of(PARTS, ["a", "b"])
    with pytest.raises(BadInput, match="Item 'a' occurs in the split more than once"):
        Partition.of(PARTS, list("abada"))


def test_items_of_other_data_are_refused() -> None:
    split = Partition.of(PARTS, list("abcde"))
    assert split.part_of(["a", "x"], absent="none").tolist() == ["train", "none"]
    assert split.part_of([]).tolist() == []
    with pytest.raises(BadInput, match="None of 2 items is in the split: 'x' was given, the split has 'a'"):
        split.part_of(["x", "y"])


def test_files_written_by_earlier_versions_are_read(tmp_path: Path) -> None:
    (tmp_path / "corpus.csv").write_text("name,family,part\nNA,f1,train\n1E5,f1,train\nP3,f2,test\n")
    corpus = Partition.from_csv(tmp_path / "corpus.csv")
    assert corpus.items("train") == ["NA", "1E5"]
    assert corpus.groups["P3"] == "f2"
    (tmp_path / "blocks.csv").write_text("reference,start,end,part\nNA,0,50,train\n1E5,7,60,test\n")
    assert Split.from_csv(tmp_path / "blocks.csv").items("test") == [Interval("1E5", 7, 60)]
    (tmp_path / "cells.csv").write_text("cell,part,group\nNA,train,d1\n1E5,test,d2\n")
    assert CellSplit.from_csv(tmp_path / "cells.csv").part_of(["1E5", "NA"]).tolist() == ["test", "train"]


@pytest.mark.parametrize("kind", [Partition, Split, CellSplit, PairSplit])
def test_a_file_that_is_no_split_is_refused(tmp_path: Path, kind: type[Partition]) -> None:
    with pytest.raises(BadInput, match=rf"is not a split that can be read .* Write it with {kind.__name__}.to_csv"):
        kind.from_csv(tmp_path / "absent.csv")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BadInput, match=rf"{kind.__name__} needs the columns") as caught:
        kind.from_csv(tmp_path / "other.csv")
    assert str(tmp_path / "other.csv") in caught.value.__notes__[0]
