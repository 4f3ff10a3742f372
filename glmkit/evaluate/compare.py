"""Models and baselines on the same splits, with intervals that can be compared.

Every method sees the same training items and is scored on the same test items, once a seed. A row's value is the mean of
the metric over seeds. Its interval is a two-level bootstrap: each draw resamples the test groups and, independently, the
seeds, and takes the mean, so that both the choice of contigs and the luck of training are in it. With three seeds the second
part is somewhat too small (as any variance from three values taken without Bessel's correction); the spread over seeds
therefore also stands in its own column.

All methods share the draws of groups. A difference between two rows is taken draw by draw, which is what makes its interval far
narrower than two separate intervals suggest.

Of a cross-validated split the scores of all folds are judged together, so that each item counts once and one interval covers all
of them; a method whose scores sit higher in one fold than in another pays for it.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.evaluate.bootstrap import item_weights
from glmkit.evaluate.fitted import Baseline
from glmkit.evaluate.metrics import DEFAULTS, METRICS, check_scores, find_metric
from glmkit.evaluate.table import Row, Table
from glmkit.evaluate.task import Fold, Task
from glmkit.score.estimate import group_index, interval

FitScore = Callable[[Sequence[Any], np.ndarray, Sequence[Any], int], np.ndarray]


def compare(
    task: Task,
    models: Mapping[str, FitScore],
    baselines: Sequence[Baseline],
    splits: Sequence[str] | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    metrics: Sequence[str] | None = None,
    draws: int = 1000,
    log: Callable[[str], None] | None = None,
) -> Table:
    """Fit and score every method on every split and seed.

    Parameters
    ----------
    task
        Inputs, labels, groups and splits.
    models
        Name to a function ``(train inputs, train labels, test inputs, seed) -> scores``: (n,), in [0, 1] for two classes; (n,
        classes), probabilities, for many; (n, outputs). A function whose model is already trained may ignore the first two. Its
        ``description``, or else its docstring's first line, becomes the row's description.
    baselines
        Objects with ``fit`` and ``score``; those that draw nothing at random are fitted once, not once a seed.
    splits
        Names of the task's splits to use; None for all. Splits with the same training items are fitted once together.
    seeds
        Of the methods.
    metrics
        Names in :data:`glmkit.evaluate.METRICS`, the headline first; None for all that fit the task's kind.
    draws
        Of the bootstrap.
    log
        Called with one line a fitted method.

    Returns
    -------
    Table
        One row a method and split.

    Raises
    ------
    BadInput
        An unknown split or metric, a name used twice, or scores of the wrong shape.
    """
    metrics = DEFAULTS[task.kind] if metrics is None else tuple(metrics)
    for metric in metrics:
        find_metric(metric, task.kind)
    names = [*models, *(baseline.name for baseline in baselines)]
    if len(set(names)) < len(names):
        raise BadInput(f"Methods need names of their own, got {', '.join(names)}.")
    chosen = list(task.splits) if splits is None else list(splits)
    if unknown := [split for split in chosen if split not in task.splits]:
        raise BadInput(f"Task {task.name!r} has no split {unknown[0]!r}; it has {', '.join(task.splits)}.")
    methods: list[tuple[str, str, str, Sequence[int], FitScore]] = [
        (name, "model", _describe(name, model), seeds, model) for name, model in models.items()
    ]
    for baseline in baselines:
        methods.append((baseline.name, "baseline", baseline.description, seeds if baseline.random else seeds[:1], _run(baseline)))
    rows = []
    for together in _same_training(task, chosen):
        for number, (name, kind, description, own_seeds, function) in enumerate(methods):
            began = _cpu_seconds()
            scores = [_scores(name, function, task, together, seed) for seed in own_seeds]
            seconds = (_cpu_seconds() - began) / len(together)
            for j, split in enumerate(together):
                stacked = np.stack([by_split[j] for by_split in scores])
                row = _row(task, split, stacked, metrics, draws, number)
                row = row._replace(method=name, kind=kind, description=description, seeds=list(own_seeds), seconds=seconds)
                rows.append(row)
            if log is not None:
                head = metrics[0]
                results = (f"{row.split} {METRICS[head].title} {row.estimates[head]}" for row in rows[-len(together) :])
                log(f"{name}: {', '.join(results)}")
    return Table(task=task.name, rows=rows, metrics=metrics)


def _cpu_seconds() -> float:
    """Of this process and of the programs that it has run."""
    return sum(os.times()[:4])


def _describe(name: str, model: FitScore) -> str:
    return getattr(model, "description", None) or ((model.__doc__ or "").strip() or name).splitlines()[0]


def _run(baseline: Baseline) -> FitScore:
    def fit_score(sequences: Sequence[str], labels: np.ndarray, test: Sequence[str], seed: int) -> np.ndarray:
        baseline.fit(sequences, labels, seed)
        return baseline.score(test)

    return fit_score


def _same_training(task: Task, splits: Sequence[str]) -> list[list[str]]:
    """Splits gathered by equal training items, fold by fold."""
    gathered: dict[tuple[bytes, ...], list[str]] = {}
    for split in splits:
        gathered.setdefault(tuple(np.asarray(fold.train).tobytes() for fold in task.folds(split)), []).append(split)
    return list(gathered.values())


def _scores(name: str, function: FitScore, task: Task, splits: Sequence[str], seed: int) -> list[np.ndarray]:
    """Scores on the test side of each split, after one training a fold."""
    parts: list[list[np.ndarray]] = [[] for _ in splits]
    for folds in zip(*(task.folds(split) for split in splits), strict=True):
        for part, scores in zip(parts, _fold_scores(name, function, task, folds, seed), strict=True):
            part.append(scores)
    return [np.concatenate(part) for part in parts]


def _fold_scores(name: str, function: FitScore, task: Task, folds: Sequence[Fold], seed: int) -> list[np.ndarray]:
    """Scores on the test side of each fold after one training."""
    test = [task.sequences[i] for fold in folds for i in fold.test]
    once = list(dict.fromkeys(test))  # a test set may be a part of another
    train = folds[0].train
    got = function([task.sequences[i] for i in train], np.asarray(task.labels)[train], once, seed)
    got = np.asarray(got, dtype=np.float64)
    columns = task.columns
    if got.shape != (len(once), *([len(columns)] if columns else [])):
        each = f" and {'class' if task.kind == 'multiclass' else 'output'} (of {len(columns)})" if columns else ""
        raise BadInput(
            f"{name}, seed {seed}: expected one score for each of {len(once)} test items{each}, got an array {got.shape}."
        )
    place = {item: i for i, item in enumerate(once)}
    return np.split(got[[place[item] for item in test]], np.cumsum([len(fold.test) for fold in folds])[:-1])


def _row(task: Task, split: str, scores: np.ndarray, metrics: Sequence[str], draws: int, number: int) -> Row:
    """Metrics of the scores (seeds, n) or (seeds, n, columns) of one method, with their draws."""
    folds = task.folds(split)
    test = np.concatenate([fold.test for fold in folds])
    labels = np.asarray(task.labels)[test]
    groups = [task.groups[i] for i in test]
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
        split=split,
        estimates={m: interval(per_seed[m].mean(), means[m]) for m in metrics},
        spread={m: float(per_seed[m].std(ddof=1)) if count > 1 else float("nan") for m in metrics},
        draws=means,
        scores=scores,
        labels=labels,
        groups=groups,
        n_train=round(np.mean([len(fold.train) for fold in folds])),
        seen=sum(task.sequences[i] in known for known, fold in zip(train, folds, strict=True) for i in fold.test),
        shared=_shared_groups(task, folds),
        task_kind=task.kind,
        columns=task.columns,
        train_sizes=_class_sizes(task, folds) if task.kind == "multiclass" else (),
    )


def _class_sizes(task: Task, folds: Sequence[Fold]) -> tuple[int, ...]:
    """Training items of each class, the mean over folds."""
    sizes = [np.bincount(np.asarray(task.labels)[fold.train], minlength=len(task.columns)) for fold in folds]
    return tuple(round(size) for size in np.mean(sizes, axis=0).tolist())


def _shared_groups(task: Task, folds: Sequence[Fold]) -> int:
    """Groups of test items that stand among the training items of the same fold too."""
    sides = [({task.groups[i] for i in fold.train}, {task.groups[i] for i in fold.test}) for fold in folds]
    return len(set().union(*(train & test for train, test in sides)))
