"""A linear model on short words: fast, interpretable and a strong baseline.

Words of one to `k` letters are counted anywhere in the sequence. Counts are damped by the logarithm and weighted by inverse document
frequency. Each row is scaled to length one, so that long and short sequences are comparable. The counting is scikit-learn's, which
keeps the table sparse.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, RidgeCV

from glmkit.errors import BadInput
from glmkit.evaluate.baselines.base import EstimatorBaseline
from glmkit.evaluate.metrics.registry import Kind

_ALPHAS = tuple(float(alpha) for alpha in np.logspace(-2, 2, 9))


class KmerLinear(EstimatorBaseline):
    """Logistic or ridge regression on the k-mers of proteins or DNA.

    Parameters
    ----------
    kind
        ``"classification"`` or ``"regression"``; ridge chooses its penalty by leave-one-out cross-validation.
    k
        Length of the longest word, 1 to 8; shorter words are counted too. Words absent from training are ignored.
    cost
        Inverse strength of the logistic regression's squared penalty, above 0.

    Raises
    ------
    BadInput
        `k` is out of range.
    """

    def __init__(self, kind: Kind = "classification", k: int = 3, cost: float = 10.0) -> None:
        super().__init__()
        if not 1 <= k <= 8:
            raise BadInput(f"k: expected 1 to 8, got {k}.")
        self.kind, self.k, self.cost = kind, k, cost
        self.name = f"{k}-mer {'ridge' if kind == 'regression' else 'logistic regression'}"
        how = "ridge regression" if kind == "regression" else f"logistic regression (L2, C={cost:g})"
        self.description = f"{how} on damped, inverse-frequency weighted counts of words of 1 to {k} letters"

    def prepare(self, sequences: Sequence[str], labels: np.ndarray) -> None:
        """Fit the feature extraction on the training side."""
        least = 2 if len(sequences) > 100 else 1  # a word of a single sequence does not generalise
        self._counter = TfidfVectorizer(analyzer="char", ngram_range=(1, self.k), sublinear_tf=True, min_df=least)
        self._counter.fit(sequences)

    def features(self, sequences: Sequence[str]) -> Any:
        """Features, a sparse matrix (n, words)."""
        return self._counter.transform(sequences)

    def estimator(self, seed: int) -> Any:
        """Unfitted scikit-learn estimator."""
        return RidgeCV(_ALPHAS) if self.kind == "regression" else LogisticRegression(C=self.cost, max_iter=1000)
