"""Protein features by hand, and every baseline on proteins with a planted signal, as classes and as values."""

import shutil

import numpy as np
import pandas as pd
import pytest

from glmkit.errors import BadInput
from glmkit.evaluate import METRICS, Fold, Method, Task, compare
from glmkit.evaluate.baselines import Majority, protein_baselines
from glmkit.evaluate.baselines.protein import CompositionBoosting, CompositionForest, MutantLinear, NearestRelative
from glmkit.evaluate.baselines.protein.features import composition, dipeptides, physical, protein_features
from tests.methods import FitScore

LETTERS = np.array(list("ACDEFGHIKLMNPQRSTVWY"))


def planted(n: int, seed: int) -> tuple[list[str], np.ndarray]:
    """Proteins of uneven lengths whose share of lysine goes with a value from 0 to 1."""
    rng = np.random.default_rng(seed)
    values, proteins = rng.random(n), []
    for value in values:
        weights = np.where(LETTERS == "K", 1 + 4 * value, 1.0)
        proteins.append("".join(rng.choice(LETTERS, rng.integers(90, 180), p=weights / weights.sum())))
    return proteins, values


def test_features_by_hand() -> None:
    proteins = ["AAKX", "aacdKR" * 20]
    shares = composition(proteins)
    assert shares.shape == (2, 20)
    assert shares[0].tolist() == [0.5 if letter == "A" else 0.25 if letter == "K" else 0 for letter in LETTERS]
    assert composition(["AAKR"], first=2)[0, 0] == 1
    pairs = dipeptides(proteins)
    names = [a + b for a in LETTERS for b in LETTERS]
    assert {name: pairs[0, i] for i, name in enumerate(names) if pairs[0, i]} == {"AA": 1 / 3, "AK": 1 / 3}
    assert pairs[1].sum() == pytest.approx(1)
    length, mean, spread, top, bottom, charge, head, head_top, head_charge = physical(["I" * 19 + "R" * 31])[0]
    assert length == pytest.approx(np.log(50))
    assert mean == pytest.approx((19 * 4.5 - 31 * 4.5) / 50)
    assert spread == pytest.approx(np.std([4.5] * 19 + [-4.5] * 31))
    assert (top, bottom, head_top) == pytest.approx((4.5, -4.5, 4.5))
    assert charge == pytest.approx(31 / 50)
    assert head == pytest.approx((19 - 11) * 4.5 / 30)
    assert head_charge == pytest.approx(11 / 30)
    assert protein_features(proteins).shape == (2, 49)
    assert protein_features(proteins, pairs=True).shape == (2, 449)
    with pytest.raises(BadInput, match="at least one residue, got an empty one"):
        composition(["MK", ""])


@pytest.mark.parametrize("kind", ["classification", "regression"])
@pytest.mark.parametrize("number", range(6))
def test_every_baseline_learns_a_planted_signal_but_the_mean(kind: str, number: int) -> None:
    baseline: Method = protein_baselines(kind, field=True)[number]
    proteins, values = planted(260, 0)
    test, truth = planted(83, 1)
    labels = values if kind == "regression" else (values > 0.5).astype(int)
    first = baseline.fit(proteins, labels, 3).score(test)
    assert (first.shape, first.dtype) == ((83,), np.float64)
    np.testing.assert_array_equal(baseline.fit(proteins, labels, 3).score(test), first)
    assert "\n" not in baseline.description
    if isinstance(baseline, Majority):
        assert np.ptp(first) == 0
    elif kind == "regression":
        assert np.corrcoef(first, truth)[0, 1] > 0.7
    else:
        assert ((first >= 0) & (first <= 1)).all()
        assert np.mean((first > 0.5) == (truth > 0.5)) > 0.75


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_which_residue_stands_where(kind: str) -> None:
    rng = np.random.default_rng(0)
    wild = list("MKTAYIAKQRQISFVKSHFSR")
    effects, mutants, values = rng.normal(size=(21, 20)), [], []
    for _ in range(400):
        sites = rng.choice(21, 4, replace=False)
        letters, value = wild.copy(), 0.0
        for site in sites:
            new = rng.integers(0, 6)
            letters[site] = LETTERS[new]
            value += effects[site, new]
        mutants.append("".join(letters))
        values.append(value)
    labels = np.array(values) if kind == "regression" else (np.array(values) > 0).astype(int)
    sites = MutantLinear(kind).fit(mutants[:300], labels[:300])
    assert sites.features(mutants[:2]).shape[0] == 2
    assert np.corrcoef(sites.score(mutants[300:]), values[300:])[0, 1] > 0.7
    with pytest.raises(BadInput, match=r"was fitted on 21 residues, got 5\. Give mutants of one protein"):
        sites.score(["MKTAY"])
    with pytest.raises(BadInput, match="protein 0 has 21 residues and protein 3 has 20"):
        MutantLinear(kind).fit([*mutants[:3], mutants[3][:-1], *mutants[4:]], labels)
    assert [b.name for b in protein_baselines(kind, mutants=True)] == ["majority", sites.name]
    field = protein_baselines(kind, mutants=True, field=True)
    assert [b.name for b in field] == ["majority", sites.name, "one-hot forest", "BLOSUM62"]
    found = field[2].fit(mutants[:300], labels[:300], 1).score(mutants[300:])
    assert np.corrcoef(found, values[300:])[0, 1] > 0.4


