"""A permutation test between two methods on the same test items, with a correction for multiple tests.

If two methods are equally good, their answers are exchangeable. Both answers are therefore swapped for whole groups at random (proteins
of one family change sides together), and the difference is recomputed. The p-value is twice the share of swaps whose difference is at
least as extreme, on the side of the observed one. If there are no more swaps than `permutations`, all are enumerated, and the value is
exact.

Metrics that use the order only are given each method's ranks instead of its scores, as swapping presumes a common scale (Venkatraman &
Begg 1996). A correlation is given scores of mean 0 and variance 1. The test concerns the test items: seeds stay paired, and the
variation between trainings is part of the interval, not of the p-value.

References
----------
Venkatraman ES, Begg CB (1996). A distribution-free procedure for comparing receiver operating characteristic curves from a paired
experiment. Biometrika 83, 835-848.
Holm S (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6, 65-70.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from glmkit.errors import BadInput
from glmkit.evaluate.metrics.registry import METRICS, find_metric
from glmkit.evaluate.results.row import Row
from glmkit.evaluate.results.table import Table
from glmkit.statistics import group_index, interval

_ENTRIES = 4_000_000  # weights in memory at once: 32 MB


def paired_test(
    table: Table,
    a: str | Sequence[str],
    b: str | Sequence[str],
    metric: str | None = None,
    split: str | Sequence[str] | None = None,
    *,
    permutations: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Permutation tests of each method of `a` against each of `b`.

    Parameters
    ----------
    table
        Table of a comparison.
    a, b
        Names of methods, one or several.
    metric
        Name of the metric; None for the headline metric.
    split
        Names of splits, one or several; None for all.
    permutations
        Number of swaps drawn, 1 or more. The smallest possible p-value is 2 / (permutations + 1), or 2 / 2^groups if all are
        enumerated.
    seed
        Seed of the swaps.

    Returns
    -------
    pandas.DataFrame
        One row for each pair and split: method, reference, split, metric, difference (a - b), low, high (paired 95% bootstrap interval), p
        (two-sided), p_holm (corrected for all rows of this call), groups.

    Raises
    ------
    BadInput
        An unknown method, metric or split, a method against itself, or two methods with different seeds.
    """
    names = [[one] if isinstance(one, str) else list(one) for one in (a, b)]
    splits = table.splits if split is None else [split] if isinstance(split, str) else list(split)
    metric = metric or table.headline
    pairs = [(one, two, where) for where in splits for one in names[0] for two in names[1]]
    if same := [one for one, two, _ in pairs if one == two]:
        raise BadInput(f"paired_test: {same[0]} cannot be tested against itself. Leave it out of a or of b.")
    if permutations < 1 or not pairs:
        raise BadInput(f"paired_test: expected at least one pair and one permutation, got {len(pairs)} and {permutations}.")
    records = []
    for one, two, where in pairs:
        ours, theirs = table.row(one, where), table.row(two, where)
        find_metric(metric, ours.task_kind)  # type: ignore[arg-type]
        if metric not in ours.estimates:
            raise BadInput(f"paired_test: this table has no {metric}; it has {', '.join(table.metrics)}.")
        gap = interval(ours.estimates[metric].value - theirs.estimates[metric].value, ours.draws[metric] - theirs.draws[metric])
        p = _p_value(ours, theirs, metric, permutations, seed)
        records.append((one, two, where, metric, *gap, p, len(set(ours.groups))))
    frame = pd.DataFrame(records, columns=["method", "reference", "split", "metric", "difference", "low", "high", "p", "groups"])
    frame.insert(8, "p_holm", holm(frame["p"].to_numpy()))
    return frame


def holm(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """P-values corrected by Holm's step-down method.

    Parameters
    ----------
    p
        P-values, float (tests,).

    Returns
    -------
    numpy.ndarray
        Corrected p-values, float64 (tests,), never below the given ones. Rejecting those up to 0.05 has a family-wise error rate of
        at most 5%.

    Examples
    --------
    >>> from glmkit.evaluate.results import holm
    >>> holm([0.01, 0.04, 0.03]).round(3)
    array([0.03, 0.06, 0.06])
    """
    p = np.asarray(p, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return corrected


def _p_value(ours: Row, theirs: Row, metric: str, permutations: int, seed: int) -> float:
    """Two-sided p-value; swaps are weights of 0 and 1 over both methods' answers, so that many are computed at once."""
    count = max(len(ours.scores), len(theirs.scores))
    if len(ours.scores) != len(theirs.scores) and min(len(ours.scores), len(theirs.scores)) > 1:
        raise BadInput(
            f"paired_test: {ours.method} has {len(ours.scores)} seeds and {theirs.method} {len(theirs.scores)}: they cannot be paired. "
            "Compare both with the same seeds."
        )
    index = group_index(ours.groups, len(ours.groups))
    labels = np.concatenate([ours.labels, ours.labels])
    both = [
        np.concatenate([_on_one_scale(row.scores[s % len(row.scores)], metric) for row in (ours, theirs)]) for s in range(count)
    ]
    drawn = METRICS[metric].drawn

    def difference(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
        flags = np.moveaxis(x, axis, -1)
        taken = flags.reshape(-1, flags.shape[-1])[:, index]
        weights = np.concatenate([taken, 1 - taken], axis=1)
        values = np.stack([drawn(labels, s, weights) - drawn(labels, s, 1 - weights) for s in both]).mean(0)
        return np.round(values, 12).reshape(flags.shape[:-1])  # else equal differences would differ by the order of summation

    groups = int(index.max()) + 1
    test = stats.permutation_test(
        (np.ones(groups), np.zeros(groups)),
        difference,
        permutation_type="samples",
        vectorized=True,
        n_resamples=permutations,
        batch=max(1, _ENTRIES // (2 * len(index))),
        alternative="two-sided",
        rng=np.random.default_rng(seed),
    )
    return float(test.pvalue)


def _on_one_scale(scores: np.ndarray, metric: str) -> np.ndarray:
    if METRICS[metric].rank_based:
        return stats.rankdata(scores, axis=0)
    if metric == "pearson" and np.ptp(scores) > 0:
        return (scores - scores.mean()) / scores.std()
    return scores
