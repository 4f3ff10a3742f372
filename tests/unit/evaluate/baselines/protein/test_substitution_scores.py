"""Scores of mutations without training, by hand: BLOSUM62 and the letters of homologues."""

import shutil

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from glmkit.bio import Mutation
from glmkit.errors import BadInput
from glmkit.evaluate.baselines.protein import Blosum62, MutantForest, MutantLinear, site_independent

WILD = "MKTAY"


def test_blosum62_by_hand() -> None:
    table = Blosum62(WILD).mutations(["K2R", "A4W:Y5F", [Mutation.parse("M1L")]])
    assert table["mutation"].tolist() == ["K2R", "A4W:Y5F", "M1L"]
    assert table["score"].tolist() == [2 - 5, (-3 - 4) + (3 - 7), 2 - 5]
    assert table["n_sites"].tolist() == [1, 2, 1]
    assert Blosum62(WILD).score(["MRTAY", "mktwf", WILD, "MKTXY"]).tolist() == [-3.0, -11.0, 0.0, 0.0]


def test_blosum62_finds_the_wild_type_in_mutants_and_serves_classes() -> None:
    mutants = ["MRTAY", "MKTWY", "MKTAF", "LKTAY", "MKTAW"]
    values = np.array([1.0, -3, 2, 0, 1])
    assert Blosum62().fit(mutants, values).score([WILD, "MRTAY"]).tolist() == [0.0, -3.0]
    classes = Blosum62(kind="classification").fit(mutants, values > 0).score(mutants)
    assert ((classes > 0) & (classes < 1)).all()
    assert spearmanr(classes, Blosum62(WILD).score(mutants)).statistic == pytest.approx(1)


def test_site_independent_by_hand() -> None:
    rows = ["-MKT-AY", "-MRT-AY", "GMRTPAY", "-LKS-AF"]
    table = site_independent(rows, WILD, ["K2R", "T3S:A4G"], pseudo_count=1e-9, weighted=False)
    assert table["score"][0] == pytest.approx(0.0, abs=1e-6)
    assert table["homologues"].tolist() == [4, 4]
    letters = [letter for row in rows for letter in row if letter != "-"]
    share = {a: (letters.count(a) + 1) / (len(letters) + 20) for a in "GSTA"}
    smooth = site_independent(rows, WILD, ["T3S:A4G"], pseudo_count=2.0, weighted=False)["score"][0]
    by_hand = np.log((1 + 2 * share["S"]) / (3 + 2 * share["T"])) + np.log(2 * share["G"] / (4 + 2 * share["A"]))
    assert smooth == pytest.approx(by_hand)
    assert table["method"].unique().tolist() == ["site-independent"]


@pytest.mark.skipif(shutil.which("clustalo") is None, reason="needs the program clustalo (apt install clustalo)")
def test_unaligned_homologues_are_aligned_with_the_wild_type() -> None:
    wild = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ"
    homologues = [wild[3:], "GG" + wild.replace("F", "L"), wild.replace("F", "L")[:-4], wild.replace("QIS", "NIS")]
    table = site_independent(homologues, wild, ["F14L", "F14W", "Q11N", "Q11W", "M1A"])
    score = table.set_index("mutation")["score"]
    assert score["F14L"] > score["F14W"]
    assert score["Q11N"] > score["Q11W"]
    assert table["homologues"].tolist() == [5, 5, 5, 5, 4]


def test_bad_input_says_what_is_wrong() -> None:
    with pytest.raises(BadInput, match="K3R: expected 'K' at residue 3, but residue 3 of the sequence is 'T'"):
        site_independent([WILD, "MRTAY"], WILD, ["K3R"])
    with pytest.raises(BadInput, match="K2del: expected substitutions at different positions"):
        Blosum62(WILD).mutations(["K2del"])
    with pytest.raises(BadInput, match="expected a list, one entry a mutant, got 'K2R'"):
        Blosum62(WILD).mutations("K2R")
    with pytest.raises(BadInput, match=r"they are aligned \(2 rows of 6 columns\), but no row is the wild type \(5 residues\)"):
        site_independent(["MRTAYY", "MR-AYY"], WILD, ["K2R"])
    with pytest.raises(BadInput, match=r"expected mutants as long as the wild type \(5 residues\), but mutant 1 has 4"):
        Blosum62(WILD).score([WILD, "MKTA"])
    with pytest.raises(BadInput, match="BLOSUM62 has no wild type"):
        Blosum62().score([WILD])


def test_real_fitness_is_ranked_by_trees_and_ridge_and_hardly_by_blosum62(shared_data) -> None:
    table = pd.read_csv(shared_data("gb1/two_vs_rest.csv"))
    train, test = table[table["set"] == "train"], table[table["set"] == "test"]
    assert (len(train), len(test)) == (424, 8309)
    found = {}
    for baseline in (MutantLinear(), MutantForest(), Blosum62()):
        scores = baseline.fit(train["sequence"].tolist(), train["target"].to_numpy(), 0).score(test["sequence"].tolist())
        found[baseline.name] = spearmanr(scores, test["target"]).statistic
    print(found)
    assert found["one-hot ridge"] == pytest.approx(0.594, abs=0.01)
    assert found["one-hot forest"] == pytest.approx(0.59, abs=0.03)
    assert found["BLOSUM62"] == pytest.approx(0.128, abs=0.01)
