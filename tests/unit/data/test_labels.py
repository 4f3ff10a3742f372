"""The rows of the table of faults that concern labels."""

import numpy as np
import pytest

from glmkit.bio import DataReport
from glmkit.data import check_labels
from glmkit.data.labels import check_stratified
from glmkit.errors import BadInput

SEQUENCES = ["ACGT", "CCCC", "GATT", "TTTA"]
LABELS = [0, 1, 0, 1]
PARTS = ["train", "train", "test", "test"]


def test_good_labels_pass() -> None:
    check_labels(SEQUENCES, np.array(LABELS), np.array(PARTS), ids=["a", "b", "c", "d"])
    check_labels(["ACGT", "acgt", "CC"], [0, 0, 1])


def test_Labels_empty() -> None:
    with pytest.raises(BadInput, match="No labelled sequences: expected at least two, got none"):
        check_labels([], [])


def test_Labels_numbers_that_differ() -> None:
    with pytest.raises(BadInput, match="for each of 4 sequences, got 3 labels"):
        check_labels(SEQUENCES, LABELS[:3])


def test_Labels_one_class_only() -> None:
    with pytest.raises(BadInput, match="All 4 labels are 1: expected at least two classes"):
        check_labels(SEQUENCES, np.ones(4, int))


def test_Labels_class_of_one_in_a_stratified_split() -> None:
    check_stratified(["a", "b", "a", "b"])
    with pytest.raises(BadInput, match=r"Classes too small for a stratified split into 2: 'rare' \(1\)"):
        check_stratified(["a", "b", "rare", "a", "b"])
    with pytest.raises(BadInput, match=r"into 5: 0 \(4\), 1 \(2\)"):
        check_stratified(np.array([0, 0, 1, 0, 1, 0]), parts=5)


def test_Labels_one_sequence_under_two_ids_across_splits() -> None:
    with pytest.raises(BadInput, match=r"1 sequences are in more than one part: x \(train\) and y \(test\)"):
        check_labels(["ACGT", "CCCC", "acgt", "TTTA"], LABELS, PARTS, ids=["x", "b", "y", "d"])


def test_Labels_conflicting() -> None:
    with pytest.raises(BadInput, match=r"1 sequences have conflicting labels: 0 \(0\) and 3 \(1\)"):
        check_labels(["ACGT", "CCCC", "GATT", "ACGT"], LABELS)


def test_Labels_reverse_complement_across_splits_is_counted() -> None:
    report = DataReport()
    check_labels(["AACC", "CCCC", "GGTT", "MKV*"], LABELS, PARTS, report=report)
    assert report.as_dict()["reverse_complement_across_parts"] == {"count": 2, "places": ["0", "2"]}
