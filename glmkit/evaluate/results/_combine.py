"""Several tables of one task as one, so that what needed no training stands beside what did, in one card and one test."""

import numpy as np

from glmkit.errors import BadInput
from glmkit.evaluate.metrics.registry import choose_headline
from glmkit.evaluate.results.row import Row
from glmkit.evaluate.results.table import Table


def combine(*tables: Table) -> Table:
    """Put the rows of several tables of one task together.

    Parameters
    ----------
    *tables
        Of one task. Where they share a split, its test items must be the same in the same order.

    Returns
    -------
    Table
        All rows, with the metrics that all tables have, in the order of the first, and the headline of the first if all have it.
        Differences between any two of its methods are paired, as all drew the same groups.

    Raises
    ------
    BadInput
        Another task, no metric in common, a method that stands twice in a split, or other test items or draws under the same name.
    """
    if not tables:
        raise BadInput("combine: expected at least one table, got none.")
    if others := sorted({table.task for table in tables} - {tables[0].task}):
        raise BadInput(f"combine: expected tables of one task, got {tables[0].task!r} and {others[0]!r}.")
    metrics = tuple(metric for metric in tables[0].metrics if all(metric in table.metrics for table in tables))
    if not metrics:
        raise BadInput("combine: the tables have no metric in common. Ask for the same with metrics=.")
    rows = [row for table in tables for row in table.rows]
    first: dict[str, Row] = {}
    seen: set[tuple[str, str]] = set()
    for row in rows:
        if (row.split, row.method) in seen:
            raise BadInput(f"combine: {row.method} stands in two tables on {row.split}. Give each method a name of its own.")
        seen.add((row.split, row.method))
        other = first.setdefault(row.split, row)
        if not np.array_equal(row.labels, other.labels) or list(row.groups) != list(other.groups):
            raise BadInput(f"combine: on {row.split}, {row.method} was judged on other items than {other.method}.")
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
