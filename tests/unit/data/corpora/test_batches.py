"""Batches: every item once, never over the budget, full, alike in length, and a pure function."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glmkit.data.corpora import token_budget_batches
from glmkit.errors import BadInput


@given(st.lists(st.integers(1, 50), min_size=1, max_size=300), st.integers(50, 400), st.integers(0, 9), st.integers(0, 3))
def test_each_item_once_and_never_over_the_budget(lengths: list[int], budget: int, seed: int, epoch: int) -> None:
    batches = token_budget_batches(lengths, budget, seed, epoch)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    totals = [int(np.array(lengths)[batch].sum()) for batch in batches]
    assert max(totals) <= budget
    assert sum(total + 50 <= budget for total in totals) <= 1, "more than one batch had room for another item"
    again = token_budget_batches(np.array(lengths), budget, seed, epoch)
    assert all((a == b).all() for a, b in zip(batches, again, strict=True))


def test_epochs_and_seeds_differ() -> None:
    lengths = np.full(640, 16)
    first = [tuple(b) for b in token_budget_batches(lengths, 160, seed=0, epoch=0)]
    for seed, epoch in [(0, 1), (1, 0)]:
        other = [tuple(b) for b in token_budget_batches(lengths, 160, seed, epoch)]
        assert set(map(frozenset, first)).isdisjoint(map(frozenset, other))


def test_lengths_within_a_batch_are_alike() -> None:
    lengths = np.random.default_rng(0).integers(30, 1000, 20_000)
    batches = token_budget_batches(lengths, 8192, 0, 0)
    padded = sum(lengths[b].max() * len(b) for b in batches)
    assert padded < 1.06 * lengths.sum()
    means = np.array([lengths[b].mean() for b in batches])
    assert abs(np.corrcoef(means[1:], means[:-1])[0, 1]) < 0.1, "batches come in order of length"


def test_drop_last_leaves_out_the_one_that_is_not_full() -> None:
    assert sorted(map(len, token_budget_batches([10] * 25, 100, 0, 0))) == [5, 10, 10]
    assert sorted(map(len, token_budget_batches([10] * 25, 100, 0, 0, drop_last=True))) == [10, 10]
    assert list(map(len, token_budget_batches([10] * 5, 100, 0, 0, drop_last=True))) == [5]


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(BadInput, match="Item 1 has 101 tokens; a batch holds 1 to 100"):
        token_budget_batches([10, 101], 100, 0, 0)
    with pytest.raises(BadInput, match="Expected seed and epoch of at least 0, got seed=-1"):
        token_budget_batches([10], 100, -1, 0)
    with pytest.raises(BadInput, match="at least one item"):
        token_budget_batches([], 100, 0, 0)
