"""Cells as blocks of canonical CSR rows, from any storage.

X may be dense or sparse, in memory or in a file. CSR and dense matrices in a file are read block by block. A CSC matrix is read
once and converted to CSR in memory, because every block of its rows would require a read of the whole file.
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
    """Each AnnData of a source, one at a time.

    Parameters
    ----------
    source
        AnnData, path, or an iterable of these, which may be a generator.
    read
        Function that opens a path; if None, ``read_cells(path, "rna", backed=True)``, which checks counts and maps gene names.

    Yields
    ------
    tuple
        Note for :func:`noted` that names the file (empty for an AnnData in memory), and the AnnData.

    Raises
    ------
    BadInput
        An element is neither a path nor an AnnData, or `read` rejects a file.
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
    """Add the note `where` to exceptions raised in the context, unless it is empty."""
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
        Cells × features, with X dense, CSR or CSC, in memory or backed.
    chunk
        Number of cells per block, at least 1.

    Yields
    ------
    tuple
        Row of the first cell, and the counts as canonical ``csr_matrix`` (cells, features), with sorted and unique columns. It
        may share memory with X and must not be modified.

    Raises
    ------
    BadInput
        There is no X, or `chunk` is below 1.
    """
    from scipy.sparse import csr_matrix, issparse

    if chunk < 1:
        raise BadInput(f"Expected a chunk of at least 1 cell, got {chunk}.")
    matrix: Any = None
    if not adata.is_view or getattr(adata[:1].X, "format", None) == "csc":  # X of a backed view would be read as a whole
        matrix = adata.X
        if matrix is None:
            raise BadInput("This AnnData has no X. Put raw counts there: glmkit.bio.read_cells finds them in layers or raw.")
    if getattr(matrix, "format", None) == "csc":
        matrix = (matrix.to_memory() if hasattr(matrix, "to_memory") else matrix).tocsr()
    in_memory = issparse(matrix)
    for start in range(0, adata.n_obs, chunk):
        stop = min(start + chunk, adata.n_obs)
        if in_memory:  # slices of the arrays, without a copy
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
    """Total counts of the cells from a column of obs, float64 (cells,); empty if `column` is None, which means row sums.

    Raises
    ------
    BadInput
        There is no such column (the message lists the columns), or it is not numeric.
    """
    if column is None:
        return np.empty(0)
    if column not in adata.obs:
        raise BadInput(f"Expected cell totals in obs[{column!r}]; the columns are {list(adata.obs.columns)}.")
    values = adata.obs[column]
    if values.dtype.kind not in "iuf":
        raise BadInput(f"Expected numbers of counts in obs[{column!r}], got values of type {values.dtype}.")
    return values.to_numpy(np.float64)
