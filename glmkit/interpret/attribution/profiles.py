"""Attributions summarised along positions and over regions, with intervals over groups of inputs.

Attributions are float arrays (n, positions); NaN marks positions beyond the end of an input.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from glmkit.errors import BadInput
from glmkit.statistics import mean


def position_profile(
    values: np.ndarray, groups: Sequence[object] | np.ndarray | None = None, first: int = 0, least: int = 2
) -> pd.DataFrame:
    """Mean attribution at each position.

    Parameters
    ----------
    values
        Attributions, float (n, positions); NaN beyond the end of an input.
    groups
        Unit of independence of each input (contig, family); None for independent inputs.
    first
        Number of the first position.
    least
        Fewest inputs of a position; positions with fewer are left out. All inputs suffice if there are fewer.

    Returns
    -------
    pandas.DataFrame
        One row a position: position, effect, low, high (95% interval over groups).

    Examples
    --------
    >>> values = np.array([[1.0, 0.0, np.nan], [3.0, 0.0, 2.0], [2.0, 3.0, np.nan]])
    >>> position_profile(values, first=10)[["position", "effect"]]
       position  effect
    0        10     2.0
    1        11     1.0
    """
    names = np.arange(len(values)) if groups is None else np.asarray(groups)
    rows = []
    for place in range(values.shape[1]):
        there = ~np.isnan(values[:, place])
        if there.sum() >= min(least, len(values)):
            rows.append((place + first, *mean(values[there, place], names[there])))
    return pd.DataFrame(rows, columns=["position", "effect", "low", "high"])


def region_means(
    values: np.ndarray,
    regions: Mapping[str, np.ndarray | slice],
    groups: Sequence[object] | np.ndarray | None = None,
    controls: Mapping[str, np.ndarray] | None = None,
) -> pd.DataFrame:
    """Mean attribution in each region, and the relative size of attributions there.

    Parameters
    ----------
    values
        Attributions, float (n, positions); NaN beyond the end of an input.
    regions
        Positions of each region, as a slice or a boolean mask (positions,). Regions with fewer than two inputs are left out.
    groups
        Unit of independence of each input; None for independent inputs.
    controls
        Attributions to compare, by name, such as those of random weights. For each a column ``relative size, <name>`` is added:
        mean absolute attribution in the region, divided by that over all positions; 1 means no preference.

    Returns
    -------
    pandas.DataFrame
        One row a region: region, positions, effect, effect_low, effect_high (95% intervals over groups), and relative sizes.

    Examples
    --------
    >>> values = np.array([[4.0, 0.0, 0.0, 0.0], [2.0, 0.0, 0.0, 2.0]])
    >>> table = region_means(values, {"start": slice(0, 1), "rest": slice(1, 4)}, controls={"model": values})
    >>> table[["region", "positions", "effect", "relative size, model"]].round(2)
      region  positions  effect  relative size, model
    0  start          1    3.00                  3.00
    1   rest          3    0.33                  0.33
    """
    names = np.arange(len(values)) if groups is None else np.asarray(groups)
    sizes = {name: (np.abs(one), np.nanmean(np.abs(one))) for name, one in (controls or {}).items()}
    rows = []
    for region, where in regions.items():
        inside = values[:, where]
        reached = (~np.isnan(inside)).any(axis=1)
        if reached.sum() < 2:
            continue
        effect = mean(np.nanmean(inside[reached], axis=1), names[reached])
        row = {"region": region, "positions": inside.shape[1], "effect": effect.value}
        row |= {"effect_low": effect.low, "effect_high": effect.high}
        row |= {f"relative size, {name}": np.nanmean(size[:, where]) / whole for name, (size, whole) in sizes.items()}
        rows.append(row)
    return pd.DataFrame(rows)


def rank_correlations(values: Sequence[np.ndarray] | np.ndarray, reference: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """Spearman's correlation of two attributions of each input, over its positions.

    Parameters
    ----------
    values, reference
        Attributions of the same n inputs, one float array (positions,) an input.

    Returns
    -------
    float64 array (n,)
        Correlations; NaN where one of the two is constant.

    Examples
    --------
    >>> rank_correlations([np.array([1.0, 2.0, 9.0])], [np.array([0.1, 0.2, 0.3])])
    array([1.])
    """
    return np.array([spearmanr(own, other).statistic for own, other in zip(values, reference, strict=True)])


def per_base(words: np.ndarray, bases: int) -> np.ndarray:
    """Attributions of overlapping words, shared evenly among the bases of each word.

    Parameters
    ----------
    words
        Attributions, float (n, words); word i covers bases i to i + k - 1.
    bases
        Number of bases; k is bases - words + 1.

    Returns
    -------
    float array (n, bases)
        Attributions of the bases; each row has the same sum as before.

    Raises
    ------
    BadInput
        There are more words than bases.

    Examples
    --------
    >>> per_base(np.array([[2.0, 4.0]]), bases=3)
    array([[1., 3., 2.]])
    """
    k = bases - words.shape[1] + 1
    if k < 1:
        raise BadInput(f"words: expected at most one for each of {bases} bases, got {words.shape[1]}.")
    return np.asarray(sum(np.pad(words, ((0, 0), (i, k - 1 - i))) for i in range(k)) / k)


def stretch_sums(values: np.ndarray, lengths: Sequence[int], span: int) -> list[np.ndarray]:
    """Attributions summed over the stretch around each position.

    Parameters
    ----------
    values
        Attributions, float (n, positions).
    lengths
        Positions of each input.
    span
        Length of a stretch, odd; at the ends it is shorter.

    Returns
    -------
    list of float array (length,)
        Sums, one array an input.

    Examples
    --------
    >>> stretch_sums(np.array([[1.0, 2.0, 4.0, 8.0]]), [4], span=3)
    [array([ 3.,  7., 14., 12.])]
    """
    ones = np.ones(span)
    pairs = zip(values, lengths, strict=True)
    return [np.convolve(row[:length], ones, "full")[span // 2 :][:length] for row, length in pairs]
