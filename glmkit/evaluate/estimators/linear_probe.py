"""Ridge or logistic regression on frozen embeddings: how much of the answer can be read off them along straight lines.

Classes may be two or many, and measured values one or many a sequence (the proteins of a cell, say), for which one penalty is chosen.

The strength of the penalty is chosen by cross-validation inside the training side, whole groups (positions, families) held out
there too if groups are given: chosen on random folds it would suit the interpolation that the outer split is meant to forbid.
A probe costs a second where fine-tuning costs minutes, and is the floor that fine-tuning has to be above (Alain & Bengio 2016,
arXiv:1610.01644; for fitness Hsu et al. 2022, doi:10.1038/s41587-021-01146-5).
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold
from threadpoolctl import threadpool_limits

from glmkit.errors import BadInput
from glmkit.evaluate.estimators.random_weights import untrained
from glmkit.evaluate.method import check_fitted
from glmkit.evaluate.metrics.multiclass import check_multiclass
from glmkit.evaluate.metrics.registry import METRICS, Kind

Embed = Callable[[Sequence[Any]], np.ndarray]
_CLASSES = ("classification", "multiclass")
_JUDGED_BY: dict[Kind, str] = {"classification": "auroc", "regression": "spearman", "multioutput": "mean_spearman"}
LEAST = 1e-6  # probability: a class that an inner training side lacks costs the same whatever the penalty
ALPHAS = tuple(float(alpha) for alpha in np.logspace(-3, 6, 19))


class Probe:
    """A linear model on frozen embeddings, as a model or a baseline of :func:`glmkit.evaluate.compare`.

    Features are standardised on the training side. Each sequence is embedded once in the probe's life.

    Parameters
    ----------
    embed
        Sequences to an array (n, d): ``functools.partial(glmkit.score.embed, model)``, or :func:`stored`.
    kind
        ``"regression"``, ``"multioutput"``: ridge regression; ``"classification"``, ``"multiclass"``: logistic regression with
        squared penalty; for many classes multinomial, each class weighing the same, as in a macro metric.
    groups
        Unit of independence of each sequence, for choosing the penalty; None if sequences are independent.
    alphas
        Penalties to choose from. Ridge minimises the sum of squares plus alpha times the squared norm; logistic regression the
        sum of log-losses plus half of that.
    folds
        Of the inner cross-validation.
    name
        For tables.
    classes
        How many there are, for ``"multiclass"``; None: up to the largest label in training.
    description
        One line for tables; None for one made from the settings.
    """

    random = True

    def __init__(
        self,
        embed: Embed,
        kind: Kind = "regression",
        groups: Mapping[Any, object] | None = None,
        alphas: Sequence[float] = ALPHAS,
        folds: int = 5,
        name: str = "probe",
        classes: int | None = None,
        description: str | None = None,
    ) -> None:
        if not alphas or min(alphas) <= 0 or folds < 2:
            raise BadInput(f"Expected alphas above 0 and at least 2 folds, got alphas {list(alphas)} and folds={folds}.")
        self.embed, self.kind, self.groups, self.alphas, self.folds = embed, kind, groups, tuple(alphas), folds
        self.name, self.classes = name, classes
        what = "logistic" if kind in _CLASSES else "ridge"
        made = f"{what} regression on frozen embeddings, penalty by {folds}-fold cross-validation inside training"
        self.description = description or made
        self.alpha = float("nan")
        self._rows: dict[Any, np.ndarray] = {}
        self._width = classes or 0
        self._fitted: tuple[np.ndarray, np.ndarray, Any] | None = None

    def fit(self, sequences: Sequence[Any], labels: np.ndarray, seed: int = 0) -> "Probe":
        """Learn from sequences and their labels.

        Parameters
        ----------
        sequences
            n of them.
        labels
            Measured values, 0 and 1, or class numbers, (n,); of many outputs (n, outputs).
        seed
            Of the inner folds.

        Returns
        -------
        Probe
            Itself; ``alpha`` is the penalty chosen.

        Raises
        ------
        BadInput
            Numbers that differ, fewer than two groups, or embeddings that do not fit.
        """
        x, y = self._features(sequences), np.asarray(labels, dtype=np.float64)
        if len(x) != len(y) or len(np.unique(y)) < 2 or y.ndim != (2 if self.kind == "multioutput" else 1):
            raise BadInput(f"{self.name}: expected {len(x)} labels of at least two values, got {len(y)} of shape {y.shape}.")
        if self.kind == "multiclass":
            self._width = self.classes or int(y.max()) + 1
            y = check_multiclass(np.asarray(labels), self._width)
        mean, scale = x.mean(0), x.std(0)
        scale = np.where(scale > 1e-12 * np.abs(x).max(), scale, 1.0)
        x = (x - mean) / scale
        with threadpool_limits(1):
            self.alpha = self._choose(x, y, self._inner(sequences, y, seed))
            self._fitted = (mean, scale, self._models(x, y, [self.alpha])[0])
        return self

    def score(self, sequences: Sequence[Any]) -> np.ndarray:
        """Predicted values, or probabilities of class 1, float64 (n,); (n, classes) or (n, outputs) of many."""
        mean, scale, predict = check_fitted(self, self._fitted)
        return predict((self._features(sequences) - mean) / scale)

    def _features(self, sequences: Sequence[Any]) -> np.ndarray:
        if new := [sequence for sequence in dict.fromkeys(sequences) if sequence not in self._rows]:
            rows = np.asarray(self.embed(new), dtype=np.float64)
            if rows.ndim != 2 or len(rows) != len(new):
                raise BadInput(f"{self.name}: expected embeddings ({len(new)}, d), got an array {rows.shape}.")
            if not np.isfinite(rows).all():
                raise BadInput(f"{self.name}: the embedding of item {int(np.argmin(np.isfinite(rows).all(1)))} is not finite.")
            self._rows |= dict(zip(new, rows, strict=True))
        return np.stack([self._rows[sequence] for sequence in sequences])

    def _inner(self, sequences: Sequence[Any], labels: np.ndarray, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Training and judging items of each inner fold; none if there are too few for two."""
        names = sequences if self.groups is None else [self.groups[sequence] for sequence in sequences]
        number: dict[object, int] = {}
        index = np.array([number.setdefault(name, len(number)) for name in names])
        folds = min(self.folds, len(number))
        if self.kind == "classification":
            folds = min(folds, *(len(np.unique(index[labels == value])) for value in np.unique(labels)))
        elif self.kind == "multiclass":
            folds = min(folds, int(np.unique(labels, return_counts=True)[1].max()))
        if folds < 2:
            return []
        splitter = StratifiedGroupKFold if self.kind in _CLASSES else GroupKFold
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The least populated class in y", UserWarning)  # a rare class is in some folds only
            return list(splitter(folds, shuffle=True, random_state=seed).split(index, labels, index))

    def _choose(self, x: np.ndarray, y: np.ndarray, folds: list[tuple[np.ndarray, np.ndarray]]) -> float:
        """The penalty whose predictions for all inner folds are best; the middle one if there are too few items to tell.

        Best is the ranking; of many classes the log-probability of the right one, averaged over classes, which has no ties.
        """
        width = (self._width,) if self.kind == "multiclass" else y.shape[1:]
        out = np.full((len(self.alphas), len(y), *width), np.nan)
        for train, judge in folds:
            if len(np.unique(y[train])) > 1:
                for row, predict in zip(out, self._models(x[train], y[train], self.alphas), strict=True):
                    row[judge] = predict(x[judge])
        known = ~np.isnan(out[0].reshape(len(y), -1)[:, 0])
        if len(np.unique(y[known])) < 2:
            return self.alphas[len(self.alphas) // 2]
        if self.kind == "multiclass":
            right = np.log(np.maximum(out[:, known][:, np.arange(known.sum()), y[known]], LEAST))
            return self.alphas[int(np.argmax(np.average(right, axis=1, weights=1 / np.bincount(y[known])[y[known]])))]
        metric = METRICS[_JUDGED_BY[self.kind]]
        return self.alphas[int(np.argmax([metric.value(y[known], row[known]) for row in out]))]

    def _models(self, x: np.ndarray, y: np.ndarray, alphas: Sequence[float]) -> list[Callable[[np.ndarray], np.ndarray]]:
        """A prediction function for each penalty."""
        if self.kind not in _CLASSES:
            return [lambda z, c=c, b=b: z @ c + b for c, b in ridge_path(x, y, alphas)]  # type: ignore[misc]
        weight = "balanced" if self.kind == "multiclass" else None
        fitted = (LogisticRegression(C=1 / alpha, class_weight=weight, max_iter=1000).fit(x, y) for alpha in alphas)
        if self.kind == "multiclass":
            return [lambda z, m=m: self._spread(m.predict_proba(z), m.classes_) for m in fitted]  # type: ignore[misc]
        return [lambda z, m=m: m.predict_proba(z)[:, 1] for m in fitted]  # type: ignore[misc]

    def _spread(self, known: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Probabilities in the columns of all classes; 0 for one that training lacked."""
        out = np.zeros((len(known), self._width))
        out[:, classes] = known
        return out


def probe_pair(
    embed: Callable[[Any, Sequence[Any]], np.ndarray],
    model: Any,
    kind: Kind = "regression",
    groups: Mapping[Any, object] | None = None,
    *,
    classes: int | None = None,
    seed: int = 1,
) -> list[Probe]:
    """Two probes: on a pretrained model, and on the same network with random weights as the control.

    Parameters
    ----------
    embed
        Function (model, sequences) -> array (n, d), such as :func:`glmkit.score.embed`.
    model
        Pretrained model that :func:`untrained` can copy.
    kind, groups, classes
        As for :class:`Probe`.
    seed
        Seed of the random weights, 0 or more, other than the one that the model was made with.

    Returns
    -------
    list of Probe
        ``"linear probe, pretrained"`` and ``"linear probe, random weights"``.

    Examples
    --------
    >>> from glmkit.evaluate import probe_pair
    >>> from glmkit.models import TransformerConfig, new_model
    >>> from glmkit.score import embed
    >>> from glmkit.tokens import make_tokenizer
    >>> tokenizer = make_tokenizer("base")
    >>> config = TransformerConfig(vocabulary_size=len(tokenizer.vocabulary), width=8, layers=1, heads=2, feedforward=16)
    >>> probes = probe_pair(embed, new_model(config, tokenizer), "classification")
    >>> [probe.name for probe in probes]
    ['linear probe, pretrained', 'linear probe, random weights']
    >>> probes[0].fit(["ACGT", "TTTT", "ACGA", "TTTA"], [1, 0, 1, 0]).score(["ACGG"]).shape
    (1,)
    """
    models = {"linear probe, pretrained": model, "linear probe, random weights": untrained(model, seed)}
    return [Probe(partial(embed, one), kind, groups, name=name, classes=classes) for name, one in models.items()]


def ridge_path(x: np.ndarray, y: np.ndarray, alphas: Sequence[float]) -> list[tuple[np.ndarray, Any]]:
    """Ridge regression with each penalty from one singular value decomposition.

    Parameters
    ----------
    x
        Float64 (n, d).
    y
        Float64 (n,), or (n, outputs).
    alphas
        Penalties, above 0, of ``|y - xw - b|² + alpha |w|²``; the intercept is free.

    Returns
    -------
    list
        Coefficients (d,) and intercept of each penalty; (d, outputs) and (outputs,) for many outputs.
    """
    centre, mean = x.mean(0), y.mean(0)
    centred = x - centre
    n, d = x.shape
    values, vectors = np.linalg.eigh(centred.T @ centred if d <= n else centred @ centred.T)
    values = np.maximum(values, 0)
    side = vectors.T @ (centred.T @ (y - mean) if d <= n else y - mean)
    path = []
    for alpha in alphas:
        solved = vectors @ (side.T / (values + alpha)).T
        w = solved if d <= n else centred.T @ solved
        path.append((w, mean - centre @ w if y.ndim > 1 else float(mean - centre @ w)))
    return path


def stored(names: Sequence[Any], embeddings: np.ndarray) -> Embed:
    """Embeddings made before, to be looked up by name.

    Parameters
    ----------
    names
        A name each, n different ones: the sequences, or ids that stand for them in a task.
    embeddings
        Float (n, d).

    Returns
    -------
    callable
        Names to their rows; BadInput for one that is not there.
    """
    place = {name: i for i, name in enumerate(names)}
    if not len(place) == len(names) == len(embeddings):
        raise BadInput(f"Expected a name of its own for each row, got {len(place)} names for {len(embeddings)} rows.")

    def look_up(wanted: Sequence[Any]) -> np.ndarray:
        """Rows of the names."""
        if absent := [name for name in wanted if name not in place]:
            raise BadInput(f"No embedding is stored for {len(absent)} of {len(wanted)} names, the first is {absent[0]!r}.")
        return embeddings[[place[name] for name in wanted]]

    return look_up


def joined(*parts: Embed) -> Embed:
    """Features side by side, such as an embedding and the zero-shot score of a mutant.

    Parameters
    ----------
    *parts
        Functions from sequences to an array (n, d), or (n,) for a single feature.

    Returns
    -------
    callable
        Sequences to all columns (n, sum of d).
    """

    def side_by_side(sequences: Sequence[Any]) -> np.ndarray:
        """All columns of the sequences."""
        return np.column_stack([part(sequences) for part in parts])

    return side_by_side
