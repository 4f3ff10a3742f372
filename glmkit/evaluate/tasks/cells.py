"""From columns of obs and a split to a task: cells by name, classes by number."""

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
        The cells, or their obs.
    label
        Column of obs that holds the class. Cells without a value are no part of the task.
    splits
        From :func:`glmkit.data.split_cells`: one, then called after its groups, or several by name. All must have the same groups,
        as an interval is drawn over them.
    name
        For tables.

    Returns
    -------
    Task
        Of kind ``"multiclass"``: its inputs are names of cells. Validation parts are on neither side.

    Raises
    ------
    BadInput
        No such column, a cell that a split does not know, or splits of different groups.
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
        What is to be predicted, normalised: one row a cell, one column a feature (protein, peak, gene).
    splits
        As for :func:`cell_task`.
    name
        For tables.

    Returns
    -------
    Task
        Of kind ``"multioutput"``: its inputs are names of cells.

    Raises
    ------
    BadInput
        A cell that a split does not know, or splits of different groups.
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
            raise BadInput(f"Split {title!r} does not know {len(absent)} of {len(names)} cells, the first is {absent[0]!r}.")
        side = parts.loc[list(names)].to_numpy()
        folds[title] = Fold(np.flatnonzero(side == "train"), np.flatnonzero(side == "test"))
        groups.append(group.loc[list(names)].tolist())
    if any(other != groups[0] for other in groups[1:]):
        raise BadInput(f"Splits {', '.join(splits)} have different groups. Make a task of each.")
    return folds, groups[0]
