"""Simple methods on single cells: what a model of cells has to beat, class by class.

They have the interface of :mod:`glmkit.evaluate.baselines.dna.standard`; an input is the name of a cell, and the counts are looked up in an AnnData.
A plain
logistic regression held its own against a pretrained model of cells in Boiarsky et al. (2024, Nature Machine Intelligence), the more
so where labels are few. k-nearest neighbours in the same components is what atlases call label transfer. Everything, variable genes
and components too, is learnt on the training cells.
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
    """Features of cells in, probabilities (n, classes) out; a class without training cells has probability 0."""

    name = ""
    description = ""
    random = False

    def __init__(self, classes: int | None) -> None:
        self._classes, self._model = classes, None

    def fit(self, sequences: Sequence[Any], labels: np.ndarray, seed: int = 0) -> Any:
        """Learn from names of cells and their class numbers."""
        labels = np.asarray(labels)
        if len(sequences) != len(labels) or labels.dtype.kind not in "iu" or len(np.unique(labels)) < 2:
            raise BadInput(
                f"{self.name}: expected a class number for each of {len(sequences)} cells, of at least two classes, "
                f"got {len(labels)} labels with values {np.unique(labels)[:5].tolist()}."
            )
        self._width = int(labels.max()) + 1 if self._classes is None else self._classes
        if labels.min() < 0 or labels.max() >= self._width:
            raise BadInput(f"{self.name}: expected labels 0 to {self._width - 1}, got {labels.min()} to {labels.max()}.")
        with threadpool_limits(1):
            self.prepare(sequences)
            self._model = self.estimator(seed, len(labels)).fit(self.features(sequences), labels)
        return self

    def prepare(self, names: Sequence[Any]) -> None:
        """Learn what the features need from the training cells."""
        raise NotImplementedError

    def features(self, names: Sequence[Any]) -> Any:
        """What the estimator sees, one row a cell."""
        raise NotImplementedError

    def estimator(self, seed: int, n: int) -> Any:
        """The scikit-learn estimator, not yet fitted."""
        raise NotImplementedError

    def score(self, sequences: Sequence[Any]) -> np.ndarray:
        """Probabilities, float64 (n, classes)."""
        model = check_fitted(self, self._model)
        with threadpool_limits(1):
            known = model.predict_proba(self.features(sequences))
        scores = np.zeros((len(sequences), self._width))
        scores[:, model.classes_] = known
        return scores


class ClassShares:
    """The share of each class in training, for every cell: always the largest class.

    Parameters
    ----------
    classes
        How many there are; None: up to the largest label in training.
    """

    name = "majority"
    description = "the largest class in training, for every cell"
    random = False
    _shares: np.ndarray | None = None

    def __init__(self, classes: int | None = None) -> None:
        self.classes = classes

    def fit(self, sequences: Sequence[Any], labels: np.ndarray, seed: int = 0) -> "ClassShares":
        """Learn from cells and their class numbers."""
        self._shares = np.bincount(labels, minlength=self.classes or 0) / len(labels)
        return self

    def score(self, sequences: Sequence[Any]) -> np.ndarray:
        """The same shares for each cell, float64 (n, classes)."""
        return np.tile(check_fitted(self, self._shares), (len(sequences), 1))


class ComponentsLogistic(_CellClassifier):
    """Logistic regression on principal components, each class weighing the same.

    Equal weights are for macro metrics: without them few labels of a rare class are outvoted. The components keep their relative
    spreads, in units of the first one's, so that the penalty falls on the small ones, which are mostly noise.

    Parameters
    ----------
    cells
        Where the counts come from.
    classes
        How many there are; None: up to the largest label in training.
    genes, size
        Variable genes and components.
    cost
        Inverse strength of the squared penalty.
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
        """Learn what the features need from the training cells."""
        self._unit = float(self.space.fit(names).transform(names)[:, 0].std()) or 1.0

    def features(self, names: Sequence[Any]) -> np.ndarray:
        """What the estimator sees, one row a cell."""
        return self.space.transform(names) / self._unit

    def estimator(self, seed: int, n: int) -> Any:
        """The scikit-learn estimator, not yet fitted."""
        return LogisticRegression(C=self.cost, class_weight="balanced", max_iter=1000)


class VariableForest(_CellClassifier):
    """Random forest on highly variable genes.

    Parameters
    ----------
    cells
        Where the counts come from.
    classes
        How many there are; None: up to the largest label in training.
    genes
        Variable genes.
    trees
        Trees of the forest.
    """

    name = "HVG + random forest"
    random = True

    def __init__(self, cells: CellRows, classes: int | None = None, genes: int = 2000, trees: int = 300) -> None:
        super().__init__(classes)
        self.cells, self.genes, self.trees = cells, genes, trees
        self.description = f"random forest of {trees} trees on up to {genes} genes, the most variable, log-normalised; genes chosen on training cells"

    def prepare(self, names: Sequence[Any]) -> None:
        """Learn what the features need from the training cells."""
        self._chosen = self.cells.variable_genes(names, self.genes)

    def features(self, names: Sequence[Any]) -> Any:
        """What the estimator sees, one row a cell."""
        return self.cells.values(names, self._chosen)

    def estimator(self, seed: int, n: int) -> Any:
        """The scikit-learn estimator, not yet fitted."""
        return RandomForestClassifier(self.trees, min_samples_leaf=1, class_weight="balanced_subsample", random_state=seed)


class NearestCells(_CellClassifier):
    """Label transfer: the classes of the nearest training cells in principal components, nearer ones weighing more.

    Parameters
    ----------
    cells
        Where the counts come from.
    classes
        How many there are; None: up to the largest label in training.
    neighbours
        Training cells that vote.
    genes, size
        Variable genes and components.
    """

    name = "k-NN label transfer"

    def __init__(
        self, cells: CellRows, classes: int | None = None, neighbours: int = 5, genes: int = 2000, size: int = 50
    ) -> None:
        super().__init__(classes)
        self.space, self.neighbours = Components(cells, genes, size), neighbours
        self.description = f"vote of the {neighbours} nearest training cells in {size} principal components"

    def prepare(self, names: Sequence[Any]) -> None:
        """Learn what the features need from the training cells."""
        self.space.fit(names)

    def features(self, names: Sequence[Any]) -> np.ndarray:
        """What the estimator sees, one row a cell."""
        return self.space.transform(names)

    def estimator(self, seed: int, n: int) -> Any:
        """The scikit-learn estimator, not yet fitted."""
        return KNeighborsClassifier(min(self.neighbours, n), weights="distance")


def cell_baselines(
    adata: "AnnData", classes: Sequence[str] | int | None = None, *, genes: int = 2000, size: int = 50
) -> list[Method]:
    """The baselines to print beside a model of cell types.

    Parameters
    ----------
    adata
        Raw counts, cells × genes, of all cells of the task, training and test; an input of the task is a cell's name.
    classes
        The task's classes or how many they are; None: up to the largest label in training.
    genes
        Variable genes to choose on the training cells.
    size
        Principal components.

    Returns
    -------
    list of Method
        Majority, PCA + logistic regression, HVG + random forest, k-NN label transfer; unfitted.

    Raises
    ------
    BadInput
        ``adata.X`` holds no counts, or names of cells are not unique.
    """
    count = classes if classes is None or isinstance(classes, int) else len(classes)
    cells = CellRows(adata)
    return [
        ClassShares(count),
        ComponentsLogistic(cells, count, genes, size),
        VariableForest(cells, count, genes),
        NearestCells(cells, count, genes=genes, size=size),
    ]
