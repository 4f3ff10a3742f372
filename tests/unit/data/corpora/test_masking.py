"""Masking: 15% chosen, 80/10/10, never what must stay, the same from the same generator."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glmkit.data.corpora import mask_tokens
from glmkit.errors import BadInput
from glmkit.tokens import BaseTokenizer

TOKENIZER = BaseTokenizer()
MASK = TOKENIZER.mask_id


def test_rates_within_five_standard_errors() -> None:
    n = 400_000
    ids = np.random.default_rng(1).choice(TOKENIZER.letter_ids, n)
    masked = mask_tokens(ids, TOKENIZER, np.random.default_rng(2))
    chosen = len(masked.positions)
    assert abs(chosen / n - 0.15) < 5 * np.sqrt(0.15 * 0.85 / n)
    seen = masked.inputs[masked.positions]
    shares = [np.mean(seen == MASK), np.mean((seen != MASK) & (seen != masked.targets)), np.mean(seen == masked.targets)]
    # A random letter is the true one in a quarter of the cases.
    for share, expected in zip(shares, [0.8, 0.1 * 3 / 4, 0.1 + 0.1 / 4], strict=True):
        assert abs(share - expected) < 5 * np.sqrt(expected * (1 - expected) / chosen)
    random = seen[(seen != MASK) & (seen != masked.targets)]
    assert np.abs(np.bincount(random, minlength=10)[4:8] / len(random) - 0.25).max() < 0.05


@settings(deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 9), max_size=12), min_size=1, max_size=9),
    st.integers(0, 99),
    st.sampled_from([0.05, 0.15, 0.9, 1.0]),
)
def test_what_must_hold_for_every_batch(batch: list[list[int]], seed: int, rate: float) -> None:
    ids = np.array([i for sequence in batch for i in sequence], np.uint8)
    boundaries = np.cumsum([0, *map(len, batch)])
    before = ids.copy()
    masked = mask_tokens(ids, TOKENIZER, np.random.default_rng(seed), rate, boundaries=boundaries)
    assert (ids == before).all()
    assert masked.inputs.dtype == ids.dtype
    assert (np.diff(masked.positions) > 0).all()
    assert (masked.targets == ids[masked.positions]).all()
    assert np.isin(masked.targets, TOKENIZER.letter_ids).all()
    untouched = np.setdiff1d(np.arange(len(ids)), masked.positions)
    assert (masked.inputs[untouched] == ids[untouched]).all()
    assert np.isin(masked.inputs[masked.positions], [*TOKENIZER.letter_ids, MASK]).all()
    for start, stop in pairwise(boundaries):
        maskable = TOKENIZER.maskable[ids[start:stop]].sum()
        inside = ((masked.positions >= start) & (masked.positions < stop)).sum()
        assert min(maskable, 1) <= inside <= maskable
        if rate == 1:
            assert inside == maskable
    again = mask_tokens(ids, TOKENIZER, np.random.default_rng(seed), rate, boundaries=boundaries)
    assert (again.inputs == masked.inputs).all()


def test_weights_follow_the_positions() -> None:
    ids = TOKENIZER.encode("ACGT" * 50)
    weights = np.where(np.arange(200) < 80, 0.1, 1).astype(np.float32)
    masked = mask_tokens(ids, TOKENIZER, np.random.default_rng(0), 0.3, weights)
    assert masked.weights.dtype == np.float32
    assert (masked.weights == weights[masked.positions]).all()
    assert set(mask_tokens(ids, TOKENIZER, np.random.default_rng(0)).weights) == {1}


def test_nothing_to_mask_is_no_error() -> None:
    masked = mask_tokens(TOKENIZER.encode("NNN"), TOKENIZER, np.random.default_rng(0))
    assert len(masked.positions) == 0
    assert (masked.inputs == TOKENIZER.encode("NNN")).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"rate": 0.0}, "Expected a masking rate above 0 and at most 1, got 0.0"),
        ({"rate": float("nan")}, "got nan"),
        ({"weights": np.ones(3)}, "Expected 4 weights, one a token, got 3"),
        ({"boundaries": np.array([0, 3])}, "Boundaries must rise from 0 to the 4 tokens"),
        ({"boundaries": np.array([0, 3, 2, 4])}, "Boundaries must rise from 0 to the 4 tokens"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        mask_tokens(TOKENIZER.encode("ACGT"), TOKENIZER, np.random.default_rng(0), **arguments)
    assert words in str(caught.value)
