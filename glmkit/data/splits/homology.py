"""Stratified splits that keep each homology cluster in one part."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from glmkit.data.splits.blocks import split_groups
from glmkit.errors import BadInput


def split_homology(
    clusters: Sequence[str] | pd.Series,
    labels: Sequence | np.ndarray | None = None,
    fractions: Sequence[float] = (0.8, 0.1, 0.1),
    seed: int = 0,
) -> np.ndarray:
    """Assign whole clusters to train, validation and test, stratified by class.

    Parameters
    ----------
    clusters
        Cluster of each item, n of them, from :func:`cluster`.
    labels
        Class of each item, (n,). The class of a cluster is that of most of its items. None: not stratified, as for measured
        values.
    fractions, seed
        As for :func:`glmkit.data.split_groups`.

    Returns
    -------
    numpy.ndarray
        str (n,): the part of each item.

    Raises
    ------
    BadInput
        Numbers that differ, or a class with fewer clusters than parts.

    Examples
    --------
    >>> from glmkit.data import split_homology
    >>> clusters = ["f1", "f1", "f2", "f3", "f4", "f5"]
    >>> split_homology(clusters, [1, 1, 1, 0, 0, 1], (0.5, 0, 0.5), seed=0).tolist()
    ['train', 'train', 'test', 'test', 'train', 'test']
    """
    names = np.asarray(clusters, dtype=str)
    if labels is None:
        return split_groups(names.tolist(), fractions, seed)
    values = np.asarray(labels).astype(str)
    if values.shape != names.shape:
        raise BadInput(f"Expected one label for each of {len(names)} items, got labels of shape {values.shape}.")
    tally: dict[str, Counter[str]] = {}
    for name, value in zip(names.tolist(), values.tolist(), strict=True):
        tally.setdefault(name, Counter())[value] += 1
    majority = {name: min(counts, key=lambda v, n=counts: (-n[v], v)) for name, counts in tally.items()}  # type: ignore[misc]
    of_item = np.array([majority[name] for name in names.tolist()])
    parts = np.empty(len(names), dtype="<U10")
    for value in np.unique(of_item).tolist():
        here = of_item == value
        try:
            parts[here] = split_groups(names[here].tolist(), fractions, seed)
        except BadInput as error:
            error.add_note(f"These are the clusters of the label {value!r}; merge or drop it if it is rare.")
            raise
    return parts
