"""Pooling: each mode against a loop over sequences, its width, and the letters that it takes."""

import numpy as np
import pytest
import torch

from glmkit.errors import BadInput
from glmkit.models import TransformerConfig, new_classifier, new_model
from glmkit.models.networks.pooling import POOLS, check_pool, letter_place, pool_hidden, pooled_width
from glmkit.score import embed
from glmkit.tokens import BaseTokenizer, make_tokenizer

LENGTHS, WIDTH = (9, 4, 6), 5  # with one special token before and two after: 6, 1 and 3 letters


def naive(hidden: np.ndarray, pool: str, around: tuple[int, int]) -> np.ndarray:
    letters = hidden[around[0] : len(hidden) - around[1]]
    one = {
        "first": letters[0],
        "last": letters[-1],
        "centre": letters[len(letters) // 2],
        "mean": letters.mean(0),
        "cls": hidden[0],
    }
    return np.concatenate([one["centre"], one["mean"]]) if pool == "centre+mean" else one[pool]


@pytest.mark.parametrize("pool", POOLS)
def test_each_mode_equals_a_loop_over_sequences(pool: str) -> None:
    hidden = torch.from_numpy(np.random.default_rng(0).normal(size=(sum(LENGTHS), WIDTH)).astype(np.float32))
    edges = torch.tensor([0, *np.cumsum(LENGTHS)])
    pooled = pool_hidden(hidden, edges, pool, around=(1, 2))
    assert pooled.shape == (len(LENGTHS), pooled_width(pool, WIDTH))
    parts = np.split(hidden.numpy(), np.cumsum(LENGTHS)[:-1])
    np.testing.assert_allclose(pooled.numpy(), np.stack([naive(part, pool, (1, 2)) for part in parts]), rtol=1e-5)


def test_the_place_of_a_letter_is_the_same_for_a_number_and_a_tensor() -> None:
    lengths = torch.tensor([1, 2, 7, 118])
    for pool in ("first", "last", "centre"):
        assert letter_place(pool, lengths, 4).tolist() == [int(letter_place(pool, int(length), 4)) for length in lengths]
    assert letter_place("centre", 118, 4) == 59  # bases 59 to 62 of a window of 121


def test_cls_needs_a_special_token_before_the_sequence() -> None:
    check_pool("cls", make_tokenizer("protein"))
    with pytest.raises(BadInput, match="this model has no special token before its inputs"):
        check_pool("cls", BaseTokenizer())


@pytest.mark.parametrize("pool", [pool for pool in POOLS if pool != "cls"])
def test_embeddings_and_heads_pool_alike(pool: str) -> None:
    model = new_model(TransformerConfig(vocabulary_size=10, width=8, layers=2, heads=2), BaseTokenizer(), seed=1)
    head = new_classifier(model, ["a", "b"], pool=pool)  # type: ignore[arg-type]
    sequences = ["ACGTACGTA", "GG", "TTACA"]
    ids = [model.tokenizer.encode(sequence) for sequence in sequences]
    edges = torch.tensor([0, *np.cumsum([len(one) for one in ids])])
    with torch.no_grad():
        pooled = head.pooled(torch.from_numpy(np.concatenate(ids).astype(np.int64)), edges).numpy()
    vectors = embed(model, sequences, pool=pool)  # type: ignore[arg-type]
    assert vectors.shape == (3, pooled_width(pool, 8))
    np.testing.assert_allclose(vectors, pooled, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(embed(model, sequences, pool=pool, batch_tokens=4), vectors, rtol=1e-4, atol=1e-6)  # type: ignore[arg-type]
