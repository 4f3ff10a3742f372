"""Metrics of probabilities: whether events given a probability of 0.8 occur eight times in ten.

A perfect ranking may have wrong probabilities. The Brier score (the mean squared distance from the label) measures both ranking and
calibration; the expected calibration error measures calibration alone. It needs bins, and bins bring a bias. Even for a calibrated
model the error is above 0 by chance, more so with few items. Its resamples are higher still, so the interval may begin above the value.
Bins of equal mass keep the bias small where scores crowd at the ends; the bins are the same in all draws. For multiclass tasks, the
highest probability is compared with whether that class is correct.
"""

import numpy as np
from sklearn import metrics as sklearn_metrics

from glmkit.errors import BadInput
from glmkit.evaluate.metrics.multiclass import called

BINS = 10


def check_probabilities(scores: np.ndarray) -> np.ndarray:
    """`scores`, checked to be probabilities.

    Parameters
    ----------
    scores
        Float64 (n,), of class 1, or (n, classes).

    Returns
    -------
    numpy.ndarray
        The same array.

    Raises
    ------
    BadInput
        A score outside [0, 1], or rows of (n, classes) that do not sum to 1.
    """
    if len(wrong := np.flatnonzero(~((scores >= 0) & (scores <= 1)).reshape(len(scores), -1).all(1))):
        raise BadInput(
            f"Expected probabilities from 0 to 1, got {scores[wrong[0]]} at item {wrong[0]} ({len(wrong)} of {len(scores)} items). "
            "Scores that only rank have no calibration: use auroc or spearman."
        )
    if scores.ndim == 2 and len(wrong := np.flatnonzero(np.abs(scores.sum(1) - 1) > 1e-4)):
        raise BadInput(
            f"Expected the probabilities of an item's classes to sum to 1, got {scores[wrong[0]].sum():.4f} at item {wrong[0]} "
            f"({len(wrong)} of {len(scores)} items). Apply a softmax to the scores."
        )
    return scores


def confidence(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Confidence of each prediction, and whether it was correct.

    Parameters
    ----------
    labels
        0 or 1, or class numbers, int64 (n,).
    scores
        Probability of class 1, (n,), or of each class, (n, classes).

    Returns
    -------
    claimed : numpy.ndarray
        Float64 (n,): the probability of class 1, or the highest probability of the classes.
    came : numpy.ndarray
        Float64 (n,), 0 or 1: whether the label is class 1, or the class of highest probability.
    """
    if scores.ndim == 1:
        return scores, (labels == 1).astype(np.float64)
    return scores.max(1), (called(scores) == labels).astype(np.float64)


def mass_bins(claimed: np.ndarray, bins: int = BINS) -> tuple[np.ndarray, np.ndarray]:
    """Bins of about equal numbers of items; equal values share a bin, so there may be fewer than `bins`.

    Parameters
    ----------
    claimed
        Confidences, float64 (n,), in [0, 1].
    bins
        Largest number of bins.

    Returns
    -------
    index : numpy.ndarray
        Int64 (n,), the bin of each item, from 0 and without gaps.
    edges : numpy.ndarray
        Float64 (bins + 1,).
    """
    quantiles = np.quantile(claimed, np.linspace(0, 1, bins + 1))
    found, index = np.unique(np.searchsorted(quantiles[1:-1], claimed), return_inverse=True)
    return index.astype(np.int64), np.r_[quantiles[found], quantiles[-1]]


def ece(labels: np.ndarray, scores: np.ndarray) -> float:
    """Expected calibration error: the mean over items of the distance between confidence and accuracy of their bin.

    Parameters
    ----------
    labels
        0 or 1, or class numbers, int64 (n,).
    scores
        Probabilities, float64 (n,) or (n, classes).

    Returns
    -------
    float
        From 0 to 1, lower is better, over 10 bins of equal mass.

    References
    ----------
    Naeini MP, Cooper G, Hauskrecht M (2015). Obtaining well calibrated probabilities using Bayesian binning. AAAI.
    Nixon J et al. (2019). Measuring calibration in deep learning. CVPR workshops.
    """
    return float(ece_drawn(labels, scores, np.ones((1, len(labels))))[0])


def ece_drawn(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Expected calibration error in each draw, float64 (draws,), over the bins of all items."""
    claimed, came = confidence(labels, check_probabilities(scores))
    index, edges = mass_bins(claimed, bins)
    gaps = np.zeros((len(labels), len(edges) - 1))
    gaps[np.arange(len(labels)), index] = claimed - came
    return np.abs(weights @ gaps).sum(1) / weights.sum(1)


def brier(labels: np.ndarray, scores: np.ndarray) -> float:
    """Mean squared distance of the probabilities from the labels; for multiclass tasks, summed over the classes.

    Parameters
    ----------
    labels
        0 or 1, or class numbers, int64 (n,).
    scores
        Probabilities, float64 (n,) or (n, classes).

    Returns
    -------
    float
        From 0 (certain and correct) to 1 (certain and wrong), or to 2 for multiclass tasks.

    References
    ----------
    Brier GW (1950). Verification of forecasts expressed in terms of probability. Monthly Weather Review 78, 1-3.
    """
    check_probabilities(scores)
    if scores.ndim == 1:
        return float(sklearn_metrics.brier_score_loss(labels, scores))
    return float(sklearn_metrics.brier_score_loss(labels, scores, labels=np.arange(scores.shape[1]), scale_by_half=False))


def brier_drawn(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Brier score in each draw, float64 (draws,)."""
    truth = labels if scores.ndim == 1 else np.eye(scores.shape[1])[labels]
    return weights @ ((scores - truth) ** 2).reshape(len(labels), -1).sum(1) / weights.sum(1)
