"""Raw counts: where they lie in a file, and proof that they are counts.

A language model of cells ranks or bins molecules that were counted; log-normalised values look much the same and give quiet
nonsense. So a matrix must show that it holds whole numbers, none negative and none missing, before it is used. A first look at a
part decides which matrix is meant; the whole is checked block by block while it is read, so the dense matrix is never in memory.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse

from glmkit.bio.cells.source import Source
from glmkit.errors import BadInput

VALUES = 4_000_000  # of a block
LOOK = 64  # rows or columns of the first look
LAYERS = ("counts", "raw_counts", "count", "raw", "umi", "umis")


def find_counts(source: Source, asked: str, columns: dict[str, np.ndarray]) -> str:
    """The name of the matrix that holds raw counts.

    Parameters
    ----------
    source
        An open file.
    asked
        ``"auto"``, ``"X"``, ``"raw"``, or the name of a layer.
    columns
        For each matrix, which of its columns are wanted.

    Returns
    -------
    str
        A key of ``source.matrices``.

    Raises
    ------
    BadInput
        No matrix holds counts, or the one asked for does not exist; the message says what each matrix looks like.
    """
    names = [name for name in source.matrices if columns[name].size]
    if asked != "auto":
        name = {"X": "X", "raw": "raw/X"}.get(asked, f"layers/{asked}")
        if name not in names:
            raise BadInput(
                f"{source.place}: counts={asked!r} asks for {name}, which is not there. It has {', '.join(names) or 'none'}. "
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
    """What is wrong with a part of a matrix as counts, or an empty string."""
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
    """What is wrong with a block as counts (empty if nothing), and at which of its stored values first."""
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
    """Yield a matrix block by block, each checked to be counts, unwanted columns left out.

    Parameters
    ----------
    source
        An open file.
    name
        Which of its matrices.
    columns
        Wanted columns, ascending.
    names
        Names of these columns, for the message.

    Yields
    ------
    tuple of slice, slice, array
        Rows, wanted columns, and the block: blocks of rows, but of columns where the file is stored by column.

    Raises
    ------
    BadInput
        A value is missing, negative or not whole; cell, feature and value are named.
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
            rows, wanted = slice(0, n_rows), slice(start, stop)
            block = matrix[:, start:stop] if whole else matrix[:, columns[start:stop]]
        else:
            rows, wanted = slice(start, stop), slice(0, columns.size)
            block = matrix[start:stop]
            block = block if whole else block[:, columns]
        wrong, at = wrong_values(block)
        if wrong:
            row, column = _position(block, at)
            cell, feature = source.obs.index[rows.start + row], names[wanted.start + column]
            raise BadInput(
                f"{source.place}, {name}, cell {cell!r}, feature {feature!r}: {wrong}; raw counts are whole numbers from 0. "
                f"{_remedy([])}"
            )
        yield rows, wanted, block


def total_counts(source: Source, name: str, columns: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Counts of each cell over the wanted columns, float64 (cells,), of a matrix checked on the way and never whole in memory."""
    totals = np.zeros(source.matrices[name].shape[0])
    for rows, _, block in checked_blocks(source, name, columns, names):
        totals[rows] += np.asarray(block.sum(axis=1), dtype=np.float64).ravel()
    return totals


def load_counts(source: Source, name: str, columns: np.ndarray, names: np.ndarray) -> sparse.csr_matrix:
    """The wanted columns of a matrix as float32 CSR (cells, features), checked on the way."""
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
    """How many values a matrix stores, on disk or in memory."""
    if not hasattr(matrix, "format"):
        return int(np.prod(matrix.shape))
    return int(matrix.group["indices"].shape[0] if hasattr(matrix, "group") else matrix.nnz)


def _first(where: np.ndarray) -> int:
    """Index of the first True, or -1."""
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
        said = {name: "'raw'" if name == "raw/X" else repr(name.removeprefix("layers/")) for name in others}
        return f"Counts are in {', '.join(others)}: give counts={' or '.join(said.values())}, or leave counts='auto'."
    return "Keep the raw counts in X, layers['counts'] or raw, and give the file that has them."
