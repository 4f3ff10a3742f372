"""Search for the matrix of raw counts in a file, and validation of the counts.

A language model of cells ranks or bins counted molecules. Log-normalised values would be accepted by the same code and give
wrong results without an error. A matrix must therefore hold whole numbers, none negative and none missing. A part of each
matrix decides which one holds counts. The chosen matrix is then checked block by block while it is read, never as a dense
array in memory.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse

from glmkit.bio.cells.source import Source
from glmkit.errors import BadInput

VALUES = 4_000_000  # stored values per block
LOOK = 64  # rows or columns that decide which matrix holds counts
LAYERS = ("counts", "raw_counts", "count", "raw", "umi", "umis")


def find_counts(source: Source, requested: str, columns: dict[str, np.ndarray]) -> str:
    """The name of the matrix that holds raw counts.

    Parameters
    ----------
    source
        Open file of cells.
    requested
        ``"auto"``, ``"X"``, ``"raw"``, or the name of a layer.
    columns
        Selected columns of each matrix, by its name.

    Returns
    -------
    str
        Key of ``source.matrices``.

    Raises
    ------
    BadInput
        No matrix holds counts, or the requested one does not exist; the message describes each matrix.
    """
    names = [name for name in source.matrices if columns[name].size]
    if requested != "auto":
        name = {"X": "X", "raw": "raw/X"}.get(requested, f"layers/{requested}")
        if name not in names:
            raise BadInput(
                f"{source.place}: counts={requested!r} means {name}, which does not exist. It has {', '.join(names) or 'none'}. "
                "Give 'X', 'raw' or the name of a layer."
            )
        if wrong := first_look(source.matrices[name], columns[name]):
            others = [other for other in names if other != name and not first_look(source.matrices[other], columns[other])]
            raise BadInput(f"{source.place}: {name} holds no raw counts: {wrong}. {_remedy(others)}")
        return name
    layers = [f"layers/{layer}" for layer in LAYERS]
    order = [name for name in ["X", *layers, "raw/X", *names] if name in names]
    looks = {}
    for name in dict.fromkeys(order):
        if not (wrong := first_look(source.matrices[name], columns[name])):
            return name
        looks[name] = wrong
    seen = "; ".join(f"{name}: {wrong}" for name, wrong in looks.items()) or "the file has no matrix"
    raise BadInput(f"{source.place}: no raw counts (whole numbers, none negative) found. {seen}. {_remedy([])}")


def first_look(matrix: Any, columns: np.ndarray) -> str:
    """Why the first rows or columns of a matrix are not counts; an empty string if they are."""
    if is_text(matrix):
        return f"text (type {matrix.dtype}), not numbers"
    if getattr(matrix, "format", "") == "csc":
        part = matrix[:, columns[:LOOK]] if columns.size < matrix.shape[1] else matrix[:, :LOOK]
    else:
        part = matrix[:LOOK]
        part = part if columns.size == matrix.shape[1] else part[:, columns]
    return wrong_values(part)[0]


def is_text(matrix: Any) -> bool:
    """Whether a matrix holds strings."""
    return np.dtype(matrix.dtype).kind not in "biuf"


def wrong_values(block: Any) -> tuple[str, int]:
    """Why a block is not counts (an empty string if it is), and the index of the first invalid stored value."""
    values: np.ndarray = block.data if hasattr(block, "tocoo") else np.asarray(block).ravel()
    if values.dtype.kind in {"b", "u"} or not values.size:
        return "", -1
    if values.dtype.kind == "f" and (at := _first(~np.isfinite(values))) >= 0:
        return f"it holds {values[at]}", at
    if (at := _first(values < 0)) >= 0:
        return f"it holds a negative value ({values[at]:g})", at
    if values.dtype.kind == "f" and (at := _first(values != np.rint(values))) >= 0:
        largest = float(values.max())
        likely = "log-normalised" if largest < 20 else "normalised"
        return f"it looks {likely} (holds {values[at]:.4g}, largest {largest:.4g})", at
    return "", -1


def checked_blocks(source: Source, name: str, columns: np.ndarray, names: np.ndarray) -> Iterator[tuple[slice, slice, Any]]:
    """Yield the selected columns of a matrix block by block, each block checked to be counts.

    Parameters
    ----------
    source
        Open file of cells.
    name
        Name of the matrix.
    columns
        Selected columns, ascending.
    names
        Names of the selected columns, for messages.

    Yields
    ------
    tuple of slice, slice, array
        Rows, positions among the selected columns, and the block. A matrix stored by row is split by rows, one stored by
        column (CSC) by columns.

    Raises
    ------
    BadInput
        A value is missing, negative or not whole; the message names cell, feature and value.
    """
    matrix = source.matrices[name]
    n_rows, n_columns = matrix.shape
    whole = columns.size == n_columns
    by_column = getattr(matrix, "format", "") == "csc"
    across = columns.size if by_column else n_rows
    step = max(1, VALUES * (n_columns if by_column else n_rows) // max(1, _stored(matrix)))
    for start in range(0, across, step):
        stop = min(start + step, across)
        if by_column:
            rows, selected = slice(0, n_rows), slice(start, stop)
            block = matrix[:, start:stop] if whole else matrix[:, columns[start:stop]]
        else:
            rows, selected = slice(start, stop), slice(0, columns.size)
            block = matrix[start:stop]
            block = block if whole else block[:, columns]
        wrong, at = wrong_values(block)
        if wrong:
            row, column = _position(block, at)
            cell, feature = source.obs.index[rows.start + row], names[selected.start + column]
            raise BadInput(
                f"{source.place}, {name}, cell {cell!r}, feature {feature!r}: {wrong}; raw counts are whole numbers from 0. "
                f"{_remedy([])}"
            )
        yield rows, selected, block


def total_counts(source: Source, name: str, columns: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Total counts of each cell over the selected columns, float64 (cells,); the matrix is checked and read in blocks."""
    totals = np.zeros(source.matrices[name].shape[0])
    for rows, _, block in checked_blocks(source, name, columns, names):
        totals[rows] += np.asarray(block.sum(axis=1), dtype=np.float64).ravel()
    return totals


