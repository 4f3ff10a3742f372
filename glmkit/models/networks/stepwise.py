"""Packed batches laid out step by step, for recurrences.

A recurrence has to wait for its own past, but not for other sequences. With the longest sequence first, step t of all sequences
that still run is one contiguous block of rows, and the state of step t is a prefix of the state of step t - 1: one matrix
product a step for the whole batch, whatever the lengths, and nothing padded. It is the layout of `torch`'s ``PackedSequence``.
"""

from typing import NamedTuple

import numpy as np
import torch

from glmkit.axes import BoundariesT


class Steps(NamedTuple):
    """How to walk through a packed batch step by step.

    Attributes
    ----------
    order
        int64 (tokens,): ``tokens[order]`` has the first tokens of all sequences, then the second ones, and so on.
    back
        int64 (tokens,): undoes `order`.
    sizes
        int64 (longest,) on the CPU: sequences that are still running at each step; it never grows.
    """

    order: torch.Tensor
    back: torch.Tensor
    sizes: torch.Tensor


def by_step(boundaries: BoundariesT, device: torch.device) -> Steps:
    """The layout of one batch.

    Parameters
    ----------
    boundaries
        int64 (sequences + 1,), best kept on the CPU.
    device
        Where the index tensors should live.

    Returns
    -------
    Steps
        The permutation and the size of each step.
    """
    edges = boundaries.cpu().numpy()
    lengths = np.diff(edges)
    rank = np.argsort(np.argsort(-lengths, kind="stable"))  # of each sequence, the longest first
    place = np.arange(edges[-1]) - np.repeat(edges[:-1], lengths)
    order = np.lexsort((np.repeat(rank, lengths), place))
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return Steps(torch.from_numpy(order).to(device), torch.from_numpy(back).to(device), torch.from_numpy(np.bincount(place)))
