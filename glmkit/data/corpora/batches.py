"""Batches of similar cost: sequences of similar length, up to a token budget per batch.

The function is pure: a resumed run calls it with the same seed and epoch and obtains the same batches, so a checkpoint does not
store the order. Sorting all items by length would put the same sequences together in every epoch. Sorting within large random
pools keeps the lengths of a batch similar and its composition random.
"""

from collections.abc import Sequence

import numpy as np

from glmkit.errors import BadInput

POOL = 64  # number of batches in a pool that is sorted by length


def token_budget_batches(
    lengths: np.ndarray | Sequence[int], budget: int, seed: int, epoch: int, drop_last: bool = False
) -> list[np.ndarray]:
    """Distribute items over batches of at most `budget` tokens; each item is in exactly one batch of an epoch.

    Parameters
    ----------
    lengths
        Tokens of each item, int (n,), each between 1 and `budget`.
    budget
        Largest number of tokens of a batch.
    seed, epoch
        Seed and epoch of the random order, both at least 0.
    drop_last
        Whether to leave out the last batch, which may be incomplete.

    Returns
    -------
    list of numpy.ndarray
        Item indices of each batch, int64, in the order of use.

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
    """Sort by length within pools, alternately ascending and descending, so that pools join at similar lengths."""
    if sizes.min() == sizes.max():
        return order
    pool = (np.cumsum(sizes[order]) - 1) // (POOL * budget)
    length = np.where(pool % 2 == 0, sizes[order], -sizes[order])
    return order[np.lexsort((length, pool))]
