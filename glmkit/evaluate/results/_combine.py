"""Several tables of one task as one, such as zero-shot scores and trained methods in one card and one test."""

import numpy as np

from glmkit.errors import BadInput
from glmkit.evaluate.metrics.registry import choose_headline
from glmkit.evaluate.results.row import Row
from glmkit.evaluate.results.table import Table


def combine(*tables: Table) -> Table:
    """One table with the rows of several tables of one task.

    Parameters
    ----------
    *tables
        Tables of one task. In a split that they share, the test items must be the same in the same order.

    Returns
    -------
    Table
        All rows, with the metrics that all tables have, in the order of the first, and the headline of the first if all have it.
        Differences between any two of its methods are paired, as all drew the same groups.

    Raises
    ------
    BadInput
        Tables of several tasks, no common metric, a method that occurs twice in a split, or different test items or draws in a split.

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.evaluate import Fold, Task, Trained, combine, compare, zero_shot
    >>> from glmkit.evaluate.baselines import Majority
    >>> labels = np.arange(20) % 2
    >>> fold = Fold(np.arange(10), np.arange(10, 20))
    >>> task = Task(name="toy", sequences=list(range(20)), labels=labels, groups=list(range(20)), splits={"random": fold})
    >>> likelihood = Trained("likelihood", "log-likelihood ratio", lambda items, seed: 3.0 * labels[items])
    >>> both = combine(compare(task, [], [Majority()], draws=20), zero_shot(task, [likelihood], draws=20))
    >>> both.methods, both.metrics
    (['majority', 'likelihood'], ('auroc', 'auprc'))
    """
    if not tables:
        raise BadInput("combine: expected at least one table, got none.")
    if others := sorted({table.task for table in tables} - {tables[0].task}):
        raise BadInput(f"combine: expected tables of one task, got {tables[0].task!r} and {others[0]!r}.")
    metrics = tuple(metric for metric in tables[0].metrics if all(metric in table.metrics for table in tables))
    if not metrics:
        raise BadInput("combine: the tables have no common metric. Pass the same metrics= to both comparisons.")
    rows = [row for table in tables for row in table.rows]
    first: dict[str, Row] = {}
    seen: set[tuple[str, str]] = set()
    for row in rows:
        if (row.split, row.method) in seen:
            raise BadInput(f"combine: {row.method} is in two tables on {row.split}. Give each method a different name.")
        seen.add((row.split, row.method))
        other = first.setdefault(row.split, row)
        if not np.array_equal(row.labels, other.labels) or list(row.groups) != list(other.groups):
            raise BadInput(f"combine: on {row.split}, {row.method} was scored on other items than {other.method}.")
        if len(row.draws[metrics[0]]) != len(other.draws[metrics[0]]):
            raise BadInput(f"combine: on {row.split}, {row.method} has another number of draws than {other.method}.")
    audits = {split: audit for table in tables for split, audit in table.audits.items()}
    kept = [
        row._replace(
            estimates={m: row.estimates[m] for m in metrics},
            spread={m: row.spread[m] for m in metrics},
            draws={m: row.draws[m] for m in metrics},
        )
        for row in rows
    ]
    kind = rows[0].task_kind if rows else ""
    headline = choose_headline(metrics, kind, tables[0].headline if tables[0].headline in metrics else None)
    return Table(task=tables[0].task, rows=kept, metrics=metrics, headline=headline, audits=audits)
