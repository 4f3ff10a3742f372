"""Cross-validation over groups, scores without training, tables put together, and the paired test between two methods."""

from dataclasses import replace
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from glmkit.errors import BadInput
from glmkit.evaluate import METRICS, Fold, Task, Trained, combine, compare, k_fold, zero_shot
from glmkit.evaluate.baselines import Majority
from glmkit.evaluate.results import holm, paired_test


def task(n: int = 160, groups: int = 20, kind: str = "classification", seed: int = 0) -> tuple[Task, dict[str, float]]:
    """Named items of which a hidden number decides the label, and that number."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=n)
    labels = hidden + 0.7 * rng.normal(size=n)
    names, of = [f"item {i}" for i in range(n)], rng.integers(0, groups, n)
    made = Task(
        name="toy",
        sequences=names,
        labels=(labels > 0).astype(int) if kind == "classification" else labels,
        groups=[f"g{g}" for g in of],
        splits={"held out": Fold(np.flatnonzero(of < groups // 2), np.flatnonzero(of >= groups // 2))},
        kind=kind,
    )
    return made, dict(zip(names, hidden.tolist(), strict=True))


def raw(name: str, hidden: dict[str, float], scale: float = 1.0, noise: float = 0.0) -> Trained:
    """The hidden number, on any scale."""
    return Trained(
        name,
        "the hidden number",
        lambda items, seed: scale * np.array([hidden[i] + noise * np.sin(7 * hidden[i] * (1 + len(i))) for i in items]),
    )


def informed(name: str, hidden: dict[str, float], noise: float = 0.0, by_seed: float = 0.0, scale: float = 1.0) -> Trained:
    """A probability that grows with the hidden number."""
    score = raw(name, hidden, scale, noise).predict

    def probability(items, seed):
        return 1 / (1 + np.exp(-score(items, seed) - by_seed * seed * np.cos(np.arange(len(items)))))

    return Trained(name, "logistic function of the hidden number", probability)


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_every_item_is_tested_once_beside_its_whole_group(kind: str) -> None:
    toy, hidden = task(kind=kind)
    crossed = k_fold(toy, 4, seeds=(0, 1))
    assert list(crossed.splits) == ["4-fold, seed 0", "4-fold, seed 1"]
    for split in crossed.splits:
        folds = crossed.folds(split)
        assert sorted(np.concatenate([fold.test for fold in folds]).tolist()) == list(range(160))
        for fold in folds:
            assert not {toy.groups[i] for i in fold.train} & {toy.groups[i] for i in fold.test}
    assert not np.array_equal(crossed.folds("4-fold, seed 0")[0].test, crossed.folds("4-fold, seed 1")[0].test)
    table = compare(k_fold(toy, 4), [informed("net", hidden)], [Majority()], seeds=(0,), draws=50)
    assert table.splits == ["4-fold"]
    assert table.row("net").n_train == 120
    assert len(table.row("net").labels) == 160


def test_folds_are_stratified_where_items_stand_alone() -> None:
    toy, _ = task()
    alone = k_fold(replace(toy, groups=toy.sequences), 8)
    rates = [alone.labels[fold.test].mean() for fold in alone.folds("8-fold")]
    assert np.ptp(rates) <= 1 / 20 + 1e-12
    with pytest.raises(BadInput, match="k: expected 2 to 20, the number of groups, got 21"):
        k_fold(toy, 21)
    with pytest.raises(BadInput, match="seeds: expected at least one, got none"):
        k_fold(toy, 3, seeds=())


def test_zero_shot_scores_the_test_sides_by_their_order() -> None:
    toy, hidden = task(kind="regression")
    wrong = raw("wrong way", hidden, scale=-40)
    table = zero_shot(toy, [wrong], [raw("right way", hidden, scale=40)], draws=100)
    row, test = table.row("wrong way"), toy.splits["held out"].test
    expected = stats.spearmanr(toy.labels[test], wrong.score([toy.sequences[i] for i in test])).statistic
    assert row.estimates["spearman"].value == pytest.approx(expected)
    assert row.estimates["spearman"].high < 0
    assert (row.n_train, row.seen, row.description) == (0, 0, "the hidden number")
    assert "wrong way with Spearman" in table.verdict()
    matrix = SimpleNamespace(name="m", description="a matrix", score=wrong.score)
    assert zero_shot(toy, [matrix], draws=20).row("m").description == "a matrix"
    whole = zero_shot(replace(toy, splits={}), [wrong], draws=20)
    assert whole.splits == ["all items"]
    assert len(whole.row("wrong way").labels) == 160
    with pytest.raises(BadInput, match=r"short: expected one score for each of \d+ test items, got an array \(3,\)"):
        zero_shot(toy, [Trained("short", "three numbers", lambda items, seed: np.arange(3))])
    with pytest.raises(BadInput, match=r"models: expected methods with name, description, score, got a function without name"):
        zero_shot(toy, [lambda items: items])
    assert zero_shot(task()[0], [wrong], draws=20).metrics == ("auroc", "auprc", "recall_at_fdr")


def test_tables_of_one_task_stand_together() -> None:
    toy, hidden = task()
    score = raw("likelihood", hidden)
    trained = compare(toy, [informed("net", hidden)], [Majority()], seeds=(0,), draws=60)
    both = combine(trained, zero_shot(toy, [score], draws=60))
    assert [row.method for row in both.rows] == ["net", "majority", "likelihood"]
    assert both.metrics == ("auroc", "auprc")
    assert both.difference("net", "likelihood") == (0, 0, 0)  # the same order, over the same draws
    with pytest.raises(BadInput, match="net is in two tables on held out"):
        combine(trained, trained)
    with pytest.raises(BadInput, match="likelihood has another number of draws than net"):
        combine(trained, zero_shot(toy, [score], draws=61))
    with pytest.raises(BadInput, match="expected tables of one task, got 'toy' and 'other'"):
        combine(trained, zero_shot(replace(toy, name="other"), [score], draws=60))


def test_the_p_value_is_exact_with_few_groups() -> None:
    toy, hidden = task(n=90, groups=14)
    table = compare(
        toy, [informed("good", hidden, 0.5), informed("poor", hidden, 3.0, scale=50)], [], seeds=(0,), metrics=["auroc", "accuracy"],
        draws=50,
    )  # fmt: skip
    good, poor = table.row("good"), table.row("poor")
    names = sorted(set(good.groups))
    assert 5 <= len(names) <= 8

    def by_hand(metric: str, ranked: bool) -> float:
        scores = [stats.rankdata(row.scores[0]) if ranked else row.scores[0] for row in (good, poor)]
        gaps = []
        for flags in product([True, False], repeat=len(names)):
            ours = np.isin(good.groups, [name for name, flag in zip(names, flags, strict=True) if flag])
            parts = [np.where(ours, *scores), np.where(ours, *scores[::-1])]
            gaps.append(METRICS[metric].value(good.labels, parts[0]) - METRICS[metric].value(good.labels, parts[1]))
        gaps = np.round(gaps, 12)
        return min(1, 2 * min((gaps >= gaps[0]).mean(), (gaps <= gaps[0]).mean()))

    for metric, ranked in (("auroc", True), ("accuracy", False)):
        found = paired_test(table, "good", "poor", metric).iloc[0]
        assert found.p == pytest.approx(by_hand(metric, ranked)), metric
        assert tuple(found[["difference", "low", "high"]]) == table.difference("good", "poor", metric=metric)
        assert found.groups == len(names)


def test_equal_methods_are_not_told_apart_and_unequal_ones_are() -> None:
    toy, hidden = task(n=400, groups=60)
    models = [
        informed("good", hidden, by_seed=0.1),
        informed("stretched", hidden, scale=9),
        informed("poor", hidden, noise=4, by_seed=0.1),
    ]
    table = compare(toy, models, [Majority()], seeds=(0, 1), draws=50)
    found = paired_test(table, "good", ["poor", "majority", "stretched"], permutations=400).set_index("reference")
    assert found.loc["poor", "p"] < 0.02
    assert found.loc["poor", "difference"] > 0
    assert found.loc["stretched", "p"] > 0.05
    np.testing.assert_array_equal(found["p_holm"], holm(found["p"]))
    again = paired_test(table, "good", ["poor", "majority", "stretched"], permutations=400).set_index("reference")
    assert found.equals(again)
    with pytest.raises(BadInput, match="good cannot be tested against itself"):
        paired_test(table, "good", "good")
    with pytest.raises(BadInput, match="this table has no ece; it has auroc"):
        paired_test(table, "good", "poor", "ece")
    other = combine(table, compare(toy, [informed("thrice", hidden, by_seed=0.1)], [], seeds=(0, 1, 2), draws=50))
    with pytest.raises(BadInput, match="good has 2 seeds and thrice 3: they cannot be paired"):
        paired_test(other, "good", "thrice")


def test_holm_steps_down() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.7, 0.6]), [1.0, 1.0])
