"""One row of a comparison: the scores of a method on a split, with the draws of its intervals."""

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
        Float64 (seeds, n), or (seeds, n, columns) for multiclass and multioutput tasks.
    labels
        Int64 (n,), or float64 (n,) for regression, (n, columns) for several outputs.
    groups
        Unit of independence of each test item.
    n_train
        Number of training items; of a cross-validated split, the mean over folds.
    seen
        Number of test inputs that are identical to a training input.
    shared
        Number of groups on both sides, above 0 only for folds with ``shares_groups``.
    task_kind
        ``"classification"``, ``"regression"``, ``"multiclass"`` or ``"multioutput"``.
    columns
        Names of the classes or outputs.
    train_sizes
        Number of training items of each class, for multiclass tasks.
    method, kind, description
        Name of the method, "model" or "baseline", and its description in one line.
    seeds
        Seeds of the trainings.
    seconds
        CPU seconds to fit and score, summed over seeds.
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
