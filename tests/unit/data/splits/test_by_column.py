"""Splits by name and by date: nothing random, nothing guessed."""

import datetime

import numpy as np
import pandas as pd
import pytest

from glmkit.data.splits import fold_groups, split_by, split_dates
from glmkit.errors import BadInput

CHROMOSOMES = ["chr1", "chr2", "chr1", "chrX", "chr8", "chr2", "chr8"]


def test_whole_chromosomes_are_held_out_by_name() -> None:
    assert split_by(CHROMOSOMES, ["chr8"]).tolist() == ["train"] * 4 + ["test", "train", "test"]
    parts = split_by(np.array(CHROMOSOMES), ["chr8", "chrX"], validation=["chr2"])
    assert parts.tolist() == ["train", "validation", "train", "test", "test", "validation", "test"]
    assert split_by(pd.Series([9606, 10090]), ["10090"]).tolist() == ["train", "test"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"held_out": ["8"]}, r"Cannot hold out \['8'\]: expected some of \['chr1', 'chr2', 'chr8', 'chrX'\]"),
        ({"held_out": "chr8"}, r"held_out: expected a list of names, got the text 'chr8'. Write \['chr8'\]"),
        ({"held_out": []}, "held_out: expected at least one name"),
        ({"held_out": ["chr8"], "validation": ["chr8"]}, r"\['chr8'\] are given for test and for validation"),
        ({"held_out": ["chr1", "chr8"], "validation": ["chr2", "chrX"]}, "leaves nothing to train on"),
        ({"values": ["a", None, "b"], "held_out": ["a"]}, "1 of 3 items have no name, the first is item 1"),
    ],
)
def test_bad_names_are_refused(arguments: dict, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        split_by(**({"values": CHROMOSOMES} | arguments))


DATES = ["2019-12-31", "2020-03-01", "2018", "2020-02", "2020-03-01", "2021", "2020-01-15"]


def test_what_is_dated_later_is_tested_and_ties_stay_together() -> None:
    assert split_dates(DATES, "2020-03-01").tolist() == ["train", "test", "train", "train", "test", "test", "train"]
    parts = split_dates(pd.Series(DATES), "2020-03-01", "2020-01-01")
    assert parts.tolist() == ["train", "test", "train", "validation", "test", "test", "validation"]
    moments = pd.Series(pd.to_datetime(["2019-01-01 00:00", "2020-06-01 12:30", "2022-01-01 23:59"]))
    assert split_dates(moments, "2020").tolist() == ["train", "test", "test"]
    assert split_dates(moments.dt.tz_localize("UTC"), "2021").tolist() == ["train", "train", "test"]
    assert split_dates([datetime.date(2020, 1, 2), datetime.date(2020, 1, 1)], "2020-01-02").tolist() == ["test", "train"]
    assert split_dates([2018, 2019, 2019], "2019").tolist() == ["train", "test", "test"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"test_from": "2021-06-01"}, r"The limit 2021-06-01 falls inside 2021: 1 items cannot be placed"),
        ({"test_from": "2020-02-10"}, r"The limit 2020-02-10 falls inside 2020-02: 1 items"),
        ({"test_from": "spring"}, "test_from: expected a date such as 2020-03-01, got 'spring'"),
        ({"test_from": "2020-03-01", "validation_from": "2020-03-01"}, "Expected validation_from before test_from"),
        ({"test_from": "2030"}, "No item falls into test: dates run from 2018-01-01 to 2021-12-31"),
        ({"test_from": "2021", "dates": ["2020", None]}, "1 items have no date, the first is item 1"),
        ({"test_from": "2021", "dates": ["2020", "3/4/21", "2021-13", "2022"]}, "2 dates cannot be read: '3/4/21', '2021-13'"),
    ],
)
def test_bad_dates_are_refused(arguments: dict, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        split_dates(**({"dates": DATES} | arguments))


def test_folds_keep_groups_whole_and_classes_in_proportion() -> None:
    rng = np.random.default_rng(0)
    groups = np.array([f"g{i}" for i in range(40) for _ in range(1 + i % 4)])
    labels = np.array(["rare" if int(name[1:]) % 5 == 0 else "common" for name in groups])
    folds = fold_groups(groups, labels, k=4, seed=3)
    assert folds.dtype == np.int64
    assert set(folds.tolist()) == {0, 1, 2, 3}
    assert all(len(set(folds[groups == name].tolist())) == 1 for name in set(groups.tolist()))
    shares = [np.mean(labels[folds == fold] == "rare") for fold in range(4)]
    assert np.abs(np.array(shares) - np.mean(labels == "rare")).max() < 0.06
    order = rng.permutation(len(groups))
    assert (fold_groups(groups[order], labels[order], k=4, seed=3) == folds[order]).all()
    assert (fold_groups(groups, labels, k=4, seed=4) != folds).any()
    plain = fold_groups(groups, k=5, seed=1)
    assert np.ptp(np.bincount(plain, minlength=5)) <= 4, "the largest group"
    assert (fold_groups(groups[order], k=5, seed=1) == plain[order]).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"groups": ["a", "a", "b"], "k": 3}, "3 folds need as many groups: there are 2 groups. Take a smaller k"),
        ({"groups": list("abc"), "labels": [0, 0, 1], "k": 2}, "label '1' occurs in 1 groups. Take a smaller k, or merge"),
        ({"groups": list("abc"), "labels": [0, 1]}, r"one label for each of 3 groups, got shapes \(3,\) and \(2,\)"),
        ({"groups": list("abc"), "k": 1}, "Expected k of at least 2"),
        ({"groups": []}, "5 folds need as many groups: there are 0 groups"),
    ],
)
def test_bad_folds_are_refused(arguments: dict, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        fold_groups(**arguments)
