"""Leakage audit of cells: equal profiles, donors in training and test, and labels of the nearest training cells.

Cells of one donor are not independent, so the line on groups is the most important one. The nearest-neighbour line is a baseline
rather than a leak: one-nearest-neighbour in principal components of the training cells.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from glmkit.data.leakage._audit import Audit, audited_items, concluded
from glmkit.data.leakage.checks import Row, balance_row, duplicate_rows, group_row
from glmkit.data.leakage.profiles import profile_keys, profile_neighbours
from glmkit.errors import BadInput

if TYPE_CHECKING:
    from anndata import AnnData

GENES = 2000  # number of genes for the components, the most variable ones of the training cells
PER = 1e4  # counts per cell after normalisation


def audit_cells(
    cells: "AnnData",
    labels: str | Sequence | np.ndarray | pd.Series,
    parts: str | Sequence[str] | np.ndarray | pd.Series,
    groups: str | Sequence | np.ndarray | pd.Series | None = None,
    *,
    noun: str = "donor",
    name: str = "",
) -> Audit:
    """Audit a split of cells.

    Counts (non-negative integers) are first transformed to log(1 + count per 10,000); other values in ``X`` are used unchanged.

    Parameters
    ----------
    cells
        n cells; read into memory if backed by a file, and never changed.
    labels, parts, groups
        For each of them a column of ``obs``, n values in its order, or a Series by name of cell, such as the ``parts`` and
        ``groups`` of a :class:`glmkit.data.splits.CellSplit`. Cells without a label or a part are left out and counted.
    noun
        Word for a group in sentences.
    name
        Name of the split, for the heading.

    Returns
    -------
    Audit
        Its ``nearest`` has a ``distance`` in principal components instead of an alignment.

    Raises
    ------
    BadInput
        A missing column, numbers that differ, an unknown part, no training or test cells, a group missing, or too few genes.

    Examples
    --------
    >>> import anndata, numpy as np, pandas as pd
    >>> from glmkit.data import audit_cells
    >>> counts = np.random.default_rng(0).poisson(3, (30, 12)).astype("float32")
    >>> obs = pd.DataFrame({"type": ["B", "T"] * 15, "donor": ["d1"] * 10 + ["d2"] * 10 + ["d3"] * 10}, index=map(str, range(30)))
    >>> cells = anndata.AnnData(counts, obs)
    >>> found = audit_cells(cells, "type", ["train"] * 15 + ["test"] * 15, groups="donor")
    >>> found.verdict
    'The split leaks: 1 donor is on both sides, with 33.3% of the test items.'
    """
    of_label, of_part = _values(cells, labels, "labels"), _values(cells, parts, "parts")
    of_group = None if groups is None else _values(cells, groups, "groups")
    kept = (of_label.notna() & of_part.notna()).to_numpy()
    if of_group is not None and (lost := of_group[kept].isna()).any():
        raise BadInput(f"groups: {int(lost.sum())} cells have none, the first is {lost.index[lost][0]!r}. Name their {noun}.")
    used = cells[kept].to_memory() if cells.isbacked else cells[kept]
    items = audited_items(of_label[kept].to_numpy(), of_part[kept].to_numpy(dtype=str), used.obs_names.tolist())
    profiles = _rows(used.X)
    rows = duplicate_rows(items, profile_keys(profiles), "profile")
    nearest, found = profile_neighbours(items, _variable(_logged(profiles), items.rows("train")))
    rows += [*found, group_row(items, None if of_group is None else of_group[kept].to_numpy(), noun), balance_row(items)]
    left_out = int((~kept).sum())
    if left_out:
        rows.append(Row("cells left out", left_out, float("nan"), float("nan"), "Cells without a label or in no part."))
    return concluded(items, rows, nearest, name)


def _values(cells: "AnnData", values: str | Sequence | np.ndarray | pd.Series, what: str) -> pd.Series:
    """One value per cell, by name; categories as plain values."""
    if isinstance(values, str):
        if values not in cells.obs:
            raise BadInput(f"{what}: obs has no column {values!r}; it has {list(cells.obs.columns)[:20]}.")
        return cells.obs[values].astype(object)
    if isinstance(values, pd.Series):
        if not values.index.is_unique or not cells.obs_names.is_unique:
            raise BadInput(f"{what}: some names of cells occur more than once. Call adata.obs_names_make_unique() first.")
        if not len(values.index.intersection(cells.obs_names)):
            raise BadInput(f"{what}: no cell of obs_names ({cells.obs_names[0]!r}, …) occurs in it. Index it by name of cell.")
        return values.astype(object).reindex(cells.obs_names)
    if len(values) != cells.n_obs:
        raise BadInput(f"{what}: expected one value for each of {cells.n_obs} cells, got {len(values)}.")
    return pd.Series(np.asarray(values).tolist(), index=cells.obs_names, dtype=object)


def _rows(matrix):
    """The matrix as compressed sparse rows."""
    from scipy.sparse import csr_array

    return csr_array(matrix)


def _logged(profiles):
    """log(1 + count per 10,000) of counts; other values unchanged."""
    data = profiles.data
    if data.size and (data.min() < 0 or (data % 1 != 0).any()):
        return profiles
    from scipy.sparse import diags_array

    total = np.asarray(profiles.sum(axis=1)).ravel().astype(np.float64)
    scaled = (diags_array(PER / np.maximum(total, 1)) @ profiles.astype(np.float64)).tocsr()
    return scaled.log1p()


def _variable(profiles, train: np.ndarray):
    """The columns that vary most on training cells, in their order."""
    mean = np.asarray(profiles[train].mean(axis=0)).ravel()
    square = np.asarray((profiles[train] ** 2).mean(axis=0)).ravel()
    variance = square - mean**2
    keep = np.sort(np.argsort(-variance, kind="stable")[:GENES])
    keep = keep[variance[keep] > 0]
    if len(keep) == 0:
        raise BadInput(f"None of {profiles.shape[1]} features varies among the training cells: there is nothing to compare.")
    return profiles[:, keep]
