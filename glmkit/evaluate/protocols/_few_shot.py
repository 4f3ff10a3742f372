"""Learning curves: the score of a method with a few labels, drawn anew for each seed and size.

Assays are expensive, so in practice a method often has two dozen labels rather than a thousand. For the same seed and size every method
is given the same labels. The spread over seeds, which is most of the uncertainty at eight labels, is part of the interval.
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
    """Compare methods that are trained on a few of the training labels.

    Parameters
    ----------
    task, models, baselines, splits, metrics, draws, log, headline, workers
        As for :func:`glmkit.evaluate.compare`.
    sizes
        Numbers of labels, each 2 or more; of a cross-validated split, for each fold.
    seeds
        Seeds of the draws of labels and of the trainings, each 0 or more.

    Returns
    -------
    Table
        Splits are named ``"<split>, <size> labels"``; the test sides are the complete ones of the task.

    Raises
    ------
    BadInput
        A size below 2, below the number of classes in training, or above the number of training items.

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.evaluate import Fold, Task, few_shot
    >>> from glmkit.evaluate.baselines import Majority
    >>> from glmkit.evaluate.baselines.dna import KmerLinear
    >>> rng = np.random.default_rng(0)
    >>> labels = np.arange(60) % 2
    >>> sequences = ["".join(rng.choice(list("GGGCAT" if y else "AAATCG"), 30)) for y in labels]
    >>> task = Task(
    ...     name="GC", sequences=sequences, labels=labels, groups=list(range(60)),
    ...     splits={"random": Fold(np.arange(40), np.arange(40, 60))},
    ... )
    >>> table = few_shot(task, [], [KmerLinear(k=2), Majority()], sizes=(4, 16), seeds=(0, 1), draws=50)
    >>> table.frame[["method", "split", "n_train", "seeds"]]
                         method              split  n_train  seeds
    0  2-mer logistic regression   random, 4 labels        4      2
    1                  majority   random, 4 labels        4      2
    2  2-mer logistic regression  random, 16 labels       16      2
    3                  majority  random, 16 labels       16      2
    """
    chosen = list(task.splits) if splits is None else list(splits)
    least = min((len(fold.train) for split in chosen if split in task.splits for fold in task.folds(split)), default=0)
    if not sizes or min(sizes) < 2 or max(sizes) > least:
        raise BadInput(f"sizes: expected 2 to {least}, the smallest training side, got {list(sizes)}.")
    models, baselines = check_methods("models", models), check_methods("baselines", baselines)
    tables = []
    for size in sizes:
        few_models, few_baselines = ([_Few(method, size, task.kind) for method in some] for some in (models, baselines))
        tables.append(
            compare(task, few_models, few_baselines, chosen, seeds, metrics, draws, log, headline=headline, workers=workers)
        )
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
    """Items drawn without replacement, int64 (size,); smaller draws are subsets of larger ones, and each class is present."""
    order = np.random.default_rng(seed).permutation(len(labels))
    if kind in {"classification", "multiclass"}:
        if (there := len(np.unique(labels))) > size:
            raise BadInput(f"sizes: expected at least {there}, a label of each class in training, got {size}.")
        first = np.array([int(np.argmax(labels[order] == value)) for value in np.unique(labels)])
        order = np.r_[order[np.sort(first)], np.delete(order, first)]
    return np.sort(order[:size])
