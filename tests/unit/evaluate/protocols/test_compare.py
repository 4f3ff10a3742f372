"""Comparisons: the same windows for all, paired differences, and a sentence that does not flatter.

Covers ``glmkit.evaluate.protocols.jobs``, ``glmkit.evaluate.protocols.scoring``, ``glmkit.evaluate.results.row``.
"""

from types import SimpleNamespace

import numpy as np
import pytest

from glmkit.errors import BadInput
from glmkit.evaluate import METRICS, Fold, Task, compare
from glmkit.evaluate.baselines import Majority
from glmkit.evaluate.baselines.dna import PositionWeights
from tests.methods import FitScore


def windows(n: int = 240, groups: int = 12, seed: int = 0, length: int = 11) -> SimpleNamespace:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    letters = rng.choice(list("ACGT"), (n, length))
    letters[(labels == 1) & (rng.random(n) < 0.6), 5] = "G"
    return SimpleNamespace(
        sequences=["".join(row) for row in letters], labels=labels, groups=[f"c{i % groups}" for i in range(n)]
    )


def oracle(name: str, quality: float, by_seed: float = 0.0) -> FitScore:
    """A model that knows the truth up to noise."""

    def fit_score(train, labels, test, seed):
        """Knows the planted letter."""
        rng = np.random.default_rng([seed, len(test)])
        known = np.array([s[5] == "G" for s in test])
        return np.clip(0.5 + (quality + by_seed * seed) * (known - 0.5) + 0.2 * rng.normal(size=len(test)), 0, 1)

    return FitScore(name, fit_score)


def test_table_holds_what_was_asked_for() -> None:
    task = Task.hold_out_groups("toy", windows(), 0.25, seeds=(0, 1))
    table = compare(task, [oracle("net", 0.5)], [Majority(), PositionWeights()], seeds=(0, 1, 2), draws=200)
    frame = table.frame
    assert frame[["method", "split"]].values.tolist() == [
        [m, s] for s in ("groups 0", "groups 1") for m in ("net", "majority", "position weights")
    ]
    net = frame[(frame.method == "net") & (frame.split == "groups 1")].iloc[0]
    fold = task.splits["groups 1"]
    assert net.n_test == len(fold.test)
    assert net.groups == len({task.groups[i] for i in fold.test})
    assert net.positive_rate == pytest.approx(task.labels[fold.test].mean())
    assert net.seeds == 3
    assert net.description == "Knows the planted letter."
    row = table.row("net", "groups 1")
    by_hand = np.mean([METRICS["auroc"].value(row.labels, s) for s in row.scores])
    assert net.auroc == pytest.approx(by_hand)
    assert net.auroc_low < net.auroc < net.auroc_high
    assert frame[frame.method == "majority"].auroc.tolist() == [0.5, 0.5]
    assert np.isnan(frame[frame.method == "majority"].auroc_seed_sd).all()
    assert table.summary("groups 0").method.iloc[-1] == "majority"
    false, true = table.roc("groups 0")["net"]
    assert np.trapezoid(true, false) == pytest.approx(frame.auroc.iloc[0], abs=0.02)


def test_splits_with_the_same_training_are_fitted_once() -> None:
    calls = []

    def model(train, labels, test, seed):
        calls.append((len(train), len(test), seed))
        return np.linspace(0, 1, len(test))

    train, near, far = windows(60, 5), windows(40, 4, seed=1), windows(31, 3, seed=2)
    near.groups, far.groups = [f"near {g}" for g in near.groups], [f"far {g}" for g in far.groups]
    task = Task.from_windows("toy", train, {"near": near, "far": far})
    table = compare(task, [FitScore("m", model)], [Majority()], seeds=(0, 5), draws=20)
    assert calls == [(60, 71, 0), (60, 71, 5)]
    np.testing.assert_array_equal(table.row("m", "far").scores[0], np.linspace(0, 1, 71)[40:])
    assert table.row("m", "near").n_train == 60


def test_difference_is_paired_and_the_verdict_follows_it() -> None:
    task = Task.hold_out_groups("toy", windows(600, 40), 0.5)

    def same(train, labels, test, seed):
        return PositionWeights().fit(train, labels).score(test)

    def worse(train, labels, test, seed):
        return np.random.default_rng(seed).random(len(test))

    def better(train, labels, test, seed):
        truth = dict(zip(task.sequences, task.labels, strict=True))
        return np.array([0.8 * truth[s] for s in test]) + 0.01 * np.arange(len(test)) / len(test)

    models = [FitScore("same", same), FitScore("worse", worse), FitScore("better", better)]
    table = compare(task, models, [Majority(), PositionWeights()], seeds=(0,), draws=300)
    assert table.difference("same", "position weights") == (0, 0, 0)
    gap = table.difference("better", "position weights")
    apart = table.row("better").estimates["auroc"], table.row("position weights").estimates["auroc"]
    assert gap.value == pytest.approx(apart[0].value - apart[1].value)
    assert gap.low > 0
    against = table.differences("position weights").set_index("method")
    assert against.index[0] == "better"
    assert tuple(against.loc["better", ["difference", "low", "high"]]) == gap
    assert "position weights" not in against.index
    assert (
        "better (best of 3 models) with AUROC 1.000 [1.000, 1.000] is above the best of 2 baselines, position weights"
        in table.verdict()
    )
    assert "same with AUROC" in table.verdict(model="same")
    assert "does not beat" in table.verdict(model="same")
    assert "is below" in table.verdict(model="worse")
    assert f"over {len(set(table.row('same').groups))} held-out groups" in table.verdict()


