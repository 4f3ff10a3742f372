"""Markov models against a plain dictionary of counts."""

import time
from collections import Counter

import numpy as np
import pytest

from glmkit.bio import reverse_complement
from glmkit.errors import BadInput
from glmkit.evaluate.baselines import MarkovModel


def by_hand(train: list[str], sequence: str, order: int, pseudocount: float) -> float:
    """Log-likelihood by dictionaries: the longest known context up to `order`, add-a-count smoothing."""
    pairs: Counter[tuple[str, str]] = Counter()

    def context(s: str, i: int) -> str:
        before = s[max(0, i - order) : i]
        return before[before.rfind("N") + 1 :]

    for s in train:
        for i, base in enumerate(s):
            if base != "N":
                known = context(s, i)
                for j in range(len(known) + 1):
                    pairs[known[len(known) - j :], base] += 1
    total = 0.0
    for i, base in enumerate(sequence):
        if base != "N":
            known = context(sequence, i)
            column = [pairs[known, letter] + pseudocount for letter in "ACGT"]
            total += np.log(column["ACGT".index(base)] / sum(column))
    return total


def random_dna(n: int, seed: int, letters: str = "ACGTN") -> str:
    weights = np.array([3, 1, 2, 2, 0.2])[: len(letters)]
    return "".join(np.random.default_rng(seed).choice(list(letters), n, p=weights / weights.sum()))


@pytest.mark.parametrize("order", [0, 1, 3])
def test_log_likelihood_equals_counting_by_hand(order: int) -> None:
    train = [random_dna(n, seed) for seed, n in enumerate([2, 57, 131])]
    test = random_dna(43, 9)
    got = MarkovModel(order, pseudocount=0.5).fit(train).log_likelihood(test)
    assert got == pytest.approx(by_hand(train, test, order, 0.5), rel=1e-6)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = [random_dna(211, 1), random_dna(97, 2)], random_dna(83, 3)
    whole = MarkovModel(3).fit(train)
    monkeypatch.setattr("glmkit.evaluate.baselines.markov._CHUNK", 19)
    pieces = MarkovModel(3).fit(train)
    for a, b in zip(whole.counts, pieces.counts, strict=True):
        np.testing.assert_array_equal(a, b)
    assert pieces.log_likelihood(test) == whole.log_likelihood(test)


def test_ids_lower_case_and_strings_agree() -> None:
    train, test = random_dna(211, 1), random_dna(83, 3)
    ids = {letter: i for i, letter in enumerate("ACGTN", start=4)}

    def encode(s: str) -> np.ndarray:
        return np.array([ids[letter] for letter in s], dtype=np.uint8)

    from_strings = MarkovModel(2).fit([train.lower()])
    from_ids = MarkovModel(2, letter_ids=np.array([4, 5, 6, 7])).fit([encode(train)])
    assert from_ids.log_likelihood(encode(test)) == from_strings.log_likelihood(test)
    assert np.isnan(from_strings.position_log_likelihood("ANA")).tolist() == [False, True, False]


def test_both_strands_is_training_on_the_reverse_complement_too() -> None:
    train, test = random_dna(211, 1), random_dna(83, 3)
    both = MarkovModel(3, both_strands=True).fit([train])
    spelled = MarkovModel(3).fit([train, reverse_complement(train)])
    assert both.log_likelihood(test) == spelled.log_likelihood(test)


@pytest.mark.parametrize("interpolated", [False, True])
def test_every_context_is_a_distribution(interpolated: bool) -> None:
    model = MarkovModel(4, interpolated=interpolated).fit([random_dna(300, 5)])
    for context in ("ACGT", "TTTT", "GAGA"):
        mass = sum(np.exp(model.position_log_likelihood(context + base)[-1]) for base in "ACGT")
        assert mass == pytest.approx(1, abs=1e-6)


def test_interpolation_helps_where_data_is_short_and_unseen_words_fall_back() -> None:
    train, test = random_dna(5000, 1, "ACGT"), [random_dna(1500, s, "ACGT") for s in (2, 3)]
    plain = MarkovModel(7).fit([train]).bits_per_base(test)
    leaning = MarkovModel(7, interpolated=True).fit([train]).bits_per_base(test)
    order0 = MarkovModel(0).fit([train]).bits_per_base(test)  # the truth: the letters are drawn independently
    assert order0.value < leaning.value < plain.value
    model = MarkovModel(2, interpolated=True).fit(["AAAAAAAC"])
    seen, unseen = model.position_log_likelihood("GTA")[-1], model.position_log_likelihood("TA")[-1]
    assert seen == pytest.approx(unseen)  # GT was never seen, so it says what T says


def test_bits_per_base_of_a_fair_die_is_two_and_of_a_repeat_is_none() -> None:
    fair = [random_dna(997, s, "ACGT") for s in range(3)]
    uniform = MarkovModel(0).fit(["ACGT" * 500])
    assert uniform.bits_per_base(fair).value == pytest.approx(2)
    repeat = MarkovModel(1).fit(["ACGT" * 5000]).bits_per_base(["ACGT" * 50, "CGTA" * 70], groups=["a", "b"])
    assert repeat.value < 0.02
    assert repeat.low <= repeat.value <= repeat.high


def test_ten_megabases_in_seconds() -> None:
    codes = np.random.default_rng(0).integers(0, 4, 10_000_000, dtype=np.uint8)
    began = time.process_time()
    model = MarkovModel(11).fit([codes])
    model.log_likelihood(codes[:1_000_000])
    assert time.process_time() - began < 12
    assert model.counts[11].sum() == len(codes) - 11
    assert model.counts[0].sum() == len(codes)


def test_bad_input_says_what_is_wrong() -> None:
    with pytest.raises(BadInput, match="order: expected 0 to 12, got 13"):
        MarkovModel(13)
    with pytest.raises(BadInput, match="expected more than 0, got 0 and"):
        MarkovModel(1, pseudocount=0)
    with pytest.raises(BadInput, match="no A, C, G or T to count"):
        MarkovModel(1).fit(["NNNN"])
    with pytest.raises(BadInput, match=r"MarkovModel\(order=2, plain, one strand\) has not been fitted"):
        MarkovModel(2).log_likelihood("ACGT")
    with pytest.raises(BadInput, match="at least one sequence, got none"):
        MarkovModel(1).fit([])


@pytest.mark.parametrize("order", [0, 1, 3])
def test_two_sided_is_the_chain_given_everything_else(order: int) -> None:
    model = MarkovModel(order, pseudocount=0.5).fit([random_dna(300, 1)])
    test = random_dna(37, 2)
    total = 0.0
    for i, base in enumerate(test):
        if base != "N":
            whole = {x: model.log_likelihood(test[:i] + x + test[i + 1 :]) for x in "ACGT"}
            total += whole[base] - np.logaddexp.reduce(list(whole.values()))
    nats, bases = model.log_likelihoods([test, "ACGT"], two_sided=True)
    assert nats[0] == pytest.approx(total, rel=1e-5)
    assert bases.tolist() == [len(test.replace("N", "")), 4]
