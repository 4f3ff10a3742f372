"""Bases scored under overlapping k-mers, against the same sums written out base by base on strings."""

import numpy as np
import pytest
import torch

from glmkit.errors import BadInput
from glmkit.models import LanguageModel, TransformerConfig, new_classifier, new_model, new_token_classifier
from glmkit.score import (
    base_log_likelihood,
    bits_per_base,
    class_logits,
    coding_probabilities,
    describe_method,
    embed,
    log_likelihood,
    token_log_likelihood,
    token_probabilities,
)
from glmkit.tokens import make_tokenizer

SEQUENCES = ["ACGTTGCATTNACGATC", "GGCAT", "TTGACATTATAATGCGCATTCGA", "ACGT"]


def model(name: str, causal: bool = False) -> LanguageModel:
    tokenizer = make_tokenizer(name)
    config = TransformerConfig(
        vocabulary_size=len(tokenizer.vocabulary), width=24, layers=2, heads=3, feedforward=40, causal=causal, dropout=0.3
    )
    made = new_model(config, tokenizer, seed=4)
    with torch.no_grad():  # fresh weights say almost the same everywhere
        for parameter in made.parameters():
            parameter.mul_(3)
    return made


def softmax_over(m: LanguageModel, ids: np.ndarray, place: int, choices: list[str], right: str) -> float:
    with torch.no_grad():
        logits = m.logits(torch.from_numpy(ids.astype(np.int64)), torch.tensor([0, len(ids)]))[place]
    vocabulary = list(m.tokenizer.vocabulary)
    return logits[[vocabulary.index(choice) for choice in choices]].log_softmax(-1)[choices.index(right)].item()


