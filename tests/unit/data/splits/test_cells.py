"""Splits of cells and the labels in obs: whole donors to one side, nothing dropped or merged in silence."""

import numpy as np
import pandas as pd
import pytest

from glmkit.data import cell_labels, split_cells
from glmkit.data.splits import CellSplit
from glmkit.errors import BadInput


def obs(n: int = 120, donors: int = 8) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    kinds = np.array(["B"] * 60 + ["T"] * 40 + ["NK"] * 17 + ["HSC"] * 3)
    frame = pd.DataFrame({"kind": pd.Categorical(rng.permutation(kinds)), "donor": [f"d{i % donors}" for i in range(n)]})
    frame.index = [f"cell{i}" for i in range(n)]
    return frame


def test_whole_donors_go_to_one_part() -> None:
    split = split_cells(obs(), by="donor", label="kind", shares=(0.5, 0.25, 0.25), seed=3)
    parts = split.parts
    assert (obs().groupby("donor").apply(lambda d: parts[d.index].nunique(), include_groups=False) == 1).all()
    assert split.counts() == {"train": 60, "validation": 30, "test": 30}
    assert split.by == "donor"
    assert split.notes[0].startswith("Each of 8 values of 'donor' is in one part as a whole")
    assert split.groups["cell11"] == "d3"
    assert split.items("train") == [name for name in obs().index if parts[name] == "train"]


def test_without_groups_each_class_is_dealt_out_and_the_split_says_what_it_is_worth() -> None:
    split = split_cells(obs(), label="kind", shares=(0.6, 0.2, 0.2))
    kinds = obs()["kind"].astype(str)
    table = pd.crosstab(kinds, split.parts)[["train", "validation", "test"]]
    assert table.loc["B"].tolist() == [36, 12, 12]
    assert table.loc["HSC"].tolist() == [1, 1, 1]
    assert "cells of one donor can be in training and in test" in split.notes[-1]
    assert split.by == ""


def test_seed_decides_and_the_order_of_rows_does_not() -> None:
    frame = obs()
    for settings in ({"by": "donor"}, {"label": "kind"}, {}):
        one = split_cells(frame, seed=1, **settings).parts
        turned = split_cells(frame.iloc[::-1], seed=1, **settings).parts
        pd.testing.assert_series_equal(one.sort_index(), turned.sort_index())
        assert (one != split_cells(frame, seed=2, **settings).parts).any()


def test_a_class_that_a_part_lacks_is_in_the_notes() -> None:
    frame = obs()
    frame["kind"] = np.where(frame["donor"] == "d0", "rare", "common")
    split = split_cells(frame, by="donor", label="kind", shares=(0.5, 0.25, 0.25))
    home = split.parts["cell0"]
    others = [part for part in ("train", "validation", "test") if part != home]
    assert [f"The {part} part has no cell of rare." for part in others] == list(split.notes[1:])


def test_a_split_survives_its_file(tmp_path) -> None:
    frame = obs()
    frame.index = ["NA", "1E5", *frame.index[2:]]
    split = split_cells(frame, by="donor")
    split.to_csv(tmp_path / "cells.csv")
    again = CellSplit.from_csv(tmp_path / "cells.csv")
    pd.testing.assert_frame_equal(again.table, split.table)
    assert again.hash == split.hash
    (tmp_path / "torn.csv").write_text("cell,part,group\na,train,d\nb,test,d\n")
    with pytest.raises(BadInput, match="1 groups are in more than one part, the first is 'd'"):
        CellSplit.from_csv(tmp_path / "torn.csv")


def test_cells_without_a_label_are_left_out_and_counted() -> None:
    frame = obs()
    frame["kind"] = frame["kind"].cat.add_categories("unused").astype(object)
    frame.loc[["cell3", "cell5"], "kind"] = [np.nan, None]
    labels = cell_labels(frame, "kind")
    assert labels.missing == 2
    assert labels.classes == ("B", "HSC", "NK", "T")
    assert len(labels.names) == len(labels.codes) == 118
    assert labels.values == frame["kind"].dropna().tolist()
    split = split_cells(frame, by="donor", label="kind")
    assert "2 cells without a value of 'kind' are in no part." in split.notes
    assert "cell3" not in split.parts.index


def test_words_that_look_like_something_else_stay_text() -> None:
    frame = pd.DataFrame({"kind": ["NA", "None", "1E5", "SEPT2", "NA"]}, index=list("abcde"))
    assert cell_labels(frame, "kind").values == ["NA", "None", "1E5", "SEPT2", "NA"]
    numbers = pd.DataFrame({"cluster": [0.0, 1.0, np.nan]}, index=list("abc"))  # integers that a missing value made float
    assert cell_labels(numbers, "cluster").values == ["0", "1"]


@pytest.mark.parametrize(
    ("change", "settings", "words"),
    [
        ({}, {"label": "celltype"}, "obs has no column 'celltype'; it has kind, donor"),
        ({}, {"by": "patient"}, "obs has no column 'patient'; it has kind, donor"),
        ({"kind": "B"}, {"label": "kind"}, "all 120 labels are 'B': expected at least two classes"),
        ({"kind": ["1", "1.0", "01"] * 40}, {"label": "kind"}, "'01' and '1' are one number in two spellings"),
        ({"kind": ["B"] * 119 + ["T"]}, {"label": "kind"}, r"Classes too small for a stratified split into 3: 'T' \(1\)"),
        ({"donor": ["d1"] * 119 + [None]}, {"by": "donor"}, "1 of 120 cells have no value, the first is 'cell119'"),
        ({"kind": None}, {"label": "kind"}, "expected a label for each cell, but all 120 are missing"),
        ({"kind": ["B", ""] * 60}, {"label": "kind"}, "60 labels are empty text"),
        ({"donor": ["d1", "d2"] * 60}, {"by": "donor"}, "2 blocks or groups are too few"),
        ({}, {"shares": (0.5, 0.5)}, r"Expected three shares .* got \(0.5, 0.5\)"),
        ({}, {"seed": -1}, "Expected a seed of at least 0, got -1"),
    ],
)
def test_what_cannot_be_meant_is_refused(change, settings, words) -> None:
    with pytest.raises(BadInput, match=words):
        split_cells(obs().assign(**change), **settings)


def test_no_cells_and_names_that_stand_twice_are_refused() -> None:
    for settings in ({}, {"by": "donor"}, {"label": "kind"}):
        with pytest.raises(BadInput, match="No cells: expected at least two in obs, got none"):
            split_cells(obs().iloc[:0], **settings)
        with pytest.raises(BadInput, match="more than once"):
            split_cells(obs().rename(index={"cell1": "cell0"}), **settings)
