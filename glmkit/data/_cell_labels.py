"""Labels of cells from a column of ``adata.obs``, checked before training.

A column of obs may be text, a categorical with unused categories, or numbers converted from text. ``NA`` may be a missing value
or the name of a class. Text is kept as written. A cell with a missing value (NaN, None) has no label: it is left out and
counted, and missing values never form a class.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd

from glmkit.errors import BadInput

SHOWN = 12


@dataclass(frozen=True, kw_only=True)
class CellLabels:  # numpydoc ignore=PR02
    """One class for each labelled cell.

    Parameters
    ----------
    names
        Names of the labelled cells, n of them, in the order of obs.
    codes
        Index of each cell's class in `classes`, int64 (n,).
    classes
        Names of the classes that occur, sorted.
    column
        Column of obs.
    missing
        Number of cells left out because they have no label.
    """

    names: tuple[str, ...]
    codes: np.ndarray
    classes: tuple[str, ...]
    column: str
    missing: int = 0

    @property
    def values(self) -> list[str]:
        """The labels as text."""
        return [self.classes[code] for code in self.codes]

    @property
    def sizes(self) -> dict[str, int]:
        """Number of cells of each class."""
        counts = np.bincount(self.codes, minlength=len(self.classes)).tolist()
        return dict(zip(self.classes, counts, strict=True))


def obs_column(obs: pd.DataFrame, column: str) -> pd.Series:
    """A column of obs, or an error that lists the columns present.

    Parameters
    ----------
    obs
        One row per cell.
    column
        Name of the column.

    Returns
    -------
    pandas.Series
        The column, unchanged.

    Raises
    ------
    BadInput
        No cells, names of cells that are not unique, or no such column.
    """
    if len(obs) == 0:
        raise BadInput("No cells: expected at least two in obs, got none. Were all of them filtered out?")
    if not obs.index.is_unique:
        twice = obs.index[obs.index.duplicated()][0]
        raise BadInput(f"obs_names: {twice!r} occurs more than once. Call adata.obs_names_make_unique() first.")
    if column not in obs.columns:
        there = [str(name) for name in obs.columns]
        more = f" and {len(there) - SHOWN} more" if len(there) > SHOWN else ""
        raise BadInput(f"obs has no column {column!r}; it has {', '.join(there[:SHOWN]) or 'none'}{more}.")
    return obs[column]


def as_text(values: pd.Series) -> pd.Series:
    """Values as text (object), missing ones as None; integers stored as floats because of missing values lose their ``.0``.

    Parameters
    ----------
    values
        Text, a categorical, numbers or booleans.

    Returns
    -------
    pandas.Series
        Text or None, with the same index.
    """
    plain = values.astype(object)
    missing = plain.isna().to_numpy()
    whole = all(isinstance(v, (float, np.floating)) and float(v).is_integer() for v in plain[~missing])
    text = [None if gone else str(int(v)) if whole else str(v) for v, gone in zip(plain, missing, strict=True)]
    return pd.Series(text, index=values.index, dtype=object)


def cell_labels(obs: pd.DataFrame, column: str) -> CellLabels:
    """The classes of a column of obs.

    Parameters
    ----------
    obs
        One row per cell, such as ``adata.obs``.
    column
        Column of the labels.

    Returns
    -------
    CellLabels
        Cells without a value are left out and counted in ``missing``; text such as ``NA``, ``1E5`` or ``SEPT2`` is a name.

    Raises
    ------
    BadInput
        No cells or column, no label or one class only, or two spellings of one number (``1``, ``1.0``, ``01``).

    Examples
    --------
    >>> import pandas as pd
    >>> from glmkit.data import cell_labels
    >>> labels = cell_labels(pd.DataFrame({"type": ["T", "B", None, "T"]}, index=["c1", "c2", "c3", "c4"]), "type")
    >>> labels.names, labels.codes.tolist(), labels.classes
    (('c1', 'c2', 'c4'), [1, 0, 1], ('B', 'T'))
    >>> labels.missing
    1
    """
    text = as_text(obs_column(obs, column))
    known = text[text.notna()]
    if known.empty:
        raise BadInput(f"obs[{column!r}]: expected a label for each cell, but all {len(text)} are missing.")
    if empty := int((known.str.strip() == "").sum()):
        raise BadInput(f"obs[{column!r}]: {empty} labels are empty text. Give a name, or a missing value to leave the cell out.")
    sizes = Counter(known)
    if len(sizes) == 1:
        raise BadInput(
            f"obs[{column!r}]: all {len(known)} labels are {known.iloc[0]!r}: expected at least two classes. Is it the right column?"
        )
    _one_spelling(sorted(sizes), column)
    classes = tuple(sorted(sizes))
    place = {name: i for i, name in enumerate(classes)}
    codes = np.array([place[label] for label in known], dtype=np.int64)
    names = tuple(str(name) for name in known.index)
    return CellLabels(names=names, codes=codes, classes=classes, column=column, missing=len(text) - len(known))


def _one_spelling(classes: list[str], column: str) -> None:
    spelt: dict[float, str] = {}
    for name in classes:
        try:
            number = float(name)
        except ValueError:
            continue
        if np.isfinite(number) and (other := spelt.setdefault(number, name)) != name:
            raise BadInput(f"obs[{column!r}]: {other!r} and {name!r} are one number in two spellings. Write it in one way.")
