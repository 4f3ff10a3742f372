"""Many classes and many outputs: metrics against scikit-learn, tables by class and by output, and labels that do not fit.

Covers ``glmkit.evaluate.diagnostics.per_class``, ``glmkit.evaluate.metrics.probabilistic``,
``glmkit.evaluate.metrics.ranking``, ``glmkit.evaluate.metrics.weighted``.
"""

import time

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as reference

from glmkit.errors import BadInput
from glmkit.evaluate import METRICS, Fold, Task, bootstrap, compare
from glmkit.statistics import draw_groups, group_index
from tests.methods import FitScore

CLASSES = ("B", "T", "NK", "mono")


def classified(n: int = 157, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.choice(4, n, p=[0.45, 0.3, 0.2, 0.05])
    scores = rng.dirichlet(np.ones(4), n) + 0.5 * np.eye(4)[labels]
    return labels, scores / scores.sum(1, keepdims=True), rng.integers(0, 13, n)


def measured(n: int = 83, outputs: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    labels = np.round(rng.normal(size=(n, outputs)), 1)
    return labels, np.round(labels + rng.normal(size=(n, outputs)), 1), rng.integers(0, 11, n)


ON_ITEMS = {
    "macro_f1": lambda y, s: reference.f1_score(y, s.argmax(1), labels=np.unique(y), average="macro", zero_division=0),
    "balanced_accuracy": lambda y, s: np.mean([(s.argmax(1)[y == c] == c).mean() for c in np.unique(y)]),
    "accuracy": lambda y, s: reference.accuracy_score(y, s.argmax(1)),
}


@pytest.mark.parametrize("name", list(ON_ITEMS))
def test_a_draw_of_many_classes_equals_the_metric_on_the_drawn_items(name: str) -> None:
    labels, scores, groups = classified()
    weights = draw_groups(13, 9, seed=3)[:, group_index(groups, len(labels))]
    by_hand = [ON_ITEMS[name](*(np.repeat(x, w.astype(int), axis=0) for x in (labels, scores))) for w in weights]
    np.testing.assert_allclose(METRICS[name].drawn(labels, scores, weights), by_hand, atol=1e-12)
    assert METRICS[name].value(labels, scores) == pytest.approx(ON_ITEMS[name](labels, scores), abs=1e-12)


def test_a_draw_of_many_outputs_equals_the_mean_of_spearman_on_the_drawn_items() -> None:
    labels, scores, groups = measured()
    scores[:, 2] = 7.0  # a method that says nothing
    weights = draw_groups(11, 6, seed=3)[:, group_index(groups, len(labels))]

    def by_hand(y: np.ndarray, s: np.ndarray) -> float:
        return np.mean([0.0 if k == 2 else stats.spearmanr(y[:, k], s[:, k]).statistic for k in range(5)])

    drawn = [by_hand(*(np.repeat(x, w.astype(int), axis=0) for x in (labels, scores))) for w in weights]
    np.testing.assert_allclose(METRICS["mean_spearman"].drawn(labels, scores, weights), drawn, atol=1e-12)
    assert METRICS["mean_spearman"].value(labels, scores) == pytest.approx(by_hand(labels, scores))


def test_an_output_that_never_varies_is_left_out_of_the_mean() -> None:
    labels = np.array([[1.0, 4.0], [2.0, 4.0], [3.0, 4.0]])
    scores = np.array([[1.0, 9.0], [2.0, 8.0], [3.0, 7.0]])
    assert METRICS["mean_spearman"].value(labels, scores) == 1.0
    assert METRICS["mean_spearman"].drawn(labels, scores, np.array([[1.0, 1.0, 1.0], [3.0, 0.0, 0.0]])).tolist() == pytest.approx(
        [1.0, np.nan], nan_ok=True
    )


def test_a_class_that_is_only_called_costs_no_zero_of_its_own() -> None:
    labels = np.array([0, 0, 1, 1])
    scores = np.eye(3)[[0, 2, 1, 1]]  # F1 of class 0: 2/3, of class 1: 1
    assert METRICS["macro_f1"].value(labels, scores) == pytest.approx(5 / 6)
    assert METRICS["balanced_accuracy"].value(labels, scores) == pytest.approx(3 / 4)


def many_task(**changes: object) -> Task:
    labels, _, groups = classified()
    names = tuple(("cell", i) for i in range(len(labels)))
    test = groups < 5
    fold = Fold(np.flatnonzero(~test), np.flatnonzero(test))
    settings = {"name": "types", "sequences": names, "labels": labels, "groups": groups.tolist(), "splits": {"donor": fold}}
    return Task(**(settings | {"kind": "multiclass", "classes": CLASSES} | changes))


def noisy(task: Task, noise: float, name: str) -> FitScore:
    def fit_score(train, labels, test, seed):
        """Knows the truth up to noise."""
        truth = dict(zip(task.sequences, task.labels, strict=True))
        rng = np.random.default_rng(seed)
        scores = np.eye(4)[[truth[item] for item in test]] + noise * rng.random((len(test), 4))
        return scores / scores.sum(1, keepdims=True)

    return FitScore(name, fit_score)


def test_a_comparison_of_many_classes() -> None:
    task = many_task()
    table = compare(task, [noisy(task, 1.2, "good"), noisy(task, 5.0, "poor")], [], seeds=(0, 1, 2), draws=200)
    assert table.metrics == ("macro_f1", "balanced_accuracy", "accuracy")
    row = table.row("good")
    assert row.scores.shape == (3, len(row.labels), 4)
    by_hand = np.mean([ON_ITEMS["macro_f1"](row.labels, s) for s in row.scores])
    assert row.estimates["macro_f1"].value == pytest.approx(by_hand)
    assert table.difference("good", "poor").low > 0
    assert "good is above poor: the difference in macro F1" in table.sentence("good", "poor")
    assert table.frame.loc[0, ["classes", "n_test"]].tolist() == [len(np.unique(row.labels)), len(row.labels)]
    with pytest.raises(
        BadInput, match="types is a task of kind multiclass: a receiver operating curve needs kind classification"
    ):
        table.roc()


def test_the_table_of_classes_marks_the_rare_ones() -> None:
    task = many_task()
    table = compare(task, [noisy(task, 1.5, "m")], [], seeds=(0, 1), draws=50)
    row, frame = table.row("m"), table.per_class("m").set_index("class")
    fold = task.splits["donor"]
    for c, name in enumerate(CLASSES):
        assert frame.loc[name, "n_test"] == (row.labels == c).sum()
        assert frame.loc[name, "n_train"] == (task.labels[fold.train] == c).sum()
        expected = [
            reference.precision_recall_fscore_support(row.labels, s.argmax(1), labels=[c], zero_division=0) for s in row.scores
        ]
        means = np.mean([[part[0] for part in one[:3]] for one in expected], axis=0)
        np.testing.assert_allclose(frame.loc[name, ["precision", "recall", "f1"]].to_numpy(float), means)
        assert frame.loc[name, "rare"] == (frame.loc[name, "n_test"] < 10)
    assert frame["n_test"].is_monotonic_decreasing
    assert frame["rare"].any()
    assert frame.loc["B", "f1_low"] < frame.loc["B", "f1"]
    assert frame.loc["B", "f1"] < frame.loc["B", "f1_high"]
    chosen = table.per_class("m", rare=["T"])
    assert chosen.loc[chosen["rare"], "class"].tolist() == ["T"]
    with pytest.raises(BadInput, match="no class 'X'; there are B, T, NK, mono"):
        table.per_class("m", rare=["X"])
    with pytest.raises(BadInput, match="types is a task of kind multiclass; this method is for tasks of kind multioutput"):
        table.per_output("m")
    confusion = table.confusion("m")
    assert confusion.sum(1).tolist() == [float((row.labels == c).sum()) for c in range(4)]
    assert confusion.loc["B", "B"] == pytest.approx(frame.loc["B", "recall"] * frame.loc["B", "n_test"])


def test_a_comparison_of_many_outputs() -> None:
    labels, scores, _ = measured()
    outputs = ("CD3", "CD4", "CD8", "CD19", "flat")
    labels = labels.copy()
    labels[40:, 4] = 0.0
    task = Task(
        name="proteins", sequences=range(83), labels=labels, groups=list(range(83)), kind="multioutput", outputs=outputs,
        splits={"random": Fold(np.arange(40), np.arange(40, 83))},
    )  # fmt: skip

    def look_up(train, known, test, seed):
        """Looks the answer up."""
        assert known.shape == (40, 5)
        return scores[list(test)]

    def mean(train, known, test, seed):
        return np.tile(known.mean(0), (len(test), 1))

    table = compare(task, [FitScore("m", look_up), FitScore("mean", mean)], [], seeds=(0,), draws=100)
    frame = table.per_output("m").set_index("output")
    for k, name in enumerate(outputs[:4]):
        assert frame.loc[name, "spearman"] == pytest.approx(stats.spearmanr(labels[40:, k], scores[40:, k]).statistic)
        assert frame.loc[name, "low"] < frame.loc[name, "spearman"] < frame.loc[name, "high"]
    assert np.isnan(frame.loc["flat", ["spearman", "low", "high"]].to_numpy(float)).all()
    assert table.row("m").estimates["mean_spearman"].value == pytest.approx(frame["spearman"].mean())
    assert table.row("mean").estimates["mean_spearman"] == (0, 0, 0)
    assert table.frame["outputs"].tolist() == [5, 5]


def test_labels_that_do_not_fit_are_refused() -> None:
    labels, scores, _ = classified()
    with pytest.raises(BadInput, match=r"labels: expected 0 to 2, one of 3 classes, got 0 to 3"):
        many_task(classes=CLASSES[:3])
    with pytest.raises(BadInput, match=r"labels: expected class numbers .* as integers, got float64"):
        many_task(labels=labels * 1.0)
    with pytest.raises(BadInput, match="expected different names of classes and outputs, got B, B, NK, mono"):
        many_task(classes=("B", "B", "NK", "mono"))
    with pytest.raises(BadInput, match=r"the test side holds 2 items of one class only. Several classes are needed"):
        many_task(splits={"s": Fold(np.arange(50), np.flatnonzero(labels == 1)[-2:])}, groups=list(range(157)))
    with pytest.raises(BadInput, match="labels have 5 columns, but there are 2 outputs"):
        many_task(kind="multioutput", labels=np.random.default_rng(0).random((157, 5)), outputs=("a", "b"))
    broken = np.random.default_rng(0).random((157, 2))
    broken[3, 1] = np.inf
    with pytest.raises(BadInput, match="expected finite numbers, got 1 others, the first at item 3, output 1"):
        many_task(kind="multioutput", labels=broken, outputs=("a", "b"))
    task = many_task()
    with pytest.raises(
        BadInput, match=r"m, seed 0: expected one score for each of \d+ test items and class \(of 4\), got an array"
    ):
        compare(task, [FitScore("m", lambda train, y, test, seed: np.zeros(len(test)))], [])
    with pytest.raises(BadInput, match="Expected a score for each item and class"):
        bootstrap("macro_f1", labels, scores[:, 0])


def test_a_thousand_draws_of_ten_thousand_cells_are_quick() -> None:
    labels, scores, _ = classified(n=10_000)
    began = time.process_time()
    bootstrap("macro_f1", labels, scores)
    assert time.process_time() - began < 5
