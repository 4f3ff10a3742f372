"""One line of a comparison: what a method scored on a split, with the draws behind its intervals."""

from typing import Any, NamedTuple

import numpy as np

from glmkit.statistics import Estimate


class Row(NamedTuple):  # numpydoc ignore=PR02
    """One method on one split.

    Parameters
    ----------
    split
        Name of the split.
    estimates
        Metric to its mean over seeds with bounds.
    spread
        Metric to its standard deviation over seeds; NaN for one seed.
    draws
        Metric to its bootstrap draws, float64 (draws,); the same groups were drawn for every row of the split.
    scores
        Float64 (seeds, n), or (seeds, n, columns) for many classes or outputs.
    labels
        Int64 (n,), or float64 (n,) for regression, (n, columns) for many outputs.
    groups
        Unit of independence of each test item.
    n_train
        Training items; of a cross-validated split, the mean over folds.
    seen
        Test inputs that also stand among the training inputs (sequences letter for letter).
    shared
        Groups that stand on both sides, as only a split declared so may have.
    task_kind
        ``"classification"``, ``"regression"``, ``"multiclass"`` or ``"multioutput"``.
    columns
        Names of the classes or outputs.
    train_sizes
        Training items of each class, for many classes.
    method, kind, description
        Name, "model" or "baseline", and how it works in one line.
    seeds
        Those used.
    seconds
        CPU seconds to fit and score, all seeds.
    """

    split: str
    estimates: dict[str, Estimate]
    spread: dict[str, float]
    draws: dict[str, np.ndarray]
    scores: np.ndarray
    labels: np.ndarray
    groups: list[Any]
    n_train: int
    seen: int
    shared: int = 0
    task_kind: str = "classification"
    columns: tuple[str, ...] = ()
    train_sizes: tuple[int, ...] = ()
    method: str = ""
    kind: str = "model"
    description: str = ""
    seeds: list[int] = []  # noqa: RUF012 (never changed in place)
    seconds: float = 0.0
