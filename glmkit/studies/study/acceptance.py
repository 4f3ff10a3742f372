"""The acceptance criterion of a study: the value that a metric must reach before the model becomes the champion.

::

    acceptance:
      metric: evaluate.auroc_low        # stage.column; the lower limit of the interval is the conservative choice
      table: results                    # optional: by default the first headline table that has the column
      row: {method: "pretrained, fine-tuned"}   # optional: by default the first row
      at_least: 0.9                     # or at_most
      model: finetune/models/pretrained # the model's folder, relative to the run folder
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
class Acceptance:  # numpydoc ignore=PR02
    """Acceptance criterion, the ``acceptance:`` of a study file.

    Parameters
    ----------
    metric
        Stage and column of the metric, ``stage.column``.
    table
        Name of a table of that stage; "" for its first headline table with the column.
    row
        Column names and the values that select the row; empty for the first row.
    at_least, at_most
        Lower or upper limit of the metric; exactly one of them is given.
    model
        Folder of the model, relative to the run folder.
    """

    metric: str
    table: str = ""
    row: dict[str, Any] = field(default_factory=dict)
    at_least: float | None = None
    at_most: float | None = None
    model: str

    def as_dict(self) -> dict[str, Any]:
        """The criterion as plain values."""
        return asdict(self)

    def passed(self, value: float) -> bool:
        """Whether `value` meets the criterion; NaN never does."""
        return value >= self.at_least if self.at_least is not None else value <= (self.at_most or 0.0)

    def __str__(self) -> str:
        """Metric and limit, as used in messages."""
        return f"{self.metric} {f'at least {self.at_least:g}' if self.at_least is not None else f'at most {self.at_most:g}'}"

    def value(self, run_folder: Path) -> float:
        """Value of the metric in a run.

        Raises
        ------
        BadInput
            The stage has no such table, row or column, or the cell is not a number. The message lists what exists.
        """
        stage, _, column = self.metric.partition(".")
        entries = (record.read(run_folder / stage).get("results") or {}).get("tables", [])
        named = [entry for entry in entries if (entry["name"] == self.table if self.table else entry.get("headline"))]
        if not named:
            known = ", ".join(str(entry["name"]) for entry in entries) or "none"
            raise BadInput(
                f"acceptance: {stage} has no {f'table {self.table!r}' if self.table else 'headline table'}; its tables: {known}."
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
                raise BadInput(f"acceptance: no row of {stage}'s table {entry['name']!r} has {self.row}.")
            try:
                return float(found[0][column] or math.nan)
            except ValueError:
                raise BadInput(f"acceptance: {self.metric} is {found[0][column]!r}, expected a number.") from None
        raise BadInput(f"acceptance: {stage} has no column {column!r}.{suggest(column, dict.fromkeys(columns))}")


def read_acceptance(value: Any, path: Path, stages: Mapping[str, Any], swept: bool, problems: list[str]) -> Acceptance | None:
    """Read the ``acceptance:`` of a study file and check its form.

    Parameters
    ----------
    value
        Content of the key ``acceptance``, as read from YAML.
    path
        Study file, for the messages.
    stages
        Stages of the study by name.
    swept
        Whether the study has a sweep. A sweep has many models, so that it allows no acceptance criterion.
    problems
        List of messages; one is appended for each error found.

    Returns
    -------
    Acceptance or None
        None if there was an error.
    """
    if not isinstance(value, dict):
        problems.append(
            f"{path}: acceptance must be written as 'metric: stage.column, at_least: NUMBER, model: FOLDER', got {value!r}."
        )
        return None
    found = [f"acceptance.{key} is unknown.{suggest(str(key), _KEYS)}" for key in value if key not in _KEYS]
    found += ["a study with a sweep has many models; acceptance is for one model. Remove one of the two keys."] if swept else []
    stage, _, column = str(value.get("metric")).partition(".")
    if not (is_identifier(stage) and column):
        found.append(f"acceptance.metric must be stage.column, such as evaluate.auroc, got {value.get('metric')!r}.")
    elif stage not in stages:
        found.append(f"acceptance.metric names {stage!r}, which is no stage.{suggest(stage, stages)}")
    limits = [value[key] for key in ("at_least", "at_most") if key in value]
    if len(limits) != 1 or isinstance(limits[0], bool) or not isinstance(limits[0], int | float) or not math.isfinite(limits[0]):
        found.append(f"acceptance needs one of at_least and at_most, a number, got {limits}.")
    if not isinstance(value.get("table", ""), str) or not isinstance(value.get("row", {}), dict):
        found.append("acceptance.table must be a table's name and acceptance.row must be written as 'column: value'.")
    found += _model_problems(value.get("model"), stages)
    problems += [f"{path}: {problem}" for problem in found]
    return None if found else Acceptance(**value)


def _model_problems(model: Any, stages: Mapping[str, Any]) -> list[str]:
    if not isinstance(model, str) or not model:
        return [
            f"acceptance.model must be the model's folder, relative to the run folder, such as finetune/models/pretrained, got {model!r}."
        ]
    try:
        inside(Path("run"), model)
    except BadInput as problem:
        return [f"acceptance.model: {problem}"]
    first = Path(model).parts[0]
    return [] if first in stages else [f"acceptance.model begins with {first!r}, which is no stage.{suggest(first, stages)}"]
