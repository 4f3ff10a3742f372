"""Embeddings and likelihoods against the same sums written out one sequence at a time."""

import numpy as np
import pytest
import torch

from glmkit.errors import BadInput
from glmkit.models import LanguageModel, TransformerConfig, new_model
from glmkit.score import bits_per_base, describe_method, embed, log_likelihood, token_log_likelihood
from glmkit.tokens import BaseTokenizer

SEQUENCES = ["ACGTTGCANNA", "GGC", "TTGACATTATAATGCGCATTCGA", "A", "NN"]


def model(causal: bool) -> LanguageModel:
    config = TransformerConfig(vocabulary_size=10, width=24, layers=2, heads=3, feedforward=40, causal=causal, dropout=0.3)
    made = new_model(config, BaseTokenizer(), seed=4)
    with torch.no_grad():  # fresh weights say almost the same everywhere
        for parameter in made.parameters():
            parameter.mul_(3)
    return made


def alone(m: LanguageModel, ids: np.ndarray) -> torch.Tensor:
    """Log-probabilities (length, vocab) of one sequence on its own."""
    with torch.no_grad():
        return m.logits(torch.from_numpy(ids.astype(np.int64)), torch.tensor([0, len(ids)])).log_softmax(-1)


def test_causal_likelihood_by_hand() -> None:
    m = model(causal=True)
    for sequence, nats in zip(SEQUENCES, token_log_likelihood(m, SEQUENCES), strict=True):
        ids = m.tokenizer.encode(sequence)
        table = alone(m, ids)
        for i, letter in enumerate(sequence):
            if letter == "N":
                assert np.isnan(nats[i])
            elif i == 0:
                assert nats[i] == pytest.approx(-np.log(4))
            else:
                assert nats[i] == pytest.approx(table[i - 1, ids[i]].item(), abs=1e-4)


@pytest.mark.parametrize("passes", [None, 2, 3])
def test_masked_likelihood_by_hand(passes: int | None) -> None:
    m = model(causal=False)
    for sequence, nats in zip(SEQUENCES, token_log_likelihood(m, SEQUENCES, passes=passes), strict=True):
        ids = m.tokenizer.encode(sequence)
        letters = [i for i, letter in enumerate(sequence) if letter != "N"]
        step = len(letters) if passes is None else passes
        for rank, i in enumerate(letters):
            hidden = ids.copy()
            hidden[[j for r, j in enumerate(letters) if r % step == rank % step]] = m.tokenizer.mask_id
            assert nats[i] == pytest.approx(alone(m, hidden)[i, ids[i]].item(), abs=1e-4)
        assert np.isnan(np.delete(nats, letters)).all()


def test_one_pass_reads_the_token_itself() -> None:
    m = model(causal=False)
    ids = m.tokenizer.encode(SEQUENCES[2])
    by_hand = alone(m, ids)[torch.arange(len(ids)), torch.from_numpy(ids.astype(np.int64))].sum().item()
    assert log_likelihood(m, [SEQUENCES[2]], method="one-pass (biased)")[0] == pytest.approx(by_hand, abs=1e-4)


@pytest.mark.parametrize("causal", [False, True])
def test_batch_composition_and_order_change_nothing(causal: bool) -> None:
    m = model(causal)
    together = log_likelihood(m, SEQUENCES)
    np.testing.assert_allclose(log_likelihood(m, SEQUENCES[::-1], batch_tokens=7)[::-1], together, atol=1e-5)
    np.testing.assert_allclose([log_likelihood(m, [s])[0] for s in SEQUENCES], together, atol=1e-5)
    assert together[4] == 0
    vectors = embed(m, SEQUENCES)
    assert vectors.shape == (5, 24)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(embed(m, SEQUENCES[::-1], batch_tokens=7)[::-1], vectors, atol=1e-5)


