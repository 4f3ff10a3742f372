"""Windows cover every token once, batches every item once, and the model keeps its mode."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from glmkit.errors import BadInput
from glmkit.score.windows.batches import by_budget, encode, evaluating, windows
from glmkit.tokens import BaseTokenizer


@pytest.mark.parametrize("past_only", [False, True])
@pytest.mark.parametrize(("length", "context"), [(1, 8), (8, 8), (9, 8), (12, 8), (31, 8), (32, 7), (100, 2)])
def test_kept_ranges_cover_every_token_once(length: int, context: int, past_only: bool) -> None:
    cover = np.zeros(length, dtype=int)
    for start, stop, first, last in windows(length, context, past_only):
        assert 0 <= start <= first < last <= stop <= length
        assert stop - start <= context
        cover[first:last] += 1
    assert (cover == 1).all()


def test_kept_tokens_stand_in_the_middle_or_have_a_past() -> None:
    for start, stop, first, last in windows(103, 20)[1:-1]:
        assert first - start >= 5
        assert stop - last >= 5
    for start, _, first, _ in windows(103, 20, past_only=True)[1:]:
        assert first - start >= 10


def test_batches_hold_every_item_once_within_the_budget() -> None:
    lengths = np.random.default_rng(0).integers(1, 40, 57)
    batches = list(by_budget(lengths, 64))
    assert sorted(np.concatenate(batches).tolist()) == list(range(57))
    assert all(lengths[b].sum() <= 64 for b in batches)
    assert [b.tolist() for b in by_budget([5, 99, 3], 10)] == [[2, 0], [1]]


def test_modes_are_put_back_even_after_an_error() -> None:
    model = torch.nn.Sequential(torch.nn.Dropout(), torch.nn.Linear(2, 3))
    model[1].eval()
    seen: list[bool] = []

    def fails() -> None:
        with evaluating(model):
            seen.extend([model[0].training, torch.is_grad_enabled()])
            raise KeyError("made up")

    with pytest.raises(KeyError, match="made up"):
        fails()
    assert seen == [False, False]
    assert [m.training for m in model.modules()] == [True, True, False]
    assert torch.is_grad_enabled()


def test_bad_input_says_what_is_wrong() -> None:
    model = SimpleNamespace(tokenizer=BaseTokenizer())
    with pytest.raises(BadInput, match="expected a list of sequences, got one string"):
        encode(model, "ACGT")
    with pytest.raises(BadInput, match=r"inputs\[1\]: expected a sequence or integer ids"):
        encode(model, ["ACGT", ""])
    with pytest.raises(BadInput, match="batch_tokens: expected at least 1, got 0"):
        list(by_budget([3], 0))
