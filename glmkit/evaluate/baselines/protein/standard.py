"""Standard baselines for proteins, for classes and for measured values.

For whole proteins the forest on composition and hydropathy is the strong one. It separates extracellular from mitochondrial human
proteins with an AUROC of .98 across a homology split, and membrane from cytosolic proteins with an accuracy of .92 (AUROC .96). Boosting
on the same features is about equal. For mutants of one protein the strong one is the regression on one-hot residues
(:mod:`glmkit.evaluate.baselines.protein.mutants`). The nearest relative shows how far homology alone goes. Across a homology split it
should be near chance; a value far above chance indicates a leak in the split.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from glmkit.data.search import closest
from glmkit.evaluate.baselines.base import EstimatorBaseline
from glmkit.evaluate.baselines.dna.kmer_linear import KmerLinear
from glmkit.evaluate.baselines.dna.standard import Majority
from glmkit.evaluate.baselines.protein.features import protein_features
from glmkit.evaluate.baselines.protein.mutants import MutantForest, MutantLinear
from glmkit.evaluate.baselines.protein.nearest_blast import BlastNeighbour
from glmkit.evaluate.baselines.protein.substitution_scores import Blosum62
from glmkit.evaluate.method import Method, check_fitted
from glmkit.evaluate.metrics.registry import Kind, check_values

_SEEN = "amino-acid composition (whole and first 30 residues), hydropathy, charge and length"
_ALPHAS = np.logspace(-2, 5, 15)


class CompositionForest(EstimatorBaseline):
    """Random forest on composition, hydropathy and charge.

    Parameters
    ----------
    kind
        ``"classification"`` or ``"regression"``.
    trees
        Number of trees.
    """

    name = "composition forest"
    random = True

    def __init__(self, kind: Kind = "classification", trees: int = 300) -> None:
        super().__init__()
        self.kind, self.trees = kind, trees
        self.description = f"random forest of {trees} trees on {_SEEN}"

    def features(self, sequences: Sequence[str]) -> np.ndarray:
        """Features, one row for each sequence."""
        return protein_features(sequences)

    def estimator(self, seed: int) -> Any:
        """Unfitted scikit-learn estimator."""
        forest = RandomForestRegressor if self.kind == "regression" else RandomForestClassifier
        return forest(self.trees, min_samples_leaf=2, max_features="sqrt", random_state=seed)


class CompositionBoosting(EstimatorBaseline):
    """Gradient-boosted trees on composition, hydropathy and charge.

    Parameters
    ----------
    kind
        ``"classification"`` or ``"regression"``.
    rounds
        Number of boosting rounds.
    learning_rate
        Learning rate: weight of each tree, in (0, 1].
    """

    name = "composition boosting"

    def __init__(self, kind: Kind = "classification", rounds: int = 200, learning_rate: float = 0.1) -> None:
        super().__init__()
        self.kind, self.rounds, self.learning_rate = kind, rounds, learning_rate
        self.description = f"gradient-boosted trees ({rounds} rounds, learning rate {learning_rate:g}) on {_SEEN}"

    def features(self, sequences: Sequence[str]) -> np.ndarray:
        """Features, one row for each sequence."""
        return protein_features(sequences)

    def estimator(self, seed: int) -> Any:
        """Unfitted scikit-learn estimator; without early stopping it draws nothing at random."""
        boosting = HistGradientBoostingRegressor if self.kind == "regression" else HistGradientBoostingClassifier
        return boosting(max_iter=self.rounds, learning_rate=self.learning_rate, early_stopping=False, random_state=seed)


class DipeptideLinear(EstimatorBaseline):
    """Logistic or ridge regression on standardised dipeptides, composition, hydropathy and charge.

    Parameters
    ----------
    kind
        ``"classification"`` or ``"regression"``; ridge chooses its penalty by leave-one-out cross-validation.
    cost
        Inverse strength of the logistic regression's squared penalty, above 0.
    """

    def __init__(self, kind: Kind = "classification", cost: float = 0.01) -> None:
        super().__init__()
        self.kind, self.cost = kind, cost
        self.name = "dipeptide ridge" if kind == "regression" else "dipeptide logistic regression"
        how = "ridge regression" if kind == "regression" else f"logistic regression (L2, C={cost:g})"
        self.description = f"{how} on dipeptides, {_SEEN}"

    def features(self, sequences: Sequence[str]) -> np.ndarray:
        """Features, one row for each sequence."""
        return protein_features(sequences, pairs=True)

    def estimator(self, seed: int) -> Any:
        """Unfitted scikit-learn estimator."""
        last = RidgeCV(_ALPHAS) if self.kind == "regression" else LogisticRegression(C=self.cost, max_iter=1000)
        return make_pipeline(StandardScaler(), last)


class CompositionSVM(EstimatorBaseline):
    """Support vector machine with a Gaussian kernel on standardised composition, hydropathy and charge.

    The score of a class is the logistic function of the distance to the decision boundary. It has the ranking of the distance, but it
    is not a calibrated probability.

    Parameters
    ----------
    kind
        ``"classification"`` or ``"regression"``.
    cost
        Cost parameter C, above 0.
    """

    name = "composition SVM"

    def __init__(self, kind: Kind = "classification", cost: float = 1.0) -> None:
        super().__init__()
        self.kind, self.cost = kind, cost
        self.description = f"support vector machine (RBF kernel, C={cost:g}) on {_SEEN}"

    def features(self, sequences: Sequence[str]) -> np.ndarray:
        """Features, one row for each sequence."""
        return protein_features(sequences)

    def prepare(self, sequences: Sequence[str], labels: np.ndarray) -> None:
        """Fit the feature extraction on the training side."""
        self._width = 0.1 * float(np.std(labels))  # half-width of the tube inside which an error has no cost

    def estimator(self, seed: int) -> Any:
        """Unfitted scikit-learn estimator."""
        machine = SVR(C=self.cost, epsilon=self._width) if self.kind == "regression" else SVC(C=self.cost, random_state=seed)
        return make_pipeline(StandardScaler(), machine)

    def score(self, sequences: Sequence[str]) -> np.ndarray:
        """One score for each sequence, float64 (n,)."""
        if self.kind == "regression":
            return super().score(sequences)
        return 1 / (1 + np.exp(-self.fitted().decision_function(self.features(sequences))))


class NearestRelative:
    """The label of the most similar training protein, by an MMseqs2 search; without a hit, the mean label.

    For DNA use :class:`glmkit.evaluate.baselines.protein.BlastNeighbour`: of windows of 121 bases with a quarter of the bases redrawn,
    ``blastn`` finds 94%, MMseqs2 89%.

    Parameters
    ----------
    kind
        ``"classification"``: the score is 0.5 + (label - 0.5) · identity, so that a closer relative gives a score closer to its label.
        ``"regression"``: the value of the relative.
    coverage
        Least share of either protein inside the alignment, in [0, 1]; 0 includes shared domains.
    threads
        Number of processor threads of the search.
    """

    name = "nearest relative"
    random = False

    def __init__(self, kind: Kind = "classification", coverage: float = 0.0, threads: int = 1) -> None:
        self.kind, self.coverage, self.threads = kind, coverage, threads
        self.description = "label of the most similar training protein (MMseqs2), the mean label without a hit"
        self._train: dict[str, str] = {}

    def fit(self, sequences: Sequence[str], labels: np.ndarray, seed: int = 0) -> "NearestRelative":
        """Keep the sequences and their labels (0 or 1, or measured values)."""
        self._labels = check_values(labels)
        self._train = {str(i): sequence for i, sequence in enumerate(sequences)}
        return self

    def score(self, sequences: Sequence[str]) -> np.ndarray:
        """One score for each sequence, float64 (n,)."""
        check_fitted(self, self._train or None)
        queries = {str(i): sequence for i, sequence in enumerate(sequences)}
        table = closest(queries, self._train, self.coverage, threads=self.threads)
        found = (table["nearest"] != "").to_numpy()
        scores = np.full(len(sequences), self._labels.mean())
        values = self._labels[table["nearest"][found].astype(int)]
        if self.kind == "classification":
            values = 0.5 + (values - 0.5) * table["identity"].to_numpy()[found]
        scores[found] = values
        return scores


def protein_baselines(
    kind: Kind = "classification", mutants: bool = False, relatives: bool = False, field: bool = False
) -> list[Method]:
    """The baselines of a comparison of models of proteins.

    Parameters
    ----------
    kind
        ``"classification"`` or ``"regression"``.
    mutants
        Whether the sequences are mutants of one protein, of one length: only the mean and the one-hot regression, as composition
        hardly differs between mutants.
    relatives
        Whether to add the nearest relative, which needs the program ``mmseqs``.
    field
        Whether to add further common methods: boosting, a linear model of 3-mers, the nearest neighbour by BLAST and by MMseqs2
        (which need these programs); for mutants a forest on one-hot residues and BLOSUM62.

    Returns
    -------
    list of Method
        Unfitted baselines.

    Examples
    --------
    >>> from glmkit.evaluate.baselines import protein_baselines
    >>> [baseline.name for baseline in protein_baselines()]
    ['majority', 'composition forest', 'composition SVM', 'dipeptide logistic regression']
    >>> ridge = protein_baselines("regression", mutants=True)[1]
    >>> ridge.fit(["AKL", "MKL", "AWL", "MWL"], [0.0, 1.0, 0.5, 1.5]).score(["MKL", "AKL"]).round(1)
    array([1., 0.])
    """
    if mutants:
        one_hot: list[Method] = [Majority(), MutantLinear(kind)]
        return [*one_hot, MutantForest(kind), Blosum62(kind=kind)] if field else one_hot
    whole: list[Method] = [Majority(), CompositionForest(kind), CompositionSVM(kind), DipeptideLinear(kind)]
    whole += [CompositionBoosting(kind), KmerLinear(kind), BlastNeighbour(kind)] if field else []
    return [*whole, NearestRelative(kind)] if relatives or field else whole
