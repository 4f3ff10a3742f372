"""Which genes go together: the nearest genes of each by the correlation of their expression over cells.

A graph over genes says what the ranks of one cell cannot: which genes rose and fell together in all of them. It is made from
the *training* cells alone, or the test cells would have a say in the model that they judge. Counts are normalised to 10,000 a
cell and logged, as scanpy does it; a gene's neighbours are those of highest Pearson correlation, and only positive ones.
Correlation in sparse counts is weak for rare genes, so genes seen in few cells have none.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from glmkit.errors import BadInput

if TYPE_CHECKING:
    from anndata import AnnData
    from scipy.sparse import csc_matrix

BLOCK = 512  # genes whose correlations with all others are in memory together
DIGITS = 6  # correlations that are equal to so many digits go by gene index


@dataclass(frozen=True)
class GeneGraph:
    """The nearest genes of each gene.

    Attributes
    ----------
    genes
        Names, as in ``var_names``.
    neighbours
        int64 (genes, k): places in `genes`, the nearest first; -1 where a gene has fewer.
    """

    genes: tuple[str, ...]
    neighbours: np.ndarray

    @property
    def edges(self) -> np.ndarray:
        """Who is heard by whom: int64 (2, n), neighbours above the genes that hear them."""
        gene, place = np.nonzero(self.neighbours >= 0)
        return np.stack([self.neighbours[gene, place], gene])


def coexpression_graph(adata: "AnnData", k: int = 10, *, least_cells: int = 10) -> GeneGraph:
    """The graph of the genes that are expressed together.

    Parameters
    ----------
    adata
        The *training* cells: raw counts (cells, genes).
    k
        Most neighbours of a gene.
    least_cells
        Genes that fewer cells express are nobody's neighbours and have none.

    Returns
    -------
    GeneGraph
        Over all genes of `adata`, in their order; the same for the same cells.

    Raises
    ------
    BadInput
        `k` or `least_cells` is below 1, there are fewer than three cells, or fewer than two genes are expressed often enough.
    """
    if k < 1 or least_cells < 1:
        raise BadInput(f"k and least_cells: expected 1 or more, got {k} and {least_cells}.")
    if adata.n_obs < 3:
        raise BadInput(f"A correlation needs three cells or more, got {adata.n_obs}.")
    values = _log_normalised(adata)
    seen = np.diff(values.indptr)
    mean = np.asarray(values.mean(0)).ravel()
    squares = np.asarray(values.multiply(values).mean(0)).ravel()
    spread = np.sqrt(np.maximum(squares - mean**2, 0))
    kept = np.flatnonzero((seen >= least_cells) & (spread > 1e-9))
    if len(kept) < 2:
        raise BadInput(
            f"{len(kept)} of {adata.n_vars} genes vary and are expressed in {least_cells} cells or more; a graph needs two. "
            "Lower least_cells, or give more cells."
        )
    part, near = values[:, kept], min(k, len(kept) - 1)
    neighbours = np.full((adata.n_vars, k), -1, np.int64)
    for start in range(0, len(kept), BLOCK):
        block = np.arange(start, min(start + BLOCK, len(kept)))
        together = (part[:, block].T @ part).toarray() / adata.n_obs
        places = kept[block]
        found = (together - np.outer(mean[places], mean[kept])) / np.outer(spread[places], spread[kept])
        found = np.round(found, DIGITS)
        found[np.arange(len(block)), block] = -np.inf
        order = np.argsort(-found, axis=1, kind="stable")[:, :near]
        correlation = np.take_along_axis(found, order, 1)
        neighbours[places, :near] = np.where(correlation > 0, kept[order], -1)
    return GeneGraph(tuple(map(str, adata.var_names)), neighbours)


def _log_normalised(adata: "AnnData") -> "csc_matrix":
    """log1p of counts per 10,000: float64 (cells, genes) by column."""
    import anndata
    import scanpy as sc
    from scipy.sparse import csc_matrix, csr_matrix

    matrix = adata.X.to_memory() if hasattr(adata.X, "to_memory") else adata.X
    copy = anndata.AnnData(csr_matrix(matrix, dtype=np.float64, copy=True))
    sc.pp.normalize_total(copy, target_sum=1e4)
    sc.pp.log1p(copy)
    result = csc_matrix(copy.X)
    result.eliminate_zeros()
    return result
