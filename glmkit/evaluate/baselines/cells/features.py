"""Features of cells for the baselines: log-normalised genes, variable genes and principal components, fitted on training cells.

Normalisation uses one cell at a time and may be done for all cells. Variable genes, their means and standard deviations, and the
components are fitted on the training cells only. A choice on all cells would use the test set. Only the most variable genes are
made dense, so that memory grows with cells × 2,000 and not with cells × all genes.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from glmkit.errors import BadInput

if TYPE_CHECKING:
    from anndata import AnnData

TARGET = 1e4
CLIP = 10.0


class CellRows:
    """Cells of an AnnData by name, log-normalised.

    Parameters
    ----------
    adata
        Raw counts, cells × genes.

    Raises
    ------
    BadInput
        Names of cells that are not unique, or values that are no counts.
    """

    def __init__(self, adata: "AnnData") -> None:
        import anndata
        import scanpy as sc

        counts = check_counts(adata)
        self.log = anndata.AnnData(sparse.csr_matrix(counts, dtype=np.float32, copy=True))
        self.log.obs_names, self.log.var_names = adata.obs_names.astype(str), adata.var_names.astype(str)
        sc.pp.normalize_total(self.log, target_sum=TARGET)
        sc.pp.log1p(self.log)
        self._place = {name: i for i, name in enumerate(self.log.obs_names)}

    def rows(self, names: Sequence[Any]) -> np.ndarray:
        """Row numbers of cells, or an error that names the first unknown cell.

        Parameters
        ----------
        names
            Names of cells.

        Returns
        -------
        numpy.ndarray
            Int64 (n,).
        """
        if absent := [name for name in names if name not in self._place]:
            raise BadInput(f"{len(absent)} of {len(names)} cells are not in the AnnData, the first is {absent[0]!r}.")
        return np.fromiter((self._place[name] for name in names), dtype=np.int64, count=len(names))

    def values(self, names: Sequence[Any], genes: np.ndarray | None = None) -> sparse.csr_matrix:
        """Log-normalised values, cells × `genes` (or all of them).

        Parameters
        ----------
        names
            Names of cells.
        genes
            Column numbers of genes, int64; None for all.

        Returns
        -------
        scipy.sparse.csr_matrix
            Float32 (n, genes).
        """
        rows = self.log.X[self.rows(names)]
        return rows if genes is None else rows[:, genes]

    def variable_genes(self, names: Sequence[Any], count: int) -> np.ndarray:
        """Column numbers of the most variable genes of these cells (scanpy's ``seurat`` dispersions).

        Parameters
        ----------
        names
            Names of the training cells.
        count
            Number of genes to choose, among those with a count in any of the cells.

        Returns
        -------
        numpy.ndarray
            Column numbers, int64, ascending.
        """
        import scanpy as sc

        part = self.log[self.rows(names)].copy()
        there = np.flatnonzero(np.asarray(part.X.getnnz(axis=0)) > 0)
        if len(there) <= count:
            return there
        part = part[:, there].copy()
        part.uns["log1p"] = {"base": None}
        chosen = sc.pp.highly_variable_genes(part, n_top_genes=count, flavor="seurat", inplace=False)
        return there[chosen["highly_variable"].to_numpy()]


class Components:
    """Scaled variable genes and their principal components, fitted on training cells.

    Parameters
    ----------
    cells
        Cells with their values.
    genes
        Number of variable genes.
    size
        Number of components; fewer if there are too few training cells or genes.
    """

    def __init__(self, cells: CellRows, genes: int = 2000, size: int = 50) -> None:
        self.cells, self.genes, self.size = cells, genes, size

    def fit(self, names: Sequence[Any]) -> "Components":
        """Choose genes, and fit scale and components.

        Parameters
        ----------
        names
            Names of the training cells, at least three.

        Returns
        -------
        Components
            The object itself, fitted.
        """
        from sklearn.decomposition import PCA
        from sklearn.preprocessing import StandardScaler

        self._chosen = self.cells.variable_genes(names, self.genes)
        if len(names) < 3 or len(self._chosen) < 2:
            raise BadInput(f"Principal components need 3 cells and 2 genes, got {len(names)} and {len(self._chosen)}.")
        dense = self.cells.values(names, self._chosen).toarray()
        self._scaler = StandardScaler().fit(dense)
        scaled = np.clip(self._scaler.transform(dense), -CLIP, CLIP)
        size = min(self.size, min(scaled.shape) - 1)
        self._pca = PCA(size, svd_solver="arpack", random_state=0).fit(scaled)
        return self

    def transform(self, names: Sequence[Any]) -> np.ndarray:
        """Principal components of cells.

        Parameters
        ----------
        names
            Names of cells.

        Returns
        -------
        numpy.ndarray
            Float64 (n, size).
        """
        dense = self.cells.values(names, self._chosen).toarray()
        return self._pca.transform(np.clip(self._scaler.transform(dense), -CLIP, CLIP)).astype(np.float64)


def check_counts(adata: "AnnData") -> Any:
    """The counts of an AnnData, or an error if they are none.

    Parameters
    ----------
    adata
        Cells × features.

    Returns
    -------
    array or sparse matrix
        ``adata.X``.

    Raises
    ------
    BadInput
        Names of cells that are not unique; a value that is negative, no number, or no whole number.
    """
    if not adata.obs_names.is_unique:
        twice = adata.obs_names[adata.obs_names.duplicated()][0]
        raise BadInput(f"obs_names: {twice!r} occurs more than once. Call adata.obs_names_make_unique() first.")
    values: Any = adata.X[:] if adata.isbacked else adata.X
    if values is None:
        raise BadInput("X is empty: expected raw counts. Read the file with glmkit.bio.read_cells.")
    is_sparse = sparse.issparse(values)
    stored = np.asarray(values.data if is_sparse else values)
    if stored.size and (not np.isfinite(stored).all() or stored.min() < 0 or (stored != np.floor(stored)).any()):
        bad = stored[~np.isfinite(stored) | (stored < 0) | (stored != np.floor(stored))][0]
        raise BadInput(f"X: expected raw counts, got {bad:g}. Take layers['counts'] or raw, or read the file with read_cells.")
    return values
