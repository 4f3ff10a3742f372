"""Comparison of two tables number by number, and the repetition of a comparison from its results card.

Numbers are compared exactly, not within a tolerance. With fixed seeds a comparison gives the same numbers, and a difference (another
version, another processor) is to be seen and decided upon. Only the CPU time of a row is ignored.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from glmkit.errors import BadInput
from glmkit.evaluate.card.card import ResultsCard, read_card
from glmkit.evaluate.card.content import TIMES, plain, records, task_hashes, versions
from glmkit.evaluate.results.table import Table
from glmkit.evaluate.tasks.task import Task

_COLUMNS = ["method", "split", "column", "first", "second"]


def table_differences(first: Table | ResultsCard | pd.DataFrame, second: Table | ResultsCard | pd.DataFrame) -> pd.DataFrame:
    """The values in which two tables differ.

    Parameters
    ----------
    first, second
        Tables, cards, or frames with the columns method and split.

    Returns
    -------
    pandas.DataFrame
        One row for each difference: method, split, column, first, second; empty if the tables are equal. The column is ``row`` where
        one table lacks the whole row. The order of rows and the CPU seconds are ignored.

    Raises
    ------
    BadInput
        A frame without method and split, or with two rows of the same method and split.

    Examples
    --------
    >>> import pandas as pd
    >>> from glmkit.evaluate.protocols import table_differences
    >>> first = pd.DataFrame({"method": ["net"], "split": ["random"], "auroc": [0.91], "cpu_seconds": [3.0]})
    >>> table_differences(first, first.assign(cpu_seconds=5.0)).empty
    True
    >>> table_differences(first, first.assign(auroc=0.92))
      method   split column  first  second
    0    net  random  auroc   0.91    0.92
    """
    ours, theirs = _by_row(first), _by_row(second)
    found: list[tuple[Any, ...]] = []
    for key in dict.fromkeys([*ours, *theirs]):
        if key not in ours or key not in theirs:
            found.append((*key, "row", *("there" if key in side else "missing" for side in (ours, theirs))))
            continue
        one, two = ours[key], theirs[key]
        names = [name for name in dict.fromkeys([*one, *two]) if name not in TIMES]
        found += [(*key, name, one.get(name), two.get(name)) for name in names if one.get(name) != two.get(name)]
    return pd.DataFrame(found, columns=_COLUMNS)


@dataclass(frozen=True, kw_only=True)
class Reproduction:  # numpydoc ignore=PR02
    """Result of repeating a card's comparison.

    Parameters
    ----------
    identical
        Whether every number of the table is the same.
    differences
        Result of :func:`table_differences`, the card first.
    changed
        Columns what, then, now: versions, data and splits that differ from those of the card and may explain a difference.
    """

    identical: bool
    differences: pd.DataFrame
    changed: pd.DataFrame

    def __str__(self) -> str:
        text = "The table came out the same, number by number."
        if not self.identical:
            rows = self.differences[["method", "split"]].drop_duplicates()
            first = next(self.differences.itertuples())
            text = (
                f"The table came out differently: {len(self.differences)} values in {len(rows)} rows, the first {first.column} of "
                f"{first.method} on {first.split}, {first.first} then, {first.second} now."
            )
        what = ", ".join(f"{row.what} ({row.then} → {row.now})" for row in self.changed.itertuples())
        return f"{text} {f'Changed since: {what}.' if what else 'Nothing that the card records has changed since.'}"


def reproduce(
    card: str | Path | ResultsCard, run: Callable[[Mapping[str, Any]], Table], task: Task | None = None
) -> Reproduction:
    """Repeat a card's comparison and compare the two tables.

    Parameters
    ----------
    card
        Results card, or its path.
    run
        Function from the card's parameters to the table of the comparison.
    task
        Task of the repetition, whose data and splits are compared with those of the card; None leaves this out.

    Returns
    -------
    Reproduction
        Differences and changes; ``str`` gives a summary of one or two sentences.

    Raises
    ------
    BadInput
        The path holds no results card.
    """
    card = card if isinstance(card, ResultsCard) else read_card(card)
    changed = [("version of " + name, then, versions().get(name)) for name, then in card.content["versions"].items()]
    if task is not None:
        then, now = card.content["task"], task_hashes(task)
        changed.append(("data", then["sha256"][:12], now["sha256"][:12]))
        for split in dict.fromkeys([*then["splits"], *now["splits"]]):
            hashes = [one["splits"].get(split, {}).get("sha256", "missing")[:12] for one in (then, now)]
            changed.append((f"split {split}", *hashes))
    differences = table_differences(card, run(card.parameters))
    return Reproduction(
        identical=differences.empty,
        differences=differences,
        changed=pd.DataFrame([row for row in changed if row[1] != row[2]], columns=["what", "then", "now"]),
    )


def _by_row(table: Table | ResultsCard | pd.DataFrame) -> dict[tuple[str, str], dict[str, Any]]:
    if isinstance(table, ResultsCard):
        rows = table.content["rows"]
    else:
        rows = records(table.frame if isinstance(table, Table) else table)
    if missing := [name for name in ("method", "split") if rows and name not in rows[0]]:
        raise BadInput(f"Expected a table with the columns method and split, got one without {' and '.join(missing)}.")
    by_row = {(row["method"], row["split"]): plain(row) for row in rows}
    if len(by_row) < len(rows):
        raise BadInput("A table holds two rows of the same method and split. Give each method a different name.")
    return by_row
