"""One-hot baselines for mutants of one protein: an additive ridge regression, and a forest with interactions.

On a random split the ridge regression learns how sensitive each position is; on unseen positions it has no information. The comparison
of the two splits shows this. The forest can learn that two positions depend on each other, but it cannot predict beyond the range of
its training values.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV

from glmkit.errors import BadInput
from glmkit.evaluate.baselines.base import EstimatorBaseline
from glmkit.evaluate.baselines.protein.features import OTHER, residue_codes
from glmkit.evaluate.metrics.registry import Kind

_ALPHAS = np.logspace(-2, 5, 15)


class MutantLinear(EstimatorBaseline):
    """Ridge or logistic regression on one-hot residues, for mutants of one protein.

    Parameters
    ----------
    kind
        ``"classification"`` or ``"regression"``; ridge chooses its penalty by leave-one-out cross-validation.
    cost
        Inverse strength of the logistic regression's squared penalty, above 0.
    """

    def __init__(self, kind: Kind = "regression", cost: float = 1.0) -> None:
        super().__init__()
        self.kind, self.cost = kind, cost
        self.name = "one-hot ridge" if kind == "regression" else "one-hot logistic regression"
        how = "ridge regression" if kind == "regression" else f"logistic regression (L2, C={cost:g})"
        self.description = f"{how} on one-hot residues by position"

    def prepare(self, sequences: Sequence[str], labels: np.ndarray) -> None:
        """Fit the feature extraction on the training side."""
        grid = _grid(sequences)
        self._length = grid.shape[1]
        self._seen = np.array([np.bincount(column, minlength=OTHER + 1) > 0 for column in grid.T])
        self._seen[self._seen.sum(1) < 2] = False  # a position that never varies has no information

    def features(self, sequences: Sequence[str]) -> np.ndarray:
        """Features, one row for each sequence."""
        grid = _grid(sequences)
        if grid.shape[1] != self._length:
            raise BadInput(
                f"{self.name} was fitted on {self._length} residues, got {grid.shape[1]}. Give mutants of one protein."
            )
        position, letter = np.nonzero(self._seen)
        return (grid[:, position] == letter).astype(np.float32)

    def estimator(self, seed: int) -> Any:
        """Unfitted scikit-learn estimator."""
        return RidgeCV(_ALPHAS) if self.kind == "regression" else LogisticRegression(C=self.cost, max_iter=1000)


class MutantForest(MutantLinear):
    """Random forest on one-hot residues, for mutants of one protein.

    Parameters
    ----------
    kind
        ``"classification"`` or ``"regression"``.
    trees
        Number of trees.
    """

    random = True

    def __init__(self, kind: Kind = "regression", trees: int = 200) -> None:
        super().__init__(kind)
        self.trees = trees
        self.name = "one-hot forest"
        self.description = f"random forest of {trees} trees on one-hot residues by position"

    def estimator(self, seed: int) -> Any:
        """Unfitted scikit-learn estimator."""
        forest = RandomForestRegressor if self.kind == "regression" else RandomForestClassifier
        return forest(self.trees, max_features=1 / 3, random_state=seed)


def _grid(sequences: Sequence[str]) -> np.ndarray:
    """Codes of proteins of one length, uint8 (n, length)."""
    lengths = [len(sequence) for sequence in sequences]
    if odd := next((i for i, length in enumerate(lengths) if length != lengths[0]), 0):
        raise BadInput(
            f"Expected proteins of one length, but protein 0 has {lengths[0]} residues and protein {odd} has {lengths[odd]}. "
            "Give mutants of one protein, or use a baseline on composition."
        )
    return np.stack([residue_codes(sequence) for sequence in sequences])
