"""Mutagenesis finds a planted motif and nothing else; matrices by hand."""

import sys

import numpy as np
import pytest

from glmkit.errors import BadInput
from glmkit.interpret import (
    class_log_odds,
    importance,
    information_content,
    letter_contributions,
    mutagenesis,
    position_frequencies,
)
from glmkit.interpret.motif_discovery import plant

MOTIF, PLACE, LENGTH = "AGGAGG", 9, 31


def likes_motif(sequences: list[str]) -> np.ndarray:
    """Letters of the motif at its place, and nothing else."""
    return np.array([sum(s[PLACE + i] == letter for i, letter in enumerate(MOTIF)) for s in sequences], dtype=float)


def random_windows(n: int, seed: int = 0, planted: str = "") -> list[str]:
    rng = np.random.default_rng(seed)
    windows = ["".join(row) for row in rng.choice(list("ACGT"), (n, LENGTH))]
    return [w[:PLACE] + planted + w[PLACE + len(planted) :] for w in windows]


def test_planted_motif_is_recovered_and_a_shuffled_one_is_not() -> None:
    effects = mutagenesis(likes_motif, random_windows(7, planted=MOTIF))
    assert effects.shape == (7, 31, 4)
    assert effects.dtype == np.float32
    found = importance(effects).mean(0)
    assert np.flatnonzero(found > 0.5).tolist() == list(range(PLACE, PLACE + 6))
    assert np.abs(np.delete(found, range(PLACE, PLACE + 6))).max() == 0
    heights = letter_contributions(effects)[PLACE : PLACE + 6]
    assert "".join("ACGT"[i] for i in heights.argmax(1)) == MOTIF
    np.testing.assert_allclose(heights.sum(1), 0, atol=1e-6)
    other = importance(mutagenesis(likes_motif, random_windows(7, planted="GTCTCA"))).mean(0)  # no letter in its place
    assert other[PLACE : PLACE + 6].max() <= 0


def test_effects_by_hand() -> None:
    weights = np.random.default_rng(1).normal(size=(5, 4))

    def score(sequences: list[str]) -> np.ndarray:
        return np.array([sum(weights[i, "ACGT".find(c)] for i, c in enumerate(s)) for s in sequences])

    sequences = ["ACGTT", "GGGAC", "TTTTT"]
    effects = mutagenesis(score, sequences)
    for i, s in enumerate(sequences):
        for p in range(5):
            here = "ACGT".index(s[p])
            np.testing.assert_allclose(effects[i, p], weights[p] - weights[p, here], atol=1e-6)
            assert effects[i, p, here] == 0
    some = mutagenesis(score, sequences, positions=[3, 1])
    np.testing.assert_array_equal(some[:, [1, 3]], effects[:, [1, 3]])
    assert np.isnan(some[:, [0, 2, 4]]).all()


def test_chunks_and_unknown_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    windows = [*random_windows(3, planted=MOTIF), "N" * LENGTH]
    whole = mutagenesis(likes_motif, windows)
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr(sys.modules["glmkit.interpret.attribution._mutagenesis"], "_WINDOWS", 17)  # the function hides its module
    pieces = mutagenesis(likes_motif, windows, progress=lambda done, total: seen.append((done, total)))
    np.testing.assert_array_equal(whole, pieces)
    assert seen[-1] == (3 * 31 * 3 + 31 * 4,) * 2
    assert whole[3, PLACE].tolist() == [1, 0, 0, 0]


def test_classifier_is_followed_by_the_log_odds_of_its_class() -> None:
    from glmkit.models import TransformerConfig, new_classifier, new_model
    from glmkit.score import class_logits, class_probabilities
    from glmkit.tokens import BaseTokenizer

    config = TransformerConfig(vocabulary_size=10, width=24, layers=1, heads=3, feedforward=40)
    classifier = new_classifier(new_model(config, BaseTokenizer(), seed=1), ["no", "yes", "maybe"], seed=2)
    windows = random_windows(2)
    p = class_probabilities(classifier, windows)
    np.testing.assert_allclose(p.sum(1), 1)
    np.testing.assert_allclose(class_log_odds(classifier)(windows), np.log(p[:, 1] / (1 - p[:, 1])), atol=1e-6)
    np.testing.assert_allclose(
        class_logits(classifier, windows[::-1], batch_tokens=5)[::-1], class_logits(classifier, windows), atol=1e-6
    )
    effects = mutagenesis(classifier, windows, positions=[4])
    changed = windows[1][:4] + "C" + windows[1][5:]
    by_hand = class_log_odds(classifier)([changed])[0] - class_log_odds(classifier)([windows[1]])[0]
    assert effects[1, 4, 1] == pytest.approx(by_hand, abs=1e-6)
    with pytest.raises(BadInput, match="as the classifier has 3 classes; got 3"):
        mutagenesis(classifier, windows, target=3)


