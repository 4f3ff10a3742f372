"""Intervals over groups, and resampled metrics held against scikit-learn's own."""

import time

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as reference

from glmkit.errors import BadInput
from glmkit.evaluate import METRICS, bootstrap
from glmkit.statistics import Estimate, draw_groups, group_index, ratio


def data(n: int = 203, seed: int = 0, groups: int = 17) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    scores = np.round(np.clip(0.3 * labels + rng.random(n) * 0.7, 0, 1), 2)  # rounded: ties
    return labels, scores, rng.integers(0, groups, n)


REFERENCE = {
    "auroc": lambda y, s, w: reference.roc_auc_score(y, s, sample_weight=w),
    "auprc": lambda y, s, w: reference.average_precision_score(y, s, sample_weight=w),
    "accuracy": lambda y, s, w: reference.accuracy_score(y, s >= 0.5, sample_weight=w),
    "f1": lambda y, s, w: reference.f1_score(y, s >= 0.5, sample_weight=w, average="macro"),
    "mcc": lambda y, s, w: reference.matthews_corrcoef(y, s >= 0.5, sample_weight=w),
}


def repeated(function):
    """The statistic on items written out as often as they were drawn."""
    return lambda y, s, w: function(*(np.repeat(x, w.astype(int)) for x in (y, s)))


MEASURED = {
    "spearman": repeated(lambda y, s: stats.spearmanr(y, s).statistic),
    "pearson": repeated(lambda y, s: stats.pearsonr(y, s).statistic),
    "r2": lambda y, s, w: reference.r2_score(y, s, sample_weight=w),
}


@pytest.mark.parametrize("name", list(MEASURED))
def test_resampled_correlation_equals_that_of_repeated_items(name: str) -> None:
    labels, scores, groups = data()
    values = np.round(scores + 0.5 * labels + np.random.default_rng(5).normal(size=203), 1)  # rounded: ties
    weights = draw_groups(17, 7, seed=3)[:, group_index(groups, 203)]
    drawn = METRICS[name].drawn(values, scores, weights)
    np.testing.assert_allclose(drawn, [MEASURED[name](values, scores, w) for w in weights], atol=1e-12)
    ones = METRICS[name].drawn(values, scores, np.ones((1, 203)))[0]
    assert ones == pytest.approx(METRICS[name].value(values, scores), abs=1e-12)
    estimate = bootstrap(name, values, scores, groups, draws=60)
    assert estimate.low < estimate.value < estimate.high


def test_constant_scores_do_not_correlate_and_constant_values_have_no_correlation() -> None:
    values, weights = np.array([0.5, 2.0, 1.0, 1.0]), np.array([[1.0, 1, 1, 1], [0, 0, 2, 2]])
    for name in ("spearman", "pearson"):
        assert METRICS[name].value(values, np.full(4, 3.0)) == 0
        assert METRICS[name].drawn(values, np.full(4, 3.0), weights)[0] == 0
        assert np.isnan(METRICS[name].drawn(values, np.arange(4.0), weights)[1])


@pytest.mark.parametrize("name", list(REFERENCE))
def test_resampled_metric_equals_scikit_learn_with_weights(name: str) -> None:
    labels, scores, groups = data()
    weights = draw_groups(17, 7, seed=3)[:, group_index(groups, len(labels))]
    drawn = METRICS[name].drawn(labels, scores, weights)
    assert drawn.shape == (7,)
    np.testing.assert_allclose(drawn, [REFERENCE[name](labels, scores, w) for w in weights], atol=1e-12)
    ones = METRICS[name].drawn(labels, scores, np.ones((1, len(labels))))[0]
    assert ones == pytest.approx(METRICS[name].value(labels, scores), abs=1e-12)


@pytest.mark.parametrize("name", ["auroc", "mcc"])
def test_named_metric_and_plain_function_agree(name: str) -> None:
    labels, scores, groups = data(n=61, groups=9)
    fast = bootstrap(name, labels, scores, groups, draws=50, seed=4)
    slow = bootstrap(METRICS[name].value, labels, scores, groups, draws=50, seed=4)
    assert fast == pytest.approx(slow, abs=1e-12)


