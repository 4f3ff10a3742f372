"""Step-by-step layout of packed batches, for recurrent networks.

A recurrence depends on the past of its own sequence only. Sequences are sorted by decreasing length. Step t of all sequences that
have not ended is then one contiguous block of rows, whose state is a prefix of the state at step t - 1. The whole batch needs one
matrix product per step, for any lengths and without padding. This is the layout of ``PackedSequence`` in `torch`.
"""

from typing import NamedTuple

import numpy as np
import torch

from glmkit.axes import BoundariesT


class Steps(NamedTuple):
    """Step-by-step layout of a packed batch.

    Attributes
    ----------
    order
        Permutation after which ``tokens[order]`` has the first tokens of all sequences, then the second ones, and so on, int64
        (tokens,).
    back
        Inverse of `order`, int64 (tokens,).
    sizes
        Number of sequences at each step, int64 (longest,) on the CPU, not increasing.
    """

    order: torch.Tensor
    back: torch.Tensor
    sizes: torch.Tensor


def by_step(boundaries: BoundariesT, device: torch.device) -> Steps:
    """Step-by-step layout of one batch.

    Parameters
    ----------
    boundaries
        Boundaries of the sequences, int64 (sequences + 1,), preferably on the CPU.
    device
        Device of the index tensors.

    Returns
    -------
    Steps
        Permutation, its inverse, and the size of each step.
    """
    edges = boundaries.cpu().numpy()
    lengths = np.diff(edges)
    rank = np.argsort(np.argsort(-lengths, kind="stable"))  # rank of each sequence by decreasing length
    place = np.arange(edges[-1]) - np.repeat(edges[:-1], lengths)
    order = np.lexsort((np.repeat(rank, lengths), place))
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return Steps(torch.from_numpy(order).to(device), torch.from_numpy(back).to(device), torch.from_numpy(np.bincount(place)))