def test_a_classifier_of_k_mers_is_mutated_base_by_base() -> None:
    from glmkit.models import TransformerConfig, new_classifier, new_model
    from glmkit.tokens import make_tokenizer

    config = TransformerConfig(vocabulary_size=261, width=24, layers=1, heads=3, feedforward=40)
    kmers = new_model(config, make_tokenizer("kmer4"), seed=1)
    classifier = new_classifier(kmers, ["no", "yes"], pool="centre+mean", seed=2)
    windows = [*random_windows(2), "N" * LENGTH]
    effects = mutagenesis(classifier, windows, positions=[0, 15, LENGTH - 1])
    for place in (0, 15, LENGTH - 1):
        changed = windows[0][:place] + "G" + windows[0][place + 1 :]
        by_hand = class_log_odds(classifier)([changed])[0] - class_log_odds(classifier)([windows[0]])[0]
        assert effects[0, place, 2] == pytest.approx(by_hand, abs=1e-6)
        assert np.count_nonzero(effects[0, place]) == 3
        np.testing.assert_allclose(effects[2, place], 0, atol=1e-6)  # one base among N is in no k-mer that is told
    assert np.isnan(effects[:, 1:15]).all()


def test_planting_asks_where_the_motif_counts() -> None:
    def score(sequences: list[str]) -> np.ndarray:
        return np.array([3.0 * (s[PLACE : PLACE + 6] == MOTIF) for s in sequences])

    table = plant(score, random_windows(20), MOTIF, [PLACE - 1, PLACE, PLACE + 7], groups=[i % 4 for i in range(20)])
    assert table.position.tolist() == [8, 9, 16]
    assert table.effect.tolist() == [0, 3, 0]
    assert table.low.tolist() == table.high.tolist() == [0, 3, 0]
    assert table.shuffled.tolist() == [0, 0, 0]
    composition = plant(lambda s: np.array([x.count("G") for x in s], float), random_windows(20), MOTIF, [2, 20])
    np.testing.assert_allclose(composition.effect, 0, atol=1e-9)  # the letters are the same, so nothing is left
    assert (composition.motif > 0.5).all()


def test_frequencies_and_information_by_hand() -> None:
    frequencies = position_frequencies(["ACG", "ACT", "AGN", "aTN"])
    np.testing.assert_allclose(frequencies, [[1, 0, 0, 0], [0, 0.5, 0.25, 0.25], [0, 0, 0.5, 0.5]])
    bits = information_content(frequencies)
    np.testing.assert_allclose(bits.sum(1), [2, 0.5, 1])
    np.testing.assert_allclose(bits[2], [0, 0, 0.5, 0.5])
    assert information_content(frequencies, [0.7, 0.1, 0.1, 0.1])[0, 0] == pytest.approx(np.log2(1 / 0.7))
    assert information_content(frequencies, n=4)[0, 0] == pytest.approx(2 - 3 / (8 * np.log(2)))
    np.testing.assert_allclose(position_frequencies(["A"], pseudocount=1), [[0.4, 0.2, 0.2, 0.2]])


def test_bad_input_says_what_is_wrong() -> None:
    windows = random_windows(3)
    with pytest.raises(BadInput, match="got 31 bases in window 0 and 30 in window 2"):
        mutagenesis(likes_motif, [*windows[:2], windows[2][1:]])
    with pytest.raises(BadInput, match="expected 0 to 30 in windows of 31 bases, got 31"):
        mutagenesis(likes_motif, windows, positions=[31])
    with pytest.raises(BadInput, match="one finite score for each of 3 windows"):
        mutagenesis(lambda s: np.full(len(s), np.nan), windows)
    with pytest.raises(BadInput, match="a list with at least one window"):
        mutagenesis(likes_motif, "ACGT")
    with pytest.raises(BadInput, match="expected 0 to 25 for 'AGGAGG' in windows of 31 bases, got 26"):
        plant(likes_motif, windows, MOTIF, [26])
    with pytest.raises(BadInput, match="at least two different letters"):
        plant(likes_motif, windows, "AAA", [1])
    with pytest.raises(BadInput, match="four positive frequencies that sum to 1"):
        information_content(np.full((2, 4), 0.25), [0.5, 0.5, 0, 0])
