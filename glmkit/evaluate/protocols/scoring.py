"""The row of one method: metrics and intervals from its scores, and overlaps between training and test side."""

from collections.abc import Sequence

import numpy as np

from glmkit.evaluate.metrics._bootstrap import item_weights
from glmkit.evaluate.metrics.registry import METRICS, check_scores
from glmkit.evaluate.results.row import Row
from glmkit.evaluate.tasks.task import Fold, Task
from glmkit.statistics import group_index, interval


def score_method(
    task: Task, items: np.ndarray, folds: Sequence[Fold], scores: np.ndarray, metrics: Sequence[str], draws: int, number: int = 0
) -> Row:
    """The metrics of one method on some items, with their bootstrap draws.

    Parameters
    ----------
    task
        Task whose labels and groups are used.
    items
        Numbers of the scored items, int64 (n,).
    folds
        Folds whose training sides were used; none for a method that was not trained.
    scores
        Float64 (seeds, n), or (seeds, n, columns).
    metrics
        Names of the metrics.
    draws
        Number of bootstrap draws. The same groups are drawn for every method.
    number
        Place of the method in the comparison, from 0; it seeds the resampling of seeds, which thus differs between methods.

    Returns
    -------
    Row
        Row without the method's name, kind and description.
    """
    labels = np.asarray(task.labels)[items]
    groups = [task.groups[i] for i in items]
    index = group_index(groups, len(groups))
    per_seed = {m: np.array([METRICS[m].value(*check_scores(labels, s, task.kind)) for s in scores]) for m in metrics}
    drawn: dict[str, list[np.ndarray]] = {m: [] for m in metrics}
    for weights in item_weights(index, draws, seed=0):
        for metric in metrics:
            drawn[metric].append(np.stack([METRICS[metric].drawn(labels, s, weights) for s in scores], 1))
    count = len(scores)
    picks = np.random.default_rng([1, number]).integers(0, count, size=(draws, count))
    means = {m: np.take_along_axis(np.concatenate(parts), picks, 1).mean(1) for m, parts in drawn.items()}
    train = [{task.sequences[i] for i in fold.train} for fold in folds]
    return Row(
        split="",
        estimates={m: interval(per_seed[m].mean(), means[m]) for m in metrics},
        spread={m: float(per_seed[m].std(ddof=1)) if count > 1 else float("nan") for m in metrics},
        draws=means,
        scores=scores,
        labels=labels,
        groups=groups,
        n_train=round(np.mean([len(fold.train) for fold in folds])) if folds else 0,
        seen=sum(task.sequences[i] in known for known, fold in zip(train, folds, strict=True) for i in fold.test),
        shared=_shared_groups(task, folds),
        task_kind=task.kind,
        columns=task.columns,
        train_sizes=_class_sizes(task, folds) if task.kind == "multiclass" else (),
    )


def _class_sizes(task: Task, folds: Sequence[Fold]) -> tuple[int, ...]:
    """Number of training items of each class, the mean over folds."""
    if not folds:
        return (0,) * len(task.columns)
    sizes = [np.bincount(np.asarray(task.labels)[fold.train], minlength=len(task.columns)) for fold in folds]
    return tuple(round(size) for size in np.mean(sizes, axis=0).tolist())


def _shared_groups(task: Task, folds: Sequence[Fold]) -> int:
    """Number of groups that occur both among the test and the training items of the same fold."""
    sides = [({task.groups[i] for i in fold.train}, {task.groups[i] for i in fold.test}) for fold in folds]
    return len(set().union(*(train & test for train, test in sides)))
