"""Baselines that predict one modality of a cell from another: RNA to surface protein, RNA to accessibility and back.

Inputs are names of cells, and there are several outputs. Ridge regression on principal components is the strong one. The gene's own RNA
shows how much of a protein its RNA predicts (little, as few copies of most such RNAs are captured). Components, penalties and slopes are
fitted on the training cells.

Proteins are compared after a centred log-ratio within each cell (Stoeckius et al. 2017, doi:10.1038/nmeth.4380). It removes the total
amount of antibody of the cell and uses no other cell.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from sklearn.linear_model import RidgeCV
from sklearn.neighbors import KNeighborsRegressor
from threadpoolctl import threadpool_limits

from glmkit.errors import BadInput
from glmkit.evaluate.baselines.cells.features import CellRows, Components, check_counts
from glmkit.evaluate.baselines.protein._antibody_genes import antibody_genes
from glmkit.evaluate.method import Method, check_fitted
from glmkit.evaluate.metrics.multiclass import check_outputs
from glmkit.evaluate.metrics.weighted import divide

if TYPE_CHECKING:
    from anndata import AnnData

ALPHAS = np.logspace(-1, 6, 15)


def modality_values(adata: "AnnData", normalise: Literal["clr", "log1p", "binary"] = "clr") -> pd.DataFrame:
    """Normalised values of a modality, as targets of a prediction.

    Parameters
    ----------
    adata
        Raw counts, cells × features.
    normalise
        ``clr``: log(1 + count) minus its mean over the cell's features, for proteins; ``log1p``: log(1 + count per 10,000), for
        genes; ``binary``: 1 for a count above 0, for peaks.

    Returns
    -------
    pandas.DataFrame
        Float64 (cells, features).

    Raises
    ------
    BadInput
        ``adata.X`` has no counts, or `normalise` is none of the three.

    Examples
    --------
    >>> import numpy as np
    >>> from anndata import AnnData
    >>> from glmkit.evaluate.baselines import modality_values
    >>> proteins = AnnData(np.array([[0.0, 9.0], [4.0, 4.0]]))
    >>> modality_values(proteins, "clr").round(2).to_numpy()
    array([[-1.15,  1.15],
           [ 0.  ,  0.  ]])
    """
    counts = check_counts(adata)
    dense = np.asarray(counts.toarray() if hasattr(counts, "toarray") else counts, dtype=np.float64)
    if normalise == "clr":
        values = np.log1p(dense)
        values -= values.mean(1, keepdims=True)
    elif normalise == "log1p":
        values = np.log1p(dense / np.maximum(dense.sum(1, keepdims=True), 1) * 1e4)
    elif normalise == "binary":
        values = (dense > 0).astype(np.float64)
    else:
        raise BadInput(f"normalise: expected clr, log1p or binary, got {normalise!r}.")
    return pd.DataFrame(values, index=adata.obs_names.astype(str), columns=adata.var_names.astype(str))


class MeanOutputs:
    """The mean of each output in training, for every cell: Spearman 0 by construction."""

    name = "mean"
    description = "the mean of each output in training, for every cell"
    random = False
    _mean: np.ndarray | None = None

    def fit(self, names: Sequence[Any], labels: np.ndarray, seed: int = 0) -> "MeanOutputs":
        """Fit on names of cells and their values, float64 (n, outputs)."""
        self._mean = check_outputs(labels).mean(0)
        return self

    def score(self, names: Sequence[Any]) -> np.ndarray:
        """The same values for each cell, float64 (n, outputs)."""
        return np.tile(check_fitted(self, self._mean), (len(names), 1))


class OwnGene:
    """Linear regression of each protein on the log-normalised RNA of its own gene (or the sum of its genes), with slope 0 or more.

    A negative slope in the training cells is set to 0. A protein without a gene in the data gets its mean; ``table`` lists the matches.

    Parameters
    ----------
    cells
        Cells with their RNA.
    table
        Table from :func:`glmkit.evaluate.baselines.protein.antibody_genes`, one row for each output in the task's order; its genes are
        var_names.
    """

    name = "own RNA"
    random = False
    _line: tuple[np.ndarray, np.ndarray] | None = None

    def __init__(self, cells: CellRows, table: pd.DataFrame) -> None:
        self.cells, self.table = cells, table
        place = {gene: i for i, gene in enumerate(cells.log.var_names)}
        self._columns = [np.array([place[gene] for gene in genes], dtype=np.int64) for genes in table["genes"]]
        matched = sum(len(columns) > 0 for columns in self._columns)
        self.description = (
            f"a rising line on the log-normalised RNA of the protein's own gene ({matched} of {len(table)} matched by name)"
        )

    def fit(self, names: Sequence[Any], labels: np.ndarray, seed: int = 0) -> "OwnGene":
        """Fit on names of cells and their values, float64 (n, outputs)."""
        labels = check_outputs(labels)
        if labels.shape != (len(names), len(self._columns)):
            raise BadInput(f"{self.name}: expected values ({len(names)}, {len(self._columns)}), got {labels.shape}.")
        rna = self._rna(names)
        centre, mean = rna.mean(0), labels.mean(0)
        slope = np.maximum(divide(((rna - centre) * (labels - mean)).sum(0), ((rna - centre) ** 2).sum(0), 0.0), 0.0)
        self._line = slope, mean - slope * centre
        return self

    def score(self, names: Sequence[Any]) -> np.ndarray:
        """Predicted values, float64 (n, outputs)."""
        slope, base = check_fitted(self, self._line)
        return self._rna(names) * slope + base

    def _rna(self, names: Sequence[Any]) -> np.ndarray:
        """Log-normalised RNA of the genes of each output, (n, outputs); 0 without a gene."""
        rows = self.cells.values(names).tocsc()
        return np.stack([np.asarray(rows[:, c].sum(1), dtype=np.float64).ravel() for c in self._columns], 1)


class _OnComponents:
    """A regression of several outputs on principal components of the other modality."""

    name = ""
    description = ""
    random = False

    def __init__(self, cells: CellRows, genes: int, size: int) -> None:
        self.space, self._model = Components(cells, genes, size), None

    def fit(self, names: Sequence[Any], labels: np.ndarray, seed: int = 0) -> Any:
        """Fit on names of cells and their values, float64 (n, outputs)."""
        labels = check_outputs(labels)
        if len(names) != len(labels):
            raise BadInput(f"{self.name}: expected values for {len(names)} cells, got {len(labels)}.")
        with threadpool_limits(1):
            x = self.space.fit(names).transform(names)
            self._model = self.estimator(len(labels)).fit(x, labels)
        return self

    def estimator(self, n: int) -> Any:
        """Unfitted scikit-learn estimator."""
        raise NotImplementedError

    def score(self, names: Sequence[Any]) -> np.ndarray:
        """Predicted values, float64 (n, outputs)."""
        model: Any = check_fitted(self, self._model)
        with threadpool_limits(1):
            return model.predict(self.space.transform(names))


class ComponentsRidge(_OnComponents):
    """Ridge regression on principal components, with the penalty of each output chosen by leave-one-out cross-validation.

    Parameters
    ----------
    cells
        Cells with the input modality.
    genes, size
        Number of variable features and of components.
    """

    name = "ridge on PCA"

    def __init__(self, cells: CellRows, genes: int = 2000, size: int = 50) -> None:
        super().__init__(cells, genes, size)
        self.description = f"ridge regression on {size} principal components of the input, penalty by leaving one cell out"

    def estimator(self, n: int) -> Any:
        """Unfitted scikit-learn estimator."""
        return RidgeCV(ALPHAS, alpha_per_target=True)


class NearestValues(_OnComponents):
    """Distance-weighted mean over the nearest training cells in principal components.

    Parameters
    ----------
    cells
        Cells with the input modality.
    neighbours
        Number of training cells.
    genes, size
        Number of variable features and of components.
    """

    name = "k-NN"

    def __init__(self, cells: CellRows, neighbours: int = 15, genes: int = 2000, size: int = 50) -> None:
        super().__init__(cells, genes, size)
        self.neighbours = neighbours
        self.description = f"mean over the {neighbours} nearest training cells in {size} principal components of the input"

    def estimator(self, n: int) -> Any:
        """Unfitted scikit-learn estimator."""
        return KNeighborsRegressor(min(self.neighbours, n), weights="distance")


def modality_baselines(
    source: "AnnData", proteins: Sequence[str] | None = None, *, genes: int = 2000, size: int = 50
) -> list[Method]:
    """The baselines of a comparison of models that predict a modality.

    Parameters
    ----------
    source
        Raw counts of the input modality (RNA, or peaks), of all cells of the task.
    proteins
        Outputs of the task if they are antibodies, which adds the gene's own RNA; None if they are genes or peaks. Genes are matched
        by ``var["symbol"]`` or else by ``var_names``.
    genes
        Number of variable features, chosen on the training cells.
    size
        Number of principal components.

    Returns
    -------
    list of Method
        Unfitted baselines: mean, the gene's own RNA (its ``table`` lists the matches), ridge on PCA, k-NN.

    Raises
    ------
    BadInput
        ``source.X`` has no counts, or names of cells are not unique.

    Examples
    --------
    >>> import numpy as np
    >>> from anndata import AnnData
    >>> from glmkit.evaluate.baselines import modality_baselines
    >>> rna = AnnData(np.random.default_rng(0).poisson(3.0, (30, 6)).astype(float))
    >>> rna.var_names = ["CD3E", "CD19", "MS4A1", "CD8A", "LYZ", "GNLY"]
    >>> baselines = modality_baselines(rna, ["CD3", "CD19"], size=3)
    >>> [baseline.name for baseline in baselines]
    ['mean', 'own RNA', 'ridge on PCA', 'k-NN']
    >>> values, names = np.log1p(rna.X[:, :2]), rna.obs_names.tolist()
    >>> baselines[1].fit(names[:20], values[:20]).score(names[20:]).shape
    (10, 2)
    """
    cells = CellRows(source)
    own: list[Method] = []
    if proteins is not None:
        symbols = source.var["symbol"] if "symbol" in source.var.columns else source.var_names
        table = antibody_genes(proteins, [str(symbol) for symbol in symbols])
        name_of = dict(zip(map(str, symbols[::-1]), cells.log.var_names[::-1], strict=True))
        table["genes"] = table["genes"].map(lambda found: tuple(name_of[gene] for gene in found))
        own = [OwnGene(cells, table)]
    return [MeanOutputs(), *own, ComponentsRidge(cells, genes, size), NearestValues(cells, genes=genes, size=size)]
