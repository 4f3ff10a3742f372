"""Baselines for cell types.

Inputs are names of cells, and their counts are looked up in an AnnData. A plain logistic regression was on par with a pretrained model
of cells in Boiarsky et al. (2024, Nature Machine Intelligence), in particular with few labels. k-nearest neighbours in principal
components is the label transfer of cell atlases. Everything, including variable genes and components, is fitted on the training cells.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

from glmkit.errors import BadInput
from glmkit.evaluate.baselines.cells.features import CellRows, Components
from glmkit.evaluate.method import Method, check_fitted

if TYPE_CHECKING:
    from anndata import AnnData


class _CellClassifier:
    """A classifier on features of cells; a class without training cells has probability 0."""

    name = ""
    description = ""
    random = False

    def __init__(self, classes: int | None) -> None:
        self._classes, self._model = classes, None

    def fit(self, names: Sequence[Any], labels: np.ndarray, seed: int = 0) -> Any:
        """Fit on names of cells and their class numbers."""
        labels = np.asarray(labels)
        if len(names) != len(labels) or labels.dtype.kind not in "iu" or len(np.unique(labels)) < 2:
            raise BadInput(
                f"{self.name}: expected a class number for each of {len(names)} cells, of at least two classes, "
                f"got {len(labels)} labels with values {np.unique(labels)[:5].tolist()}."
            )
        self._width = int(labels.max()) + 1 if self._classes is None else self._classes
        if labels.min() < 0 or labels.max() >= self._width:
            raise BadInput(f"{self.name}: expected labels 0 to {self._width - 1}, got {labels.min()} to {labels.max()}.")
        with threadpool_limits(1):
            self.prepare(names)
            self._model = self.estimator(seed, len(labels)).fit(self.features(names), labels)
        return self

    def prepare(self, names: Sequence[Any]) -> None:
        """Fit the feature extraction on the training cells."""
        raise NotImplementedError

    def features(self, names: Sequence[Any]) -> Any:
        """Features, one row for each cell."""
        raise NotImplementedError

    def estimator(self, seed: int, n: int) -> Any:
        """Unfitted scikit-learn estimator."""
        raise NotImplementedError

    def score(self, names: Sequence[Any]) -> np.ndarray:
        """Probabilities, float64 (n, classes)."""
        model: Any = check_fitted(self, self._model)
        with threadpool_limits(1):
            known = model.predict_proba(self.features(names))
        scores = np.zeros((len(names), self._width))
        scores[:, model.classes_] = known
        return scores


class ClassShares:
    """The share of each class in training for every cell, so that the largest class is always predicted.

    Parameters
    ----------
    classes
        Number of classes; None for the largest label in training plus one.
    """

    name = "majority"
    description = "the largest class in training, for every cell"
    random = False
    _shares: np.ndarray | None = None

    def __init__(self, classes: int | None = None) -> None:
        self.classes = classes

    def fit(self, names: Sequence[Any], labels: np.ndarray, seed: int = 0) -> "ClassShares":
        """Take the shares of the classes."""
        self._shares = np.bincount(labels, minlength=self.classes or 0) / len(labels)
        return self

    def score(self, names: Sequence[Any]) -> np.ndarray:
        """The same shares for each cell, float64 (n, classes)."""
        return np.tile(check_fitted(self, self._shares), (len(names), 1))


class ComponentsLogistic(_CellClassifier):
    """Logistic regression on principal components, with each class weighted equally.

    Equal weights suit macro metrics: without them rare classes hardly count. The components keep their relative standard deviations, in
    units of the first one, so that the penalty acts on the small components, which are mostly noise.

    Parameters
    ----------
    cells
        Cells with their counts.
    classes
        Number of classes; None for the largest label in training plus one.
    genes, size
        Number of variable genes and of components.
    cost
        Inverse strength of the squared penalty, above 0.
    """

    name = "PCA + logistic regression"

    def __init__(self, cells: CellRows, classes: int | None = None, genes: int = 2000, size: int = 50, cost: float = 0.1) -> None:
        super().__init__(classes)
        self.space, self.cost = Components(cells, genes, size), cost
        self.description = (
            f"logistic regression (L2, C={cost:g}, classes of equal weight) on {size} principal components of log-normalised, scaled genes "
            f"(up to {genes}, the most variable), learnt on training cells"
        )

    def prepare(self, names: Sequence[Any]) -> None:
        """Fit the feature extraction on the training cells."""
        self._unit = float(self.space.fit(names).transform(names)[:, 0].std()) or 1.0

    def features(self, names: Sequence[Any]) -> np.ndarray:
        """Features, one row for each cell."""
        return self.space.transform(names) / self._unit

    def estimator(self, seed: int, n: int) -> Any:
        """Unfitted scikit-learn estimator."""
        return LogisticRegression(C=self.cost, class_weight="balanced", max_iter=1000)


class VariableForest(_CellClassifier):
    """Random forest on highly variable genes.

    Parameters
    ----------
    cells
        Cells with their counts.
    classes
        Number of classes; None for the largest label in training plus one.
    genes
        Number of variable genes.
    trees
        Number of trees.
    """

    name = "HVG + random forest"
    random = True

    def __init__(self, cells: CellRows, classes: int | None = None, genes: int = 2000, trees: int = 300) -> None:
        super().__init__(classes)
        self.cells, self.genes, self.trees = cells, genes, trees
        self.description = f"random forest of {trees} trees on up to {genes} genes, the most variable, log-normalised; genes chosen on training cells"

    def prepare(self, names: Sequence[Any]) -> None:
        """Fit the feature extraction on the training cells."""
        self._chosen = self.cells.variable_genes(names, self.genes)

    def features(self, names: Sequence[Any]) -> Any:
        """Features, one row for each cell."""
        return self.cells.values(names, self._chosen)

    def estimator(self, seed: int, n: int) -> Any:
        """Unfitted scikit-learn estimator."""
        return RandomForestClassifier(self.trees, min_samples_leaf=1, class_weight="balanced_subsample", random_state=seed)


class NearestCells(_CellClassifier):
    """Label transfer: distance-weighted vote of the nearest training cells in principal components.

    Parameters
    ----------
    cells
        Cells with their counts.
    classes
        Number of classes; None for the largest label in training plus one.
    neighbours
        Number of training cells that vote.
    genes, size
        Number of variable genes and of components.
    """

    name = "k-NN label transfer"

    def __init__(
        self, cells: CellRows, classes: int | None = None, neighbours: int = 5, genes: int = 2000, size: int = 50
    ) -> None:
        super().__init__(classes)
        self.space, self.neighbours = Components(cells, genes, size), neighbours
        self.description = f"vote of the {neighbours} nearest training cells in {size} principal components"

    def prepare(self, names: Sequence[Any]) -> None:
        """Fit the feature extraction on the training cells."""
        self.space.fit(names)

    def features(self, names: Sequence[Any]) -> np.ndarray:
        """Features, one row for each cell."""
        return self.space.transform(names)

    def estimator(self, seed: int, n: int) -> Any:
        """Unfitted scikit-learn estimator."""
        return KNeighborsClassifier(min(self.neighbours, n), weights="distance")


def cell_baselines(
    adata: "AnnData", classes: Sequence[str] | int | None = None, *, genes: int = 2000, size: int = 50
) -> list[Method]:
    """The baselines of a comparison of models of cell types.

    Parameters
    ----------
    adata
        Raw counts, cells × genes, of all cells of the task, training and test.
    classes
        Classes of the task or their number; None for the largest label in training plus one.
    genes
        Number of variable genes, chosen on the training cells.
    size
        Number of principal components.

    Returns
    -------
    list of Method
        Unfitted baselines: majority, PCA + logistic regression, HVG + random forest, k-NN label transfer.

    Raises
    ------
    BadInput
        ``adata.X`` has no counts, or names of cells are not unique.

    Examples
    --------
    >>> import numpy as np
    >>> from anndata import AnnData
    >>> from glmkit.evaluate.baselines import cell_baselines
    >>> labels = np.arange(30) % 2
    >>> rates = np.where(labels[:, None] == np.arange(6) % 2, 9.0, 2.0)
    >>> cells = AnnData(np.random.default_rng(0).poisson(rates).astype(float))
    >>> baselines, names = cell_baselines(cells, ["B", "T"], size=3), cells.obs_names.tolist()
    >>> [baseline.name for baseline in baselines]
    ['majority', 'PCA + logistic regression', 'HVG + random forest', 'k-NN label transfer']
    >>> float((baselines[1].fit(names[:20], labels[:20]).score(names[20:]).argmax(1) == labels[20:]).mean())
    1.0
    """
    count = classes if classes is None or isinstance(classes, int) else len(classes)
    cells = CellRows(adata)
    return [
        ClassShares(count),
        ComponentsLogistic(cells, count, genes, size),
        VariableForest(cells, count, genes),
        NearestCells(cells, count, genes=genes, size=size),
    ]
