"""Precision at L by hand."""

from typing import Any

import numpy as np
import pytest

from glmkit.errors import BadInput
from glmkit.evaluate.diagnostics import precision_at_L


def maps() -> tuple[np.ndarray, np.ndarray]:
    """Ten residues; pairs 3 or more apart ranked by a number of their own."""
    predicted, true = np.zeros((10, 10)), np.zeros((10, 10))
    for rank, (i, j, touch) in enumerate([(0, 9, 1), (1, 5, 0), (2, 7, 1), (0, 3, 1), (4, 8, 0), (5, 9, 1)]):
        predicted[i, j] = 1 - rank / 10
        true[i, j] = touch
    predicted[2, 3] = 2.0  # too close to count
    predicted[9, 1] = 3.0  # below the diagonal: not read
    return predicted, true


@pytest.mark.parametrize(("k", "expected"), [(0.1, 1.0), (0.2, 0.5), (0.3, 2 / 3), (0.55, 3 / 5), (1.0, 4 / 10), (9.0, 4 / 28)])
def test_by_hand(k: float, expected: float) -> None:
    assert precision_at_L(*maps(), k=k, separation=3) == pytest.approx(expected)


def test_unknown_pairs_are_left_out_and_near_ones_do_not_count() -> None:
    predicted, true = maps()
    true[1, 5] = np.nan
    assert precision_at_L(predicted, true, k=0.3, separation=3) == pytest.approx(1.0)
    assert precision_at_L(predicted, true, k=0.2, separation=5) == pytest.approx(1.0)
    assert precision_at_L(*maps(), k=0.1, separation=1) == 0.0
    assert precision_at_L(*maps(), k=0.2, separation=1) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((np.zeros((3, 4)), np.zeros((3, 4))), r"two maps \(L, L\) of one protein, got predicted \(3, 4\)"),
        ((np.zeros((3, 3)), np.zeros((4, 4))), r"predicted \(3, 3\) and true \(4, 4\)"),
        ((np.zeros((3, 3)), np.full((3, 3), 7.9)), "expected 0, 1 or NaN. Make contacts of distances first"),
        ((np.zeros((23, 23)), np.zeros((23, 23))), "No pair of this protein of 23 residues is 24 or more apart and known"),
        ((np.full((30, 30), np.nan), np.zeros((30, 30))), "predicted: a pair with known label is NaN"),
        ((np.zeros((30, 30)), np.zeros((30, 30)), 0.0), "Expected k above 0 and separation of 1 or more, got k=0.0"),
    ],
)
def test_bad_inputs(arguments: tuple[Any, ...], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        precision_at_L(*arguments)
