"""Probabilities as probabilities, and the top of a ranking: each number against scikit-learn or by hand."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV, calibration_curve
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, ndcg_score, precision_recall_curve

from glmkit.errors import BadInput
from glmkit.evaluate import METRICS, Fold, Task, bootstrap, calibration, compare, temperature
from glmkit.evaluate.baselines import Majority
from glmkit.statistics import draw_groups, group_index
from tests.methods import FitScore


def probabilities(n: int = 307, groups: int = 19, sharp: float = 2.5, seed: int = 0):
    """True probabilities, labels drawn from them, what an over-sure model says, and groups."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(size=n)
    labels = (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(int)
    return labels, 1 / (1 + np.exp(-odds)), 1 / (1 + np.exp(-sharp * odds)), rng.integers(0, groups, n)


def repeated(weights, *arrays):
    return [np.repeat(array, weights.astype(int), axis=0) for array in arrays]


def test_resampled_ndcg_equals_that_of_repeated_items() -> None:
    rng = np.random.default_rng(2)
    values, groups = np.round(rng.normal(size=203), 1) - 3, rng.integers(0, 17, 203)
    scores = np.round(values + rng.normal(size=203), 1)  # rounded: ties
    weights = draw_groups(17, 7, seed=3)[:, group_index(groups, 203)]

    def by_hand(y, s):
        return ndcg_score([(y - y.min()) / np.ptp(y)], [s], k=len(y) // 10)

    drawn = METRICS["ndcg"].drawn(values, scores, weights)
    np.testing.assert_allclose(drawn, [by_hand(*repeated(w, values, scores)) for w in weights], atol=1e-12)
    assert METRICS["ndcg"].value(values, scores) == pytest.approx(by_hand(values, scores), abs=1e-12)
    assert METRICS["ndcg"].value(values, values) == pytest.approx(1)
    constant = np.r_[np.ones(3), np.zeros(200)]
    assert np.isnan(METRICS["ndcg"].drawn(np.repeat([4.0, 5.0], [3, 200]), scores, constant[None])[0])


def test_ndcg_without_ties_is_that_of_proteingym() -> None:
    rng = np.random.default_rng(4)
    values, scores = rng.normal(size=57), rng.normal(size=57)
    gains, top = (values - values.min()) / np.ptp(values), 5  # ⌊57 / 10⌋
    discounts = 1 / np.log2(np.arange(top) + 2)
    expected = gains[np.argsort(-scores)[:top]] @ discounts / (np.sort(gains)[::-1][:top] @ discounts)
    assert METRICS["ndcg"].value(values, scores) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "by_hand"),
    [
        ("brier", brier_score_loss),
        ("recall_at_fdr", lambda y, s: max(r for p, r in zip(*precision_recall_curve(y, s)[:2], strict=True) if p >= 0.9)),
    ],
)
def test_resampled_metric_equals_that_of_repeated_items(name: str, by_hand) -> None:
    labels, _, scores, groups = probabilities()
    scores = np.round(scores, 2)
    weights = draw_groups(19, 5, seed=1)[:, group_index(groups, len(labels))]
    drawn = METRICS[name].drawn(labels, scores, weights)
    np.testing.assert_allclose(drawn, [by_hand(*repeated(w, labels, scores)) for w in weights], atol=1e-12)
    assert METRICS[name].value(labels, scores) == pytest.approx(by_hand(labels, scores), abs=1e-12)


def test_the_reliability_table_is_that_of_scikit_learn() -> None:
    labels, true, sure, groups = probabilities()
    found = calibration(labels, sure, groups, bins=7, draws=200)
    share, claimed = calibration_curve(labels, sure, n_bins=7, strategy="quantile")
    np.testing.assert_allclose(found.table["came_true"], share)
    np.testing.assert_allclose(found.table["claimed"], claimed)
    assert found.table["n"].sum() == 307
    assert found.table["n"].between(43, 45).all()
    assert (found.table["low"] <= found.table["came_true"]).all()
    assert (found.table["came_true"] <= found.table["high"]).all()
    assert found.ece.value == pytest.approx(np.average(np.abs(share - claimed), weights=found.table["n"]))
    assert found.ece.low > calibration(labels, true, groups, draws=50).ece.value
    assert "over 7 bins of 307 items; on the whole the probabilities are 0." in str(found)
    assert calibration(labels, sure, groups, draws=100).ece == bootstrap("ece", labels, sure, groups, draws=100)


