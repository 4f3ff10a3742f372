"""Tokens that a family puts around a sequence: read by the model, never hidden, scored or pooled."""

import numpy as np
import pytest
import torch

from glmkit.errors import BadInput
from glmkit.models import LanguageModel, TransformerConfig, new_classifier, new_model, new_token_classifier
from glmkit.score import class_logits, embed, log_likelihood, token_log_likelihood, token_probabilities
from glmkit.score.windows.batches import letters_at_once, packed
from glmkit.tokens import LetterTokenizer, NucleotideTokenizer

TOKENIZER = LetterTokenizer()
SEQUENCES = ["MKVLAAGHTWYQ", "G", "MXWKR", "ACDEFGHIKLMNPQRSTVWY"]


def model(causal: bool = False) -> LanguageModel:
    config = TransformerConfig(vocabulary_size=33, width=24, layers=2, heads=3, feedforward=40, causal=causal)
    made = new_model(config, TOKENIZER, seed=4)
    with torch.no_grad():  # fresh weights say almost the same everywhere
        for parameter in made.parameters():
            parameter.mul_(3)
    return made


def wrapped(sequence: str) -> torch.Tensor:
    return torch.tensor([0, *TOKENIZER.encode(sequence).tolist(), 2])


def edges(tokens: torch.Tensor) -> torch.Tensor:
    return torch.tensor([0, len(tokens)])


def alone(m: LanguageModel, tokens: torch.Tensor) -> torch.Tensor:
    """Log-probabilities (tokens, vocab) of one surrounded sequence."""
    with torch.no_grad():
        return m.logits(tokens, edges(tokens)).log_softmax(-1)


def test_packed_surrounds_every_piece() -> None:
    tokens, boundaries = packed(model(), [TOKENIZER.encode("MK"), TOKENIZER.encode("G")])
    assert tokens.tolist() == [0, 20, 15, 2, 0, 6, 2]
    assert boundaries.tolist() == [0, 4, 7]


def test_masked_likelihood_by_hand() -> None:
    m = model()
    for sequence, nats in zip(SEQUENCES, token_log_likelihood(m, SEQUENCES), strict=True):
        tokens = wrapped(sequence)
        assert len(nats) == len(sequence)
        for i, letter in enumerate(sequence):
            hidden = tokens.clone()
            hidden[i + 1] = TOKENIZER.mask_id
            if letter == "X":
                assert np.isnan(nats[i])
            else:
                assert nats[i] == pytest.approx(alone(m, hidden)[i + 1, tokens[i + 1]].item(), abs=1e-4)


def test_a_causal_model_tells_the_first_letter_from_the_start_token() -> None:
    m = model(causal=True)
    for sequence, nats in zip(SEQUENCES, token_log_likelihood(m, SEQUENCES), strict=True):
        tokens = wrapped(sequence)
        table = alone(m, tokens)
        by_hand = [table[i, tokens[i + 1]].item() if sequence[i] != "X" else np.nan for i in range(len(sequence))]
        np.testing.assert_allclose(nats, by_hand, atol=1e-4)


@pytest.mark.parametrize("causal", [False, True])
def test_batch_composition_changes_nothing(causal: bool) -> None:
    m = model(causal)
    together = log_likelihood(m, SEQUENCES)
    np.testing.assert_allclose(log_likelihood(m, SEQUENCES[::-1], batch_tokens=9)[::-1], together, atol=1e-5)
    vectors = embed(m, SEQUENCES)
    np.testing.assert_allclose(np.concatenate([embed(m, [s]) for s in SEQUENCES]), vectors, atol=1e-5)


def test_the_context_counts_special_tokens() -> None:
    m = model()
    assert letters_at_once(m, 14) == 12
    np.testing.assert_array_equal(token_log_likelihood(m, SEQUENCES[:1], context=14), token_log_likelihood(m, SEQUENCES[:1]))
    assert not np.allclose(token_log_likelihood(m, SEQUENCES[:1], context=13), token_log_likelihood(m, SEQUENCES[:1]), atol=1e-4)
    with pytest.raises(BadInput, match=r"context: expected at least 4 tokens \(2 special tokens and 2 of the input\), got 3"):
        embed(m, SEQUENCES, context=3)
    longest = 0
    network = m.network.forward

    def watched(tokens: torch.Tensor, boundaries: torch.Tensor, *rest: object) -> torch.Tensor:
        nonlocal longest
        longest = max(longest, int(boundaries.diff().max()))
        return network(tokens, boundaries, *rest)

    m.network.forward = watched
    token_log_likelihood(m, ["MKVLAAGHTW" * 5], passes=3, context=17)
    assert longest == 17


def test_embeddings_speak_of_letters() -> None:
    m = model()
    tokens = wrapped(SEQUENCES[0])
    with torch.no_grad():
        states = m.network.hidden_states(tokens, edges(tokens))[-1]
    np.testing.assert_allclose(embed(m, SEQUENCES[:1])[0], states[1:-1].mean(0), atol=1e-5)
    for pool, place in (("first", 1), ("last", 12), ("centre", 7)):
        np.testing.assert_allclose(embed(m, SEQUENCES[:1], pool=pool)[0], states[place], atol=1e-5)


@pytest.mark.parametrize("pool", ["mean", "centre", "centre+mean", "first", "last"])
def test_a_classifier_pools_letters(pool: str) -> None:
    classifier = new_classifier(model(), ["a", "b", "c"], pool=pool, dropout=0.0)
    tokens = wrapped(SEQUENCES[0])
    states = classifier.network(tokens, edges(tokens))[1:-1]
    parts = {"mean": states.mean(0), "centre": states[6], "first": states[0], "last": states[-1]}
    by_hand = torch.cat([parts[part] for part in pool.split("+")])
    got = class_logits(classifier, SEQUENCES)
    with torch.no_grad():
        np.testing.assert_allclose(got[0], classifier.out(torch.tanh(classifier.dense(by_hand))), atol=1e-5)
    np.testing.assert_allclose(class_logits(classifier, SEQUENCES[::-1], batch_tokens=5)[::-1], got, atol=1e-5)


def test_classes_of_letters() -> None:
    classifier = new_token_classifier(model(), ["helix", "strand", "coil"])
    found = token_probabilities(classifier, SEQUENCES)
    assert [len(item) for item in found] == [len(sequence) for sequence in SEQUENCES]
    tokens = wrapped(SEQUENCES[2])
    with torch.no_grad():
        np.testing.assert_allclose(found[2], classifier(tokens, edges(tokens)).softmax(-1)[1:-1], atol=1e-6)


def test_a_prefix_alone() -> None:
    tokenizer = NucleotideTokenizer()
    config = TransformerConfig(vocabulary_size=len(tokenizer.vocabulary), width=12, layers=1, heads=2, feedforward=20)
    m = new_model(config, tokenizer, seed=1)
    assert letters_at_once(m, 9) == 8
    tokens, boundaries = packed(m, [tokenizer.encode("ACGTACGTN")])
    assert boundaries.tolist() == [0, 5]
    assert tokens[0] == 3
    states = m.network.hidden_states(tokens, boundaries)[-1]
    np.testing.assert_allclose(embed(m, ["ACGTACGTN"], pool="last")[0], states[-1].detach(), atol=1e-6)
    nats = token_log_likelihood(m, ["ACGTACGTN"])[0]
    assert np.isnan(nats).tolist() == [False, False, False, True]
