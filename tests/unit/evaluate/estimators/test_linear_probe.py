"""Probes: ridge held against scikit-learn, the penalty chosen where it should be, few labels drawn alike for all."""

from functools import partial

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from glmkit.errors import BadInput
from glmkit.evaluate import METRICS, Fold, Probe, Task, compare, few_shot, probe_pair, untrained
from glmkit.evaluate.baselines import Majority
from glmkit.evaluate.baselines.cells import ClassShares
from glmkit.evaluate.estimators import joined, ridge_path, stored
from glmkit.evaluate.tasks import split_positions
from glmkit.models import TransformerConfig, new_model
from glmkit.score import embed
from glmkit.tokens import LetterTokenizer
from tests.methods import FitScore


@pytest.mark.parametrize("shape", [(37, 5), (11, 29)])
def test_ridge_equals_scikit_learn(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(2, 1, shape), rng.normal(-3, 1, shape[0])
    for alpha, (w, b) in zip((1e-3, 1.7, 400.0), ridge_path(x, y, (1e-3, 1.7, 400.0)), strict=True):
        theirs = Ridge(alpha).fit(x, y)
        np.testing.assert_allclose(w, theirs.coef_, rtol=1e-6, atol=1e-9)
        assert b == pytest.approx(theirs.intercept_)


def data(n: int = 130, width: int = 7, seed: int = 0) -> tuple[list[str], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, width)) * 10.0 ** np.arange(width)
    return [f"item {i}" for i in range(n)], x, x[:, 0] - x[:, 2] / 100 + rng.normal(size=n) * 0.3


def test_a_probe_reads_a_straight_line_and_embeds_once() -> None:
    names, x, y = data()
    calls = []
    look_up = stored(names, x)

    def counted(wanted):
        calls.append(len(wanted))
        return look_up(wanted)

    probe = Probe(counted)
    scores = probe.fit(names[:100], y[:100], 0).score(names[100:])
    assert np.corrcoef(scores, y[100:])[0, 1] > 0.95
    assert calls == [100, 30]
    np.testing.assert_array_equal(probe.fit(names[:100], y[:100], 0).score(names[100:]), scores)
    assert calls == [100, 30]
    hint = joined(stored(names, x[:, 3:]), lambda wanted: look_up(wanted)[:, 0])
    assert hint(names[5:7]).tolist() == x[5:7][:, [3, 4, 5, 6, 0]].tolist()
    binary = Probe(look_up, "classification").fit(names[:100], (y[:100] > 0).astype(int))
    chance = binary.score(names[100:])
    assert ((chance > 0) & (chance < 1)).all()
    assert np.mean((chance > 0.5) == (y[100:] > 0)) > 0.85


