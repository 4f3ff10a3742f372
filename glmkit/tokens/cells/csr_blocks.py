"""Cells as blocks of canonical CSR rows, whatever they lie in.

X may be dense or sparse, in memory or in a file. CSR and dense matrices in a file are read block by block. CSC cannot be: every
block of rows would read the whole file again, so a CSC matrix is read once and turned into CSR in memory.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from glmkit.bio import read_cells
from glmkit.errors import BadInput

if TYPE_CHECKING:
    from anndata import AnnData
    from scipy.sparse import csr_matrix

CHUNK = 4096
Cells: TypeAlias = "AnnData | str | Path | Iterable[AnnData | str | Path]"
Read: TypeAlias = Callable[[str | Path], Any]


def each_part(source: Cells, read: Read | None = None) -> Iterator[tuple[str, "AnnData"]]:
    """Every AnnData of a source, one at a time.

    Parameters
    ----------
    source
        An AnnData, a path, or any iterable of these, also one that makes them as it goes.
    read
        Opens a path; ``read_cells(path, "rna", backed=True)`` if None, which checks the counts and maps names to Ensembl ids.

    Yields
    ------
    tuple
        Where it lies, as a note for :func:`noted` (empty for one in memory), and the AnnData.

    Raises
    ------
    BadInput
        Something that is neither a path nor an AnnData, or a file that `read` refuses.
    """
    from anndata import AnnData

    for part in [source] if isinstance(source, AnnData | str | Path) else source:
        if isinstance(part, AnnData):
            yield "", part
        elif isinstance(part, str | Path):
            yield f"file {part}", read_cells(part, "rna", backed=True) if read is None else read(part)
        else:
            raise BadInput(f"Expected an AnnData or a path of one, got {type(part).__name__}.")


@contextmanager
def noted(where: str) -> Iterator[None]:
    """Add a note to an error on its way up, if there is something to say."""
    try:
        yield
    except Exception as error:
        if where:
            error.add_note(where)
        raise


def count_blocks(adata: "AnnData", chunk: int = CHUNK) -> Iterator[tuple[int, "csr_matrix"]]:
    """Blocks of the rows of X, in order.

    Parameters
    ----------
    adata
        Cells × features, X dense, CSR or CSC, in memory or backed.
    chunk
        Cells of a block.

    Yields
    ------
    tuple
        Row of the first cell, and the counts as canonical ``csr_matrix`` (cells, features): sorted columns, none twice. Read
        it only: it may share its arrays with X.

    Raises
    ------
    BadInput
        No X, or a `chunk` below 1.
    """
    from scipy.sparse import csr_matrix, issparse

    if chunk < 1:
        raise BadInput(f"Expected a chunk of at least 1 cell, got {chunk}.")
    matrix: Any = None
    if not adata.is_view or getattr(adata[:1].X, "format", None) == "csc":  # X of a selection on disk would be read as a whole
        matrix = adata.X
        if matrix is None:
            raise BadInput("This AnnData has no X. Put raw counts there: glmkit.bio.read_cells finds them in layers or raw.")
    if getattr(matrix, "format", None) == "csc":
        matrix = (matrix.to_memory() if hasattr(matrix, "to_memory") else matrix).tocsr()
    in_memory = issparse(matrix)
    for start in range(0, adata.n_obs, chunk):
        stop = min(start + chunk, adata.n_obs)
        if in_memory:  # views of its arrays, not copies
            first, last = matrix.indptr[start], matrix.indptr[stop]
            parts = (matrix.data[first:last], matrix.indices[first:last], matrix.indptr[start : stop + 1] - first)
            block = csr_matrix(parts, shape=(stop - start, adata.n_vars))
        else:
            rows = adata[start:stop].X if matrix is None else matrix[start:stop]
            block = csr_matrix(rows if hasattr(rows, "tocsr") else np.asarray(rows))
        if not block.has_canonical_format:
            block = block.copy()
            block.sum_duplicates()
        yield start, block


def cell_totals(adata: "AnnData", column: str | None) -> np.ndarray:
    """Totals of the cells from a column of obs: float64 (cells,); empty if `column` is None, which means the sum of each row.

    Raises
    ------
    BadInput
        No such column (those found are listed), or it is not numeric.
    """
    if column is None:
        return np.empty(0)
    if column not in adata.obs:
        raise BadInput(f"Expected cell totals in obs[{column!r}]; the columns are {list(adata.obs.columns)}.")
    values = adata.obs[column]
    if values.dtype.kind not in "iuf":
        raise BadInput(f"Expected numbers of counts in obs[{column!r}], got values of type {values.dtype}.")
    return values.to_numpy(np.float64)
