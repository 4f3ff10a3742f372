"""Figures of proteins: what they draw, and what they refuse."""

import numpy as np
import pytest

from glmkit.errors import BadInput
from glmkit.plot import attention_map, landscape_map


def test_a_landscape_puts_each_amino_acid_into_its_row() -> None:
    scores = np.zeros((3, 20))
    scores[1, "ACDEFGHIKLMNPQRSTVWY".index("E")] = -2.0  # the last row of the map
    figure = landscape_map(scores, "MKE", heading="x", first=7)
    (image,) = figure.axes[0].get_images()
    drawn = np.asarray(image.get_array())
    assert drawn.shape == (20, 3)
    assert drawn[-1].tolist() == [0, -2, 0]
    assert figure.axes[0].get_xlim() == (6.5, 9.5)
    with pytest.raises(BadInput, match="expected 3 letters, one per row of the scores, got 2"):
        landscape_map(scores, "MK")
    with pytest.raises(BadInput, match=r"expected \(length, 20\), got \(3, 4\)"):
        landscape_map(scores[:, :4], "MKE")


def test_attention_leaves_the_diagonal_white() -> None:
    weights = np.arange(16, dtype=float).reshape(4, 4)
    (image,) = attention_map(weights + weights.T, separation=2).axes[0].get_images()
    drawn = np.ma.masked_invalid(image.get_array())
    assert drawn.mask.sum() == 4 + 6
    with pytest.raises(BadInput, match=r"expected \(L, L\), got \(2, 3\)"):
        attention_map(np.zeros((2, 3)))
