"""The table of a sweep, one row per point: swept values, status, validation metric and results.

The setting that is best *on validation* is marked, averaged over its seeds. The result columns, which refer to test items, are not
used for this choice: the best of many test values is biased upwards.
"""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glmkit.files import write_text
from glmkit.studies.files import record
from glmkit.studies.files.csv_format import show_number
from glmkit.studies.report.sweep_state import PointState, points_of
from glmkit.studies.study.sweep_points import axis_labels, show_value

TABLE = "sweep.csv"
_LOSS = "validation_loss"


@dataclass(frozen=True, kw_only=True)
class Chosen:  # numpydoc ignore=PR02
    """Validation metric of each point.

    Parameters
    ----------
    stage
        Name of the stage that computes the metric.
    title
        Name of the metric.
    lowest
        Whether a lower value is better.
    values
        Value for each point; None if missing.
    """

    stage: str
    title: str
    lowest: bool
    values: list[float | None]


def write_sweep(run_folder: Path) -> list[str]:
    """Write ``sweep.csv`` of a run and return notes on it.

    Parameters
    ----------
    run_folder
        Folder of a run whose study has a sweep. Points that failed or have not run have a row too.

    Returns
    -------
    list of str
        Notes on the best setting, on missing points, and on requested values that were not found.
    """
    points = points_of(run_folder)
    sweep = record.read(run_folder).get("sweep") or {}
    notes: list[str] = []
    chosen = _validation(points, sweep.get("choose") or {}, notes)
    best, sentences = _best(points, chosen)
    results = [_result(point, sweep.get("result") or {}, notes) for point in points]
    labels = axis_labels(list(sweep.get("axes") or {}))
    columns = [*labels.values(), "status", *([chosen.title, "best"] if chosen else [])]
    names = list(dict.fromkeys(name for row in results for name in row))
    lines: list[list[Any]] = [[*columns, *(f"result: {name}" if name in columns else name for name in names)]]
    for number, (point, result) in enumerate(zip(points, results, strict=True)):
        row = [*(show_value(value) for value in point.values.values()), point.status]
        if chosen:
            value = chosen.values[number]
            row += ["" if value is None else repr(value), "best" if number in best else ""]
        lines.append([*row, *(result.get(name, "") for name in names)])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    write_text(run_folder / TABLE, text.getvalue())
    return [*sentences, *_missing(points), *dict.fromkeys(notes)]


def _missing(points: Sequence[PointState]) -> list[str]:
    found = []
    for status, words in (
        ("FAILED", "failed"),
        ("KILLED", "were stopped"),
        ("RUNNING", "are running"),
        ("WAITING", "did not run"),
    ):
        if names := [point.name for point in points if point.status == status]:
            found.append(f"{len(names)} of {len(points)} points {words}: {', '.join(names)}.")
    return found


def _result(point: PointState, result: dict[str, Any], notes: list[str]) -> dict[str, str]:
    """The row that summarises a point; without ``result:``, the first row of each headline table of its stages."""
    if result:
        return _row_of(point, str(result["stage"]), str(result["table"]), result.get("row") or {}, notes)
    summary: dict[str, str] = {}
    for stage, (_, found, status) in point.stages.items():
        for entry in (found.get("results") or {}).get("tables", []) if status == "FINISHED" else []:
            if entry.get("headline"):
                row = _row_of(point, stage, str(entry["name"]), {}, notes)
                summary |= {name if name not in summary else f"{entry['name']} {name}": value for name, value in row.items()}
    return summary


def _row_of(point: PointState, stage: str, table: str, wanted: dict[str, Any], notes: list[str]) -> dict[str, str]:
    """First row of a stage's table with the wanted values; a missing table or row is reported in `notes`."""
    if stage not in point.stages:
        notes.append(f"No axis of the sweep affects {stage}, so that its table {table!r} is the same for all points.")
        return {}
    folder, _, status = point.stages[stage]
    path = folder / "tables" / f"{table}.csv"
    if status != "FINISHED":
        return {}
    if not path.is_file():
        known = sorted(file.stem for file in path.parent.glob("*.csv"))
        notes.append(f"{stage} wrote no table {table!r}; it wrote {', '.join(known) or 'none'}.")
        return {}
    with open(path, newline="", encoding="utf-8") as file:
        rows = [dict(row) for row in csv.DictReader(file)]
    for row in rows:
        if all(_equal(row.get(column), value) for column, value in wanted.items()):
            return {column: text for column, text in row.items() if column and column not in wanted}
    described = ", ".join(f"{column}={value!r}" for column, value in wanted.items()) or "any values"
    notes.append(f"{stage}: no row of the table {table!r} has {described}.")
    return {}


def _equal(text: str | None, value: Any) -> bool:
    number = _number(text)
    return text == str(value) or (number is not None and number == _number(str(value)))


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _validation(points: Sequence[PointState], choose: dict[str, Any], notes: list[str]) -> Chosen | None:
    """Validation metric of each point: that of ``choose:``, or by default the last logged ``validation_loss``."""
    if choose:
        column, values = str(choose["column"]), []
        for point in points:
            row = _row_of(point, str(choose["stage"]), str(choose["table"]), choose.get("row") or {}, notes)
            if row and column not in row:
                notes.append(
                    f"{choose['stage']}: the table {choose['table']!r} has no column {column!r}; it has {', '.join(row)}."
                )
            values.append(_number(row.get(column)))
        return Chosen(stage=str(choose["stage"]), title=column, lowest=choose["is"] == "lowest", values=values)
    for stage in reversed(list(points[0].stages)):
        values = [_last_loss(point.stages[stage][0]) if point.stages[stage][2] == "FINISHED" else None for point in points]
        if any(value is not None for value in values):
            return Chosen(stage=stage, title="validation loss", lowest=True, values=values)
    return None


def _last_loss(folder: Path) -> float | None:
    """Last validation loss of a stage, averaged over its series if there are several (``fold1/validation_loss``)."""
    history = record.history(folder)
    last = [line[max(line)] for name, line in history.items() if name.rpartition("/")[2] == _LOSS and line]
    return sum(last) / len(last) if last else None


def _best(points: Sequence[PointState], chosen: Chosen | None) -> tuple[set[int], list[str]]:
    """Indices of the points of the best setting, and a sentence about it; both empty for fewer than two settings."""
    if chosen is None:
        return set(), []
    settings: dict[tuple[str, ...], list[int]] = {}
    axes = [axis for axis in points[0].values if axis.partition(".")[2] not in ("seed", "seeds")]
    labels = axis_labels(list(points[0].values))
    for number, point in enumerate(points):
        value = chosen.values[number]
        if value is not None and math.isfinite(value):
            settings.setdefault(tuple(f"{labels[axis]}={show_value(point.values[axis])}" for axis in axes), []).append(number)
    if len(settings) < 2:
        return set(), []
    means = {name: sum(chosen.values[i] or 0.0 for i in some) / len(some) for name, some in settings.items()}
    ranked = sorted(means, key=lambda name: means[name] if chosen.lowest else -means[name])
    first, last = ranked[0], ranked[-1]
    seeds = len(settings[first])
    over = f", mean of {seeds} points" if seeds > 1 else ""
    sentence = (
        f"Best of {len(settings)} settings on validation ({'lowest' if chosen.lowest else 'highest'} {chosen.title} of {chosen.stage}{over}): "
        f"{', '.join(first)} with {show_number(means[first])}; the worst is {', '.join(last)} with {show_number(means[last])}. "
        "The result columns were not used for this choice."
    )
    return set(settings[first]), [sentence]
