"""Cross-validation: every item is tested once, by a method that was not trained on its group.

Where items are few, a single held-out side is a small sample that may be unrepresentative; k-fold cross-validation tests all items at
the price of k trainings. Whole groups stay together, and classes are spread as evenly as the groups allow.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.evaluate.metrics.registry import Kind
from glmkit.evaluate.tasks.task import Fold, Task


def k_fold(items: Any, k: int = 5, *, seeds: Sequence[int] = (0,), name: str = "", kind: Kind = "classification") -> Task:
    """A task whose splits are cross-validations over whole groups.

    Parameters
    ----------
    items
        A task, whose splits are replaced; or an object with ``sequences``, ``labels`` and ``groups``.
    k
        Number of folds, from 2 to the number of groups.
    seeds
        Seed of each split; the split is called ``"5-fold"``, or with several seeds ``"5-fold, seed 0"`` and so on.
    name, kind
        Name and kind of the task, if `items` is not a task.

    Returns
    -------
    Task
        :func:`glmkit.evaluate.compare` fits each method once a fold and pools the scores of all folds.

    Raises
    ------
    BadInput
        A `k` that does not fit the groups, no seed, or a fold side with a single class.

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.evaluate import Task, k_fold
    >>> task = Task(
    ...     name="toy", sequences=list(range(12)), labels=np.arange(12) % 2, groups=[i // 2 for i in range(12)], splits={}
    ... )
    >>> [len(fold.test) for fold in k_fold(task, 3).folds("3-fold")]
    [4, 4, 4]
    """
    if not isinstance(items, Task):
        items = Task(
            name=name,
            sequences=list(items.sequences),
            labels=np.asarray(items.labels),
            groups=list(map(str, items.groups)),
            splits={},
            kind=kind,
        )
    names, groups = np.unique(np.asarray(items.groups, dtype=object).astype(str), return_inverse=True)
    if not 2 <= k <= len(names):
        raise BadInput(f"k: expected 2 to {len(names)}, the number of groups, got {k}.")
    if not seeds:
        raise BadInput("seeds: expected at least one, got none.")
    return replace(
        items,
        splits={
            f"{k}-fold" + (f", seed {seed}" if len(seeds) > 1 else ""): _folds(items, groups, len(names), k, seed)
            for seed in seeds
        },
    )


def _folds(task: Task, groups: np.ndarray, count: int, k: int, seed: int) -> list[Fold]:
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, StratifiedKFold

    labels, shuffled = np.asarray(task.labels), {"shuffle": True, "random_state": seed}
    if task.kind not in {"classification", "multiclass"}:
        divided = GroupKFold(k, **shuffled).split(labels, groups=groups)
    elif count < len(labels):
        divided = StratifiedGroupKFold(k, **shuffled).split(labels, labels, groups)
    else:  # each item is a group
        divided = StratifiedKFold(k, **shuffled).split(labels, labels)
    return [Fold(train, test) for train, test in divided]
