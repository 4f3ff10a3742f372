"""Cells as blocks of canonical CSR rows, whatever they lie in.

X may be dense or sparse, in memory or in a file. CSR and dense matrices in a file are read block by block. CSC cannot be: every
block of rows would read the whole file again, so a CSC matrix is read once and turned into CSR in memory.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from glmkit.errors import BadInput

if TYPE_CHECKING:
    from anndata import AnnData
    from scipy.sparse import csr_matrix

CHUNK = 4096
Cells: TypeAlias = "AnnData | str | Path | Iterable[AnnData | str | Path]"


def each_part(source: Cells) -> Iterator[tuple[str, "AnnData"]]:
    """Every AnnData of a source, one at a time; files are opened backed and closed before the next.

    Parameters
    ----------
    source
        An AnnData, a path of an ``.h5ad`` or ``.zarr``, or any iterable of these, also one that makes them as it goes.

    Yields
    ------
    tuple
        Where it lies, as a note for :func:`noted` (empty for one in memory), and the AnnData, ready to be read.

    Raises
    ------
    BadInput
        Something that is neither a path nor an AnnData, or a file that anndata cannot read.
    """
    from anndata import AnnData

    for part in [source] if isinstance(source, AnnData | str | Path) else source:
        if isinstance(part, AnnData):
            yield "", part
            continue
        if not isinstance(part, str | Path):
            raise BadInput(f"Expected an AnnData or a path of one, got {type(part).__name__}.")
        with _opened(Path(part)) as adata:
            yield f"file {part}", adata


@contextmanager
def noted(where: str) -> Iterator[None]:
    """Add a note to an error on its way up, if there is something to say."""
    try:
        yield
    except Exception as error:
        if where:
            error.add_note(where)
        raise


@contextmanager
def _opened(path: Path) -> Iterator["AnnData"]:
    import anndata

    try:
        adata = anndata.read_zarr(path) if path.suffix == ".zarr" else anndata.read_h5ad(path, backed="r")
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise BadInput(f"{path} cannot be read as an AnnData ({error}). Expected a whole .h5ad or .zarr.") from error
    try:
        yield adata
    finally:
        if adata.isbacked:
            adata.file.close()


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
