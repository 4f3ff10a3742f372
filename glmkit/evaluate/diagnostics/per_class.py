"""Scores of each class and each output, with intervals, as a supplement to macro averages.

Values are means over seeds; intervals are over groups and seeds, drawn as in :func:`glmkit.evaluate.compare`. A macro metric does not
show which classes it depends on, so the table shows each class and marks classes too rare for a reliable value.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from glmkit.errors import BadInput
from glmkit.evaluate.metrics._bootstrap import item_weights
from glmkit.evaluate.metrics.multiclass import called, class_tallies, one_spearman
from glmkit.evaluate.metrics.weighted import divide, spearman
from glmkit.statistics import group_index, interval

RARE = 10
DRAWS = 1000


def per_class(
    labels: np.ndarray,
    scores: np.ndarray,
    groups: Sequence[object],
    classes: Sequence[str],
    train_sizes: Sequence[int] = (),
    rare: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Precision, recall and F1 of each class.

    Parameters
    ----------
    labels
        Class numbers, int64 (n,).
    scores
        Float64 (seeds, n, classes).
    groups
        Unit of independence of each item.
    classes
        Names of the classes.
    train_sizes
        Number of training items of each class.
    rare
        Classes to mark as rare; None for those with fewer than 10 test items.

    Returns
    -------
    pandas.DataFrame
        Columns class, n_train (if known), n_test, precision, recall, f1, f1_low, f1_high, rare. The recall of a class without test
        items, and the precision of a class that was never predicted, are NaN.
    """
    if rare is not None and (unknown := sorted(set(rare) - set(classes))):
        raise BadInput(f"rare: no class {unknown[0]!r}; there are {', '.join(classes)}.")
    once = np.ones((1, len(labels)))
    there, guessed, hit = (np.concatenate(part) for part in zip(*(class_tallies(labels, s, once) for s in scores), strict=True))

    def f1(weights: np.ndarray, one: np.ndarray) -> np.ndarray:
        """F1 of each class in each draw."""
        found, named, both = class_tallies(labels, one, weights)
        return np.where(found > 0, divide(2 * both, found + named, 0.0), np.nan)

    values = np.where(there > 0, divide(2 * hit, there + guessed, 0.0), np.nan).mean(0)
    low, high = _bounds(f1, scores, groups, values)
    frame = pd.DataFrame(
        {
            "class": list(classes),
            **({"n_train": list(train_sizes)} if len(train_sizes) else {}),
            "n_test": there[0].astype(np.int64),
            "precision": divide(hit, guessed, np.nan).mean(0),
            "recall": divide(hit, there, np.nan).mean(0),
            "f1": values,
            "f1_low": low,
            "f1_high": high,
        }
    )
    frame["rare"] = frame["n_test"] < RARE if rare is None else frame["class"].isin(list(rare))
    return frame.sort_values("n_test", ascending=False, kind="stable", ignore_index=True)


def confusion(labels: np.ndarray, scores: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """Numbers of items by true and predicted class, the mean over seeds.

    Parameters
    ----------
    labels
        Class numbers, int64 (n,).
    scores
        Float64 (seeds, n, classes).
    classes
        Names of the classes.

    Returns
    -------
    pandas.DataFrame
        Float64 (classes, classes), true classes in rows.
    """
    k = len(classes)
    counts = np.mean([np.bincount(labels * k + called(s), minlength=k * k).reshape(k, k) for s in scores], axis=0)
    return pd.DataFrame(counts, index=pd.Index(classes, name="true"), columns=pd.Index(classes, name="called"))


def per_output(labels: np.ndarray, scores: np.ndarray, groups: Sequence[object], outputs: Sequence[str]) -> pd.DataFrame:
    """Spearman's coefficient of each output with its interval.

    Parameters
    ----------
    labels
        Measured values, float64 (n, outputs).
    scores
        Float64 (seeds, n, outputs).
    groups
        Unit of independence of each item.
    outputs
        Names of the outputs.

    Returns
    -------
    pandas.DataFrame
        Columns output, spearman, low, high, n. Outputs whose values are all equal are NaN.
    """
    values = np.array([np.mean([one_spearman(labels[:, k], s[:, k]) for s in scores]) for k in range(len(outputs))])

    def each(weights: np.ndarray, one: np.ndarray) -> np.ndarray:
        """Spearman's coefficient of each output in each draw."""
        return np.stack([spearman(y, s, weights) for y, s in zip(labels.T, one.T, strict=True)], 1)

    low, high = _bounds(each, scores, groups, values)
    return pd.DataFrame({"output": list(outputs), "spearman": values, "low": low, "high": high, "n": len(labels)})


def _bounds(
    statistic: Callable[[np.ndarray, np.ndarray], np.ndarray], scores: np.ndarray, groups: Sequence[object], values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of a statistic (weights, scores of a seed) -> (draws, columns) over groups and seeds; NaN where most draws lack it."""
    index = group_index(groups, len(groups))
    parts = [np.stack([statistic(weights, s) for s in scores], 1) for weights in item_weights(index, DRAWS, seed=0)]
    drawn, count = np.concatenate(parts), len(scores)
    picks = np.random.default_rng([1, 0]).integers(0, count, size=(DRAWS, count, 1))
    means = np.take_along_axis(drawn, picks, 1).mean(1)
    bounds = np.full((2, len(values)), np.nan)
    for k, value in enumerate(values):
        if np.isfinite(value) and 2 * np.isfinite(means[:, k]).sum() >= DRAWS:
            bounds[:, k] = interval(value, means[:, k])[1:]
    return bounds[0], bounds[1]
