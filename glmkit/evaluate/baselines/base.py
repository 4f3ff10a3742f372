"""The common part of most baselines: features, a scikit-learn estimator, and its scores."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from threadpoolctl import threadpool_limits

from glmkit.errors import BadInput
from glmkit.evaluate.method import check_fitted
from glmkit.evaluate.metrics.registry import Kind, check_values


class EstimatorBaseline:
    """A method made of features and a scikit-learn estimator; subclasses define both."""

    name = ""
    description = ""
    random = False
    kind: Kind = "classification"

    def __init__(self) -> None:
        self._model: Any = None

    def features(self, sequences: Sequence[str]) -> np.ndarray:
        """Features, one row for each sequence."""
        raise NotImplementedError

    def estimator(self, seed: int) -> Any:
        """Unfitted scikit-learn estimator."""
        raise NotImplementedError

    def prepare(self, sequences: Sequence[str], labels: np.ndarray) -> None:
        """Fit the feature extraction on the training side."""

    def fit(self, sequences: Sequence[str], labels: np.ndarray, seed: int = 0) -> Self:
        """Fit features and estimator on sequences and their labels.

        Parameters
        ----------
        sequences
            Sequences, n.
        labels
            0 or 1, or measured values, (n,).
        seed
            Seed of the estimator.

        Returns
        -------
        Self
            The method itself, fitted.

        Raises
        ------
        BadInput
            Labels that do not fit the sequences or the kind.
        """
        labels = np.asarray(labels)
        if self.kind == "regression":
            labels = check_values(labels)
        if len(sequences) != len(labels) or (self.kind != "regression" and not np.array_equal(np.unique(labels), [0, 1])):
            expected, both = (
                ("measured value", "") if self.kind == "regression" else ("label 0 or 1", " and both classes present")
            )
            raise BadInput(
                f"{self.name}: expected a {expected} for each of {len(sequences)} sequences{both}, "
                f"got {len(labels)} labels with values {np.unique(labels)[:5].tolist()}."
            )
        self.prepare(sequences, labels)
        with threadpool_limits(1):  # on a busy machine several threads slow boosting down up to a hundredfold
            self._model = self.estimator(seed).fit(self.features(sequences), labels)
        return self

    def fitted(self) -> Any:
        """Fitted estimator, or an error before ``fit``."""
        return check_fitted(self, self._model)

    def score(self, sequences: Sequence[str]) -> np.ndarray:
        """One score for each sequence, float64 (n,)."""
        model = self.fitted()
        with threadpool_limits(1):
            features = self.features(sequences)
            scores = model.predict(features) if self.kind == "regression" else model.predict_proba(features)[:, 1]
        return np.asarray(scores, dtype=np.float64)
