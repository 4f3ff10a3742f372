"""Statistics over bootstrap resamples: item weights (draws, n) in, one value for each draw out.

Items are sorted once instead of once a draw, which makes a thousand draws cheap.
"""

import numpy as np


def divide(top: np.ndarray, bottom: np.ndarray, empty: float) -> np.ndarray:
    """`top` divided by `bottom`, and `empty` where `bottom` is 0."""
    return np.divide(top, bottom, out=np.full_like(top, empty), where=bottom > 0)


def middle_ranks(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Midrank, from 1, of each item among the drawn items with their multiplicities, float64 (draws, n)."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    new = np.r_[True, ordered[1:] != ordered[:-1]]
    size = np.add.reduceat(weights[:, order], np.flatnonzero(new), axis=1)
    ranks = np.cumsum(size, axis=1) - (size - 1) / 2
    place = np.empty(len(values), dtype=np.int64)
    place[order] = np.cumsum(new) - 1
    return ranks[:, place]


def weighted_correlation(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Pearson's coefficient in each draw, float64 (draws,); `a` holds the labels, and each is (n,) or (draws, n)."""
    total = weights.sum(1, keepdims=True)
    a, b = (x - (weights * x).sum(1, keepdims=True) / total for x in (a, b))
    spread_a, spread_b = (weights * a**2).sum(1), (weights * b**2).sum(1)
    result = divide((weights * a * b).sum(1), np.sqrt(spread_a * spread_b), 0.0)
    return np.where(spread_a > 0, result, np.nan)


def spearman(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Spearman's coefficient in each draw, float64 (draws,); NaN where the drawn labels are all equal."""
    return weighted_correlation(middle_ranks(labels, weights), middle_ranks(scores, weights), weights)
