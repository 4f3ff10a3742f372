"""Metrics of the top of a ranking, for when only the first few candidates are tested in a laboratory.

A correlation weighs the whole list equally; these metrics weigh its beginning. Each comes as a single value from scikit-learn and over
bootstrap resamples, as in :mod:`glmkit.evaluate.metrics.registry`. Tied scores share their places, so the order of the items does not
matter.
"""

import numpy as np
from sklearn import metrics as sklearn_metrics

from glmkit.evaluate.metrics.weighted import divide

TOP = 0.1  # share of the items that NDCG counts
PRECISION = 0.9  # least precision of the recall at 10% false discoveries


def ndcg(labels: np.ndarray, scores: np.ndarray) -> float:
    """Normalised discounted cumulative gain of the top tenth.

    The variant of ProteinGym: gains are the measured values scaled to [0, 1] (not raised to a power of two). Only the first ⌊n/10⌋
    places count, at least one. Tied scores share the mean of their gains. A random order does not score 0, but about the mean gain
    divided by the top gain.

    Parameters
    ----------
    labels
        Measured values, float64 (n,), higher is better.
    scores
        Predicted values, float64 (n,).

    Returns
    -------
    float
        From 0 to 1; 1 for the correct order.

    References
    ----------
    Järvelin K, Kekäläinen J (2002). Cumulated gain-based evaluation of IR techniques. ACM TOIS 20, 422-446.
    Notin P et al. (2023). ProteinGym. NeurIPS Datasets and Benchmarks.
    """
    gains = (labels - labels.min()) / np.ptp(labels)
    return float(sklearn_metrics.ndcg_score(gains[None], scores[None], k=max(1, int(len(labels) * TOP))))


def ndcg_drawn(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """NDCG of the top tenth in each draw, float64 (draws,); NaN where the drawn labels are all equal."""
    total = weights.sum(1)
    top = np.maximum(1, np.floor(total * TOP + 1e-9)).astype(np.int64)
    discounts = np.r_[0.0, np.cumsum(1 / np.log2(np.arange(2, int(total.max()) + 2)))]
    reached, best = (_gain(labels, by, weights, top, discounts) for by in (scores, labels))
    there = weights > 0
    lowest = np.where(there, labels, np.inf).min(1)
    varied = np.where(there, labels, -np.inf).max(1) > lowest
    least = lowest * discounts[top]  # any order gains this, as gains are measured from the lowest label of the draw
    return np.where(varied, divide(reached - least, best - least, np.nan), np.nan)


def _gain(labels: np.ndarray, by: np.ndarray, weights: np.ndarray, top: np.ndarray, discounts: np.ndarray) -> np.ndarray:
    """Discounted sum of `labels` over the first `top` places of the order `by`, in each draw."""
    order = np.argsort(-by, kind="stable")
    starts = np.flatnonzero(np.r_[True, by[order][1:] != by[order][:-1]])
    drawn = weights[:, order]
    size = np.add.reduceat(drawn, starts, axis=1)
    mean = divide(np.add.reduceat(drawn * labels[order], starts, axis=1), size, 0.0)
    ends = np.minimum(np.rint(np.cumsum(size, axis=1)).astype(np.int64), top[:, None])
    until = discounts[ends]
    return (mean * np.diff(until, axis=1, prepend=0.0)).sum(1)


def recall_at_fdr(labels: np.ndarray, scores: np.ndarray) -> float:
    """Largest recall over all thresholds whose false discovery rate is at most 10%; 0 if there is none."""
    precision, recall, _ = sklearn_metrics.precision_recall_curve(labels, scores)
    return float(recall[precision >= PRECISION - 1e-12].max())


def recall_at_fdr_drawn(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Recall at 10% false discovery rate in each draw.

    Parameters
    ----------
    positive, negative
        Weight of each class at each distinct score, best first, float64 (draws, distinct).

    Returns
    -------
    numpy.ndarray
        Float64 (draws,); NaN where no positive was drawn.
    """
    found, wrong = np.cumsum(positive, axis=1), np.cumsum(negative, axis=1)
    clean = divide(found, found + wrong, 0.0) >= PRECISION - 1e-12
    return divide(np.where(clean, found, 0.0).max(1), found[:, -1], np.nan)
