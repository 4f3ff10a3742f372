"""Metrics of predicted classes or measured values, each as a single value and over bootstrap resamples; titles, directions and ranges.

The value comes from scikit-learn or SciPy. Its resampled form takes a matrix of item weights (draws, n) and returns one value for each
draw. It sorts the scores once instead of once a draw, which makes a thousand draws cheap; the tests compare both forms
(``sample_weight``). Scores are probabilities of class 1, or any scores that rank. Accuracy, F1 and Matthews' coefficient use a
threshold of 0.5; metrics of the ranking use the order only. For measured values, a correlation with constant scores is 0, as it has no
information on the order, like an AUROC of one half. Metrics of multiclass tasks and of several outputs are in
:mod:`glmkit.evaluate.metrics.multiclass`, those of the top of a ranking in :mod:`glmkit.evaluate.metrics.ranking`, those of
probabilities in :mod:`glmkit.evaluate.metrics.probabilistic`. The last two are computed only if they are named.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats
from sklearn import metrics as sklearn_metrics

from glmkit.errors import BadInput
from glmkit.evaluate.metrics import multiclass, probabilistic, ranking
from glmkit.evaluate.metrics.weighted import divide, spearman, weighted_correlation

THRESHOLD = 0.5
Kind = Literal["classification", "regression", "multiclass", "multioutput"]


@dataclass(frozen=True, kw_only=True)
class Metric:  # numpydoc ignore=PR02
    """One metric: its two forms, title, direction and range.

    Parameters
    ----------
    title
        Title for axes and table heads.
    value
        Function (labels (n,), scores (n,)) -> float. For multiclass tasks, scores are (n, classes); for multioutput tasks, both are (n,
        outputs).
    drawn
        Function (labels, scores, weights (draws, n)) -> float64 (draws,); NaN where a draw does not define the metric.
    kind
        Kind of task: two classes, a measured value, multiclass, or several measured outputs.
    second_kind
        Further kind of task, or None.
    bounds
        Smallest and largest possible value.
    lower_is_better
        Direction.
    rank_based
        Whether only the order of the scores counts, so that they may be on any scale.
    on_request
        Whether the metric is computed only if it is named.
    """

    title: str
    value: Callable[[np.ndarray, np.ndarray], float]
    drawn: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    kind: Kind = "classification"
    second_kind: Kind | None = None
    bounds: tuple[float, float] = (0.0, 1.0)
    lower_is_better: bool = False
    rank_based: bool = False
    on_request: bool = False

    @property
    def sign(self) -> int:
        """1 if higher is better, -1 if lower is."""
        return -1 if self.lower_is_better else 1

    @property
    def direction(self) -> str:
        """Direction and range in words."""
        ends = ", ".join(f"{end:g}".replace("-", "−").replace("inf", "∞") for end in self.bounds)
        return f"{'lower' if self.lower_is_better else 'higher'} is better, range [{ends}]"

    def kind_of(self, scores: np.ndarray) -> Kind:
        """The kind of task that scores of this shape belong to."""
        return self.second_kind if self.second_kind is not None and np.ndim(scores) == 2 else self.kind

    def fits(self, kind: str) -> bool:
        """Whether the metric is defined for tasks of this kind."""
        return kind in (self.kind, self.second_kind)


def _confusion(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, ...]:
    """Weighted true positives, false positives, false negatives, true negatives, each (draws,)."""
    called = scores >= THRESHOLD
    cells = np.stack([called & (labels == 1), called & (labels == 0), ~called & (labels == 1), ~called & (labels == 0)], 1)
    return tuple((weights @ cells.astype(np.float64)).T)


def _accuracy(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    if scores.ndim == 2:
        return multiclass.accuracy_drawn(labels, scores, weights)
    hit, over, missed, clear = _confusion(labels, scores, weights)
    return (hit + clear) / (hit + over + missed + clear)


def _macro_f1(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    hit, over, missed, clear = _confusion(labels, scores, weights)
    return (divide(2 * hit, 2 * hit + over + missed, 0.0) + divide(2 * clear, 2 * clear + over + missed, 0.0)) / 2


def _mcc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    hit, over, missed, clear = _confusion(labels, scores, weights)
    spread = np.sqrt((hit + over) * (hit + missed) * (clear + over) * (clear + missed))
    return divide(hit * clear - over * missed, spread, 0.0)


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
    return divide((above * negative).sum(1), positive.sum(1) * negative.sum(1), np.nan)


def _auprc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    positive, negative = _ranked(labels, scores, weights)
    found = np.cumsum(positive, axis=1)
    precision = divide(found, found + np.cumsum(negative, axis=1), 1.0)
    return divide((precision * positive).sum(1), found[:, -1], np.nan)


def _recall_at_fdr(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return ranking.recall_at_fdr_drawn(*_ranked(labels, scores, weights))


def _r2(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    mean = (weights @ labels / weights.sum(1))[:, None]
    return 1 - divide(weights @ (labels - scores) ** 2, (weights * (labels - mean) ** 2).sum(1), np.nan)


def _unless_constant(function: Callable) -> Callable[[np.ndarray, np.ndarray], float]:
    return lambda labels, scores: float(function(labels, scores)[0]) if np.ptp(scores) > 0 else 0.0


_SIGNED = (-1.0, 1.0)
METRICS: dict[str, Metric] = {
    "auroc": Metric(title="AUROC", value=sklearn_metrics.roc_auc_score, drawn=_auroc, rank_based=True),
    "auprc": Metric(title="AUPRC", value=sklearn_metrics.average_precision_score, drawn=_auprc, rank_based=True),
    "accuracy": Metric(
        title="accuracy",
        value=lambda labels, scores: sklearn_metrics.accuracy_score(
            labels, multiclass.called(scores) if scores.ndim == 2 else scores >= THRESHOLD
        ),
        drawn=_accuracy,
        second_kind="multiclass",
    ),
    "f1": Metric(
        title="macro F1",
        value=lambda labels, scores: sklearn_metrics.f1_score(labels, scores >= THRESHOLD, average="macro", zero_division=0),
        drawn=_macro_f1,
    ),
    "mcc": Metric(
        title="MCC",
        value=lambda labels, scores: sklearn_metrics.matthews_corrcoef(labels, scores >= THRESHOLD),
        drawn=_mcc,
        bounds=_SIGNED,
    ),
    "spearman": Metric(
        title="Spearman",
        value=_unless_constant(stats.spearmanr),
        drawn=spearman,
        kind="regression",
        bounds=_SIGNED,
        rank_based=True,
    ),
    "pearson": Metric(
        title="Pearson", value=_unless_constant(stats.pearsonr), drawn=weighted_correlation, kind="regression", bounds=_SIGNED
    ),
    "r2": Metric(title="R²", value=sklearn_metrics.r2_score, drawn=_r2, kind="regression", bounds=(-np.inf, 1.0)),
    "macro_f1": Metric(title="macro F1", value=multiclass.macro_f1, drawn=multiclass.macro_f1_drawn, kind="multiclass"),
    "balanced_accuracy": Metric(
        title="balanced accuracy", value=multiclass.balanced_accuracy, drawn=multiclass.balanced_accuracy_drawn, kind="multiclass"
    ),
    "mean_spearman": Metric(
        title="mean Spearman",
        value=multiclass.mean_spearman,
        drawn=multiclass.mean_spearman_drawn,
        kind="multioutput",
        bounds=_SIGNED,
        rank_based=True,
    ),
    "ndcg": Metric(
        title="NDCG, top 10%", value=ranking.ndcg, drawn=ranking.ndcg_drawn, kind="regression", rank_based=True, on_request=True
    ),
    "recall_at_fdr": Metric(
        title="recall at 10% FDR", value=ranking.recall_at_fdr, drawn=_recall_at_fdr, rank_based=True, on_request=True
    ),
    "brier": Metric(
        title="Brier score",
        value=probabilistic.brier,
        drawn=probabilistic.brier_drawn,
        second_kind="multiclass",
        bounds=(0.0, 2.0),
        lower_is_better=True,
        on_request=True,
    ),
    "ece": Metric(
        title="calibration error",
        value=probabilistic.ece,
        drawn=probabilistic.ece_drawn,
        second_kind="multiclass",
        lower_is_better=True,
        on_request=True,
    ),
}
KINDS: tuple[Kind, ...] = ("classification", "regression", "multiclass", "multioutput")
DEFAULTS: dict[Kind, tuple[str, ...]] = {
    kind: tuple(name for name, metric in METRICS.items() if metric.kind == kind and not metric.on_request) for kind in KINDS
}
DEFAULTS["multiclass"] += ("accuracy",)
HEADLINES: dict[Kind, str] = {
    "classification": "auroc", "regression": "spearman", "multiclass": "macro_f1", "multioutput": "mean_spearman",
}  # fmt: skip


def find_metric(name: str, kind: Kind | None = None) -> Metric:
    """The metric called `name`, or an error that lists the metrics that exist (for a task of that kind)."""
    fit = [known for known, metric in METRICS.items() if kind is None or metric.fits(kind)]
    if name not in fit:
        raise BadInput(f"metric: expected one of {', '.join(fit)}{f' for {kind}' if kind else ''}, got {name!r}.")
    return METRICS[name]


def choose_headline(metrics: Sequence[str], kind: str, named: str | None = None) -> str:
    """The headline metric of a table, by which methods are ranked and verdicts are made.

    Parameters
    ----------
    metrics
        Names of the metrics of the table.
    kind
        Kind of the task.
    named
        Name of the metric to take; None for the default of the kind, or for the first metric if the default is not among them.

    Returns
    -------
    str
        One of `metrics`.

    Raises
    ------
    BadInput
        The metric named is not among `metrics`, or there is no metric.
    """
    if not metrics:
        raise BadInput("metrics: expected at least one, got none. Leave it out for the defaults of the task's kind.")
    if named is not None and named not in metrics:
        raise BadInput(f"headline: expected one of the metrics {', '.join(metrics)}, got {named!r}. Add it to metrics=.")
    default = HEADLINES.get(kind)  # type: ignore[call-overload]
    return named or (default if default in metrics else metrics[0])


def check_scores(labels: np.ndarray, scores: np.ndarray, kind: Kind = "classification") -> tuple[np.ndarray, np.ndarray]:
    """`labels` and `scores` in the types that the metrics of a kind take.

    Parameters
    ----------
    labels
        0 and 1, measured values (n,), class numbers (n,), or measured values (n, outputs), according to `kind`.
    scores
        One score for each label; for multiclass tasks, (n, classes).
    kind
        Kind of the task.

    Returns
    -------
    labels : numpy.ndarray
        Int64 for classes, float64 for measured values.
    scores : numpy.ndarray
        Float64.

    Raises
    ------
    BadInput
        Shapes that do not fit, a label other than 0 or 1 (class number out of range, value not finite), labels all equal, or a
        score that is NaN.
    """
    labels, scores = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    if kind == "multiclass":
        if scores.ndim != 2 or len(scores) != len(labels):
            raise BadInput(f"Expected a score for each item and class, got labels {labels.shape} and scores {scores.shape}.")
        labels = multiclass.check_multiclass(labels, scores.shape[1])
    elif labels.shape != scores.shape or labels.ndim != (2 if kind == "multioutput" else 1):
        raise BadInput(f"Expected one score for each label, got labels {labels.shape} and scores {scores.shape}.")
    else:
        labels = {"regression": check_values, "multioutput": multiclass.check_outputs}.get(kind, _check_classes)(labels)
    if bad := np.flatnonzero(np.isnan(scores).reshape(len(scores), -1).any(1)).tolist():
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
