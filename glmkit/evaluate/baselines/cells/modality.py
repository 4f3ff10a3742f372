"""Simple methods that predict one modality of a cell from another: RNA to surface protein, RNA to accessibility and back.

They have the interface of :mod:`glmkit.evaluate.baselines.dna.standard` with many outputs; an input is the name of a cell. Ridge regression on
principal components is the strong one; the gene's own RNA shows how much of a protein is copied from a number that was measured
anyway (little, as few copies of most such RNAs are caught). Components, penalties and slopes are learnt on the training cells.

Proteins are judged after a centred log-ratio within each cell (Stoeckius et al. 2017, doi:10.1038/nmeth.4380), which takes out how
much antibody the cell caught and looks at no other cell.
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
    """What a modality's prediction is judged against.

    Parameters
    ----------
    adata
        Raw counts, cells × features.
    normalise
        ``clr``: log(1 + count) less its mean over the cell's features, for proteins; ``log1p``: log(1 + count per 10,000), for
        genes; ``binary``: 1 where anything was counted, for peaks.

    Returns
    -------
    pandas.DataFrame
        Float64 (cells, features).

    Raises
    ------
    BadInput
        ``adata.X`` holds no counts, or `normalise` is none of the three.
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

    def fit(self, sequences: Sequence[Any], labels: np.ndarray, seed: int = 0) -> "MeanOutputs":
        """Learn from cells and their values (n, outputs)."""
        self._mean = check_outputs(labels).mean(0)
        return self

    def score(self, sequences: Sequence[Any]) -> np.ndarray:
        """The same values for each cell, float64 (n, outputs)."""
        return np.tile(check_fitted(self, self._mean), (len(sequences), 1))


class OwnGene:
    """Each protein from the log-normalised RNA of its own gene (the sum of its genes'), along a line that never falls.

    More RNA may not mean less protein: where training cells say so, the line is flat. A protein without a gene in the data gets its mean; ``table`` says which were matched.

    Parameters
    ----------
    cells
        Where the RNA comes from.
    table
        From :func:`glmkit.evaluate.baselines.protein.antibody_genes`, one row an output in the task's order; its genes are var_names.
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

    def fit(self, sequences: Sequence[Any], labels: np.ndarray, seed: int = 0) -> "OwnGene":
        """Learn from cells and their values (n, outputs)."""
        labels = check_outputs(labels)
        if labels.shape != (len(sequences), len(self._columns)):
            raise BadInput(f"{self.name}: expected values ({len(sequences)}, {len(self._columns)}), got {labels.shape}.")
        rna = self._rna(sequences)
        centre, mean = rna.mean(0), labels.mean(0)
        slope = np.maximum(divide(((rna - centre) * (labels - mean)).sum(0), ((rna - centre) ** 2).sum(0), 0.0), 0.0)
        self._line = slope, mean - slope * centre
        return self

    def score(self, sequences: Sequence[Any]) -> np.ndarray:
        """Predicted values, float64 (n, outputs)."""
        slope, base = check_fitted(self, self._line)
        return self._rna(sequences) * slope + base

    def _rna(self, names: Sequence[Any]) -> np.ndarray:
        """Log-normalised RNA of each output's genes, (n, outputs); 0 where there is none."""
        rows = self.cells.values(names).tocsc()
        return np.stack([np.asarray(rows[:, c].sum(1), dtype=np.float64).ravel() for c in self._columns], 1)


class _OnComponents:
    """Principal components of the other modality in, several measured outputs out."""

    name = ""
    description = ""
    random = False

    def __init__(self, cells: CellRows, genes: int, size: int) -> None:
        self.space, self._model = Components(cells, genes, size), None

    def fit(self, sequences: Sequence[Any], labels: np.ndarray, seed: int = 0) -> Any:
        """Learn from cells and their values (n, outputs)."""
        labels = check_outputs(labels)
        if len(sequences) != len(labels):
            raise BadInput(f"{self.name}: expected values for {len(sequences)} cells, got {len(labels)}.")
        with threadpool_limits(1):
            x = self.space.fit(sequences).transform(sequences)
            self._model = self.estimator(len(labels)).fit(x, labels)
        return self

    def estimator(self, n: int) -> Any:
        """The scikit-learn estimator, not yet fitted."""
        raise NotImplementedError

    def score(self, sequences: Sequence[Any]) -> np.ndarray:
        """Predicted values, float64 (n, outputs)."""
        model = check_fitted(self, self._model)
        with threadpool_limits(1):
            return model.predict(self.space.transform(sequences))


class ComponentsRidge(_OnComponents):
    """Ridge regression on principal components; each output chooses its penalty by leaving one training cell out.

    Parameters
    ----------
    cells
        Where the input modality comes from.
    genes, size
        Variable features and components.
    """

    name = "ridge on PCA"

    def __init__(self, cells: CellRows, genes: int = 2000, size: int = 50) -> None:
        super().__init__(cells, genes, size)
        self.description = f"ridge regression on {size} principal components of the input, penalty by leaving one cell out"

    def estimator(self, n: int) -> Any:
        """The scikit-learn estimator, not yet fitted."""
        return RidgeCV(ALPHAS, alpha_per_target=True)


class NearestValues(_OnComponents):
    """The mean over the nearest training cells in principal components, nearer ones weighing more.

    Parameters
    ----------
    cells
        Where the input modality comes from.
    neighbours
        Training cells.
    genes, size
        Variable features and components.
    """

    name = "k-NN"

    def __init__(self, cells: CellRows, neighbours: int = 15, genes: int = 2000, size: int = 50) -> None:
        super().__init__(cells, genes, size)
        self.neighbours = neighbours
        self.description = f"mean over the {neighbours} nearest training cells in {size} principal components of the input"

    def estimator(self, n: int) -> Any:
        """The scikit-learn estimator, not yet fitted."""
        return KNeighborsRegressor(min(self.neighbours, n), weights="distance")


def modality_baselines(
    source: "AnnData", proteins: Sequence[str] | None = None, *, genes: int = 2000, size: int = 50
) -> list[Method]:
    """The baselines to print beside a model that predicts a modality.

    Parameters
    ----------
    source
        Raw counts of the modality to predict from (RNA, or peaks), of all cells of the task; an input is a cell's name.
    proteins
        The task's outputs, where they are antibodies: adds the gene's own RNA. Genes are matched by ``var["symbol"]`` or else by
        ``var_names``. Where the outputs are genes or peaks, None.
    genes
        Variable features to choose on the training cells.
    size
        Principal components.

    Returns
    -------
    list of Method
        Mean, the gene's own RNA (``table`` says which proteins have one), ridge on PCA, k-NN; unfitted.

    Raises
    ------
    BadInput
        ``source.X`` holds no counts, or names of cells are not unique.
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
