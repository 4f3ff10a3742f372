"""Metrics of multiclass tasks and of several measured outputs, each as a single value and over bootstrap resamples.

Macro metrics are means over the classes of the test items. Classes absent from the test set are excluded, as they have no recall and
would add a zero to every method. A draw that misses a rare class averages over the others, as the metric of the drawn items does. An
output whose test values are all equal has no order to predict and is excluded from the mean in the same way.
"""

import numpy as np
from scipy import sparse, stats
from sklearn import metrics as sklearn_metrics

from glmkit.errors import BadInput
from glmkit.evaluate.metrics.weighted import divide, spearman


def called(scores: np.ndarray) -> np.ndarray:
    """Predicted class of each item: that of the highest score, the first of ties; int64 (n,)."""
    return np.argmax(scores, axis=1)


def class_tallies(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weighted counts of each class in each draw.

    Parameters
    ----------
    labels
        Class numbers, int64 (n,).
    scores
        Float64 (n, classes).
    weights
        Item weights, float64 (draws, n).

    Returns
    -------
    tuple of float64 array (draws, classes)
        Items of the class, items predicted as the class, and items that are both.
    """
    n, classes = scores.shape
    pairs, index = np.unique(labels * classes + called(scores), return_inverse=True)
    which = sparse.csr_matrix((np.ones(n), (index, np.arange(n))), shape=(len(pairs), n))
    cells = (which @ weights.T).T
    true, guess = np.divmod(pairs, classes)
    of = np.arange(classes)
    is_true, is_called = (true[:, None] == of).astype(float), (guess[:, None] == of).astype(float)
    return cells @ is_true, cells @ is_called, cells @ (is_true * is_called)


def macro_f1_drawn(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Macro F1 in each draw, float64 (draws,)."""
    there, guessed, hit = class_tallies(labels, scores, weights)
    return _mean_of_classes(divide(2 * hit, there + guessed, 0.0), there)


def balanced_accuracy_drawn(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean recall of the classes in each draw, float64 (draws,)."""
    there, _, hit = class_tallies(labels, scores, weights)
    return _mean_of_classes(divide(hit, there, 0.0), there)


def accuracy_drawn(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Share of correctly predicted items in each draw, float64 (draws,)."""
    return weights @ (called(scores) == labels) / weights.sum(1)


def _mean_of_classes(values: np.ndarray, there: np.ndarray) -> np.ndarray:
    return divide((values * (there > 0)).sum(1), (there > 0).sum(1).astype(np.float64), np.nan)


def macro_f1(labels: np.ndarray, scores: np.ndarray) -> float:
    """Macro F1 over the classes of `labels`."""
    return float(sklearn_metrics.f1_score(labels, called(scores), labels=np.unique(labels), average="macro", zero_division=0))


def balanced_accuracy(labels: np.ndarray, scores: np.ndarray) -> float:
    """Mean recall over the classes of `labels`."""
    return float(sklearn_metrics.recall_score(labels, called(scores), labels=np.unique(labels), average="macro", zero_division=0))


def mean_spearman(labels: np.ndarray, scores: np.ndarray) -> float:
    """Mean over the outputs of Spearman's coefficient; constant scores count as 0, constant labels are excluded."""
    return float(np.nanmean([one_spearman(y, s) for y, s in zip(labels.T, scores.T, strict=True)]))


def one_spearman(labels: np.ndarray, scores: np.ndarray) -> float:
    """Spearman's coefficient of one output: 0 for constant scores, NaN for constant labels."""
    if np.ptp(labels) == 0:
        return float("nan")
    return float(stats.spearmanr(labels, scores)[0]) if np.ptp(scores) > 0 else 0.0


def mean_spearman_drawn(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean over the outputs of Spearman's coefficient in each draw, float64 (draws,)."""
    total, known = np.zeros(len(weights)), np.zeros(len(weights))
    for y, s in zip(labels.T, scores.T, strict=True):
        value = spearman(y, s, weights)
        total += np.nan_to_num(value)
        known += ~np.isnan(value)
    return divide(total, known, np.nan)


def check_multiclass(labels: np.ndarray, classes: int) -> np.ndarray:
    """`labels` as int64 (n,) below `classes`, or an error."""
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise BadInput(f"labels: expected class numbers (n,) as integers, got {labels.dtype} of shape {labels.shape}.")
    if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        raise BadInput(f"labels: expected 0 to {classes - 1}, one of {classes} classes, got {labels.min()} to {labels.max()}.")
    if len(found := np.unique(labels)) < 2:
        raise BadInput(f"labels: expected at least two classes, got only {found.tolist()} in {len(labels)} items.")
    return labels.astype(np.int64)


def check_outputs(labels: np.ndarray) -> np.ndarray:
    """Measured `labels` as float64 (n, outputs), or an error if one is not finite or no output varies."""
    values = np.asarray(labels, dtype=np.float64)
    if values.ndim != 2 or 0 in values.shape:
        raise BadInput(f"labels: expected values of several outputs, (n, outputs), got shape {values.shape}.")
    if bad := np.argwhere(~np.isfinite(values)).tolist():
        raise BadInput(
            f"labels: expected finite numbers, got {len(bad)} others, the first at item {bad[0][0]}, output {bad[0][1]}."
        )
    if not (np.ptp(values, axis=0) > 0).any():
        raise BadInput(f"labels: expected values that differ, but each of {values.shape[1]} outputs is constant.")
    return values
