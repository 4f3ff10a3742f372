"""A curve of any length in bounded memory.

Points are collected in buckets of equal count. When there are too many buckets, adjacent ones are merged in pairs and the count
doubles. The average cost of adding a point is therefore constant. Each bucket keeps the extremes and the mean, so that a spike of
one step stays visible. In exchange, single steps within a merged bucket cannot be distinguished.
"""

import math
from dataclasses import dataclass

import numpy as np

ROWS = ("step", "low", "high", "smooth", "gaps")


@dataclass(slots=True)
class _Bucket:
    """Consecutive points: steps `first` to `last`, extremes and sum of the finite values, number of non-finite values."""

    first: int
    last: int
    low: float = math.inf
    high: float = -math.inf
    total: float = 0.0
    finite: int = 0
    gaps: int = 0

    def add(self, step: int, value: float) -> None:
        self.last = step
        if math.isfinite(value):
            self.low, self.high = min(self.low, value), max(self.high, value)
            self.total += value
            self.finite += 1
        else:
            self.gaps += 1

    def merge(self, other: "_Bucket") -> "_Bucket":
        return _Bucket(
            self.first,
            other.last,
            min(self.low, other.low),
            max(self.high, other.high),
            self.total + other.total,
            self.finite + other.finite,
            self.gaps + other.gaps,
        )

    @property
    def count(self) -> int:
        return self.finite + self.gaps


class Curve:
    """Values by step, stored in at most `capacity` buckets.

    Parameters
    ----------
    capacity : int
        Maximum number of buckets, an even number.
    smoothing : float
        Standard deviation of the smoothing window as a fraction of the curve's length.

    Examples
    --------
    >>> curve = Curve(capacity=4)
    >>> for step in range(1, 11):
    ...     curve.add(step, 1.0 / step)
    >>> curve.table().shape
    (5, 3)
    >>> curve.table()[0].tolist()
    [4.0, 8.0, 10.0]
    """

    def __init__(self, capacity: int = 512, smoothing: float = 0.015) -> None:
        self._capacity = capacity
        self._smoothing = smoothing
        self._stride = 1
        self._buckets: list[_Bucket] = []

    def __len__(self) -> int:
        """Return the number of buckets."""
        return len(self._buckets)

    def add(self, step: int, value: float) -> None:
        """Append a point.

        Parameters
        ----------
        step : int
            Step of the point. If it is at or before the last step, as in a resumed run, later points are removed first.
        value : float
            Value of the point; NaN and infinity become gaps.
        """
        if self._buckets and step <= self._buckets[-1].last:
            self._buckets = [bucket for bucket in self._buckets if bucket.last < step]
        if not self._buckets or self._buckets[-1].count >= self._stride:
            self._buckets.append(_Bucket(step, step))
        self._buckets[-1].add(step, value)
        if len(self._buckets) > self._capacity:
            old = self._buckets
            self._buckets = [a.merge(b) for a, b in zip(old[0:-1:2], old[1::2], strict=False)] + old[len(old) // 2 * 2 :]
            self._stride *= 2

    def table(self) -> np.ndarray:
        """Return the table from which the curve is drawn.

        Returns
        -------
        np.ndarray
            float64 (5, buckets), rows as in `ROWS`: last step of the bucket; lowest, highest and smoothed value (NaN if no value
            was finite); number of non-finite values.
        """
        table = np.full((len(ROWS), len(self._buckets)), np.nan)
        means = np.full(len(self._buckets), np.nan)
        for column, bucket in enumerate(self._buckets):
            table[0, column], table[4, column] = bucket.last, bucket.gaps
            if bucket.finite:
                table[1:3, column] = bucket.low, bucket.high
                means[column] = bucket.total / bucket.finite
        table[3] = smooth(means, self._smoothing * len(means))
        return table


def smooth(values: np.ndarray, width: float) -> np.ndarray:
    """Smooth values with a centred Gaussian window, so that the result does not lag.

    Parameters
    ----------
    values : np.ndarray
        Values, float (n,). NaN is excluded from all averages and stays NaN.
    width : float
        Standard deviation of the window in values; below 0.3 the values are returned unchanged.

    Returns
    -------
    np.ndarray
        Smoothed values, float (n,).
    """
    if width < 0.3:
        return values.copy()
    reach = int(3 * width) + 1
    window = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    finite = np.isfinite(values)
    # Cut from mode "full": mode "same" returns the length of the window if the window is longer than the values.
    total = np.convolve(np.where(finite, values, 0.0), window)[reach : reach + len(values)]
    weight = np.convolve(finite.astype(float), window)[reach : reach + len(values)]
    return np.divide(total, weight, out=np.full(len(values), np.nan), where=finite)
