"""Stratified folds for cross-validation that keep each group in one fold."""

from collections.abc import Sequence

import numpy as np

from glmkit.errors import BadInput


def fold_groups(
    groups: Sequence | np.ndarray, labels: Sequence | np.ndarray | None = None, k: int = 5, seed: int = 0
) -> np.ndarray:
    """Assign whole groups to k folds: item i is in the test set of fold ``folds[i]`` and in the training set of all others.

    The assignment is that of scikit-learn's ``StratifiedGroupKFold``; without labels all items count as one class.

    Parameters
    ----------
    groups
        Group of each of n items: cluster, donor, chromosome.
    labels
        Class of each item, (n,), for stratification. None: not stratified, as for measured values.
    k
        Number of folds, at least 2.
    seed
        Seed of the assignment; the order of the items has no influence.

    Returns
    -------
    numpy.ndarray
        int64 (n,): 0 to `k` - 1.

    Raises
    ------
    BadInput
        Numbers that differ, fewer groups than folds, or a class that occurs in fewer groups than folds (named).

    Examples
    --------
    >>> from glmkit.data.splits import fold_groups
    >>> fold_groups(["a", "a", "b", "c", "d"], ["x", "y", "x", "y", "x"], k=2, seed=0).tolist()
    [1, 1, 0, 0, 1]
    """
    from sklearn.model_selection import StratifiedGroupKFold

    names = np.asarray(groups).astype(str)
    classes = np.zeros(len(names), dtype=str) if labels is None else np.asarray(labels).astype(str)
    if names.ndim != 1 or classes.shape != names.shape:
        raise BadInput(f"Expected one label for each of {len(names)} groups, got shapes {names.shape} and {classes.shape}.")
    if k < 2 or seed < 0:
        raise BadInput(f"Expected k of at least 2 and a seed of at least 0, got k={k} and seed={seed}.")
    for label in np.unique(classes).tolist() if len(classes) else [""]:
        if (found := len(np.unique(names[classes == label]))) < k:
            what = f"label {label!r} occurs in {found} groups" if labels is not None else f"there are {found} groups"
            raise BadInput(
                f"{k} folds need as many groups: {what}. Take a smaller k{', or merge or drop the label' if label else ''}."
            )
    order = np.lexsort((classes, names))
    splitter = StratifiedGroupKFold(k, shuffle=True, random_state=seed)
    folds = np.empty(len(names), np.int64)
    for number, (_, tested) in enumerate(splitter.split(order[:, None], classes[order], names[order])):
        if len(tested) == 0:
            raise BadInput(f"Fold {number} of {k} would be empty: a few groups hold nearly all items. Take a smaller k.")
        folds[order[tested]] = number
    return folds
