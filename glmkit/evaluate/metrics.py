"""Metrics of a two-class prediction or of a measured value, each as a plain number and over many resamples at once.

The number comes from scikit-learn or SciPy. Its resampled form takes a matrix of item weights (draws, n) and returns one value a draw;
it sorts the scores once instead of once a draw, which is what makes a thousand draws cheap. The tests hold one against the
other (``sample_weight``). Scores are probabilities of class 1, or anything that ranks: accuracy, F1 and Matthews' coefficient
cut at 0.5, the other two only use the order. For measured values, a correlation with constant scores is 0: they say nothing of the
order, as an AUROC of one half says.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats
from sklearn import metrics as sklearn_metrics

from glmkit.errors import BadInput

THRESHOLD = 0.5
Kind = Literal["classification", "regression"]


@dataclass(frozen=True, kw_only=True)
class Metric:  # numpydoc ignore=PR02
    """One metric in its two forms.

    Parameters
    ----------
    title
        For axes and table heads.
    value
        (labels (n,), scores (n,)) -> float.
    drawn
        (labels (n,), scores (n,), weights (draws, n)) -> float64 (draws,); NaN where the draw does not define it.
    kind
        Of the task it judges: two classes, or a measured value.
    """

    title: str
    value: Callable[[np.ndarray, np.ndarray], float]
    drawn: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    kind: Kind = "classification"


def _divide(top: np.ndarray, bottom: np.ndarray, empty: float) -> np.ndarray:
    return np.divide(top, bottom, out=np.full_like(top, empty), where=bottom > 0)


def _confusion(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, ...]:
    """Weighted true positives, false positives, false negatives, true negatives, each (draws,)."""
    called = scores >= THRESHOLD
    cells = np.stack([called & (labels == 1), called & (labels == 0), ~called & (labels == 1), ~called & (labels == 0)], 1)
    return tuple((weights @ cells.astype(np.float64)).T)


def _accuracy(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    hit, over, missed, clear = _confusion(labels, scores, weights)
    return (hit + clear) / (hit + over + missed + clear)


def _macro_f1(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    hit, over, missed, clear = _confusion(labels, scores, weights)
    return (_divide(2 * hit, 2 * hit + over + missed, 0.0) + _divide(2 * clear, 2 * clear + over + missed, 0.0)) / 2


def _mcc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    hit, over, missed, clear = _confusion(labels, scores, weights)
    spread = np.sqrt((hit + over) * (hit + missed) * (clear + over) * (clear + missed))
    return _divide(hit * clear - over * missed, spread, 0.0)


def _ranked(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weight of positives and of negatives at each distinct score, best first: two arrays (draws, distinct)."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    weights = weights[:, order]
    positive = weights * (labels[order] == 1)
    return np.add.reduceat(positive, starts, axis=1), np.add.reduceat(weights - positive, starts, axis=1)


def _auroc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    positive, negative = _ranked(labels, scores, weights)
    above = np.cumsum(positive, axis=1) - positive / 2  # positives ranked above these negatives; ties count half
    return _divide((above * negative).sum(1), positive.sum(1) * negative.sum(1), np.nan)


def _auprc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    positive, negative = _ranked(labels, scores, weights)
    found = np.cumsum(positive, axis=1)
    precision = _divide(found, found + np.cumsum(negative, axis=1), 1.0)
    return _divide((precision * positive).sum(1), found[:, -1], np.nan)


def _middle_ranks(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Rank (from 1, ties share the middle) of each item among the items as often as they were drawn, (draws, n)."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    new = np.r_[True, ordered[1:] != ordered[:-1]]
    size = np.add.reduceat(weights[:, order], np.flatnonzero(new), axis=1)
    ranks = np.cumsum(size, axis=1) - (size - 1) / 2
    place = np.empty(len(values), dtype=np.int64)
    place[order] = np.cumsum(new) - 1
    return ranks[:, place]


def _weighted_correlation(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Pearson's coefficient in each draw; `a` is what was measured, (n,) or (draws, n) as `b` is."""
    total = weights.sum(1, keepdims=True)
    a, b = (x - (weights * x).sum(1, keepdims=True) / total for x in (a, b))
    spread_a, spread_b = (weights * a**2).sum(1), (weights * b**2).sum(1)
    result = _divide((weights * a * b).sum(1), np.sqrt(spread_a * spread_b), 0.0)
    return np.where(spread_a > 0, result, np.nan)