def test_equal_probabilities_stay_in_one_bin() -> None:
    labels = np.r_[np.ones(30), np.zeros(70)].astype(int)
    found = calibration(labels, np.full(100, 0.3), draws=20)
    assert len(found.table) == 1
    assert found.ece.value == pytest.approx(0, abs=1e-12)


def test_many_classes_are_judged_by_the_class_that_was_called() -> None:
    scores = np.array([[0.7, 0.2, 0.1], [0.2, 0.5, 0.3], [0.1, 0.3, 0.6], [0.4, 0.35, 0.25]])
    labels = np.array([0, 1, 1, 2])
    assert METRICS["ece"].value(labels, scores) == pytest.approx((0.3 + 0.5 + 0.6 + 0.4) / 4)  # four bins of one item
    assert METRICS["brier"].value(labels, scores) == pytest.approx(((scores - np.eye(3)[labels]) ** 2).sum(1).mean())
    weights = np.array([[1.0, 0, 3, 2]])
    expected = METRICS["brier"].value(np.repeat(labels, [1, 0, 3, 2]), np.repeat(scores, [1, 0, 3, 2], axis=0))
    assert METRICS["brier"].drawn(labels, scores, weights)[0] == pytest.approx(expected)


def test_temperature_is_that_of_scikit_learn_and_keeps_the_order() -> None:
    labels, _, sure, _ = probabilities(n=500)
    inputs = np.log(sure / (1 - sure))[:, None]
    frozen = LogisticRegression(C=1e6).fit(inputs, labels)
    frozen.coef_, frozen.intercept_ = np.ones((1, 1)), np.zeros(1)
    theirs = CalibratedClassifierCV(FrozenEstimator(frozen), method="temperature").fit(inputs, labels)
    ours = temperature(labels, sure)
    np.testing.assert_allclose(ours(sure), theirs.predict_proba(inputs)[:, 1], atol=1e-4)
    assert ours.value == pytest.approx(2.5, rel=0.25)
    assert ours.after < ours.before
    assert (np.argsort(ours(sure)) == np.argsort(sure)).all()
    both = temperature(labels, np.stack([1 - sure, sure], 1))
    assert both.value == pytest.approx(ours.value, rel=1e-4)
    np.testing.assert_allclose(both(np.stack([1 - sure, sure], 1))[:, 1], ours(sure), atol=1e-5)


def test_scores_that_only_rank_have_no_calibration() -> None:
    with pytest.raises(BadInput, match=r"Expected probabilities from 0 to 1, got 3.5 at item 1 \(1 of 3 items\)"):
        calibration([0, 1, 1], [0.1, 3.5, 0.2])
    with pytest.raises(BadInput, match=r"classes to sum to 1, got 0\.8000 at item 1"):
        calibration([0, 1, 1], [[0.5, 0.5], [0.4, 0.4], [0.1, 0.9]])
    with pytest.raises(BadInput, match="bins: expected 1 to 3, the number of items, got 4"):
        calibration([0, 1, 1], [0.1, 0.5, 0.2], bins=4)


def test_where_lower_is_better_the_table_and_its_verdict_know() -> None:
    labels, true, _, groups = probabilities(n=400, groups=40)
    names = [f"item {i}" for i in range(400)]
    place = dict(zip(names, true, strict=True))
    task = Task(
        name="toy", sequences=names, labels=labels, groups=[str(g) for g in groups],
        splits={"s": Fold(np.flatnonzero(groups < 10), np.flatnonzero(groups >= 10))},
    )  # fmt: skip
    models = [FitScore("knows", lambda train, y, test, seed: np.array([place[name] for name in test]))]
    table = compare(task, models, [Majority()], seeds=(0,), metrics=["brier", "auroc"], headline="brier", draws=200)
    assert table.summary()["method"].tolist() == ["knows", "majority"]
    assert "is below (better than) the best of 1 baselines, majority" in table.verdict()
    assert "ece" not in compare(task, models, [], seeds=(0,), draws=20).frame