def naive_masked(m: LanguageModel, sequence: str, together: list[int], base: int) -> float:
    """Mask each k-mer that touches a base of `together`; ask at the token around `base`; letters as strings."""
    k, ids = m.tokenizer.k, m.tokenizer.encode(sequence)
    hidden = ids.copy()
    for b in together:
        for t in range(len(ids)):
            if t <= b < t + k and "N" not in sequence[t : t + k]:
                hidden[t] = m.tokenizer.mask_id
    over = [t for t in range(len(ids)) if t <= base < t + k and "N" not in sequence[t : t + k]]
    t = min(over, key=lambda t: (abs(base - t - (k - 1) // 2), base - t))
    kmer = sequence[t : t + k]
    choices = [kmer[: base - t] + letter + kmer[base - t + 1 :] for letter in "ACGT"]
    return softmax_over(m, hidden, t, choices, kmer)


@pytest.mark.parametrize("name", ["kmer2", "kmer3", "kmer4"])
@pytest.mark.parametrize("passes", [None, 5, 11])
def test_masked_bases_by_hand(name: str, passes: int | None) -> None:
    m = model(name)
    k = m.tokenizer.k
    for sequence, nats in zip(SEQUENCES, base_log_likelihood(m, SEQUENCES, passes=passes), strict=True):
        assert nats.shape == (len(sequence),)
        told = [b for b in range(len(sequence)) if any("N" not in sequence[t : t + k] for t in kmers_over(sequence, b, k))]
        step = len(told) if passes is None else passes
        for rank, b in enumerate(told):
            together = [other for r, other in enumerate(told) if r % step == rank % step]
            assert nats[b] == pytest.approx(naive_masked(m, sequence, together, b), abs=1e-4)
        assert np.isnan(np.delete(nats, told)).all()


def kmers_over(sequence: str, base: int, k: int) -> list[int]:
    return [t for t in range(len(sequence) - k + 1) if t <= base < t + k]


def test_rounds_that_hide_one_base_each_are_one_at_a_time() -> None:
    m = model("kmer4")
    for sequence in SEQUENCES:
        alone = base_log_likelihood(m, [sequence])[0]
        np.testing.assert_allclose(base_log_likelihood(m, [sequence], passes=len(sequence) + 4)[0], alone, atol=1e-4)


def test_the_true_base_is_out_of_sight() -> None:
    """Another letter at a place changes which of the four is right there, not what the four are given."""
    m, sequence = model("kmer4"), SEQUENCES[2]
    for b in (0, 2, 9, 21, 22):
        odds = [base_log_likelihood(m, [sequence[:b] + x + sequence[b + 1 :]])[0][b] for x in "ACGT"]
        assert np.exp(odds).sum() == pytest.approx(1, abs=1e-4)
    biased = [base_log_likelihood(m, [sequence[:9] + x + sequence[10:]], "one-pass (biased)")[0][9] for x in "ACGT"]
    assert abs(np.exp(biased).sum() - 1) > 1e-3


def test_causal_bases_by_hand() -> None:
    m = model("kmer3", causal=True)
    for sequence, nats in zip(SEQUENCES, base_log_likelihood(m, SEQUENCES), strict=True):
        ids = m.tokenizer.encode(sequence)
        for b, letter in enumerate(sequence):
            word = sequence[max(b - 2, 0) : b + 1]
            if letter == "N":
                assert np.isnan(nats[b])
            elif b < 3 or "N" in word:
                assert nats[b] == pytest.approx(-np.log(4))
            else:
                expected = softmax_over(m, ids, b - 3, [word[:2] + x for x in "ACGT"], word)
                assert nats[b] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("causal", [False, True])
def test_batches_and_windows_cover_every_base(causal: bool) -> None:
    m = model("kmer4", causal)
    together = log_likelihood(m, SEQUENCES)
    np.testing.assert_allclose(log_likelihood(m, SEQUENCES[::-1], batch_tokens=7)[::-1], together, atol=1e-4)
    long = "".join(np.random.default_rng(0).choice(list("ACGT"), 101))
    nats = base_log_likelihood(m, [long], context=24, passes=None if causal else 9)[0]
    assert nats.shape == (101,)
    assert not np.isnan(nats).any()
    first = base_log_likelihood(m, [long[:27]], passes=None if causal else 9)[0]
    same = 27 if causal else 17  # from there on a later window sees more of what follows
    np.testing.assert_allclose(nats[:same], first[:same], atol=1e-4)


def test_bits_per_base_stand_beside_those_of_single_bases() -> None:
    m = model("kmer4")
    flat = model("kmer4")
    with torch.no_grad():
        for parameter in flat.parameters():
            parameter.zero_()
    assert bits_per_base(flat, SEQUENCES[:3:2], groups=["a", "b"]).value == pytest.approx(2, abs=1e-4)  # not log2(256)
    bits = bits_per_base(m, SEQUENCES[1:], passes=9)
    nats = np.concatenate(base_log_likelihood(m, SEQUENCES[1:], passes=9))
    assert bits.value == pytest.approx(-nats.mean() / np.log(2), abs=1e-6)


def test_methods_say_what_is_hidden() -> None:
    m = model("kmer4")
    assert describe_method(m) == "masked, one base (4 tokens) at a time"
    assert describe_method(m, passes="auto") == ("masked, 32 passes (3.12% of the bases, 12.5% of the tokens hidden at a time)")
    assert describe_method(model("base"), passes="auto") == "masked, 8 passes (12.5% hidden at a time)"
    with pytest.raises(BadInput, match=r"passes: expected at least 5 \(a 4-mer must fit between two masked bases\)"):
        bits_per_base(m, ["ACGTACGT"], passes=4)
    with pytest.raises(BadInput, match="single tokens cannot be scored. Use base_log_likelihood"):  # noqa: RUF043
        token_log_likelihood(m, ["ACGTACGT"])
    with pytest.raises(BadInput, match="only with tokens of one base or overlapping k-mers. Use token_log_likelihood"):  # noqa: RUF043
        base_log_likelihood(model("kmer2_apart"), ["ACGTACGT"])


def test_classes_along_a_sequence() -> None:
    m = model("kmer4")
    frames = new_token_classifier(m, ["none", "a", "b"], seed=1)
    each = token_probabilities(frames, SEQUENCES, batch_tokens=20)
    assert [item.shape for item in each] == [(len(s) - 3, 3) for s in SEQUENCES]
    for sequence, item in zip(SEQUENCES, each, strict=True):
        np.testing.assert_allclose(item.sum(1), 1, atol=1e-6)
        np.testing.assert_allclose(token_probabilities(frames, [sequence])[0], item, atol=1e-4)
    np.testing.assert_allclose(coding_probabilities(frames, SEQUENCES), [1 - item[:, 0].mean() for item in each], atol=1e-6)
    assert token_probabilities(frames, [SEQUENCES[2]], context=8)[0].shape == (20, 3)
    with pytest.raises(BadInput, match="Expected a TokenClassifier, got a Classifier"):
        token_probabilities(new_classifier(m, ["no", "yes"]), SEQUENCES)
    with pytest.raises(BadInput, match="Expected a Classifier, got a TokenClassifier"):
        class_logits(frames, SEQUENCES)


def test_the_centre_is_that_of_the_bases() -> None:
    m = model("kmer4")
    even = "ACGTTGCATT"  # base 5 is the centre; token 4 has it at index 1, token 7 // 2 does not
    state = m.network.hidden_states(torch.from_numpy(m.tokenizer.encode(even).astype(np.int64)), torch.tensor([0, 7]))[-1]
    np.testing.assert_allclose(embed(m, [even], pool="centre")[0], state[4].detach(), atol=1e-4)
