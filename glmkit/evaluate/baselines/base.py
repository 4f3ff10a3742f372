"""What a baseline is, and the part that most of them share: features in, a scikit-learn estimator fitted, a score out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from glmkit.errors import BadInput
from glmkit.evaluate.method import check_fitted
from glmkit.evaluate.metrics.registry import Kind, check_values


class Fitted:
    """Features in, scikit-learn estimator fitted, probability or value out; the parts differ by baseline."""

    name = ""
    description = ""
    random = False
    kind: Kind = "classification"

    def __init__(self) -> None:
        self._model: Any = None

    def features(self, sequences: Sequence[str]) -> np.ndarray:
        """What the estimator sees of each sequence, one row a sequence."""
        raise NotImplementedError

    def estimator(self, seed: int) -> Any:
        """The scikit-learn estimator, not yet fitted."""
        raise NotImplementedError

    def prepare(self, sequences: Sequence[str], labels: np.ndarray) -> None:
        """Learn what the features need before the estimator is fitted."""

    def fit(self, sequences: Sequence[str], labels: np.ndarray, seed: int = 0) -> "Fitted":
        """Learn from sequences and their labels.

        Parameters
        ----------
        sequences
            n of them.
        labels
            0 or 1, or measured values, (n,).
        seed
            Of what the estimator draws.

        Returns
        -------
        Fitted
            Itself.

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
        with threadpool_limits(1):  # threads that wait for each other cost boosting up to a hundredfold on a busy machine
            self._model = self.estimator(seed).fit(self.features(sequences), labels)
        return self

    def fitted(self) -> Any:
        """The fitted estimator, or an error that says what to call."""
        return check_fitted(self, self._model)

    def score(self, sequences: Sequence[str]) -> np.ndarray:
        """One score for each sequence, float64 (n,)."""
        model = self.fitted()
        with threadpool_limits(1):
            features = self.features(sequences)
            scores = model.predict(features) if self.kind == "regression" else model.predict_proba(features)[:, 1]
        return np.asarray(scores, dtype=np.float64)
