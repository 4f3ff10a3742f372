"""A contact map shows the prediction above the diagonal and the structure below it."""

import numpy as np
import pytest

from glmkit.errors import BadInput
from glmkit.plot import contact_map


def maps() -> tuple[np.ndarray, np.ndarray]:
    predicted = np.random.default_rng(0).random((23, 23))
    true = np.zeros((23, 23))
    true[20, 3] = true[3, 20] = 1
    true[15, 4] = np.nan
    return predicted, true


def test_each_half_holds_its_own() -> None:
    predicted, true = maps()
    figure = contact_map(predicted, true, "a heading", separation=6)
    structure, shades = (image.get_array() for image in figure.axes[0].images)
    assert shades is not None
    assert structure is not None
    assert shades[2, 14] == predicted[2, 14]
    assert shades[2, 8] == predicted[2, 8]
    assert np.ma.getmaskarray(shades)[2, 7]  # 5 apart
    assert np.ma.getmaskarray(shades)[14, 2]  # below the diagonal
    opaque = np.argwhere(structure[..., 3] > 0).tolist()
    assert opaque == [[15, 4], [20, 3]]
    assert structure[20, 3].tolist() != structure[15, 4].tolist()
    words = {text.get_text() for text in figure.axes[0].texts} | {figure.axes[0].get_title(loc="left")}
    assert {"predicted", "structure", "a heading"} <= words
    alone = contact_map(predicted).axes[0].images
    assert len(alone) == 1
    assert np.asarray(alone[0].get_array())[14, 2] == predicted[14, 2]


@pytest.mark.parametrize(
    ("predicted", "true", "words"),
    [
        (np.zeros((3, 4)), None, r"predicted: expected \(L, L\), got \(3, 4\)"),
        (np.full((9, 9), 1.5), None, "expected probabilities from 0 to 1"),
        (np.full((9, 9), np.nan), None, "expected probabilities from 0 to 1"),
        (np.zeros((9, 9)), np.zeros((8, 8)), r"true: expected \(9, 9\), the shape of predicted, got \(8, 8\)"),
    ],
)
def test_bad_inputs(predicted: np.ndarray, true: np.ndarray | None, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        contact_map(predicted, true)
