"""Scores that need no training labels: likelihoods, substitution matrices, simple counts.

Nothing is trained, so the rows have no training items and no seeds. Scores may be on any scale, so the default metrics use their order
only. The direction is part of the claim: scores that rank in the wrong direction give a value below chance.
"""

from collections.abc import Callable, Sequence

import numpy as np

from glmkit.errors import BadInput
from glmkit.evaluate.method import Method, check_methods, check_names
from glmkit.evaluate.metrics.registry import DEFAULTS, METRICS, choose_headline, find_metric
from glmkit.evaluate.protocols.jobs import checked_scores, cpu_seconds
from glmkit.evaluate.protocols.scoring import score_method
from glmkit.evaluate.results.row import Row
from glmkit.evaluate.results.table import Table
from glmkit.evaluate.tasks.task import Task

ALL = "all items"


def zero_shot(
    task: Task,
    models: Sequence[Method],
    baselines: Sequence[Method] = (),
    *,
    splits: Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
    draws: int = 1000,
    log: Callable[[str], None] | None = None,
    headline: str | None = None,
) -> Table:
    """Score methods that need no training.

    Parameters
    ----------
    task
        Labelled items. Only the test sides are scored; a task without splits is scored as a whole, as split ``"all items"``.
    models
        Methods whose rows are of kind "model". Only ``score`` is called, never ``fit``; a :class:`glmkit.evaluate.Trained` gets seed 0.
        Scores are (n,), higher for class 1 or for larger values, or (n, columns).
    baselines
        Methods whose rows are of kind "baseline", such as a substitution matrix or the number of mutations.
    splits, metrics, draws, log, headline
        As for :func:`glmkit.evaluate.compare`; None for the metrics that use the order only.

    Returns
    -------
    Table
        One row for each method and split; :func:`glmkit.evaluate.combine` joins it with a table of trained methods.

    Raises
    ------
    BadInput
        An unknown split or metric, a name used twice, or scores of the wrong shape.

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.evaluate import Task, zero_shot
    >>> from glmkit.evaluate.baselines.protein import Blosum62
    >>> mutants, fitness = ["AKLV", "MKLV", "MWLV", "MKLI", "MKWW"], np.array([0.4, 1.0, 0.1, 0.9, 0.0])
    >>> task = Task(name="fitness", sequences=mutants, labels=fitness, groups=mutants, splits={}, kind="regression")
    >>> table = zero_shot(task, [], [Blosum62("MKLV")], draws=50)
    >>> table.headline_table([]).round(2)[["method", "spearman"]]
         method  spearman
    0  BLOSUM62       1.0
    """
    if metrics is None:
        fit = [name for name, metric in METRICS.items() if metric.rank_based and metric.fits(task.kind)]
        metrics = fit or DEFAULTS[task.kind]
    for metric in metrics:
        find_metric(metric, task.kind)
    headline = choose_headline(tuple(metrics), task.kind, headline)
    needed = ("name", "description", "score")
    models, baselines = check_methods("models", models, needed), check_methods("baselines", baselines, needed)
    check_names([*models, *baselines])
    methods = [(method, kind) for kind, some in (("model", models), ("baseline", baselines)) for method in some]
    sides = {name: np.concatenate([fold.test for fold in task.folds(name)]) for name in task.splits}
    sides = sides or {ALL: np.arange(len(task.sequences))}
    if unknown := [name for name in splits or () if name not in sides]:
        raise BadInput(f"Task {task.name!r} has no split {unknown[0]!r}; it has {', '.join(sides)}.")
    rows: list[Row] = []
    for split, items in sides.items():
        if splits is not None and split not in splits:
            continue
        for number, (method, kind) in enumerate(methods):
            began = cpu_seconds()
            got = checked_scores(task, method.name, method.score([task.sequences[i] for i in items]), len(items))
            row = score_method(task, items, [], got[None], metrics, draws, number)
            row = row._replace(split=split, method=method.name, kind=kind, description=method.description)
            rows.append(row._replace(seconds=cpu_seconds() - began))
            if log is not None:
                log(f"{method.name}: {split} {METRICS[headline].title} {row.estimates[headline]}")
    return Table(task=task.name, rows=rows, metrics=tuple(metrics), headline=headline)