def _spearman(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return _weighted_correlation(_middle_ranks(labels, weights), _middle_ranks(scores, weights), weights)


def _r2(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    mean = (weights @ labels / weights.sum(1))[:, None]
    return 1 - _divide(weights @ (labels - scores) ** 2, (weights * (labels - mean) ** 2).sum(1), np.nan)


def _unless_constant(function: Callable) -> Callable[[np.ndarray, np.ndarray], float]:
    return lambda labels, scores: float(function(labels, scores)[0]) if np.ptp(scores) > 0 else 0.0


METRICS: dict[str, Metric] = {
    "auroc": Metric(title="AUROC", value=sklearn_metrics.roc_auc_score, drawn=_auroc),
    "auprc": Metric(title="AUPRC", value=sklearn_metrics.average_precision_score, drawn=_auprc),
    "accuracy": Metric(
        title="accuracy",
        value=lambda labels, scores: sklearn_metrics.accuracy_score(labels, scores >= THRESHOLD),
        drawn=_accuracy,
    ),
    "f1": Metric(
        title="macro F1",
        value=lambda labels, scores: sklearn_metrics.f1_score(labels, scores >= THRESHOLD, average="macro", zero_division=0),
        drawn=_macro_f1,
    ),
    "mcc": Metric(
        title="MCC", value=lambda labels, scores: sklearn_metrics.matthews_corrcoef(labels, scores >= THRESHOLD), drawn=_mcc
    ),
    "spearman": Metric(title="Spearman", value=_unless_constant(stats.spearmanr), drawn=_spearman, kind="regression"),
    "pearson": Metric(title="Pearson", value=_unless_constant(stats.pearsonr), drawn=_weighted_correlation, kind="regression"),
    "r2": Metric(title="R²", value=sklearn_metrics.r2_score, drawn=_r2, kind="regression"),
}
DEFAULTS: dict[Kind, tuple[str, ...]] = {
    kind: tuple(name for name, metric in METRICS.items() if metric.kind == kind) for kind in ("classification", "regression")
}  # the first of each is the headline


def find_metric(name: str, kind: Kind | None = None) -> Metric:
    """The metric called `name`, or an error that lists those there are (for a task of that kind)."""
    fit = [known for known, metric in METRICS.items() if kind in (None, metric.kind)]
    if name not in fit:
        raise BadInput(f"metric: expected one of {', '.join(fit)}{f' for {kind}' if kind else ''}, got {name!r}.")
    return METRICS[name]


def check_scores(labels: np.ndarray, scores: np.ndarray, kind: Kind = "classification") -> tuple[np.ndarray, np.ndarray]:
    """`labels` as int64 (n,) of 0 and 1, or as float64 for regression, and `scores` as float64 (n,).

    Raises
    ------
    BadInput
        Unequal lengths, a label other than 0 or 1 (not finite, for regression), labels all equal, or a score that is not a
        number.
    """
    labels, scores = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    if labels.shape != scores.shape or labels.ndim != 1:
        raise BadInput(f"Expected one score for each label, got labels {labels.shape} and scores {scores.shape}.")
    labels = check_values(labels) if kind == "regression" else _check_classes(labels)
    if bad := np.flatnonzero(np.isnan(scores)).tolist():
        raise BadInput(
            f"scores: {len(bad)} of {len(scores)} are not a number, the first at item {bad[0]}. Did the model diverge?"
        )
    return labels, scores


def check_values(labels: np.ndarray) -> np.ndarray:
    """Measured `labels` as float64 (n,), or an error if one is not finite or all are equal."""
    values = np.asarray(labels, dtype=np.float64)
    if bad := np.flatnonzero(~np.isfinite(values)).tolist():
        raise BadInput(f"labels: expected finite numbers, got {values[bad[0]]} at item {bad[0]} ({len(bad)} in all). Drop them.")
    if len(values) == 0 or np.ptp(values) == 0:
        raise BadInput(f"labels: expected values that differ, got {len(values)} equal ones. Is the column the right one?")
    return values


def _check_classes(labels: np.ndarray) -> np.ndarray:
    classes = np.unique(labels)
    if not np.isin(classes, [0, 1]).all():
        raise BadInput(f"labels: expected 0 and 1, got {classes[:5].tolist()}. Map the class of interest to 1.")
    if len(classes) < 2:
        raise BadInput(f"labels: expected both classes, got only {classes.tolist()} in {len(labels)} items.")
    return labels.astype(np.int64)
