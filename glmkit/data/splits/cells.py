"""Splits of cells by donor or batch, or within each class.

Cells of one donor share a genome, a sample and a day of preparation, so whole donors (or batches) are assigned to one part. If no
such column is given, cells are assigned within each class. A note on the split then states that the results are too optimistic
for new donors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from glmkit.data._cell_labels import as_text, cell_labels, obs_column
from glmkit.data.labels import check_stratified
from glmkit.data.splits.base import PARTS, Partition, check_fractions
from glmkit.data.splits.blocks import split_groups
from glmkit.errors import BadInput


@dataclass(frozen=True)
class CellSplit(Partition[str]):  # numpydoc ignore=PR02
    """Cells by name, each in one part.

    Parameters
    ----------
    table
        Columns ``cell`` (unique), ``part`` (``train``, ``validation`` or ``test``) and ``group`` (the unit that was assigned as a
        whole: a donor, or the cell itself), all str, in the order of obs.
    notes
        Sentences on how far results under this split generalise. They are not written to the file.
    by
        Column of obs that the groups come from; empty if each cell is its own group. It is not written to the file.

    Raises
    ------
    BadInput
        A column is missing, a part is unknown, a cell occurs twice, or a group is in more than one part.

    Examples
    --------
    >>> import pandas as pd
    >>> from glmkit.data.splits import CellSplit
    >>> table = pd.DataFrame({"cell": ["c1", "c2", "c3"], "part": ["train", "train", "test"], "group": ["d1", "d1", "d2"]})
    >>> split = CellSplit(table)
    >>> split.items("train"), split.counts()
    (['c1', 'c2'], {'train': 2, 'validation': 0, 'test': 1})
    >>> split.groups["c3"]
    'd2'
    """

    by: str = ""

    KEY: ClassVar[tuple[str, ...]] = ("cell",)
    OPTIONAL: ClassVar[tuple[str, ...]] = ()
    MORE: ClassVar[tuple[str, ...]] = ("group",)


def split_cells(
    obs: pd.DataFrame,
    by: str | None = None,
    label: str | None = None,
    shares: Sequence[float] = (0.6, 0.2, 0.2),
    seed: int = 0,
) -> CellSplit:
    """Assign cells to train, validation and test.

    Parameters
    ----------
    obs
        One row per cell, such as ``adata.obs``.
    by
        Column of donors or batches; all cells of one value are assigned to one part. None: cells are assigned individually.
    label
        Column of classes. Cells without a value are left out. Without `by`, the split is stratified by class. With `by`, a class
        that a part lacks is named in the notes.
    shares
        Shares of the cells in train, validation and test, summing to 1.
    seed
        Seed of the assignment; the order of the rows has no influence.

    Returns
    -------
    CellSplit
        Its notes state to which cells results generalise.

    Raises
    ------
    BadInput
        No cells, a missing column (those found are listed), a group that is missing for some cell, a class too small to be in
        each part of a stratified split, one class only, or fewer groups than parts.

    Examples
    --------
    >>> import pandas as pd
    >>> from glmkit.data import split_cells
    >>> obs = pd.DataFrame({"donor": ["d1", "d1", "d2", "d3"]}, index=["c1", "c2", "c3", "c4"])
    >>> split = split_cells(obs, by="donor", shares=(0.5, 0.25, 0.25), seed=0)
    >>> split.parts.to_dict()
    {'c1': 'train', 'c2': 'train', 'c3': 'test', 'c4': 'validation'}
    """
    labels = None if label is None else cell_labels(obs, label)
    if labels is None and len(obs) == 0:
        raise BadInput("No cells: expected at least two in obs, got none. Were all of them filtered out?")
    names = np.array(obs.index.astype(str) if labels is None else labels.names, dtype=object)
    if not pd.Index(names).is_unique:
        raise BadInput("obs_names: some names occur more than once. Call adata.obs_names_make_unique() first.")
    notes = []
    if labels is not None and labels.missing:
        notes.append(f"{labels.missing} cells without a value of {label!r} are in no part.")
    if by is not None:
        groups = _groups(obs.loc[names], by)
        parts = split_groups(groups.tolist(), shares, seed)
        count = len(set(groups))
        notes.append(f"Each of {count} values of {by!r} is in one part as a whole: the test estimates performance on a new {by}.")
        if labels is not None:
            notes += _lacking(labels.values, parts, shares)
    else:
        groups = names
        values = np.zeros(len(names), np.int64) if labels is None else labels.codes
        if labels is not None:
            check_stratified(labels.values, sum(share > 0 for share in shares))
        parts = _stratified(names, values, shares, seed)
        notes.append(
            "No column of donors or batches was given: cells of one donor can be in training and in test. The results do not "
            "generalise to new donors and are too optimistic."
        )
    return CellSplit(pd.DataFrame({"cell": names, "part": parts, "group": groups}), tuple(notes), by or "")


def _groups(obs: pd.DataFrame, by: str) -> np.ndarray:
    values = as_text(obs_column(obs, by))
    if missing := int(values.isna().sum()):
        first = values.index[int(np.argmax(values.isna()))]
        raise BadInput(f"obs[{by!r}]: {missing} of {len(values)} cells have no value, the first is {first!r}. Drop or name them.")
    return values.to_numpy(dtype=object)


def _stratified(names: np.ndarray, values: np.ndarray, shares: Sequence[float], seed: int) -> np.ndarray:
    """Part of each cell, assigned within each class; the result depends on names and seed, not on the order of rows."""
    check_fractions(shares, seed)
    rng = np.random.default_rng(seed)
    parts = np.zeros(len(names), np.int64)
    wanted = np.asarray(shares, float)
    for value in np.unique(values):
        items = np.flatnonzero(values == value)
        items = rng.permutation(items[np.argsort(names[items].astype(str))])
        parts[items] = np.repeat(np.arange(len(PARTS)), _counts(len(items), wanted))
    return np.array(PARTS)[parts]


def _counts(n: int, shares: np.ndarray) -> np.ndarray:
    """Whole numbers that sum to n, by largest remainder; every share above 0 gets at least one if n allows it."""
    counts = np.floor(n * shares).astype(np.int64)
    order = np.argsort(-(n * shares - counts), kind="stable")
    counts[order[: n - counts.sum()]] += 1
    for empty in np.flatnonzero((shares > 0) & (counts == 0)):
        if counts.max() > 1:
            counts[int(np.argmax(counts))] -= 1
            counts[empty] = 1
    return counts


def _lacking(values: list[str], parts: np.ndarray, shares: Sequence[float]) -> list[str]:
    frame = pd.crosstab(pd.Series(values, dtype=object), pd.Series(parts, dtype=object))
    notes = []
    for part, share in zip(PARTS, shares, strict=True):
        lost = [name for name in frame.index if share > 0 and (part not in frame.columns or frame.loc[name, part] == 0)]
        if lost:
            notes.append(f"The {part} part has no cell of {', '.join(map(str, lost))}.")
    return notes
