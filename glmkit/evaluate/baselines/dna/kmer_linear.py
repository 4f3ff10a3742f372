"""A linear model on which short words a sequence holds: fast, hard to beat by little, and easy to read.

Words of one to `k` letters are counted wherever they stand, damped by the logarithm (a word seen eight times says little more than
one seen four times) and weighed down where they are common (inverse document frequency); each sequence then has length one, so
long and short ones are alike. The counting is scikit-learn's, which keeps the table sparse.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, RidgeCV

from glmkit.errors import BadInput
from glmkit.evaluate.baselines.base import Fitted
from glmkit.evaluate.metrics.registry import Kind

_ALPHAS = tuple(float(alpha) for alpha in np.logspace(-2, 2, 9))


class KmerLinear(Fitted):
    """Logistic or ridge regression on the k-mers of proteins or DNA.

    Parameters
    ----------
    kind
        ``"classification"`` or ``"regression"``; ridge chooses its penalty by leaving one training item out.
    k
        Letters of the longest word, 1 to 8; shorter words count too. Words that training lacks are passed over.
    cost
        Inverse strength of the logistic regression's squared penalty.

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
        """Learn what the features need before the estimator is fitted."""
        least = 2 if len(sequences) > 100 else 1  # a word of one sequence tells others nothing
        self._counter = TfidfVectorizer(analyzer="char", ngram_range=(1, self.k), sublinear_tf=True, min_df=least)
        self._counter.fit(sequences)

    def features(self, sequences: Sequence[str]) -> Any:
        """What the estimator sees of each sequence: a sparse matrix (n, words)."""
        return self._counter.transform(sequences)

    def estimator(self, seed: int) -> Any:
        """The scikit-learn estimator, not yet fitted."""
        return RidgeCV(_ALPHAS) if self.kind == "regression" else LogisticRegression(C=self.cost, max_iter=1000)