def test_draws_keep_groups_whole() -> None:
    labels, _, groups = data()
    weights = draw_groups(17, 5, seed=0)[:, group_index(groups, len(labels))]
    for group in range(17):
        assert (np.ptp(weights[:, groups == group], axis=1) == 0).all()
    assert (draw_groups(17, 5, seed=0).sum(1) == 17).all()


def test_interval_over_groups_is_wider_when_items_of_a_group_agree() -> None:
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(20), 30)
    labels = np.tile([0, 1], 300)
    right = rng.random(20) < 0.7  # a contig is called right or wrong as a whole
    scores = np.where(right[groups], labels, 1 - labels).astype(float)
    by_group, by_item = bootstrap("accuracy", labels, scores, groups), bootstrap("accuracy", labels, scores)
    assert by_group.high - by_group.low > 3 * (by_item.high - by_item.low)
    assert by_group.value == by_item.value == pytest.approx(np.mean(scores == labels))


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    hits = 0
    for trial in range(200):
        labels = np.tile([0, 1], 50)
        correct = rng.random(100) < 0.8
        e = bootstrap("accuracy", labels, np.where(correct, labels, 1 - labels).astype(float), draws=300, seed=trial)
        hits += e.low <= 0.8 <= e.high
    assert 0.89 <= hits / 200 <= 0.99


def test_same_seed_same_interval_other_seed_other_interval() -> None:
    labels, scores, groups = data()
    assert bootstrap("auroc", labels, scores, groups) == bootstrap("auroc", labels, scores, groups)
    assert bootstrap("auroc", labels, scores, groups) != bootstrap("auroc", labels, scores, groups, seed=1)


def test_a_thousand_draws_of_three_thousand_items_are_quick() -> None:
    labels, scores, groups = data(n=3000, groups=3000)
    began = time.process_time()
    for name in (*REFERENCE, *MEASURED):
        bootstrap(name, labels, scores, groups)
    assert time.process_time() - began < 5 * 3


def test_bad_input_says_what_is_wrong() -> None:
    labels, scores, groups = data()
    with pytest.raises(
        BadInput, match=r"expected one of auroc, auprc, accuracy, f1, mcc, spearman, pearson, r2, macro_f1, .*, got 'auc'"
    ):
        bootstrap("auc", labels, scores)
    with pytest.raises(BadInput, match="at least 2 groups to resample, got 1"):
        bootstrap("auroc", labels, scores, ["contig"] * len(labels))
    with pytest.raises(BadInput, match="one name for each of 203 items, got 202"):
        bootstrap("auroc", labels, scores, groups[1:])
    with pytest.raises(BadInput, match=r"expected both classes, got only \[1.0\]"):
        bootstrap("auroc", np.ones(203), scores)
    with pytest.raises(BadInput, match=r"expected 0 and 1, got \[0, 1, 2\]"):
        bootstrap("auroc", labels + (np.arange(203) == 5) * 2 - (labels * (np.arange(203) == 5)), scores)
    scores[8] = np.nan
    with pytest.raises(BadInput, match="1 of 203 are not a number, the first at item 8"):
        bootstrap("auroc", labels, scores)
    with pytest.raises(BadInput, match="hold a single class"):
        bootstrap("auroc", [0, 0, 1], [0.1, 0.2, 0.3], ["a", "a", "b"], draws=200)


def test_estimate_reads_well_and_ratio_weighs_by_size() -> None:
    assert str(Estimate(0.88649, 0.87, 0.9)) == "0.886 [0.870, 0.900]"
    e = ratio(np.array([1.0, 1.0, 30.0]), np.array([1.0, 1.0, 10.0]), ["a", "b", "c"])
    assert e.value == pytest.approx(32 / 12)
    assert e.low == pytest.approx(1.0)
    assert e.high == pytest.approx(3.0)


def test_bad_values_say_what_is_wrong() -> None:
    with pytest.raises(BadInput, match=r"expected finite numbers, got inf at item 2 \(1 in all\)"):
        bootstrap("spearman", [0.1, 0.2, np.inf], [1, 2, 3])
    with pytest.raises(BadInput, match="expected values that differ, got 3 equal ones"):
        bootstrap("r2", [2.0, 2.0, 2.0], [1, 2, 3])
