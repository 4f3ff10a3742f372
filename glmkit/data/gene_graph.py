"""Coexpression graph: the nearest genes of each gene by correlation of expression over cells.

The ranks of one cell do not show which genes vary together over all cells; this graph does. It has to be computed from the
*training* cells alone, because otherwise information of the test cells enters the model. Counts are normalised to 10,000 per cell
and log-transformed, as in scanpy. The neighbours of a gene are those of highest positive Pearson correlation. Correlations of
sparse counts are unreliable for rare genes, so genes detected in few cells have no neighbours.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from glmkit.errors import BadInput

if TYPE_CHECKING:
    from anndata import AnnData
    from scipy.sparse import csc_matrix

BLOCK = 512  # genes whose correlations with all others are held in memory at once
DIGITS = 6  # correlations equal to so many digits are ordered by gene index, so that rounding cannot change the graph


@dataclass(frozen=True)
class GeneGraph:
    """The nearest genes of each gene.

    Attributes
    ----------
    genes
        Names, as in ``var_names``.
    neighbours
        Indices into `genes`, nearest first, int64 (genes, k); -1 where a gene has fewer than k neighbours.
    """

    genes: tuple[str, ...]
    neighbours: np.ndarray

    @property
    def edges(self) -> np.ndarray:
        """Edge list of the graph, int64 (2, n_edges): source (the neighbour) in row 0, target gene in row 1."""
        gene, place = np.nonzero(self.neighbours >= 0)
        return np.stack([self.neighbours[gene, place], gene])


def coexpression_graph(adata: "AnnData", k: int = 10, *, least_cells: int = 10) -> GeneGraph:
    """The graph of genes that are expressed together.

    Parameters
    ----------
    adata
        Raw counts of the *training* cells, (cells, genes).
    k
        Largest number of neighbours of a gene.
    least_cells
        Number of cells that have to express a gene; rarer genes have no edges.

    Returns
    -------
    GeneGraph
        Over all genes of `adata`, in their order; the result is deterministic.

    Raises
    ------
    BadInput
        `k` or `least_cells` is below 1, there are fewer than three cells, or fewer than two genes are expressed often enough.

    Examples
    --------
    >>> import anndata, numpy as np
    >>> from glmkit.data import coexpression_graph
    >>> counts = np.array([[9, 8, 0, 1], [0, 1, 9, 7], [8, 9, 1, 0], [1, 0, 7, 9]], dtype="float32")
    >>> graph = coexpression_graph(anndata.AnnData(counts), k=1, least_cells=2)
    >>> graph.neighbours.ravel().tolist()
    [1, 0, 3, 2]
    >>> graph.edges.tolist()
    [[1, 0, 3, 2], [0, 1, 2, 3]]
    """
    if k < 1 or least_cells < 1:
        raise BadInput(f"k and least_cells: expected 1 or more, got {k} and {least_cells}.")
    if adata.n_obs < 3:
        raise BadInput(f"A correlation needs at least three cells, got {adata.n_obs}.")
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
