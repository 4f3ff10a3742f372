"""Batches of about equal work: as many sequences as a token budget holds, sequences of similar length together.

A pure function of its arguments: a run that is resumed asks again with the same seed and epoch and gets the same batches,
so nothing about the order has to be stored in a checkpoint. Sorting everything by length would put the same neighbours
together in every epoch; sorting within large random pools keeps lengths close and neighbours new.
"""

from collections.abc import Sequence

import numpy as np

from glmkit.errors import BadInput

POOL = 64  # batches that are sorted together


def token_budget_batches(
    lengths: np.ndarray | Sequence[int], budget: int, seed: int, epoch: int, drop_last: bool = False
) -> list[np.ndarray]:
    """Deal items out to batches of at most `budget` tokens; each item is in exactly one batch of an epoch.

    Parameters
    ----------
    lengths
        int (n,): tokens of each item, each between 1 and `budget`.
    budget
        Most tokens of a batch.
    seed, epoch
        Decide the order, both at least 0.
    drop_last
        Leave out the one batch that may hold less than the next item would have filled.

    Returns
    -------
    list of numpy.ndarray
        int64 item indices of each batch, in the order to use them.

    Raises
    ------
    BadInput
        No items, or an item longer than the budget (named).
    """
    sizes = np.asarray(lengths, np.int64)
    if sizes.ndim != 1 or len(sizes) == 0:
        raise BadInput(f"Expected the lengths of at least one item, got shape {sizes.shape}.")
    if seed < 0 or epoch < 0:
        raise BadInput(f"Expected seed and epoch of at least 0, got seed={seed} and epoch={epoch}.")
    if sizes.min() < 1 or sizes.max() > budget:
        item = int(np.argmax((sizes < 1) | (sizes > budget)))
        raise BadInput(
            f"Item {item} has {sizes[item]:,} tokens; a batch holds 1 to {budget:,}. Raise the budget or shorten the item."
        )
    rng = np.random.default_rng([seed, epoch])
    order = _pooled(sizes, rng.permutation(len(sizes)), budget)
    total = np.concatenate([[0], np.cumsum(sizes[order])])
    batches = []
    start = 0
    while start < len(order):
        stop = int(np.searchsorted(total, total[start] + budget, "right")) - 1
        batches.append(order[start:stop])
        start = stop
    if drop_last and len(batches) > 1:
        batches.pop()
    return [batches[i] for i in rng.permutation(len(batches))]


def _pooled(sizes: np.ndarray, order: np.ndarray, budget: int) -> np.ndarray:
    """Sort by length within pools, up and down in turns, so that neighbouring pools meet at similar lengths."""
    if sizes.min() == sizes.max():
        return order
    pool = (np.cumsum(sizes[order]) - 1) // (POOL * budget)
    length = np.where(pool % 2 == 0, sizes[order], -sizes[order])
    return order[np.lexsort((length, pool))]
