"""The rows of an AnnData a block at a time, as canonical CSR, whatever its X is: dense or sparse, in memory or in a file.

CSR and dense matrices in a file are read block by block. CSC cannot be: every block of rows would read the whole file again, so
a CSC matrix is read once and turned into CSR in memory.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from glmkit.errors import BadInput

if TYPE_CHECKING:
    from anndata import AnnData
    from scipy.sparse import csr_matrix

CHUNK = 4096


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
        Row of the first cell, and the counts as canonical ``csr_matrix`` (cells, features): sorted columns, none twice.

    Raises
    ------
    BadInput
        No X, or a `chunk` below 1.
    """
    from scipy.sparse import csr_matrix

    if chunk < 1:
        raise BadInput(f"Expected a chunk of at least 1 cell, got {chunk}.")
    matrix: Any = adata.X
    if matrix is None:
        raise BadInput("This AnnData has no X. Put raw counts there: glmkit.bio.read_cells finds them in layers or raw.")
    if getattr(matrix, "format", None) == "csc":
        matrix = (matrix.to_memory() if hasattr(matrix, "to_memory") else matrix).tocsr()
    for start in range(0, adata.n_obs, chunk):
        rows = matrix[start : start + chunk]
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
