"""Standard baselines for DNA windows.

Each baseline is a :class:`glmkit.evaluate.Method` whose scores are between 0 and 1 and higher for class 1. They are probabilities,
except those of the support vector machine. No state is kept between two fits. All of them together take a few seconds on five thousand
windows of 121 bases.

The positional baselines are the strong ones. For translation starts, a logistic regression on the base at each position covers the start
codon and the Shine-Dalgarno site. With the codon usage downstream it becomes a small gene finder (Salzberg 1998; Prodigal, Hyatt 2010,
uses the same evidence). A model that is better than the k-mer forest only has shown little.

References
----------
Hyatt D et al. (2010). Prodigal: prokaryotic gene recognition and translation initiation site identification. BMC
Bioinformatics 11, 119. Salzberg SL et al. (1998). Microbial gene identification using interpolated Markov models. NAR 26,
544-548.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from glmkit.evaluate.baselines.base import EstimatorBaseline
from glmkit.evaluate.baselines.dna.features import base_grid, codon_grid, kmer_counts, one_hot
from glmkit.evaluate.method import Method, check_fitted


class Majority:
    """The share of class 1 (or the mean value) in training for every item: AUROC one half, or Spearman 0, by construction."""

    name = "majority"
    description = "the mean label in training, for everything"
    random = False
    _share: float | None = None

    def fit(self, sequences: Sequence[str], labels: np.ndarray, seed: int = 0) -> "Majority":
        """Take the mean of the labels (0 or 1, or measured values)."""
        self._share = float(np.mean(labels))
        return self

    def score(self, sequences: Sequence[str]) -> np.ndarray:
        """The same score for each sequence, float64 (n,)."""
        return np.full(len(sequences), check_fitted(self, self._share))


class KmerForest(EstimatorBaseline):
    """Random forest on k-mer counts, irrespective of the position of a k-mer.

    Parameters
    ----------
    k
        Length of the k-mers, 1 to 8.
    trees
        Number of trees.
    """

    random = True

    def __init__(self, k: int = 4, trees: int = 200) -> None:
        super().__init__()
        self.k, self.trees = k, trees
        self.name = f"{k}-mer forest"
        self.description = f"random forest of {trees} trees on {k}-mer counts"

    def features(self, sequences: Sequence[str]) -> np.ndarray:
        """Features, one row for each sequence."""
        return kmer_counts(sequences, self.k)

    def estimator(self, seed: int) -> Any:
        """Unfitted scikit-learn estimator."""
        return RandomForestClassifier(self.trees, min_samples_leaf=2, random_state=seed)


class KmerSVM(EstimatorBaseline):
    """Support vector machine with a Gaussian kernel on standardised k-mer counts.

    The score is the logistic function of the distance to the decision boundary. It has the ranking of the distance and is 0.5 on the
    boundary, but it is not a calibrated probability. Fitting time grows with the square of the number of windows.

    Parameters
    ----------
    k
        Length of the k-mers, 1 to 8.
    cost
        Cost parameter C, above 0.
    """

    def __init__(self, k: int = 4, cost: float = 1.0) -> None:
        super().__init__()
        self.k, self.cost = k, cost
        self.name = f"{k}-mer SVM"
        self.description = f"support vector machine (RBF kernel, C={cost:g}) on standardised {k}-mer counts"

    def prepare(self, sequences: Sequence[str], labels: np.ndarray) -> None:
        """Fit the feature extraction on the training side."""
        self._scaler = StandardScaler().fit(kmer_counts(sequences, self.k))

    def features(self, sequences: Sequence[str]) -> np.ndarray:
        """Features, one row for each sequence."""
        return self._scaler.transform(kmer_counts(sequences, self.k))

    def estimator(self, seed: int) -> Any:
        """Unfitted scikit-learn estimator."""
        return SVC(C=self.cost, random_state=seed)

    def score(self, sequences: Sequence[str]) -> np.ndarray:
        """One score in [0, 1] for each sequence, float64 (n,)."""
        return 1 / (1 + np.exp(-self.fitted().decision_function(self.features(sequences))))


class PositionWeights(EstimatorBaseline):
    """Logistic regression on one-hot bases: a position weight matrix trained to discriminate the classes.

    Parameters
    ----------
    cost
        Inverse strength of the squared penalty, above 0.
    """

    name = "position weights"

    def __init__(self, cost: float = 0.1) -> None:
        super().__init__()
        self.cost = cost
        self.description = f"logistic regression (L2, C={cost:g}) on one-hot bases by position"

    def features(self, sequences: Sequence[str]) -> np.ndarray:
        """Features, one row for each sequence."""
        return one_hot(sequences)

    def estimator(self, seed: int) -> Any:
        """Unfitted scikit-learn estimator."""
        return LogisticRegression(C=self.cost, max_iter=500)


class OneHotForest(EstimatorBaseline):
    """Random forest on one-hot bases.

    Parameters
    ----------
    trees
        Number of trees.
    """

    name = "one-hot forest"
    random = True

    def __init__(self, trees: int = 200) -> None:
        super().__init__()
        self.trees = trees
        self.description = f"random forest of {trees} trees on one-hot bases by position"

    def features(self, sequences: Sequence[str]) -> np.ndarray:
        """Features, one row for each sequence."""
        return one_hot(sequences)

    def estimator(self, seed: int) -> Any:
        """Unfitted scikit-learn estimator."""
        return RandomForestClassifier(self.trees, min_samples_leaf=2, random_state=seed)


class BoostedTrees(EstimatorBaseline):
    """Gradient-boosted trees on the base at each position as a category.

    Parameters
    ----------
    rounds
        Number of boosting rounds.
    """

    name = "boosted trees"
    random = True

    def __init__(self, rounds: int = 150) -> None:
        super().__init__()
        self.rounds = rounds
        self.description = f"gradient-boosted trees ({rounds} rounds) on the base at each position as a category"

    def features(self, sequences: Sequence[str]) -> np.ndarray:
        """Features, one row for each sequence."""
        return base_grid(sequences)

    def estimator(self, seed: int) -> Any:
        """Unfitted scikit-learn estimator."""
        return HistGradientBoostingClassifier(
            max_iter=self.rounds, categorical_features=np.arange(self._length), early_stopping=False, random_state=seed
        )

    def prepare(self, sequences: Sequence[str], labels: np.ndarray) -> None:
        """Fit the feature extraction on the training side."""
        self._length = base_grid(sequences).shape[1]


class CodonUsage(EstimatorBaseline):
    """Logistic regression on one-hot bases and codon usage around a start codon.

    The training windows give the log-odds of each of the 64 codons in class 1 against class 0. The codon score of a window is their
    sum over the codons in frame after the start. With `all_frames` there are six such scores, three frames before the start and three
    after it, each with its own log-odds: a decoy inside a gene has coding sequence before it, or in another frame. The features are
    the scores and the one-hot bases.

    Parameters
    ----------
    start
        Position of the first base of the start codon in the window, from 0; None for the middle, ``length // 2``.
    all_frames
        Score three frames on both sides rather than only the frame of the start downstream.
    cost
        Inverse strength of the squared penalty, above 0.
    """

    def __init__(self, start: int | None = None, all_frames: bool = False, cost: float = 0.03) -> None:
        super().__init__()
        self.start, self.all_frames, self.cost = start, all_frames, cost
        self.name = "six-frame codon usage + position weights" if all_frames else "codon usage + position weights"
        where = "in three frames before and after the start" if all_frames else "in frame after the start"
        self.description = f"logistic regression (L2, C={cost:g}) on one-hot bases by position and codon log-odds {where}"

    def _tracks(self, sequences: Sequence[str]) -> list[np.ndarray]:
        """Codon counts (n, 64) of each track."""
        start = len(sequences[0]) // 2 if self.start is None else self.start
        grids = []
        for frame in range(3 if self.all_frames else 1):
            grids.append(codon_grid(sequences, start + 3 + frame))
            if self.all_frames:
                first = (start + frame) % 3
                grids.append(codon_grid(sequences, first)[:, : (start - first) // 3])
        rows = np.arange(len(sequences))[:, None] * 65
        return [np.bincount((rows + g).ravel(), minlength=65 * len(g)).reshape(-1, 65)[:, :64] for g in grids]

    def prepare(self, sequences: Sequence[str], labels: np.ndarray) -> None:
        """Fit the feature extraction on the training side."""
        self._log_odds = []
        for counts in self._tracks(sequences):
            shares = [(counts[labels == c].sum(0) + 1) / (counts[labels == c].sum() + 64) for c in (1, 0)]
            self._log_odds.append(np.log(shares[0] / shares[1]))

    def features(self, sequences: Sequence[str]) -> np.ndarray:
        """Features, one row for each sequence."""
        scores = [counts @ odds for counts, odds in zip(self._tracks(sequences), self._log_odds, strict=True)]
        return np.column_stack([one_hot(sequences), *scores])

    def estimator(self, seed: int) -> Any:
        """Unfitted scikit-learn estimator."""
        return LogisticRegression(C=self.cost, max_iter=500)


def standard_baselines(starts: bool = False) -> list[Method]:
    """The baselines of a comparison of models of DNA windows.

    Parameters
    ----------
    starts
        Whether windows are centred on (putative) start codons; adds the two codon-usage baselines.

    Returns
    -------
    list of Method
        Unfitted baselines. :class:`glmkit.evaluate.baselines.RecurrentNetwork` is not among them, as it needs PyTorch.

    Examples
    --------
    >>> from glmkit.evaluate.baselines import standard_baselines
    >>> baselines = standard_baselines(starts=True)
    >>> [baseline.name for baseline in baselines][:4]
    ['majority', '4-mer forest', '4-mer SVM', 'position weights']
    >>> baselines[3].fit(["ACGT", "ACGA", "TTTT", "TTTA"], [1, 1, 0, 0]).score(["ACGG", "TTTG"]).round(1)
    array([0.6, 0.4])
    """
    plain: list[Method] = [Majority(), KmerForest(), KmerSVM(), PositionWeights(), OneHotForest(), BoostedTrees()]
    return plain + ([CodonUsage(), CodonUsage(all_frames=True)] if starts else [])
