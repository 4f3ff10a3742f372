"""Linear probe: ridge or logistic regression on frozen embeddings.

Classes may be two or several, and measured values one or several for each sequence (the proteins of a cell, for example), with one common
penalty.

The penalty is chosen by cross-validation inside the training side, with whole groups (positions, families) held out there too if groups
are given. A penalty chosen on random folds would suit the interpolation that the outer split excludes. A probe takes a second where
fine-tuning takes minutes, and is the lower reference for fine-tuning (Alain & Bengio 2016, arXiv:1610.01644; for fitness Hsu et al.
2022, doi:10.1038/s41587-021-01146-5).
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
_CHOSEN_BY: dict[Kind, str] = {"classification": "auroc", "regression": "spearman", "multioutput": "mean_spearman"}
LEAST = 1e-6  # least probability: a class that an inner training side lacks then costs the same for each penalty
ALPHAS = tuple(float(alpha) for alpha in np.logspace(-3, 6, 19))


class Probe:
    """A linear model on frozen embeddings, as a method of :func:`glmkit.evaluate.compare`.

    Features are standardised on the training side. Embeddings are cached, so that each sequence is embedded once.

    Parameters
    ----------
    embed
        Function from sequences to an array (n, d): ``functools.partial(glmkit.score.embed, model)``, or :func:`stored`.
    kind
        ``"regression"``, ``"multioutput"``: ridge regression; ``"classification"``, ``"multiclass"``: logistic regression with
        squared penalty, multinomial for ``"multiclass"``, with each class weighted equally as in a macro metric.
    groups
        Unit of independence of each sequence, for choosing the penalty; None if sequences are independent.
    alphas
        Penalties to choose from, each above 0. Ridge minimises the sum of squares plus alpha times the squared norm; logistic
        regression the sum of log-losses plus half of that.
    folds
        Number of folds of the inner cross-validation, 2 or more.
    name
        Name for tables.
    classes
        Number of classes, for ``"multiclass"``; None for the largest label in training plus one.
    description
        One line for tables; None for one made from the settings.

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.evaluate import Probe
    >>> from glmkit.evaluate.estimators import stored
    >>> rng = np.random.default_rng(0)
    >>> names, embeddings = [f"item {i}" for i in range(60)], rng.normal(size=(60, 4))
    >>> values = embeddings @ [1.0, -2.0, 0.0, 0.5]
    >>> probe = Probe(stored(names, embeddings), "regression").fit(names[:40], values[:40], seed=0)
    >>> round(float(np.corrcoef(probe.score(names[40:]), values[40:])[0, 1]), 2)
    1.0
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
        """Choose the penalty and fit the linear model.

        Parameters
        ----------
        sequences
            Training sequences, n.
        labels
            Measured values, 0 and 1, or class numbers, (n,); for several outputs (n, outputs).
        seed
            Seed of the inner folds.

        Returns
        -------
        Probe
            The method itself, fitted; ``alpha`` is the chosen penalty.

        Raises
        ------
        BadInput
            Different numbers of sequences and labels, fewer than two groups, or embeddings that do not fit.
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
        """Predicted values, or probabilities of class 1, float64 (n,); (n, classes) or (n, outputs) for several."""
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
        """Training and test items of each inner fold; none if there are too few groups for two folds."""
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
        """The penalty with the best pooled predictions of the inner folds; the middle one if there are too few items.

        The criterion is the ranking; for multiclass tasks the log-probability of the true class, averaged over classes, which has no
        ties.
        """
        width = (self._width,) if self.kind == "multiclass" else y.shape[1:]
        out = np.full((len(self.alphas), len(y), *width), np.nan)
        for train, test in folds:
            if len(np.unique(y[train])) > 1:
                for row, predict in zip(out, self._models(x[train], y[train], self.alphas), strict=True):
                    row[test] = predict(x[test])
        known = ~np.isnan(out[0].reshape(len(y), -1)[:, 0])
        if len(np.unique(y[known])) < 2:
            return self.alphas[len(self.alphas) // 2]
        if self.kind == "multiclass":
            right = np.log(np.maximum(out[:, known][:, np.arange(known.sum()), y[known]], LEAST))
            return self.alphas[int(np.argmax(np.average(right, axis=1, weights=1 / np.bincount(y[known])[y[known]])))]
        metric = METRICS[_CHOSEN_BY[self.kind]]
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
        """Probabilities in the columns of all classes; 0 for a class absent from training."""
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
    """Ridge regression for each penalty from one eigendecomposition.

    Parameters
    ----------
    x
        Features, float64 (n, d).
    y
        Measured values, float64 (n,), or (n, outputs).
    alphas
        Penalties, each above 0, in ``|y - xw - b|² + alpha |w|²``; the intercept is free.

    Returns
    -------
    list
        Coefficients (d,) and intercept for each penalty; (d, outputs) and (outputs,) for several outputs.
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
    """A function that looks up embeddings by name.

    Parameters
    ----------
    names
        Names, n different ones: the sequences, or their identifiers in a task.
    embeddings
        Embeddings, float (n, d).

    Returns
    -------
    callable
        Function from names to their rows; BadInput for an unknown name.

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.evaluate.estimators import stored
    >>> stored(["a", "b"], np.array([[1.0, 2.0], [3.0, 4.0]]))(["b"])
    array([[3., 4.]])
    """
    place = {name: i for i, name in enumerate(names)}
    if not len(place) == len(names) == len(embeddings):
        raise BadInput(f"Expected a different name for each row, got {len(place)} names for {len(embeddings)} rows.")

    def look_up(wanted: Sequence[Any]) -> np.ndarray:
        """Rows of the embeddings by name."""
        if absent := [name for name in wanted if name not in place]:
            raise BadInput(f"No embedding is stored for {len(absent)} of {len(wanted)} names, the first is {absent[0]!r}.")
        return embeddings[[place[name] for name in wanted]]

    return look_up


def joined(*parts: Embed) -> Embed:
    """Concatenated features, such as an embedding and the zero-shot score of a mutant.

    Parameters
    ----------
    *parts
        Functions from sequences to an array (n, d), or (n,) for a single feature.

    Returns
    -------
    callable
        Function from sequences to all columns, (n, sum of d).

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.evaluate.estimators import joined
    >>> joined(lambda names: np.ones((len(names), 2)), lambda names: np.zeros(len(names)))(["a"])
    array([[1., 1., 0.]])
    """

    def side_by_side(sequences: Sequence[Any]) -> np.ndarray:
        """Columns of all parts for the sequences."""
        return np.column_stack([part(sequences) for part in parts])

    return side_by_side
