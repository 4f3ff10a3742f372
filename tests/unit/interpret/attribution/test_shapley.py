"""Shapley values by hand: they share interactions, sum to the score, and refine where it matters."""

import numpy as np
import pandas as pd
import pytest

from glmkit.errors import BadInput
from glmkit.interpret import shapley, shapley_features
from glmkit.interpret.attribution._shapley import halves
from glmkit.models import TransformerConfig, new_classifier, new_model
from glmkit.score import class_logits
from glmkit.tokens import BaseTokenizer

BACKGROUND = ["CCCCCCC", "CCCCCTC"]


def pair(sequences: list[str]) -> np.ndarray:
    """One for each A, and six for an A at both 2 and 3."""
    return np.array([s.count("A") + 6.0 * (s[2:4] == "AA") for s in sequences])


def test_an_interaction_is_shared_among_those_who_make_it() -> None:
    found = shapley(pair, ["GAAAGTA", "CCAGAAC"], background=BACKGROUND, evaluations=400)
    np.testing.assert_allclose(found.values, [[0, 1, 4, 4, 0, 0, 1], [0, 0, 1, 0, 1, 1, 0]], atol=1e-6)
    assert found.score.tolist() == [10, 3]
    assert found.base.tolist() == [0, 0]
    assert np.abs(found.gap).max() < 1e-6
    assert "400 evaluations, background 2 sequences" in found.method
    few = shapley(pair, ["GAAAGTA"], background=BACKGROUND, evaluations=3)
    assert few.values.sum() == pytest.approx(10, abs=1e-5)  # a stretch shares one value


def test_a_model_is_masked_and_the_random_state_is_left_alone() -> None:
    config = TransformerConfig(vocabulary_size=10, width=12, layers=1, heads=3, feedforward=20)
    model = new_classifier(new_model(config, BaseTokenizer(), seed=1), ["no", "yes"], seed=2)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    found = shapley(model, ["ACGTTGC", "GAT", "T"], evaluations=40)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    logits = class_logits(model, ["ACGTTGC", "GAT", "T"])
    hidden = class_logits(model, [np.full(n, model.tokenizer.mask_id) for n in (7, 3, 1)])
    np.testing.assert_allclose(found.score, logits[:, 1] - logits[:, 0], atol=1e-6)
    np.testing.assert_allclose(found.base, hidden[:, 1] - hidden[:, 0], atol=1e-6)
    assert np.abs(found.gap).max() < 1e-6
    assert np.isnan(found.values[1, 3:]).all()
    again = shapley(model, ["ACGTTGC"], evaluations=40)
    np.testing.assert_allclose(again.values[0], found.values[0], atol=1e-7)


def test_features_of_a_table() -> None:
    rng = np.random.default_rng(0)
    weights = np.arange(12.0)
    X, behind = pd.DataFrame(rng.normal(size=(3, 12))), rng.normal(size=(5, 12))
    found = shapley_features(lambda rows: rows @ weights, X, behind)
    np.testing.assert_allclose(found.values, (X.to_numpy() - behind.mean(0)) * weights, atol=1e-5)
    assert "10 orders of the columns, background of 5 rows" in found.method
    product = shapley_features(lambda rows: rows[:, 0] * rows[:, 1], [[2, 3, 1]], np.zeros((1, 3)))
    np.testing.assert_allclose(product.values, [[3, 3, 0]])
    assert product.base.tolist() == [0]


def test_the_tree_halves_each_stretch() -> None:
    assert halves(3).tolist() == [[1, 2, 2, 2], [0, 3, 3, 3]]
    assert halves(7)[-1, 3] == 7
    reversed_tree = np.array([[0, 1, 2, 2], [2, 3, 3, 3]], float)
    found = shapley(lambda s: np.array([x.count("A") for x in s]), ["AGA"], background=["TTT"], partition=reversed_tree)
    np.testing.assert_allclose(found.values, [[1, 0, 1]], atol=1e-6)


def test_bad_input_says_what_is_wrong() -> None:
    with pytest.raises(BadInput, match="has no mask token"):
        shapley(pair, ["ACGTACG"])
    with pytest.raises(BadInput, match=r"expected sequences as long as those explained, \[4\] tokens, got \[7\]"):
        shapley(pair, ["ACGT"], background=BACKGROUND)
    with pytest.raises(BadInput, match="3 or more"):
        shapley(pair, ["ACGTACG"], background=BACKGROUND, evaluations=2)
    with pytest.raises(BadInput, match=r"expected \(6, 4\) for 7 tokens"):
        shapley(pair, ["ACGTACG"], background=BACKGROUND, partition=halves(5))
    with pytest.raises(BadInput, match="one finite score for each of"):
        shapley(lambda s: np.full(len(s), np.nan), ["ACGTACG"], background=BACKGROUND)
    with pytest.raises(BadInput, match=r"expected at least 25 \(one order of 12 columns\), got 20"):
        shapley_features(lambda rows: rows[:, 0], np.zeros((1, 12)), np.zeros((1, 12)), evaluations=20)
    with pytest.raises(BadInput, match="a background with the same columns"):
        shapley_features(lambda rows: rows[:, 0], np.zeros((1, 12)), np.zeros((1, 11)))
