"""What every verb needs before the model runs: ids, windows over long inputs, batches, and a model left as it was.

Windows over long inputs: pieces of `context` tokens start every ``context // 2`` tokens, the last one ending with the input.
A token's result is taken from one window only. Where both sides are read, that is the window in which it stands farthest from
an edge; where only the past is read, the first window in which at least half a window of past is available. An input that
fits is one window, so nothing changes for short inputs.

Special tokens: a model family may put tokens before and after every sequence (``tokenizer.prefix`` and ``suffix``).
:func:`packed` adds them to every window, and nothing else in this room does; `context` counts them, everything else speaks of
the tokens of the input alone, and they are never hidden, scored or pooled.

Cells: an AnnData, or a dictionary of the modalities of the same cells, is as many inputs as it has cells. A cell is read whole,
for the order of its tokens is that of their ranks, and a window would make a low rank look high.

Batches are filled with windows of similar length up to a budget of tokens. They never change a result beyond rounding
(float32 sums in another order), since no token sees another sequence.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from glmkit.errors import BadInput
from glmkit.tokens import surround
from glmkit.tokens.cells import are_cells, cell_ids

CONTEXT = 1024
BATCH_TOKENS = 4096  # with a few thousand tokens a batch the activations of a small model stay in cache


class Window(NamedTuple):  # numpydoc ignore=PR02
    """A piece of an input and the part of it that counts.

    Parameters
    ----------
    start, stop
        Half-open range of tokens that the model reads.
    first, last
        Half-open range of tokens whose results are kept; the ranges of an input's windows meet without overlap.
    """

    start: int
    stop: int
    first: int
    last: int


def windows(length: int, context: int, past_only: bool = False) -> list[Window]:
    """Cover an input of `length` tokens with windows of at most `context`.

    Parameters
    ----------
    length
        Tokens, at least 1.
    context
        Most tokens of a window, at least 2.
    past_only
        The model reads to the left only.

    Returns
    -------
    list of Window
        In order; their kept ranges cover every token once.
    """
    if length <= context:
        return [Window(0, length, 0, length)]
    step = context // 2
    starts = [*range(0, length - context, step), length - context]
    ends = [start + context for start in starts]
    middles = [(start + end + 1) // 2 for start, end in zip(starts[1:], ends, strict=False)]
    cuts = ends[:-1] if past_only else middles
    return [Window(*parts) for parts in zip(starts, ends, [0, *cuts], [*cuts, length], strict=True)]


def encode(model: Any, inputs: Sequence[str | np.ndarray] | Any) -> list[np.ndarray]:
    """Ids of each input by the model's own tokenizer; arrays of ids pass through.

    Parameters
    ----------
    model
        Anything with ``tokenizer``.
    inputs
        Strings or integer ids; or cells, an AnnData of raw counts or a dictionary of the modalities of the same cells.

    Returns
    -------
    list of arrays (length,)
        Ids.

    Raises
    ------
    BadInput
        A single string instead of a list, an input without a token, or cells for a tokenizer of sequences.
    """
    if are_cells(inputs):
        ragged = cell_ids(model.tokenizer, inputs)
        return [ragged.ids[start:stop] for start, stop in itertools.pairwise(ragged.offsets.tolist())]
    if isinstance(inputs, str):
        raise BadInput("inputs: expected a list of sequences, got one string. Put it in a list: [sequence].")
    ids = [model.tokenizer.encode(item) if isinstance(item, str) else np.asarray(item) for item in inputs]
    for place, item in enumerate(ids):
        if item.ndim != 1 or len(item) == 0 or item.dtype.kind not in "iu":
            raise BadInput(f"inputs[{place}]: expected a sequence or integer ids (length,), got {item.dtype} {item.shape}.")
    return ids


def letters_at_once(model: Any, context: int | None) -> int:
    """Most tokens of an input that fit in one window beside the special tokens.

    Parameters
    ----------
    model
        Anything with ``tokenizer``; its ``context``, if it has one, is the default.
    context
        Most tokens of a window, special ones included; None for the model's own, or 1024.

    Returns
    -------
    int
        2 or more.

    Raises
    ------
    BadInput
        Fewer than two tokens would be left.
    """
    special = special_tokens(model)
    whole = _own_context(model) if context is None else context
    if whole - special < 2:
        which = f" ({special} of them special ones around 2 of the input)" if special else ""
        raise BadInput(f"context: expected at least {2 + special} tokens{which}, got {whole}.")
    return whole - special


def _own_context(model: Any) -> int:
    """Of a language model what it says; of a classifier what its network can read, or what its card says."""
    stated = getattr(model, "context", 0) or getattr(model.network.config, "maximum_positions", 0)
    return stated or int(model.card.get("context", CONTEXT))


def special_tokens(model: Any) -> int:
    """How many tokens stand around every sequence."""
    return len(model.tokenizer.prefix) + len(model.tokenizer.suffix)


def by_budget(lengths: Sequence[int] | np.ndarray, budget: int = BATCH_TOKENS) -> Iterator[np.ndarray]:
    """Item numbers in batches of similar length with at most `budget` tokens (or a single item).

    Parameters
    ----------
    lengths
        Tokens of each item.
    budget
        Most tokens of a batch.

    Yields
    ------
    int64 array
        Numbers of the items of one batch; every item comes once.
    """
    if budget < 1:
        raise BadInput(f"batch_tokens: expected at least 1, got {budget}.")
    sizes = np.asarray(lengths, dtype=np.int64)
    batch: list[int] = []
    filled = 0
    for item in np.argsort(sizes, kind="stable").tolist():
        if batch and filled + sizes[item] > budget:
            yield np.array(batch)
            batch, filled = [], 0
        batch.append(item)
        filled += int(sizes[item])
    if batch:
        yield np.array(batch)


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """No gradients, no dropout; afterwards every part of the model is in the mode it was in.

    Parameters
    ----------
    model
        A module.
    """
    import torch

    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def packed(model: Any, pieces: Iterable[np.ndarray]) -> tuple[Any, Any]:
    """Surround id arrays by the model's special tokens and pack them.

    Parameters
    ----------
    model
        Anything with ``device`` and ``tokenizer``.
    pieces
        Arrays of ids, bare.

    Returns
    -------
    tuple of torch.Tensor
        Tokens (tokens,) on the model's device; boundaries (sequences + 1,) on the CPU, where grouping reads them. The first
        letter of piece `i` stands at ``boundaries[i] + len(tokenizer.prefix)``: see :func:`first_letters`.
    """
    from glmkit.models.networks import pack

    before, after = model.tokenizer.prefix, model.tokenizer.suffix
    tokens, boundaries = pack([surround(np.asarray(piece), before, after) for piece in pieces])
    return tokens.to(model.device), boundaries


def first_letters(model: Any, boundaries: Any) -> list[int]:
    """Where in a packed batch the first letter of each piece stands, behind the special tokens.

    Parameters
    ----------
    model
        Anything with ``tokenizer``.
    boundaries
        (sequences + 1,) from :func:`packed`.

    Returns
    -------
    list of int
        One a sequence.
    """
    return [start + len(model.tokenizer.prefix) for start in boundaries.tolist()[:-1]]
