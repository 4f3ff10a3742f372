"""Packed batches: token ids one sequence after another, and the boundaries between them; no padding anywhere.

CPU kernels want rectangles, so a network first puts sequences of equal length side by side. Each such group is then a view of
the packed tensor as ``(sequences, length, ...)``: nothing is padded and, when the batch already lies in that order (windows
of one length always do), nothing is copied either. A batch in which every length is its own costs one kernel call a sequence.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from glmkit.axes import BoundariesT, TokensT
from glmkit.errors import BadInput


class Span(NamedTuple):
    """Sequences of one `length` that lie side by side from token `start` on; each is asked for `scored` of its positions."""

    start: int
    sequences: int
    length: int
    scored: int = 0


class Groups(NamedTuple):
    """How to visit a packed batch as rectangles.

    Attributes
    ----------
    spans
        The rectangles, in the order in which `order` lays them out.
    asked
        The same, cut further so that each has sequences with one number of scored positions.
    order
        int64 (tokens,): ``tokens[order]`` has sequences of equal length side by side; None if they already are.
    back
        int64 (tokens,): undoes `order`; None if there is nothing to undo.
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
        Arrays of ids, each (length,) of any integer type, none of them empty.

    Returns
    -------
    tuple
        Tokens, int64 (tokens,), and boundaries, int64 (sequences + 1,): sequence i is ``tokens[boundaries[i]:boundaries[i + 1]]``.

    Raises
    ------
    BadInput
        There is no sequence, or one is empty.
    """
    lengths = [len(sequence) for sequence in sequences]
    if not lengths or min(lengths) == 0:
        what = f"sequence {lengths.index(0)} has no token" if lengths else "got no sequence at all"
        raise BadInput(f"A batch needs one token or more in every sequence; {what}. Drop empty sequences first.")
    boundaries = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=boundaries[1:])
    tokens = np.concatenate([np.asarray(sequence) for sequence in sequences]).astype(np.int64)
    return torch.from_numpy(tokens), torch.from_numpy(boundaries)


def group(boundaries: BoundariesT, device: torch.device, scored: Sequence[int] | None = None) -> Groups:
    """Group the sequences of a batch by length, in order of first appearance.

    Parameters
    ----------
    boundaries
        int64 (sequences + 1,), best kept on the CPU.
    device
        Where the index tensors should live.
    scored
        (sequences,): how many positions of each are asked for.

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
    """Place of every token in its own sequence, from 0.

    Parameters
    ----------
    boundaries
        int64 (sequences + 1,).

    Returns
    -------
    torch.Tensor
        int64 (tokens,), on the device of `boundaries`.
    """
    starts = torch.repeat_interleave(boundaries[:-1], boundaries.diff())
    return torch.arange(len(starts), device=boundaries.device) - starts


def part(x: torch.Tensor, span: Span) -> torch.Tensor:
    """A span of packed rows as a rectangle.

    Parameters
    ----------
    x
        (tokens, ...).
    span
        Which.

    Returns
    -------
    torch.Tensor
        (sequences, length, ...), a view.
    """
    start, count, length = span[:3]
    return x[start : start + count * length].unflatten(0, (count, length))
