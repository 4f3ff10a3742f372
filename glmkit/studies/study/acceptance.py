"""A study's own bar: the number that it has to reach before its model may be called the champion.

::

    bar:
      metric: evaluate.auroc_low        # stage.column; the low end of the interval is the honest bar
      table: results                    # optional: by default the first headline table that has the column
      row: {method: "pretrained, fine-tuned"}   # optional: by default the first row
      at_least: 0.9                     # or at_most
      model: finetune/models/pretrained # the model's folder, below the run's
"""

import csv
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from glmkit.errors import BadInput
from glmkit.files import inside
from glmkit.studies.files import record
from glmkit.studies.files.notebook_file import is_identifier, suggest

_KEYS = ("metric", "table", "row", "at_least", "at_most", "model")


@dataclass(frozen=True, kw_only=True)
class Bar:  # numpydoc ignore=PR02
    """What ``bar:`` says.

    Parameters
    ----------
    metric
        ``stage.column``.
    table
        Of that stage; "" for its first headline table with the column.
    row
        Column to value; empty for the first row.
    at_least, at_most
        The bar; one of them is None.
    model
        The model's folder, relative to the run's.
    """

    metric: str
    table: str = ""
    row: dict[str, Any] = field(default_factory=dict)
    at_least: float | None = None
    at_most: float | None = None
    model: str

    def as_dict(self) -> dict[str, Any]:
        """The bar as plain values."""
        return asdict(self)

    def passed(self, value: float) -> bool:
        """Whether `value` reaches it; NaN does not."""
        return value >= self.at_least if self.at_least is not None else value <= (self.at_most or 0.0)

    def __str__(self) -> str:
        """As a sentence names it."""
        return f"{self.metric} {f'at least {self.at_least:g}' if self.at_least is not None else f'at most {self.at_most:g}'}"

    def value(self, run_folder: Path) -> float:
        """The number that a run came to.

        Raises
        ------
        BadInput
            The stage has no such table, row or column, or there is no number in it; what is there is named.
        """
        stage, _, column = self.metric.partition(".")
        entries = (record.read(run_folder / stage).get("results") or {}).get("tables", [])
        named = [entry for entry in entries if (entry["name"] == self.table if self.table else entry.get("headline"))]
        if not named:
            known = ", ".join(str(entry["name"]) for entry in entries) or "none"
            raise BadInput(
                f"bar: {stage} has no {f'table {self.table!r}' if self.table else 'headline table'}; its tables: {known}."
            )
        columns: list[str] = []
        for entry in named:
            with open(run_folder / stage / entry["file"], newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            columns += list(rows[0]) if rows else []
            if not rows or column not in rows[0]:
                continue
            found = [row for row in rows if all(row.get(key) == str(value) for key, value in self.row.items())]
            if not found:
                raise BadInput(f"bar: no row of {stage}'s table {entry['name']!r} has {self.row}.")
            try:
                return float(found[0][column] or math.nan)
            except ValueError:
                raise BadInput(f"bar: {self.metric} is {found[0][column]!r}, expected a number.") from None
        raise BadInput(f"bar: {stage} has no column {column!r}.{suggest(column, dict.fromkeys(columns))}")


def read_bar(value: Any, path: Path, stages: Mapping[str, Any], swept: bool, problems: list[str]) -> Bar | None:
    """The ``bar:`` of the study file `path`, its form checked; what is wrong is added to `problems`.

    Parameters
    ----------
    value
        What stands below ``bar:``.
    path
        For the messages.
    stages
        The study's stages by name.
    swept
        Whether the study has a sweep, which has many models and no bar.
    problems
        Changed in place.

    Returns
    -------
    Bar or None
        None if anything was wrong.
    """
    if not isinstance(value, dict):
        problems.append(f"{path}: bar must be written as 'metric: stage.column, at_least: NUMBER, model: FOLDER', got {value!r}.")
        return None
    found = [f"bar.{key} is unknown.{suggest(str(key), _KEYS)}" for key in value if key not in _KEYS]
    found += ["a study with a sweep has many models; a bar is for one."] if swept else []
    stage, _, column = str(value.get("metric")).partition(".")
    if not (is_identifier(stage) and column):
        found.append(f"bar.metric must be stage.column, such as evaluate.auroc, got {value.get('metric')!r}.")
    elif stage not in stages:
        found.append(f"bar.metric names {stage!r}, which is no stage.{suggest(stage, stages)}")
    limits = [value[key] for key in ("at_least", "at_most") if key in value]
    if len(limits) != 1 or isinstance(limits[0], bool) or not isinstance(limits[0], int | float) or not math.isfinite(limits[0]):
        found.append(f"bar needs one of at_least and at_most, a number, got {limits}.")
    if not isinstance(value.get("table", ""), str) or not isinstance(value.get("row", {}), dict):
        found.append("bar.table must be a table's name and bar.row must be written as 'column: value'.")
    found += _model_problems(value.get("model"), stages)
    problems += [f"{path}: {problem}" for problem in found]
    return None if found else Bar(**value)


def _model_problems(model: Any, stages: Mapping[str, Any]) -> list[str]:
    if not isinstance(model, str) or not model:
        return [f"bar.model must be the model's folder below the run's, such as finetune/models/pretrained, got {model!r}."]
    try:
        inside(Path("run"), model)
    except BadInput as problem:
        return [f"bar.model: {problem}"]
    first = Path(model).parts[0]
    return [] if first in stages else [f"bar.model begins with {first!r}, which is no stage.{suggest(first, stages)}"]