def load_counts(source: Source, name: str, columns: np.ndarray, names: np.ndarray) -> sparse.csr_matrix:
    """The selected columns of a matrix as float32 CSR (cells, features), checked while read."""
    blocks, by_column = [], False
    for rows, _, block in checked_blocks(source, name, columns, names):
        by_column = rows == slice(0, source.matrices[name].shape[0]) and getattr(source.matrices[name], "format", "") == "csc"
        blocks.append((sparse.csc_matrix if by_column else sparse.csr_matrix)(block).astype(np.float32))
    stacked = sparse.hstack(blocks, format="csr") if by_column else sparse.vstack(blocks, format="csr")
    counts = sparse.csr_matrix(stacked)
    counts.eliminate_zeros()
    counts.sort_indices()
    return counts


def _stored(matrix: Any) -> int:
    """Number of stored values of a matrix, on disk or in memory."""
    if not hasattr(matrix, "format"):
        return int(np.prod(matrix.shape))
    return int(matrix.group["indices"].shape[0] if hasattr(matrix, "group") else matrix.nnz)


def _first(where: np.ndarray) -> int:
    """Index of the first True, or -1 if there is none."""
    at = int(where.argmax()) if where.size else 0
    return at if where.size and where[at] else -1


def _position(block: Any, at: int) -> tuple[int, int]:
    """Row and column of the `at`-th stored value of a block."""
    if not hasattr(block, "tocoo"):
        row, column = divmod(at, block.shape[1])
        return row, column
    places = block.tocoo()  # in the order of the stored values
    return int(places.row[at]), int(places.col[at])


def _remedy(others: list[str]) -> str:
    if others:
        values = {name: "'raw'" if name == "raw/X" else repr(name.removeprefix("layers/")) for name in others}
        return f"Counts are in {', '.join(others)}: give counts={' or '.join(values.values())}, or leave counts='auto'."
    return "Keep the raw counts in X, layers['counts'] or raw, and give the file that has them."