@pytest.mark.skipif(shutil.which("mmseqs") is None, reason="needs the program mmseqs (apt install mmseqs2)")
def test_the_nearest_relative_lends_its_label() -> None:
    assert [b.name for b in protein_baselines(field=True)][-2:] == ["BLAST neighbour", "nearest relative"]
    rng = np.random.default_rng(4)
    proteins = ["".join(rng.choice(LETTERS, 120 + i)) for i in range(6)]
    near = [proteins[4][:100] + "A" * 24, proteins[1], "".join(LETTERS) * 6]
    values = np.array([0.3, 1.5, -2.0, 0.0, 7.0, 0.7])
    found = NearestRelative("regression").fit(proteins, values).score(near)
    assert found.tolist() == [7.0, 1.5, pytest.approx(values.mean())]
    classes = NearestRelative().fit(proteins, np.array([0, 0, 1, 0, 1, 1])).score(near)
    assert classes[0] > 0.9
    assert classes[1:].tolist() == [0.0, 0.5]


def test_a_regression_is_compared_over_its_groups() -> None:
    proteins, values = planted(150, 2)
    groups = [f"family {i // 3}" for i in range(150)]
    fold = Fold(np.arange(0, 105), np.arange(105, 150))
    task = Task(name="lysine", sequences=proteins, labels=values, groups=groups, splits={"families": fold}, kind="regression")

    def lysine(train, labels, test, seed):
        """Counts lysines."""
        return np.array([protein.count("K") / len(protein) for protein in test])

    table = compare(task, [FitScore("count", lysine)], protein_baselines("regression"), seeds=(0,), draws=200)
    assert table.frame.groups.unique().tolist() == [15]
    best = table.row("count").estimates["spearman"]
    assert 0.7 < best.low < best.value < best.high < 1
    assert "over 15 held-out groups" in table.verdict()
    assert "count is above majority: the difference in Spearman is +" in table.sentence("count", "majority")
    assert list(table.summary().columns) == ["method", "Spearman", "Pearson", "R²", "how"]


def test_bad_input_says_what_is_wrong() -> None:
    forest = protein_baselines("regression")[1]
    with pytest.raises(BadInput, match="composition forest: expected a measured value for each of 2 sequences, got 3 labels"):
        forest.fit(["MK", "MR"], np.array([1.0, 2.0, 3.0]))
    with pytest.raises(BadInput, match="expected finite numbers, got nan at item 1"):
        forest.fit(["MK", "MR"], np.array([1.0, np.nan]))
    with pytest.raises(BadInput, match=r"expected a label 0 or 1 for each of 2 sequences and both classes present, got 2 labels"):
        protein_baselines()[1].fit(["MK", "MR"], np.array([1.0, 2.0]))
    with pytest.raises(BadInput, match="nearest relative has not been fitted"):
        NearestRelative().score(["MK"])


def test_real_proteins_of_membranes_are_told_by_composition(shared_data) -> None:
    """The known .924 of a forest on composition is its accuracy on the split given; its AUROC is .960."""
    train, test = (pd.read_csv(shared_data(f"membrane_vs_cytosol/{part}.csv")) for part in ("train", "test"))
    truth = test["labels"].to_numpy()
    for baseline in (CompositionForest(trees=150), CompositionBoosting()):
        scores = baseline.fit(train["sequences"].tolist(), train["labels"].to_numpy(), 0).score(test["sequences"].tolist())
        accuracy, auroc = METRICS["accuracy"].value(truth, scores), METRICS["auroc"].value(truth, scores)
        print(baseline.name, round(accuracy, 3), round(auroc, 3))
        assert accuracy == pytest.approx(0.924, abs=0.008)
        assert auroc == pytest.approx(0.962, abs=0.006)
