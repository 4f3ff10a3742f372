"""Checks of cell names, feature names and columns before cells are used."""

from collections.abc import Sequence

import pandas as pd

from glmkit.bio.cells.source import Source
from glmkit.errors import BadInput

FIRST = 5


def check_cells(source: Source, required: Sequence[str] = ()) -> None:
    """Check the cells of a file.

    Parameters
    ----------
    source
        Open file of cells.
    required
        Names of required columns of ``obs``.

    Raises
    ------
    BadInput
        There are no cells or no features, a cell name repeats, or a column is missing.
    """
    if not len(source.obs):
        raise BadInput(
            f"{source.place}: no cells (shape (0, {len(source.var)})); expected at least one. Check how the file was filtered."
        )
    if not max([len(source.var), 0 if source.raw_var is None else len(source.raw_var)]):
        raise BadInput(
            f"{source.place}: no features (shape ({len(source.obs)}, 0)); expected at least one. Check how the file was filtered."
        )
    if again := repeated(source.obs.index):
        raise BadInput(
            f"{source.place}: {_count(source.obs.index)} names of cells occur more than once, first {again}. Make them unique, "
            "for example with the sample's name as prefix (adata.obs_names_make_unique() numbers them)."
        )
    if missing := [name for name in required if name not in source.obs]:
        raise BadInput(
            f"{source.place}: no column {', '.join(map(repr, missing))} in obs. It has: "
            f"{', '.join(map(str, source.obs.columns)) or 'no columns'}. Give one of these, or add the column."
        )


def repeated(names: pd.Index) -> str:
    """The first few names that occur more than once, or an empty string."""
    return ", ".join(repr(name) for name in names[names.duplicated()].unique()[:FIRST])


def _count(names: pd.Index) -> int:
    return int(names[names.duplicated()].nunique())


def refuse_repeated(place: str, names: pd.Index, what: str) -> None:
    """Raise :class:`BadInput` if names of features occur more than once."""
    if again := repeated(names):
        raise BadInput(
            f"{place}: {_count(names)} {what} occur more than once, first {again}. Sum their counts with "
            "sum_duplicates=True, or make the names unique."
        )
