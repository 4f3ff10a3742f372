"""Cluster bootstrap: percentile intervals from resampling whole groups with replacement.

Windows of one contig, proteins of one family or cells of one donor are not independent. An interval from resampling single
items is therefore too narrow. Here whole *groups* are drawn with replacement, each with all of its items. A draw is stored
as the count of each group. A thousand draws are then one matrix product instead of a thousand copies of the data.

The intervals are percentile intervals (Efron 1979; Efron & Tibshirani 1993, chapter 13). They cover the sampling of test
items only, not the variation of training. With fewer than about ten groups they are too narrow, like all bootstrap intervals.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from glmkit.errors import BadInput


class Estimate(NamedTuple):  # numpydoc ignore=PR02
    """A statistic with the bounds of its interval (95% by default).

    Parameters
    ----------
    value
        Statistic of the whole data, not the mean of the draws.
    low, high
        Percentile bounds over the draws.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return format(self, ".3f")

    def __format__(self, spec: str) -> str:
        number = spec or ".3f"
        return f"{self.value:{number}} [{self.low:{number}}, {self.high:{number}}]"

    def choose(self, above: str, below: str, between: str) -> str:
        """One of three texts, by the place of the interval relative to 0.

        Parameters
        ----------
        above, below
            Text for an interval entirely above or below 0.
        between
            Text for an interval that contains 0.

        Returns
        -------
        str
            The text.

        Examples
        --------
        >>> Estimate(0.2, 0.1, 0.3).choose("higher", "lower", "not distinguishable")
        'higher'
        >>> f"{Estimate(0.2, -0.1, 0.3):+.2f}"
        '+0.20 [-0.10, +0.30]'
        """
        return above if self.low > 0 else below if self.high < 0 else between


def group_index(groups: Sequence[object] | np.ndarray | None, n: int) -> np.ndarray:
    """Number the groups in order of first appearance.

    Parameters
    ----------
    groups
        Group name of each item (contig, block, family), length `n`; None if every item is a group of its own.
    n
        Number of items.

    Returns
    -------
    int64 array (n,)
        Group number of each item, from 0.

    Raises
    ------
    BadInput
        The number of names is not `n`, or there are fewer than two groups, for which no interval exists.
    """
    if groups is None:
        index = np.arange(n)
    else:
        if len(groups) != n:
            raise BadInput(f"groups: expected one name for each of {n} items, got {len(groups)}.")
        numbers: dict[object, int] = {}
        index = np.fromiter((numbers.setdefault(name, len(numbers)) for name in groups), dtype=np.int64, count=n)
    if n == 0 or index.max() == 0:
        raise BadInput(
            f"An interval needs at least 2 groups to resample, got {min(n, 1)}. "
            "Give blocks of the sequence as groups, or groups=None if the items are independent."
        )
    return index


def draw_groups(count: int, draws: int, seed: int) -> np.ndarray:
    """Draw `count` groups with replacement, `draws` times, and count each group.

    Parameters
    ----------
    count
        Number of groups.
    draws
        Number of draws, at least 1.
    seed
        Random seed. Equal seeds give equal draws, so that two methods can be compared draw by draw.

    Returns
    -------
    float64 array (draws, groups)
        Number of times each group was drawn; each row sums to `count`.
    """
    if draws < 1:
        raise BadInput(f"draws: expected at least 1, got {draws}.")
    rng = np.random.default_rng(seed)
    picked = rng.integers(0, count, size=(draws, count))
    picked += np.arange(draws)[:, None] * count
    return np.bincount(picked.ravel(), minlength=draws * count).reshape(draws, count).astype(np.float64)


def interval(value: float, drawn: np.ndarray, level: float = 0.95) -> Estimate:
    """Percentile interval of bootstrap draws.

    Parameters
    ----------
    value
        Statistic of the whole data.
    drawn
        Statistic of each draw, float (draws,). NaN marks a draw for which it is undefined, such as AUROC with one class;
        such draws are excluded.
    level
        Coverage of the interval as a fraction of the draws, between 0 and 1.

    Returns
    -------
    Estimate
        `value` with its bounds.

    Raises
    ------
    BadInput
        More than half of the draws have no value.
    """
    known = drawn[~np.isnan(drawn)]
    if 2 * len(known) < len(drawn):
        raise BadInput(
            f"{len(drawn) - len(known)} of {len(drawn)} draws hold a single class, so the metric has no interval. "
            "Use more or smaller groups."
        )
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(float(value), float(low), float(high))


def ratio(
    numerators: np.ndarray,
    denominators: np.ndarray,
    groups: Sequence[object] | np.ndarray | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Ratio of two sums, such as bits per base, with a bootstrap interval over groups.

    Parameters
    ----------
    numerators, denominators
        Summands of each item, float (n,).
    groups
        Group (unit of independence) of each item, length n; None if the items are independent.
    draws, seed
        Number of bootstrap draws and random seed.

    Returns
    -------
    Estimate
        ``numerators.sum() / denominators.sum()``; items with a larger denominator weigh more.

    Examples
    --------
    >>> bits, bases = [190.0, 205.0, 150.0, 160.0], [100, 100, 100, 100]
    >>> estimate = ratio(bits, bases, groups=["contig1", "contig1", "contig2", "contig2"])
    >>> round(estimate.value, 4)
    1.7625
    >>> print(estimate)
    1.762 [1.550, 1.975]
    """
    numerators, denominators = np.asarray(numerators, float), np.asarray(denominators, float)
    index = group_index(groups, len(numerators))
    top, bottom = np.bincount(index, numerators), np.bincount(index, denominators)
    if not bottom.sum() > 0:
        raise BadInput(f"The denominators sum to {bottom.sum()}; expected more than 0. Check that items are left to score.")
    counts = draw_groups(len(top), draws, seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = (counts @ top) / (counts @ bottom)
    return interval(top.sum() / bottom.sum(), drawn)


def mean(
    values: Sequence[float] | np.ndarray, groups: Sequence[object] | np.ndarray | None = None, draws: int = 1000, seed: int = 0
) -> Estimate:
    """Mean with an interval over groups.

    Parameters
    ----------
    values
        Float array (n,), one value an item.
    groups
        Unit of independence of each item; None when items are independent.
    draws, seed
        Number of bootstrap draws and their seed.

    Returns
    -------
    Estimate
        Mean over items with its interval.

    Examples
    --------
    >>> print(mean([1.0, 2.0, 3.0, 6.0], groups=["a", "a", "b", "b"]))
    3.000 [1.500, 4.500]
    """
    return ratio(np.asarray(values, float), np.ones(len(values)), groups, draws, seed)
