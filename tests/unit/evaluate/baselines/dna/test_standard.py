"""Features by hand, and every baseline on windows with a planted signal."""

import numpy as np
import pytest

from glmkit.errors import BadInput
from glmkit.evaluate import Method
from glmkit.evaluate.baselines import Majority, standard_baselines
from glmkit.evaluate.baselines.dna import CodonUsage, KmerSVM, PositionWeights
from glmkit.evaluate.baselines.dna.features import base_grid, codon_grid, kmer_counts, one_hot


def planted(n: int, seed: int, length: int = 47) -> tuple[list[str], np.ndarray]:
    """Windows around an ATG at length // 2; class 1 has AGGAGG before it and GCG codons, in frame, after it."""
    rng = np.random.default_rng(seed)
    middle, windows, labels = length // 2, [], rng.integers(0, 2, n)
    for label in labels:
        letters = rng.choice(list("ACGT"), length)
        letters[middle : middle + 3] = list("ATG")
        if label:
            letters[middle - 12 : middle - 6] = list("AGGAGG")
            for codon in range(middle + 3, length - 2, 3):
                if rng.random() < 0.5:
                    letters[codon : codon + 3] = list("GCG")
        windows.append("".join(letters))
    return windows, labels


def test_kmer_counts_by_hand() -> None:
    counts = kmer_counts(["ACGTACG", "AANAA", "C"], 2)
    assert counts.shape == (3, 16)
    words = {a + b: i for i, (a, b) in enumerate((a, b) for a in "ACGT" for b in "ACGT")}
    assert {w: int(counts[0, i]) for w, i in words.items() if counts[0, i]} == {"AC": 2, "CG": 2, "GT": 1, "TA": 1}
    assert {w: int(counts[1, i]) for w, i in words.items() if counts[1, i]} == {"AA": 2}
    assert counts[2].sum() == 0


def test_one_hot_and_codons_by_hand() -> None:
    grid = one_hot(["ACGTN", "TTTTT"]).reshape(2, 5, 4)
    assert grid[0].argmax(1)[:4].tolist() == [0, 1, 2, 3]
    assert grid[0, 4].sum() == 0
    assert codon_grid(["GATGAAANTTC"], 1).tolist() == [[14, 0, 64]]
    assert base_grid(["acgtn"]).tolist() == [[0, 1, 2, 3, 4]]


@pytest.mark.parametrize("baseline", standard_baselines(starts=True), ids=lambda b: b.name)
def test_every_baseline_learns_a_planted_signal_but_the_majority(baseline: Method) -> None:
    windows, labels = planted(600, 0)
    test, truth = planted(211, 1)
    first = baseline.fit(windows, labels, 3).score(test)
    assert first.shape == (211,)
    assert first.dtype == np.float64
    assert ((first >= 0) & (first <= 1)).all()
    np.testing.assert_array_equal(baseline.fit(windows, labels, 3).score(test), first)
    right = np.mean((first >= 0.5) == truth)
    assert right > 0.85 if not isinstance(baseline, Majority) else np.ptp(first) == 0
    assert baseline.description
    assert "\n" not in baseline.description


@pytest.mark.parametrize("all_frames", [False, True])
def test_codon_usage_counts_the_right_codons(all_frames: bool) -> None:
    # TTT AAA | ATG CCC GGG with one base before: the start codon stands at 7
    window = "CTTTAAAATGCCCGGG"
    tracks = CodonUsage(start=7, all_frames=all_frames)._tracks([window])
    named = [sorted(i for i in np.flatnonzero(t[0]) for _ in range(int(t[0, i]))) for t in tracks]
    code = {c: i for i, c in enumerate(a + b + d for a in "ACGT" for b in "ACGT" for d in "ACGT")}
    assert named[0] == sorted([code["CCC"], code["GGG"]])
    if all_frames:
        assert len(tracks) == 6
        assert named[1] == sorted([code["TTT"], code["AAA"]])  # before the start, in frame
        assert named[2] == sorted([code["CCG"]])
        assert named[3] == sorted([code["TTA"]])  # one base on; AAA|ATG is cut at the start codon


def test_svm_scores_rank_as_its_decision_function() -> None:
    windows, labels = planted(200, 0)
    machine = KmerSVM().fit(windows, labels)
    distance = machine._model.decision_function(machine.features(windows))
    assert np.array_equal(np.argsort(machine.score(windows)), np.argsort(distance))
    assert np.array_equal(machine.score(windows) >= 0.5, distance >= 0)


def test_bad_input_says_what_is_wrong() -> None:
    windows, labels = planted(20, 0)
    with pytest.raises(BadInput, match="window 0 has 47 bases and window 4 has 46"):
        PositionWeights().fit([*windows[:4], windows[4][:-1], *windows[5:]], labels)
    with pytest.raises(BadInput, match=r"position weights: expected a label 0 or 1 .* got 20 labels with values \[1.0\]"):
        PositionWeights().fit(windows, np.ones(20))
    with pytest.raises(BadInput, match="position weights has not been fitted"):
        PositionWeights().score(windows)
    with pytest.raises(BadInput, match=r"a whole codon after it \(0 to 44\), got 45"):
        codon_grid(windows, 45)
