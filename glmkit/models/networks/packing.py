"""Packed batches: concatenated token ids and the boundaries of the sequences, without padding.

CPU kernels need rectangles, so a network first reorders sequences such that those of equal length are adjacent. Each group is then
a view of the packed tensor as ``(sequences, length, ...)``, without padding. If the batch already has that order (as windows of
one length always do), nothing is copied. A batch with all lengths distinct needs one kernel call per sequence.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from glmkit.axes import BoundariesT, TokensT
from glmkit.errors import BadInput


class Span(NamedTuple):
    """Adjacent sequences of equal `length` from token `start`, with `scored` positions each."""

    start: int
    sequences: int
    length: int
    scored: int = 0


class Groups(NamedTuple):
    """A packed batch as rectangles of equally long sequences.

    Attributes
    ----------
    spans
        Rectangles in the order of `order`.
    asked
        Rectangles, divided further such that sequences have equal numbers of scored positions.
    order
        Permutation after which sequences of equal length are adjacent in ``tokens[order]``, int64 (tokens,); None for identity.
    back
        Inverse of `order`, int64 (tokens,); None for identity.
    """

    spans: list[Span]
    asked: list[Span]
    order: torch.Tensor | None
    back: torch.Tensor | None


def pack(sequences: Sequence[np.ndarray]) -> tuple[TokensT, BoundariesT]:
    """Pack arrays of token ids.

    Parameters
    ----------
    sequences
        Arrays of token ids, (length,) each, of any integer type, not empty.

    Returns
    -------
    tuple
        Tokens, int64 (tokens,), and boundaries, int64 (sequences + 1,): sequence i is ``tokens[boundaries[i]:boundaries[i + 1]]``.

    Raises
    ------
    BadInput
        No sequence, or an empty one.
    """
    lengths = [len(sequence) for sequence in sequences]
    if not lengths or min(lengths) == 0:
        what = f"sequence {lengths.index(0)} has no token" if lengths else "got no sequence at all"
        raise BadInput(f"A batch needs one token or more in every sequence; {what}. Remove empty sequences first.")
    boundaries = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=boundaries[1:])
    tokens = np.concatenate([np.asarray(sequence) for sequence in sequences]).astype(np.int64)
    return torch.from_numpy(tokens), torch.from_numpy(boundaries)


def group(boundaries: BoundariesT, device: torch.device, scored: Sequence[int] | None = None) -> Groups:
    """Group the sequences of a batch by length, in order of first appearance.

    Parameters
    ----------
    boundaries
        Boundaries of the sequences, int64 (sequences + 1,), preferably on the CPU.
    device
        Device of the index tensors.
    scored
        Number of scored positions of each sequence, (sequences,).

    Returns
    -------
    Groups
        Rectangles and, if needed, the permutation of the tokens that forms them.
    """
    edges = boundaries.tolist()
    lengths = [stop - start for start, stop in itertools.pairwise(edges)]
    members: dict[int, dict[int, list[int]]] = {}
    for index, length in enumerate(lengths):
        members.setdefault(length, {}).setdefault(scored[index] if scored else 0, []).append(index)
    spans: list[Span] = []
    asked: list[Span] = []
    visited: list[int] = []
    start = 0
    for length, parts in members.items():
        spans.append(Span(start, sum(map(len, parts.values())), length))
        for count, indices in parts.items():
            asked.append(Span(start, len(indices), length, count))
            start += length * len(indices)
            visited += indices
    if visited == sorted(visited):
        return Groups(spans, asked, None, None)
    order = torch.cat([torch.arange(edges[index], edges[index + 1]) for index in visited])
    return Groups(spans, asked, order.to(device), torch.argsort(order).to(device))


def places(boundaries: BoundariesT) -> torch.Tensor:
    """Position of every token in its sequence, from 0.

    Parameters
    ----------
    boundaries
        Boundaries of the sequences, int64 (sequences + 1,).

    Returns
    -------
    torch.Tensor
        Positions, int64 (tokens,), on the device of `boundaries`.
    """
    starts = torch.repeat_interleave(boundaries[:-1], boundaries.diff())
    return torch.arange(len(starts), device=boundaries.device) - starts


def part(x: torch.Tensor, span: Span) -> torch.Tensor:
    """A span of packed rows as a rectangle.

    Parameters
    ----------
    x
        Packed rows, (tokens, ...).
    span
        Rectangle to select.

    Returns
    -------
    torch.Tensor
        View of `x`, (sequences, length, ...).
    """
    start, count, length = span[:3]
    return x[start : start + count * length].unflatten(0, (count, length))
