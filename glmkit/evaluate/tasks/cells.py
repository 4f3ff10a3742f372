"""Tasks on cells from columns of obs and a split: cells by name, classes by number."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from glmkit.data import cell_labels
from glmkit.data.splits import CellSplit
from glmkit.errors import BadInput
from glmkit.evaluate.tasks.task import Fold, Task

if TYPE_CHECKING:
    from anndata import AnnData


def cell_task(
    adata: "AnnData | pd.DataFrame", label: str, splits: CellSplit | Mapping[str, CellSplit], name: str = "cell types"
) -> Task:
    """A task of cell types.

    Parameters
    ----------
    adata
        Cells, or their obs.
    label
        Column of obs with the class. Cells without a value are left out of the task.
    splits
        Splits from :func:`glmkit.data.split_cells`: one, which is named after its groups, or several by name. All must have the same
        groups, as intervals are drawn over them.
    name
        Name for tables.

    Returns
    -------
    Task
        Task of kind ``"multiclass"`` whose inputs are names of cells. Validation parts are on neither side.

    Raises
    ------
    BadInput
        No such column, a cell that is not in a split, or splits with different groups.

    Examples
    --------
    >>> import pandas as pd
    >>> from glmkit.data.splits import split_cells
    >>> from glmkit.evaluate import cell_task
    >>> obs = pd.DataFrame({"type": ["T", "B"] * 10}, index=[f"cell{i}" for i in range(20)])
    >>> split = split_cells(obs, label="type")
    >>> task = cell_task(obs, "type", split)
    >>> task.kind, task.classes, list(task.splits), len(task.folds("random cells")[0].train)
    ('multiclass', ('B', 'T'), ['random cells'], 12)
    """
    labels = cell_labels(adata if isinstance(adata, pd.DataFrame) else adata.obs, label)
    folds, groups = _folds(labels.names, splits)
    return Task(
        name=name, sequences=list(labels.names), labels=labels.codes, groups=groups, splits=folds, kind="multiclass",
        classes=labels.classes,
    )  # fmt: skip


def modality_task(values: pd.DataFrame, splits: CellSplit | Mapping[str, CellSplit], name: str = "modality") -> Task:
    """A task of predicting one modality of each cell.

    Parameters
    ----------
    values
        Normalised values to predict: one row for each cell, one column for each feature (protein, peak, gene).
    splits
        As for :func:`cell_task`.
    name
        Name for tables.

    Returns
    -------
    Task
        Task of kind ``"multioutput"`` whose inputs are names of cells.

    Raises
    ------
    BadInput
        A cell that is not in a split, or splits with different groups.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from glmkit.data.splits import split_cells
    >>> from glmkit.evaluate import modality_task
    >>> names = [f"cell{i}" for i in range(20)]
    >>> values = pd.DataFrame(np.random.default_rng(0).random((20, 2)), index=names, columns=["CD3", "CD19"])
    >>> task = modality_task(values, {"held out": split_cells(pd.DataFrame(index=names))})
    >>> task.kind, task.outputs, len(task.folds("held out")[0].test)
    ('multioutput', ('CD3', 'CD19'), 4)
    """
    names = tuple(str(cell) for cell in values.index)
    folds, groups = _folds(names, splits)
    return Task(
        name=name, sequences=list(names), labels=values.to_numpy(dtype=np.float64), groups=groups, splits=folds,
        kind="multioutput", outputs=tuple(str(column) for column in values.columns),
    )  # fmt: skip


def _folds(names: Sequence[str], splits: CellSplit | Mapping[str, CellSplit]) -> tuple[dict[str, Fold], list[str]]:
    if isinstance(splits, CellSplit):
        splits = {f"by {splits.by}" if splits.by else "random cells": splits}
    if not splits:
        raise BadInput("splits: expected at least one, got none.")
    folds: dict[str, Fold] = {}
    groups: list[list[str]] = []
    for title, split in splits.items():
        parts, group = split.parts, split.groups
        if absent := [cell for cell in names if cell not in parts.index]:
            raise BadInput(f"Split {title!r} lacks {len(absent)} of {len(names)} cells, the first is {absent[0]!r}.")
        side = parts.loc[list(names)].to_numpy()
        folds[title] = Fold(np.flatnonzero(side == "train"), np.flatnonzero(side == "test"))
        groups.append(group.loc[list(names)].tolist())
    if any(other != groups[0] for other in groups[1:]):
        raise BadInput(f"Splits {', '.join(splits)} have different groups. Make a task of each.")
    return folds, groups[0]
