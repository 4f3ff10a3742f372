"""Comparison of models and baselines on the same splits, with paired intervals.

Every method is trained on the same items and scored on the same test items, once a seed. A row's value is the mean of the metric over
seeds. Its interval is a two-level bootstrap: each draw resamples the test groups and, independently, the seeds, and takes the mean.
The interval thus covers both the choice of groups and the variation between trainings. With three seeds the second part is somewhat
too small, as any variance of three values without Bessel's correction. The spread over seeds therefore has a column of its own.

All methods share the draws of groups. A difference between two rows is taken draw by draw, so its interval is far narrower than two
separate intervals suggest.

In a cross-validated split the scores of all folds are pooled, so that each item counts once and one interval covers all of them. A
method whose scores are shifted between folds is penalised by this.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.evaluate.card.card import results_card
from glmkit.evaluate.method import Method, check_methods, check_names
from glmkit.evaluate.metrics.registry import DEFAULTS, METRICS, choose_headline, find_metric
from glmkit.evaluate.protocols.jobs import Entry, Job, run_jobs
from glmkit.evaluate.protocols.scoring import score_method
from glmkit.evaluate.results.row import Row
from glmkit.evaluate.results.split_audits import AuditLike, Auditor, audit_splits
from glmkit.evaluate.results.table import Table
from glmkit.evaluate.tasks.task import Task


def compare(
    task: Task,
    models: Sequence[Method],
    baselines: Sequence[Method],
    splits: Sequence[str] | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    metrics: Sequence[str] | None = None,
    draws: int = 1000,
    log: Callable[[str], None] | None = None,
    *,
    headline: str | None = None,
    workers: int = 1,
    audit: AuditLike | Auditor | Mapping[str, AuditLike] | None = None,
    card: str | Path | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Table:
    """Fit and score every method on every split and seed.

    Parameters
    ----------
    task
        Inputs, labels, groups and splits.
    models
        Methods whose rows are of kind "model", such as :class:`glmkit.evaluate.FineTuned` or :class:`glmkit.evaluate.Trained`.
    baselines
        Methods whose rows are of kind "baseline", such as those of :mod:`glmkit.evaluate.baselines`. Of both sequences, a method that
        draws nothing at random is fitted once, not once a seed.
    splits
        Names of the task's splits to use; None for all. Splits with the same training items share their fitted methods.
    seeds
        Seeds of the trainings, each 0 or more.
    metrics
        Names in :data:`glmkit.evaluate.METRICS`; None for the defaults of the task's kind.
    draws
        Number of bootstrap draws.
    log
        Function that is called with one line for each fitted method.
    headline
        Name of the metric by which methods are ranked and verdicts are made, one of `metrics`; None for the default of the task's kind:
        AUROC, Spearman, macro F1, or mean Spearman (the first of `metrics` if it is not among them).
    workers
        Number of processes, each with one training at a time; -1 is one for each core. Results do not depend on it, unless a method's
        own results depend on its number of threads: joblib divides the cores among the processes, unless ``OMP_NUM_THREADS`` and
        similar variables are set.
    audit
        Audit of the splits, made before anything is fitted: a function such as :func:`glmkit.data.audit`, an audit, or a mapping from
        split to audit; see :func:`glmkit.evaluate.results.split_audits.audit_splits`. The table keeps them in ``audits``.
    card
        Folder to write the results card to (:func:`glmkit.evaluate.results_card`); a method's attribute ``card`` is kept in it.
    parameters
        Parameters of the run, for the card.

    Returns
    -------
    Table
        One row for each method and split.

    Raises
    ------
    BadInput
        An unknown split or metric, something that is no method, a name used twice, scores of the wrong shape, or parameters
        without a card.
    ResourceError
        A worker process died.

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.evaluate import Fold, Task, Trained, compare
    >>> from glmkit.evaluate.baselines import Majority
    >>> rng = np.random.default_rng(0)
    >>> labels = np.arange(60) % 2
    >>> task = Task(
    ...     name="toy", sequences=list(range(60)), labels=labels, groups=[i // 5 for i in range(60)],
    ...     splits={"held out": Fold(np.arange(30), np.arange(30, 60))},
    ... )
    >>> model = Trained("model", "labels with noise", lambda items, seed: 0.7 * labels[items] + 0.3 * rng.random(len(items)))
    >>> table = compare(task, [model], [Majority()], seeds=[0, 1], draws=100)
    >>> table.frame[["method", "kind", "auroc", "n_test", "groups"]]
         method      kind  auroc  n_test  groups
    0     model     model    1.0      30       6
    1  majority  baseline    0.5      30       6
    >>> print(table.verdict())
    On held out, model with AUROC 1.000 [1.000, 1.000] is above the best of 1 baselines, majority (0.500 [0.500, 0.500]): ...
    """
    if parameters is not None and card is None:
        raise BadInput("parameters are written to the results card: give its folder with card=, or leave them out.")
    metrics = DEFAULTS[task.kind] if metrics is None else tuple(metrics)
    for metric in metrics:
        find_metric(metric, task.kind)
    headline = choose_headline(metrics, task.kind, headline)
    models, baselines = check_methods("models", models), check_methods("baselines", baselines)
    check_names([*models, *baselines])
    chosen = list(task.splits) if splits is None else list(splits)
    if unknown := [split for split in chosen if split not in task.splits]:
        raise BadInput(f"Task {task.name!r} has no split {unknown[0]!r}; it has {', '.join(task.splits)}.")
    entries = [
        Entry(method, kind, seeds if method.random else seeds[:1])
        for kind, some in (("model", models), ("baseline", baselines))
        for method in some
    ]
    audits = audit_splits(task, chosen, audit)
    rows = _rows(task, entries, _shared_training(task, chosen), metrics, headline, draws, workers, log)
    table = Table(task=task.name, rows=rows, metrics=metrics, headline=headline, audits=audits)
    if card is not None:
        cards = {method.name: found for method in (*models, *baselines) if (found := getattr(method, "card", None)) is not None}
        results_card(table, card, task=task, parameters=parameters or {}, models=cards)
    return table


def _rows(
    task: Task,
    entries: Sequence[Entry],
    gathered: Sequence[Sequence[str]],
    metrics: tuple[str, ...],
    headline: str,
    draws: int,
    workers: int,
    log: Callable[[str], None] | None,
) -> list[Row]:
    """One row for each method and split, in the order of the splits' training sides, then of the methods."""
    folds = {split: task.folds(split) for shared in gathered for split in shared}
    jobs = [
        Job(entry.method, seed, [folds[split][k] for split in shared])
        for shared in gathered
        for entry in entries
        for seed in entry.seeds
        for k in range(len(folds[shared[0]]))
    ]
    results = run_jobs(task, jobs, workers)
    rows: list[Row] = []
    for shared in gathered:
        count = len(folds[shared[0]])
        for number, (method, kind, own_seeds) in enumerate(entries):
            done = [[next(results) for _ in range(count)] for _ in own_seeds]
            seconds = sum(one[1] for by_fold in done for one in by_fold) / len(shared)
            for j, split in enumerate(shared):
                scores = np.stack([np.concatenate([parts[j] for parts, _ in by_fold]) for by_fold in done])
                items = np.concatenate([fold.test for fold in folds[split]])
                row = score_method(task, items, folds[split], scores, metrics, draws, number)
                row = row._replace(split=split, method=method.name, kind=kind, description=method.description)
                rows.append(row._replace(seeds=list(own_seeds), seconds=seconds))
            if log is not None:
                parts = (f"{row.split} {METRICS[headline].title} {row.estimates[headline]}" for row in rows[-len(shared) :])
                log(f"{method.name}: {', '.join(parts)}")
    return rows


def _shared_training(task: Task, splits: Sequence[str]) -> list[list[str]]:
    """Names of splits, grouped by equal training items, fold by fold."""
    gathered: dict[tuple[bytes, ...], list[str]] = {}
    for split in splits:
        gathered.setdefault(tuple(np.asarray(fold.train).tobytes() for fold in task.folds(split)), []).append(split)
    return list(gathered.values())
