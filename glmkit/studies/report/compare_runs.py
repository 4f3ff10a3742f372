"""``glmkit compare RUN RUN``: differences between two runs in settings and results.

Settings (parameters, data, code, versions) are listed only if they differ. Results are the numbers of the headline tables of both
runs, matched by table, by the texts of the row and by column.
"""

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glmkit.studies.files import record
from glmkit.studies.files.csv_format import show_number
from glmkit.studies.report import status
from glmkit.studies.report.sweep_table import TABLE, write_sweep
from glmkit.studies.study.signature_table import columns
from glmkit.studies.study.sweep_points import axis_labels

_NONE = "–"
_ENDS = ("_low", "_high")


def compare(first: str | Path, second: str | Path) -> str:
    """Compare two runs.

    Parameters
    ----------
    first, second
        Names of runs below ``runs/``, or their folders.

    Returns
    -------
    str
        Three tables: the runs, the settings that differ, and the results with the difference ``second - first``.

    Raises
    ------
    BadInput
        `first` or `second` is not a run.
    """
    folders = status.find_run(first), status.find_run(second)
    names = [folder.name for folder in folders]
    names = names if names[0] != names[1] else [str(folder) for folder in folders]
    heads = [["", *names]]
    a, b = (_head(folder) for folder in folders)
    heads += [[key, a[key], b[key]] for key in a]
    parts = [columns(heads)]
    before, after = (_given(folder) for folder in folders)
    changed = [key for key in dict.fromkeys([*before, *after]) if before.get(key, _NONE) != after.get(key, _NONE)]
    rows = [[key, _cut(before.get(key, _NONE)), _cut(after.get(key, _NONE))] for key in changed]
    parts.append(
        columns([["setting", *names], *rows]) if rows else "The settings are the same: parameters, data, code, versions."
    )
    parts.append(_numbers(_results(folders[0]), _results(folders[1]), names))
    return "\n\n".join(parts)


def _head(folder: Path) -> dict[str, str]:
    found = record.read(folder)
    stages = status.stages_of(folder)
    return {
        "study": str(found.get("study") or ""),
        "status": status.run_status(folder),
        "started": str(found.get("started") or "")[:16].replace("T", " "),
        "computing": status.show_seconds(status.stages_total(found, stages)),
    }


def _given(folder: Path) -> dict[str, str]:
    """Settings of a run by name; the run's own folder is written as ``runs/*``, so that it is equal in all runs."""
    found = record.read(folder)
    given: dict[str, str] = {}
    for name, stage, _ in status.stages_of(folder):
        for parameter, value in (stage.get("parameters") or {}).items():
            given[f"{name}.{parameter}"] = str(value).replace(f"runs/{found.get('name', folder.name)}/", "runs/*/")
        given |= {f"{name}: data {key}": str(entry.get("sha256"))[:12] for key, entry in (stage.get("data") or {}).items()}
        given |= {f"{name}: code": str(stage["code"])[:12]} if stage.get("code") else {}
    sweep = found.get("sweep") or {}
    given |= {f"sweep {axis}": str(values) for axis, values in (sweep.get("axes") or {}).items()}
    git = found.get("git") or {}
    given |= {"git": str(git["commit"])[:12] + (", changed" if git.get("changed") else "")} if git else {}
    return given | {f"version of {name}": str(version) for name, version in (found.get("versions") or {}).items()}


def _results(folder: Path) -> dict[tuple[str, str, str], dict[str, float]]:
    """Values by (table, row, column), with the limits of the interval if there is one."""
    numbers: dict[tuple[str, str, str], dict[str, float]] = {}
    for name, stage, state in status.stages_of(folder):
        for entry in (stage.get("results") or {}).get("tables", []) if state == "FINISHED" else []:
            if entry.get("headline"):
                numbers |= _table(folder / name / str(entry["file"]), f"{name}/{entry['name']}", ())
    if sweep := record.read(folder).get("sweep"):
        write_sweep(folder)
        numbers |= _table(folder / TABLE, "sweep", tuple(axis_labels(list(sweep.get("axes") or {})).values()))
    return numbers


def _table(path: Path, name: str, keys: tuple[str, ...]) -> dict[tuple[str, str, str], dict[str, float]]:
    """Numbers of a CSV file. A row is identified by the columns in `keys` and all columns of texts, else by its position."""
    if not path.is_file():
        return {}
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    texts = [
        column for column in (rows[0] if rows else {}) if column in keys or all(_number(row[column]) is None for row in rows)
    ]
    found: dict[tuple[str, str, str], dict[str, float]] = {}
    for place, row in enumerate(rows, 1):
        label = ", ".join(row[column] for column in texts if row[column]) or f"row {place}"
        for column, text in row.items():
            value = _number(text)
            if value is None or column in texts or _is_end(column, row):
                continue
            plain = column in ("value", "estimate", "mean")  # columns whose limits may be named low and high
            ends = {end[1:]: _number(row.get(f"{column}{end}", row.get(end[1:]) if plain else None)) for end in _ENDS}
            found[name, label, column] = {"value": value} | {end: number for end, number in ends.items() if number is not None}
    return found


def _is_end(column: str, row: Mapping[str, str]) -> bool:
    """Whether a column is a limit of another column's interval."""
    return column in ("low", "high") or any(column.endswith(end) and column.removesuffix(end) in row for end in _ENDS)


def _numbers(a: Mapping[Any, dict[str, float]], b: Mapping[Any, dict[str, float]], names: list[str]) -> str:
    keys = list(dict.fromkeys([*a, *b]))
    if not keys:
        return "Neither run has a headline table with numbers."
    rows = [["table", "row", "column", *names, "difference"]]
    for key in keys:
        both = key in a and key in b
        difference = b[key]["value"] - a[key]["value"] if both else math.nan
        shown = (f"{'+' if difference > 0 else ''}{show_number(difference)}" if difference else "0") if both else ""
        rows.append([*key, _shown(a.get(key)), _shown(b.get(key)), shown])
    ends = any("low" in entry for entry in (*a.values(), *b.values()))
    note = "\nThe intervals are those of each run's own value; they are not a test of the difference." if ends else ""
    return columns(rows) + note


def _shown(entry: Mapping[str, float] | None) -> str:
    if entry is None:
        return _NONE
    ends = f" ({show_number(entry['low'])} to {show_number(entry['high'])})" if {"low", "high"} <= set(entry) else ""
    return show_number(entry["value"]) + ends


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text and text.strip() else None
    except ValueError:
        return None


def _cut(text: str, most: int = 60) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
