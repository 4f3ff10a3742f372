"""Preparation of inputs for a model: token ids, windows over long inputs, batches, and evaluation mode.

Windows over long inputs: windows of `context` tokens start every ``context // 2`` tokens; the last one ends with the input. The
result of a token is taken from one window only. For a bidirectional model that is the window in which the token is farthest from
an edge. For a causal model it is the first window with at least half a window of preceding context. An input that fits in the
context is one window.

Special tokens: a model family may put tokens before and after every sequence (``tokenizer.prefix`` and ``suffix``).
:func:`packed` adds them to every window; no other function of this package does. `context` includes them. All other lengths and
positions count tokens of the input alone. Special tokens are never masked, scored or pooled.

Cells: an AnnData, or a dictionary of the modalities of the same cells, has one input per cell. A cell is read whole, because its
tokens are ordered by rank: in a later window, low ranks would appear as high ones.

Batches are filled with windows of similar length up to a budget of tokens. They do not change a result beyond rounding (float32
sums in another order), since sequences do not attend to each other.
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
BATCH_TOKENS = 4096  # with a few thousand tokens per batch, the activations of a small model stay in cache


class Window(NamedTuple):  # numpydoc ignore=PR02
    """A window of an input, and the part of it whose results are kept.

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
        Length of the input in tokens, at least 1.
    context
        Maximum length of a window in tokens, at least 2.
    past_only
        Whether the model is causal.

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
    """Token ids of each input by the model's tokenizer; arrays of ids are returned unchanged.

    Parameters
    ----------
    model
        Any object with ``tokenizer``.
    inputs
        Strings or integer ids; or cells: an AnnData of raw counts or a dictionary of the modalities of the same cells.

    Returns
    -------
    list of arrays (length,)
        Token ids, without special tokens.

    Raises
    ------
    BadInput
        A single string instead of a list, an empty input, or cells for a tokenizer of sequences.
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
    """Maximum number of input tokens in one window, special tokens excluded.

    Parameters
    ----------
    model
        Any object with ``tokenizer``; its ``context``, if it has one, is the default.
    context
        Window length in tokens, special tokens included; None for the model's own, or 1024.

    Returns
    -------
    int
        2 or more.

    Raises
    ------
    BadInput
        A context with room for fewer than two input tokens.
    """
    special = special_tokens(model)
    whole = _own_context(model) if context is None else context
    if whole - special < 2:
        which = f" ({special} special tokens and 2 of the input)" if special else ""
        raise BadInput(f"context: expected at least {2 + special} tokens{which}, got {whole}.")
    return whole - special


def _own_context(model: Any) -> int:
    """Context of a language model; for a classifier the maximum positions of its network, or the context in its card."""
    stated = getattr(model, "context", 0) or getattr(model.network.config, "maximum_positions", 0)
    return stated or int(model.card.get("context", CONTEXT))


def special_tokens(model: Any) -> int:
    """Number of special tokens around every sequence."""
    return len(model.tokenizer.prefix) + len(model.tokenizer.suffix)


def by_budget(lengths: Sequence[int] | np.ndarray, budget: int = BATCH_TOKENS) -> Iterator[np.ndarray]:
    """Batches of items of similar length with at most `budget` tokens (or a single item).

    Parameters
    ----------
    lengths
        Length of each item in tokens.
    budget
        Maximum number of tokens per batch.

    Yields
    ------
    int64 array
        Indices of the items of one batch; every item is in exactly one batch.
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
    """Context of evaluation: no gradients and no dropout; the mode of every submodule is restored afterwards.

    Parameters
    ----------
    model
        A torch module.
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
    """Add the model's special tokens around each array of ids, and pack the arrays into one.

    Parameters
    ----------
    model
        Any object with ``device`` and ``tokenizer``.
    pieces
        Arrays of ids, without special tokens.

    Returns
    -------
    tuple of torch.Tensor
        Tokens (tokens,) on the model's device, and boundaries (sequences + 1,) on the CPU, where sequences are grouped. The first
        letter of piece `i` is at ``boundaries[i] + len(tokenizer.prefix)``: see :func:`first_letters`.
    """
    from glmkit.models.networks import pack

    before, after = model.tokenizer.prefix, model.tokenizer.suffix
    tokens, boundaries = pack([surround(np.asarray(piece), before, after) for piece in pieces])
    return tokens.to(model.device), boundaries


def first_letters(model: Any, boundaries: Any) -> list[int]:
    """Position in a packed batch of the first letter of each piece, after the special tokens.

    Parameters
    ----------
    model
        Any object with ``tokenizer``.
    boundaries
        Start and end positions of the sequences, (sequences + 1,), from :func:`packed`.

    Returns
    -------
    list of int
        One position per sequence.
    """
    return [start + len(model.tokenizer.prefix) for start in boundaries.tolist()[:-1]]
