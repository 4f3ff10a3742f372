"""Models and baselines on the same splits, with intervals that can be compared.

Every method sees the same training windows and is scored on the same test windows, once a seed. A row's value is the mean of
the metric over seeds. Its interval is a two-level bootstrap: each draw resamples the test groups and, independently, the
seeds, and takes the mean, so that both the choice of contigs and the luck of training are in it. With three seeds the second
part is somewhat too small (as any variance from three values taken without Bessel's correction); the spread over seeds
therefore also stands in its own column.

All methods share the draws of groups. A difference between two rows is taken draw by draw, which is what makes its interval far
narrower than two separate intervals suggest.
"""

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from glmkit.errors import BadInput
from glmkit.evaluate.baselines import Baseline
from glmkit.evaluate.bootstrap import item_weights
from glmkit.evaluate.metrics import METRICS, check_scores, find_metric
from glmkit.evaluate.table import Row, Table
from glmkit.evaluate.task import Fold, Task
from glmkit.score.estimate import group_index, interval

FitScore = Callable[[Sequence[str], np.ndarray, Sequence[str], int], np.ndarray]


def compare(
    task: Task,
    models: Mapping[str, FitScore],
    baselines: Sequence[Baseline],
    splits: Sequence[str] | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    metrics: Sequence[str] = ("auroc", "auprc", "accuracy", "f1", "mcc"),
    draws: int = 1000,
    log: Callable[[str], None] | None = None,
) -> Table:
    """Fit and score every method on every split and seed.

    Parameters
    ----------
    task
        Sequences, labels, groups and splits.
    models
        Name to a function ``(train sequences, train labels, test sequences, seed) -> scores`` in [0, 1]. A function whose model
        is already trained may ignore the first two. Its docstring's first line becomes the row's description.
    baselines
        Objects with ``fit`` and ``score``; those that draw nothing at random are fitted once, not once a seed.
    splits
        Names of the task's splits to use; None for all. Splits with the same training items are fitted once together.
    seeds
        Of the methods.
    metrics
        Names in :data:`glmkit.evaluate.METRICS`.
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
        An unknown split or metric, a name used twice, or scores of the wrong length.
    """
    for metric in metrics:
        find_metric(metric)
    names = [*models, *(baseline.name for baseline in baselines)]
    if len(set(names)) < len(names):
        raise BadInput(f"Methods need names of their own, got {', '.join(names)}.")
    chosen = list(task.splits) if splits is None else list(splits)
    if unknown := [split for split in chosen if split not in task.splits]:
        raise BadInput(f"Task {task.name!r} has no split {unknown[0]!r}; it has {', '.join(task.splits)}.")
    methods: list[tuple[str, str, str, Sequence[int], FitScore]] = [
        (name, "model", ((model.__doc__ or "").strip() or name).splitlines()[0], seeds, model) for name, model in models.items()
    ]
    for baseline in baselines:
        methods.append((baseline.name, "baseline", baseline.description, seeds if baseline.random else seeds[:1], _run(baseline)))
    rows = []
    for together in _same_training([(split, task.splits[split]) for split in chosen]):
        for number, (name, kind, description, own_seeds, function) in enumerate(methods):
            began = time.process_time()
            scores = [_scores(name, function, task, [fold for _, fold in together], seed) for seed in own_seeds]
            seconds = (time.process_time() - began) / len(together)
            for j, (split, fold) in enumerate(together):
                stacked = np.stack([by_fold[j] for by_fold in scores])
                row = _row(task, split, fold, stacked, metrics, draws, number)
                row = row._replace(method=name, kind=kind, description=description, seeds=list(own_seeds), seconds=seconds)
                rows.append(row)
            if log is not None:
                head = metrics[0]
                results = (f"{row.split} {METRICS[head].title} {row.estimates[head]}" for row in rows[-len(together) :])
                log(f"{name}: {', '.join(results)}")
    return Table(task=task.name, rows=rows, metrics=tuple(metrics))


def _run(baseline: Baseline) -> FitScore:
    def fit_score(sequences: Sequence[str], labels: np.ndarray, test: Sequence[str], seed: int) -> np.ndarray:
        baseline.fit(sequences, labels, seed)
        return baseline.score(test)

    return fit_score


def _same_training(folds: list[tuple[str, Fold]]) -> list[list[tuple[str, Fold]]]:
    """Folds gathered by equal training items."""
    gathered: dict[bytes, list[tuple[str, Fold]]] = {}
    for split, fold in folds:
        gathered.setdefault(np.asarray(fold.train).tobytes(), []).append((split, fold))
    return list(gathered.values())


def _scores(name: str, function: FitScore, task: Task, folds: list[Fold], seed: int) -> list[np.ndarray]:
    """Scores on the test side of each fold after one training."""
    test = [task.sequences[i] for fold in folds for i in fold.test]
    once = list(dict.fromkeys(test))  # a test set may be a part of another
    train = folds[0].train
    got = function([task.sequences[i] for i in train], np.asarray(task.labels)[train], once, seed)
    got = np.asarray(got, dtype=np.float64)
    if got.shape != (len(once),):
        raise BadInput(f"{name}, seed {seed}: expected one score for each of {len(once)} test windows, got an array {got.shape}.")
    score = dict(zip(once, got.tolist(), strict=True))
    return np.split(np.array([score[sequence] for sequence in test]), np.cumsum([len(fold.test) for fold in folds])[:-1])


def _row(task: Task, split: str, fold: Fold, scores: np.ndarray, metrics: Sequence[str], draws: int, number: int) -> Row:
    """Metrics of the scores (seeds, n) of one method, with their draws."""
    labels = np.asarray(task.labels)[fold.test]
    groups = [task.groups[i] for i in fold.test]
    index = group_index(groups, len(groups))
    per_seed = {m: np.array([METRICS[m].value(*check_scores(labels, s)) for s in scores]) for m in metrics}
    drawn: dict[str, list[np.ndarray]] = {m: [] for m in metrics}
    for weights in item_weights(index, draws, seed=0):
        for metric in metrics:
            drawn[metric].append(np.stack([METRICS[metric].drawn(labels, s, weights) for s in scores], 1))
    count = len(scores)
    picks = np.random.default_rng([1, number]).integers(0, count, size=(draws, count))
    means = {m: np.take_along_axis(np.concatenate(parts), picks, 1).mean(1) for m, parts in drawn.items()}
    train = {task.sequences[i] for i in fold.train}
    return Row(
        split=split,
        estimates={m: interval(per_seed[m].mean(), means[m]) for m in metrics},
        spread={m: float(per_seed[m].std(ddof=1)) if count > 1 else float("nan") for m in metrics},
        draws=means,
        scores=scores,
        labels=labels,
        groups=groups,
        n_train=len(fold.train),
        seen=sum(task.sequences[i] in train for i in fold.test),
    )
