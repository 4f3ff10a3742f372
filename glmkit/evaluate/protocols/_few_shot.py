"""What a method does with a few labels: a curve over training sizes, each size drawn anew for each seed.

Assays are dear, so the question in practice is rarely what a thousand labels give but what two dozen give. Every method is given
the same labels for the same seed and size, and the spread over seeds, which at eight labels is most of the uncertainty, is in
the interval.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.evaluate.baselines.base import Baseline
from glmkit.evaluate.metrics.registry import Kind
from glmkit.evaluate.protocols._compare import compare
from glmkit.evaluate.protocols.jobs import FitScore
from glmkit.evaluate.results.table import Table
from glmkit.evaluate.tasks.task import Task


def few_shot(
    task: Task,
    models: Mapping[str, FitScore],
    baselines: Sequence[Baseline],
    sizes: Sequence[int] = (8, 24, 96),
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    splits: Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
    draws: int = 1000,
    log: Callable[[str], None] | None = None,
    *,
    workers: int = 1,
) -> Table:
    """Compare methods that are given only a few of the training labels.

    Parameters
    ----------
    task, models, baselines, splits, metrics, draws, log, workers
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
    tables = []
    for size in sizes:
        fewer = {name: _on_few(model, size, task.kind) for name, model in models.items()}
        few = [_Few(baseline, size, task.kind) for baseline in baselines]
        tables.append(compare(task, fewer, few, chosen, seeds, metrics, draws, log, workers=workers))
    rows = [
        row._replace(split=f"{row.split}, {size} labels", n_train=size)
        for size, table in zip(sizes, tables, strict=True)
        for row in table.rows
    ]
    return Table(task=task.name, rows=rows, metrics=tables[0].metrics)


class _Few:
    """A baseline that is given `size` of the labels."""

    random = True

    def __init__(self, baseline: Baseline, size: int, kind: Kind) -> None:
        self.name, self.description = baseline.name, baseline.description
        self._baseline, self._size, self._kind = baseline, size, kind

    def fit(self, sequences: Sequence[Any], labels: np.ndarray, seed: int = 0) -> "_Few":
        kept = _drawn(labels, self._size, self._kind, seed)
        self._baseline.fit([sequences[i] for i in kept], labels[kept], seed)
        return self

    def score(self, sequences: Sequence[Any]) -> np.ndarray:
        return self._baseline.score(sequences)


def _on_few(model: FitScore, size: int, kind: Kind) -> FitScore:
    def fit_score(sequences: Sequence[Any], labels: np.ndarray, test: Sequence[Any], seed: int) -> np.ndarray:
        kept = _drawn(labels, size, kind, seed)
        return model([sequences[i] for i in kept], labels[kept], test, seed)

    fit_score.__doc__ = getattr(model, "description", None) or model.__doc__
    return fit_score


def _drawn(labels: np.ndarray, size: int, kind: Kind, seed: int) -> np.ndarray:
    """Items drawn without replacement, smaller sizes being part of larger ones; every class is there."""
    order = np.random.default_rng(seed).permutation(len(labels))
    if kind in {"classification", "multiclass"}:
        if (there := len(np.unique(labels))) > size:
            raise BadInput(f"sizes: expected at least {there}, a label of each class in training, got {size}.")
        first = np.array([int(np.argmax(labels[order] == value)) for value in np.unique(labels)])
        order = np.r_[order[np.sort(first)], np.delete(order, first)]
    return np.sort(order[:size])