def test_long_inputs_are_read_in_windows() -> None:
    sequence = "".join(np.random.default_rng(0).choice(list("ACGT"), 61))
    m = model(causal=True)
    nats = token_log_likelihood(m, [sequence], context=16)[0]
    ids = m.tokenizer.encode(sequence)
    np.testing.assert_allclose(nats[:16], token_log_likelihood(m, [sequence[:16]])[0], atol=1e-5)
    assert nats[16] == pytest.approx(alone(m, ids[8:24])[7, ids[16]].item(), abs=1e-4)
    assert not np.isnan(nats).any()
    masked = token_log_likelihood(model(causal=False), [sequence], passes=4, context=16)[0]
    assert not np.isnan(masked).any()


def test_embed_layers_and_pools_by_hand() -> None:
    m = model(causal=False)
    ids = torch.from_numpy(m.tokenizer.encode(SEQUENCES[2]).astype(np.int64))
    states = m.network.hidden_states(ids, torch.tensor([0, len(ids)]))
    for layer in (0, 1, 2, -1, -3):
        np.testing.assert_allclose(embed(m, [SEQUENCES[2]], layer)[0], states[layer].mean(0).detach(), atol=1e-5)
    for pool, place in (("first", 0), ("last", 22), ("centre", 11)):
        np.testing.assert_allclose(embed(m, [SEQUENCES[2]], pool=pool)[0], states[-1][place].detach(), atol=1e-5)
    # letter embeddings do not depend on neighbours, so windows must give the very same mean and places
    for pool in ("mean", "first", "last", "centre"):
        np.testing.assert_allclose(embed(m, [SEQUENCES[2]], 0, pool, context=6), embed(m, [SEQUENCES[2]], 0, pool), atol=1e-6)


def test_model_is_left_in_its_mode() -> None:
    m = model(causal=False).train()
    assert np.array_equal(embed(m, SEQUENCES), embed(m, SEQUENCES))  # dropout is off inside
    assert all(part.training for part in m.modules())


def test_bits_per_base_is_nats_over_bases() -> None:
    m = model(causal=True)
    bits = bits_per_base(m, SEQUENCES, groups=["a", "a", "b", "c", "c"])
    letters = sum(len(s.replace("N", "")) for s in SEQUENCES)
    assert bits.value == pytest.approx(-log_likelihood(m, SEQUENCES).sum() / np.log(2) / letters, abs=1e-6)
    assert bits.low <= bits.value <= bits.high
    assert np.isnan(bits_per_base(m, SEQUENCES[:1]).low)


def test_methods_are_named_and_checked() -> None:
    masked, causal = model(causal=False), model(causal=True)
    assert describe_method(masked) == "masked, one token at a time"
    assert describe_method(masked, passes=8) == "masked, 8 passes (12.5% hidden at a time)"
    assert describe_method(causal) == "causal"
    with pytest.raises(BadInput, match="a causal model serves 'causal', got 'masked'"):
        log_likelihood(causal, ["ACGT"], method="masked")
    with pytest.raises(BadInput, match=r"a masked model serves 'masked' and 'one-pass \(biased\)', got 'causal'"):
        log_likelihood(masked, ["ACGT"], method="causal")
    with pytest.raises(BadInput, match="passes: expected at least 2"):
        bits_per_base(masked, ["ACGT"], passes=1)
    with pytest.raises(BadInput, match=r"layer: expected -3 to 2 \(the model has 2 layers\), got 3"):
        embed(masked, ["ACGT"], layer=3)
    with pytest.raises(BadInput, match="pool: expected one of mean, centre, centre\\+mean, first, last, cls, got 'max'"):
        embed(masked, ["ACGT"], pool="max")
    with pytest.raises(BadInput, match=r"inputs\[0\] has no A, C, G or T to score"):
        bits_per_base(causal, ["NN"])
    with pytest.raises(BadInput, match="context: expected at least 2 tokens, got 1"):
        embed(masked, ["ACGT"], context=1)
