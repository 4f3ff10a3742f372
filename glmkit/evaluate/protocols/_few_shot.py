"""What a method does with a few labels: a curve over training sizes, each size drawn anew for each seed.

Assays are dear, so the question in practice is rarely what a thousand labels give but what two dozen give. Every method is given
the same labels for the same seed and size, and the spread over seeds, which at eight labels is most of the uncertainty, is in
the interval.
"""

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

from glmkit.errors import BadInput
from glmkit.evaluate.method import Method, check_methods
from glmkit.evaluate.metrics.registry import Kind
from glmkit.evaluate.protocols._compare import compare
from glmkit.evaluate.results.table import Table
from glmkit.evaluate.tasks.task import Task


def few_shot(
    task: Task,
    models: Sequence[Method],
    baselines: Sequence[Method],
    sizes: Sequence[int] = (8, 24, 96),
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    splits: Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
    draws: int = 1000,
    log: Callable[[str], None] | None = None,
    *,
    headline: str | None = None,
    workers: int = 1,
) -> Table:
    """Compare methods that are given only a few of the training labels.

    Parameters
    ----------
    task, models, baselines, splits, metrics, draws, log, headline, workers
        As for :func:`glmkit.evaluate.compare`.
    sizes
        Labels given (to each fold of a cross-validated split).
    seeds
        Each draws other labels, and is handed to the method.

    Returns
    -------
    Table
        Splits are named ``"<split>, <size> labels"``; the test sides are those of the task, whole.

    Raises
    ------
    BadInput
        A size below 2, below the classes in training, or above the training items there are.
    """
    chosen = list(task.splits) if splits is None else list(splits)
    least = min((len(fold.train) for split in chosen if split in task.splits for fold in task.folds(split)), default=0)
    if not sizes or min(sizes) < 2 or max(sizes) > least:
        raise BadInput(f"sizes: expected 2 to {least}, the smallest training side, got {list(sizes)}.")
    models, baselines = check_methods("models", models), check_methods("baselines", baselines)
    tables = []
    for size in sizes:
        few = [[_Few(method, size, task.kind) for method in methods] for methods in (models, baselines)]
        tables.append(compare(task, *few, chosen, seeds, metrics, draws, log, headline=headline, workers=workers))
    rows = [
        row._replace(split=f"{row.split}, {size} labels", n_train=size)
        for size, table in zip(sizes, tables, strict=True)
        for row in table.rows
    ]
    return Table(task=task.name, rows=rows, metrics=tables[0].metrics, headline=tables[0].headline)


class _Few:
    """A method that is trained on `size` of the labels."""

    random = True  # the labels drawn depend on the seed, even if the method does not

    def __init__(self, method: Method, size: int, kind: Kind) -> None:
        self.name, self.description = method.name, method.description
        self._method, self._size, self._kind = method, size, kind

    def fit(self, inputs: Sequence[Any], labels: np.ndarray, seed: int = 0) -> Self:
        kept = _drawn(labels, self._size, self._kind, seed)
        self._method.fit([inputs[i] for i in kept], labels[kept], seed)
        return self

    def score(self, inputs: Sequence[Any]) -> np.ndarray:
        return self._method.score(inputs)


def _drawn(labels: np.ndarray, size: int, kind: Kind, seed: int) -> np.ndarray:
    """Items drawn without replacement, smaller sizes being part of larger ones; every class is there."""
    order = np.random.default_rng(seed).permutation(len(labels))
    if kind in {"classification", "multiclass"}:
        if (there := len(np.unique(labels))) > size:
            raise BadInput(f"sizes: expected at least {there}, a label of each class in training, got {size}.")
        first = np.array([int(np.argmax(labels[order] == value)) for value in np.unique(labels)])
        order = np.r_[order[np.sort(first)], np.delete(order, first)]
    return np.sort(order[:size])
