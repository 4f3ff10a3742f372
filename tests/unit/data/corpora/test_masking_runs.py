"""Hiding bases under overlapping k-mers: what is hidden cannot be read off what is left."""

import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glmkit.data.corpora import mask_tokens
from glmkit.errors import BadInput
from glmkit.tokens import BaseTokenizer, KmerTokenizer

K4 = KmerTokenizer(4)


def packed(tokenizer: KmerTokenizer, sequences: list[str]) -> tuple[np.ndarray, np.ndarray]:
    pieces = [tokenizer.encode(sequence) for sequence in sequences]
    return np.concatenate(pieces), np.cumsum([0, *map(len, pieces)])


def hidden_bases(inputs: np.ndarray, k: int, mask: int) -> np.ndarray:
    """Bases that no token shows any more, by the definition."""
    return np.array(
        [
            all(inputs[t] == mask for t in range(max(0, b - k + 1), min(b, len(inputs) - 1) + 1))
            for b in range(len(inputs) + k - 1)
        ]
    )


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.text("ACGTN", min_size=3, max_size=30), min_size=1, max_size=6),
    st.integers(2, 3),
    st.integers(1, 4),
    st.sampled_from([0.04, 0.3, 1.0]),
    st.integers(0, 99),
)
def test_runs_are_masks_and_each_sequence_hides_something(
    sequences: list[str], k: int, span: int, rate: float, seed: int
) -> None:
    tokenizer = KmerTokenizer(k)
    ids, edges = packed(tokenizer, sequences)
    before = ids.copy()
    masked = mask_tokens(ids, tokenizer, np.random.default_rng(seed), rate, boundaries=edges, span=span)
    assert (ids == before).all()
    assert (masked.inputs[masked.positions] == tokenizer.mask_id).all()
    assert (masked.targets == ids[masked.positions]).all()
    assert tokenizer.maskable[masked.targets].all()
    untouched = np.setdiff1d(np.arange(len(ids)), masked.positions)
    assert (masked.inputs[untouched] == ids[untouched]).all()
    for sequence, (start, stop) in zip(sequences, pairwise(edges), strict=True):
        # a base next to an N stands in tokens that are <unk> anyway and show nothing
        blind = np.where(tokenizer.maskable[masked.inputs[start:stop]], masked.inputs[start:stop], tokenizer.mask_id)
        known = np.array(list(sequence)) != "N"
        if tokenizer.maskable[ids[start:stop]].any():
            assert (hidden_bases(blind, k, tokenizer.mask_id) & known).any()
        if rate == 1:
            assert not tokenizer.maskable[masked.inputs[start:stop]].any()


@pytest.mark.parametrize("span", [1, 3])
def test_a_run_hides_its_span_and_nothing_more(span: int) -> None:
    ids = K4.encode("".join(np.random.default_rng(0).choice(list("ACGT"), 900)))
    hidden = hidden_bases(mask_tokens(ids, K4, np.random.default_rng(1), 0.006 * span, span=span).inputs, 4, K4.mask_id)
    runs = np.diff(np.flatnonzero(np.diff(np.r_[0, hidden, 0]))).tolist()[::2]
    assert len(runs) >= 3
    assert set(runs) <= {span} | set(range(2 * span, 99))  # two runs may meet


@pytest.mark.parametrize(("rate", "span"), [(0.02, 1), (0.06, 2), (0.1, 5)])
def test_the_share_of_bases_is_the_rate_also_at_the_ends(rate: float, span: int) -> None:
    sequences = ["".join(row) for row in np.random.default_rng(2).choice(list("ACGT"), (4000, 43))]
    ids, edges = packed(K4, sequences)
    masked = mask_tokens(ids, K4, np.random.default_rng(3), rate, boundaries=edges, span=span)
    share = (masked.inputs == K4.mask_id).reshape(4000, 40).mean(0)
    expected = 1 - (1 - rate) ** ((span + 3) / span)  # of tokens; the few sequences that get their one run come on top
    spared = (1 - rate) ** ((42 + span) / span)
    assert (share > expected - 5 * np.sqrt(expected / 4000)).all()
    assert (share < expected + spared + 5 * np.sqrt(expected / 4000)).all()


def test_runs_of_single_bases_become_masks() -> None:
    tokenizer = BaseTokenizer()
    ids = tokenizer.encode("ACGT" * 500)
    masked = mask_tokens(ids, tokenizer, np.random.default_rng(0), 0.1, span=4)
    assert (masked.inputs[masked.positions] == tokenizer.mask_id).all()
    assert abs(len(masked.positions) / 2000 - 0.1) < 0.04
    lengths = np.diff(np.flatnonzero(np.diff(np.r_[0, masked.inputs == tokenizer.mask_id, 0])))[::2]
    assert lengths[1:-1].min() == 4  # those at the ends may be cut


def test_k_mers_apart_stay_single() -> None:
    tokenizer = KmerTokenizer(3, overlapping=False)
    ids = tokenizer.encode("ACGTTA" * 400)
    masked = mask_tokens(ids, tokenizer, np.random.default_rng(0), 0.2)
    seen = masked.inputs[masked.positions]
    assert 0.7 < np.mean(seen == tokenizer.mask_id) < 0.9


def test_a_large_batch_takes_about_a_millisecond() -> None:
    rng = np.random.default_rng(0)
    ids, edges = packed(K4, ["".join(rng.choice(list("ACGT"), 131)) for _ in range(128)])
    times = []
    for _ in range(20):
        start = time.perf_counter()
        mask_tokens(ids, K4, rng, 0.06, None, edges, 2)
        times.append(time.perf_counter() - start)
    assert len(ids) == 16384
    assert min(times) < 0.01  # 0.4 ms on a quiet core; a loop over tokens takes far more


def test_a_span_below_one_is_refused() -> None:
    with pytest.raises(BadInput, match="Expected a span of at least 1, got 0"):
        mask_tokens(K4.encode("ACGTACGT"), K4, np.random.default_rng(0), span=0)