def test_a_sentence_says_only_what_the_interval_bears_out() -> None:
    task = Task.hold_out_groups("toy", windows(600, 40), 0.5)

    def worse(train, labels, test, seed):
        return np.random.default_rng(seed).random(len(test))

    models = [FitScore("from scratch", worse), FitScore("again", worse)]
    table = compare(task, models, [Majority(), PositionWeights()], seeds=(0,), draws=200)
    gap = table.difference("position weights", "from scratch")
    words = f"the difference in AUROC is {gap.value:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]."
    assert table.sentence("position weights", "from scratch") == f"On groups 0, position weights is above from scratch: {words}"
    assert table.sentence("from scratch", "position weights").startswith("On groups 0, from scratch is below position weights: ")
    assert table.sentence("again", "from scratch", metric="mcc") == (
        "On groups 0, again and from scratch are not distinguishable: the difference in MCC is +0.000 [+0.000, +0.000]."
    )


def test_what_fits_classes_does_not_fit_measured_values() -> None:
    w = windows(60, 6)
    parts = {"name": "toy", "sequences": w.sequences, "groups": w.groups, "kind": "regression"}
    halves = Fold(np.arange(0, 60, 2), np.arange(1, 60, 2))
    task = Task(**parts, labels=np.arange(60) / 7, splits={"s": halves})
    with pytest.raises(BadInput, match="expected one of spearman, pearson, r2, ndcg for regression, got 'auroc'"):
        compare(task, [], [Majority()], metrics=["auroc"])
    table = compare(task, [], [Majority()], draws=20)
    assert table.row("majority").estimates["spearman"] == (0, 0, 0)
    with pytest.raises(BadInput, match="toy is a task of kind regression: a receiver operating curve needs kind classification"):
        table.roc()
    with pytest.raises(BadInput, match="expected finite numbers, got nan at item 3"):
        Task(**parts, labels=np.where(np.arange(60) == 3, np.nan, np.arange(60)), splits={})
    with pytest.raises(BadInput, match="the test side holds 1 items of one value only"):
        Task(**parts, labels=np.arange(60), splits={"s": Fold(np.arange(0, 60, 2), np.array([1]))})
    with pytest.raises(BadInput, match="split 's': 30 items are tested in more than one fold"):
        Task(**parts, labels=np.arange(60), splits={"s": [halves, halves]})
    with pytest.raises(BadInput, match="kind must be classification, regression, multiclass or multioutput, got 'ranking'"):
        Task(**(parts | {"kind": "ranking"}), labels=np.arange(60), splits={})


def test_seed_spread_widens_the_interval() -> None:
    task = Task.hold_out_groups("toy", windows(600, 40), 0.5)
    models = [oracle("steady", 0.9), oracle("moody", 0.1, by_seed=0.4)]
    table = compare(task, models, [Majority()], seeds=(0, 1, 2), draws=300)
    steady, moody = table.row("steady"), table.row("moody")
    assert moody.spread["auroc"] > 3 * steady.spread["auroc"]
    width = [r.estimates["auroc"].high - r.estimates["auroc"].low for r in (steady, moody)]
    assert width[1] > 1.3 * width[0]


def test_copies_of_training_windows_are_counted() -> None:
    w = windows(60, 6)
    w.sequences[7] = w.sequences[0]
    fold = Fold(np.flatnonzero(np.arange(60) % 6 < 1), np.flatnonzero(np.arange(60) % 6 >= 1))
    task = Task(name="toy", sequences=w.sequences, labels=w.labels, groups=w.groups, splits={"s": fold})
    assert compare(task, [], [Majority()], draws=20).frame.seen_in_train.tolist() == [1]


def test_bad_input_says_what_is_wrong() -> None:
    w = windows(60, 6)
    everything = {"name": "toy", "sequences": w.sequences, "labels": w.labels, "groups": w.groups}
    with pytest.raises(BadInput, match=r"split 's': 6 groups are on both sides, the first is 'c0'"):
        Task(**everything, splits={"s": Fold(np.arange(30), np.arange(30, 60))})
    with pytest.raises(BadInput, match="split 's': 1 items are in both train and test, the first is item 29"):
        Task(**everything, splits={"s": Fold(np.arange(30), np.arange(29, 60))})
    with pytest.raises(BadInput, match="the test side holds 1 items of one class only"):
        Task(**everything, splits={"s": Fold(np.arange(30), np.arange(59, 60))})
    task = Task.hold_out_groups("toy", w)
    with pytest.raises(BadInput, match="has no split 'far'; it has groups 0"):
        compare(task, [], [Majority()], splits=["far"])
    with pytest.raises(BadInput, match="a different name for each method, got majority, majority"):
        compare(task, [], [Majority(), Majority()])
    with pytest.raises(BadInput, match=r"short, seed 0: expected one score for each of \d+ test items, got an array \(1,\)"):
        compare(task, [FitScore("short", lambda *a: np.ones(1))], [])
    table = compare(task, [], [Majority()], draws=20)
    with pytest.raises(BadInput, match=r"models: expected a sequence of methods, .* got a mapping\. Write models=\[Trained\("):
        compare(task, {"short": lambda *a: np.ones(1)}, [])
    with pytest.raises(BadInput, match=r"baselines: expected a sequence of methods, got a Majority\. Write baselines=\["):
        compare(task, [], Majority())
    with pytest.raises(
        BadInput, match=r"models: expected methods with name, .* got a function without name, description, random"
    ):
        compare(task, [lambda *a: np.ones(1)], [])
    with pytest.raises(BadInput, match="A verdict needs a model and a baseline; the table has majority"):
        table.verdict()
    with pytest.raises(BadInput, match="No method 'net' in this table; it has majority"):
        table.row("net")