@pytest.mark.parametrize("kind", ["regression", "classification"])
def test_inner_folds_keep_groups_whole(kind: str) -> None:
    names, x, y = data()
    labels = (y > 0).astype(float) if kind == "classification" else y
    groups = {name: i // 9 for i, name in enumerate(names)}
    folds = Probe(stored(names, x), kind, groups=groups, folds=4)._inner(names, labels, seed=1)
    assert sorted(np.concatenate([judge for _, judge in folds]).tolist()) == list(range(130))
    assert len(folds) == 4
    for train, judge in folds:
        assert not {i // 9 for i in train} & {i // 9 for i in judge}
    two = Probe(stored(names, x)).fit(names[:2], [0.0, 1.0])
    assert two.alpha in two.alphas


def regression_task() -> tuple[Task, Probe]:
    names, x, y = data()
    positions = [i // 3 for i in range(130)]
    splits = {kind: split_positions(positions, 4, kind) for kind in ("random", "modulo")}
    groups = [str(position) for position in positions]
    return Task(name="t", sequences=names, labels=y, groups=groups, splits=splits, kind="regression"), Probe(stored(names, x))


def test_few_labels_are_the_same_for_all_and_grow() -> None:
    task, probe = regression_task()
    given: dict[str, list] = {"a": [], "b": []}

    def spy(name):
        def model(train, labels, test, seed):
            given[name].append((seed, tuple(train)))
            return np.arange(len(test), dtype=float)

        return FitScore(name, model)

    table = few_shot(task, [spy("a"), spy("b"), probe], [Majority()], (5, 40), (0, 1), ["modulo"], draws=30)
    assert given["a"] == given["b"]
    assert [len(train) for _, train in given["a"]] == [5] * 8 + [40] * 8
    assert set(given["a"][0][1]) < set(given["a"][8][1])
    assert given["a"][0][1] != given["a"][4][1], "another seed draws others"
    assert table.splits == ["modulo, 5 labels", "modulo, 40 labels"]
    assert table.row("probe", "modulo, 40 labels").description == probe.description
    assert table.row("majority", "modulo, 5 labels").seeds == [0, 1]
    assert table.difference("probe", "majority", "modulo, 40 labels").low > 0
    with pytest.raises(BadInput, match=r"sizes: expected 2 to \d+, the smallest training side, got \[500\]"):
        few_shot(task, [], [Majority()], (500,))


def test_few_labels_hold_both_classes() -> None:
    names, _, y = data()
    task = Task(
        name="rare",
        sequences=names,
        labels=(y > np.sort(y)[-12]).astype(int),
        groups=names,
        splits={"s": split_positions(list(range(130)), 2, "random")},
    )
    seen = []

    def model(train, labels, test, seed):
        seen.append(set(labels.tolist()))
        return np.zeros(len(test))

    few_shot(task, [FitScore("m", model)], [], (3,), range(6), draws=10)
    assert seen == [{0, 1}] * 12


def test_bad_input_says_what_is_wrong() -> None:
    names, x, y = data(9)
    with pytest.raises(BadInput, match="No embedding is stored for 1 of 2 names, the first is 'nobody'"):
        stored(names, x)(["item 0", "nobody"])
    with pytest.raises(BadInput, match="a different name for each row, got 9 names for 8 rows"):
        stored(names, x[:-1])
    with pytest.raises(BadInput, match="probe has not been fitted"):
        Probe(stored(names, x)).score(names)
    x[4, 2] = np.nan
    with pytest.raises(BadInput, match="the embedding of item 4 is not finite"):
        Probe(stored(names, x)).fit(names, y)
    with pytest.raises(BadInput, match=r"expected embeddings \(9, d\), got an array \(9,\)"):
        Probe(lambda wanted: np.ones(len(wanted))).fit(names, y)
    with pytest.raises(BadInput, match="alphas above 0 and at least 2 folds"):
        Probe(stored(names, x), alphas=(0.0,))


def test_a_cross_validated_split_is_judged_once_on_all_items() -> None:
    task, probe = regression_task()
    table = compare(task, [probe], [Majority()], seeds=(0,), draws=50)
    row = table.row("probe", "modulo")
    order = np.concatenate([fold.test for fold in task.folds("modulo")])
    np.testing.assert_array_equal(row.labels, task.labels[order])
    first = task.folds("modulo")[0]
    alone = probe.fit([task.sequences[i] for i in first.train], task.labels[first.train], 0)
    np.testing.assert_allclose(row.scores[0, : len(first.test)], alone.score([task.sequences[i] for i in first.test]))
    frame = table.frame.set_index(["split", "method"])
    assert frame.loc[("modulo", "majority"), "n_test"] == 130
    assert frame.groups_in_train.to_dict()[("random", "probe")] > 0
    assert frame.groups_in_train.to_dict()[("modulo", "probe")] == 0
    assert "positive_rate" not in frame
    assert table.metrics == ("spearman", "pearson", "r2")


def test_a_probe_reads_a_model_of_ours() -> None:
    model = new_model(
        TransformerConfig(vocabulary_size=33, width=24, layers=2, heads=3, feedforward=40), LetterTokenizer(), seed=4
    )
    rng = np.random.default_rng(6)
    proteins = ["".join(rng.choice(list("AKLMW"), rng.integers(15, 40))) for _ in range(90)]
    lysines = np.array([protein.count("K") / len(protein) for protein in proteins])
    probe = Probe(partial(embed, model, layer=0))
    assert np.corrcoef(probe.fit(proteins[:60], lysines[:60], 0).score(proteins[60:]), lysines[60:])[0, 1] > 0.95


def many_classes(n: int = 140, d: int = 7) -> tuple[list[str], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    labels = rng.choice(4, n, p=[0.5, 0.3, 0.19, 0.01])
    labels[:1] = 3  # a class of hardly any
    x = rng.normal(size=(n, d)) + 2.5 * np.eye(d)[labels]
    return [f"cell{i}" for i in range(n)], x, labels


def test_a_probe_of_many_classes_is_multinomial_logistic_regression() -> None:
    names, x, labels = many_classes()
    probe = Probe(stored(names, x), "multiclass", alphas=(0.1, 1.0, 10.0), classes=5)
    scores = probe.fit(names[:100], labels[:100], seed=0).score(names[100:])
    assert scores.shape == (40, 5)
    assert probe.alpha in (0.1, 1.0, 10.0)
    scaled = (x - x[:100].mean(0)) / x[:100].std(0)
    by_hand = LogisticRegression(C=1 / probe.alpha, class_weight="balanced", max_iter=1000).fit(scaled[:100], labels[:100])
    np.testing.assert_allclose(scores[:, by_hand.classes_], by_hand.predict_proba(scaled[100:]), atol=1e-6)
    assert (scores[:, 4] == 0).all()
    assert METRICS["accuracy"].value(labels[100:], scores) > 0.8


def test_a_probe_of_many_outputs_is_a_ridge_of_each() -> None:
    names, x, _ = many_classes()
    rng = np.random.default_rng(3)
    y = x @ rng.normal(size=(7, 3)) + rng.normal(size=(140, 3)) + [5.0, 0.0, -2.0]
    probe = Probe(stored(names, x), "multioutput", alphas=(0.5, 50.0))
    scores = probe.fit(names[:100], y[:100]).score(names[100:])
    scaled = (x - x[:100].mean(0)) / x[:100].std(0)
    for k in range(3):
        by_hand = Ridge(probe.alpha).fit(scaled[:100], y[:100, k])
        np.testing.assert_allclose(scores[:, k], by_hand.predict(scaled[100:]), atol=1e-8)
    with pytest.raises(BadInput, match=r"expected 100 labels of at least two values, got 100 of shape \(100,\)"):
        probe.fit(names[:100], y[:100, 0])


def test_few_labels_of_many_classes_hold_one_of_each() -> None:
    names, x, labels = many_classes()
    task = Task(
        name="types", sequences=names, labels=labels, groups=names, kind="multiclass", classes=("a", "b", "c", "d"),
        splits={"random": Fold(np.arange(100), np.arange(100, 140))},
    )  # fmt: skip
    seen = []

    def model(train, y, test, seed):
        seen.append(sorted(set(y.tolist())))
        return Probe(stored(names, x), "multiclass", alphas=(1.0,), classes=4).fit(train, y, seed).score(test)

    table = few_shot(task, [FitScore("probe", model)], [ClassShares(4)], sizes=(6, 60), seeds=(0, 1), draws=50)
    assert seen == [[0, 1, 2, 3]] * 4
    assert table.splits == ["random, 6 labels", "random, 60 labels"]
    assert len(table.per_class("probe", "random, 60 labels")) == 4
    with pytest.raises(BadInput, match="sizes: expected at least 4, a label of each class in training, got 3"):
        few_shot(task, [FitScore("probe", model)], [], sizes=(3,))


def test_a_pair_of_probes_has_random_weights_as_its_control() -> None:
    model = new_model(
        TransformerConfig(vocabulary_size=33, width=24, layers=1, heads=3, feedforward=40), LetterTokenizer(), seed=4
    )
    trained, control = probe_pair(embed, model, "multiclass", {"AKL": 1}, classes=3)
    assert [trained.name, control.name] == ["linear probe, pretrained", "linear probe, random weights"]
    assert (trained.kind, trained.classes, control.groups) == ("multiclass", 3, {"AKL": 1})
    np.testing.assert_array_equal(trained.embed(["AKL"]), embed(model, ["AKL"]))
    np.testing.assert_array_equal(control.embed(["AKL"]), embed(untrained(model, 1), ["AKL"]))
    assert not np.allclose(trained.embed(["AKL"]), control.embed(["AKL"]))
