"""The ``sweep:`` of a study file: parameters that take several values, and the metrics that compare the points.

::

    sweep:
      axes:                            # every combination is a point
        finetune.dropout: [0.0, 0.3]
        finetune.seeds: [[0], [1]]
      side_by_side: 2                  # optional: number of points that run concurrently and share the cores (default: 1)
      result:                          # optional: the row of a headline table that summarises a point
        stage: evaluate
        table: results
        row: {method: "pretrained, fine-tuned"}
      choose:                          # optional: the validation metric that selects the best setting
        stage: finetune
        table: validation
        row: {network: pretrained}
        column: validation loss
        is: lowest

The sweep is a full grid: all points are determined before the first one runs, so that they can be checked, resumed and tabulated
together. The cost grows with the product of the axes' lengths. Axes over ``seed`` or ``seeds`` repeat a setting and do not
define a new one.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from glmkit.studies.files.notebook_file import is_identifier, suggest
from glmkit.studies.files.run_folder import SWEEP

LARGEST = 1000  # points
_KEYS = ("axes", "side_by_side", "result", "choose")
_RESULT = ("stage", "table", "row")
_CHOOSE = ("stage", "table", "row", "column", "is")


@dataclass(frozen=True, kw_only=True)
class Sweep:  # numpydoc ignore=PR02
    """Content of ``sweep:`` in a study file.

    Parameters
    ----------
    axes
        Values by ``stage.parameter``, in the order of the file.
    side_by_side
        Number of points that may run concurrently, 1 or more.
    result
        Keys ``stage``, ``table`` and ``row`` (values by column); if empty, the first row of each headline table is used.
    choose
        Keys ``stage``, ``table``, ``row``, ``column`` and ``is`` (``lowest`` or ``highest``). If empty, the setting with the
        lowest final ``validation_loss`` of a swept stage is selected.
    """

    axes: dict[str, list[Any]]
    side_by_side: int = 1
    result: dict[str, Any] = field(default_factory=dict)
    choose: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The sweep as plain values."""
        return asdict(self)


def read_sweep(value: Any, path: Path, stages: Mapping[str, Any], problems: list[str]) -> Sweep | None:
    """Read the ``sweep:`` of a study file and check its form.

    Parameters
    ----------
    value
        Content of the key ``sweep``, as read from YAML.
    path
        Study file, for the messages.
    stages
        Stages of the study by name.
    problems
        List of messages; one is appended for each error found.

    Returns
    -------
    Sweep or None
        None if there was an error.
    """
    before = len(problems)
    if not isinstance(value, dict) or not isinstance(value.get("axes"), dict) or not value["axes"]:
        problems.append(f"{path}: sweep must be written as 'axes: {{stage.parameter: [value, value]}}', got {value!r}.")
        return None
    if SWEEP in stages:
        problems.append(f"{path}: a study with a sweep cannot name a stage {SWEEP!r}: its points are kept in that folder.")
    problems += _unknown(value, _KEYS, f"{path}: sweep")
    for axis, values in value["axes"].items():
        problems += [f"{path}: {problem}" for problem in _axis_problems(axis, values, stages)]
    side = value.get("side_by_side", 1)
    if type(side) is not int or side < 1:
        problems.append(f"{path}: sweep.side_by_side must be a whole number above 0, got {side!r}.")
    for key, known, kind in (("result", _RESULT, "result"), ("choose", _CHOOSE, "choose")):
        problems += [f"{path}: {problem}" for problem in _row_problems(value.get(key), known, kind, stages)]
    if len(problems) > before:
        return None
    return Sweep(axes=dict(value["axes"]), side_by_side=side, result=value.get("result") or {}, choose=value.get("choose") or {})


def _unknown(value: Mapping[Any, Any], known: tuple[str, ...], where: str) -> list[str]:
    return [f"{where}.{key} is unknown.{suggest(str(key), known)}" for key in value if key not in known]


def _axis_problems(axis: Any, values: Any, stages: Mapping[str, Any]) -> list[str]:
    stage, dot, parameter = str(axis).partition(".")
    if not dot or not is_identifier(parameter):
        return [f"sweep.axes: {axis!r} is no axis, expected stage.parameter, such as finetune.dropout."]
    if stage not in stages:
        return [f"sweep.axes: {axis} names {stage!r}, which is no stage.{suggest(stage, stages)}"]
    if not isinstance(values, list) or not values:
        return [f"sweep.axes: {axis} must be a list of values, such as [0.0, 0.1], got {values!r}."]
    return []


def _row_problems(
    value: Any, known: tuple[str, ...], kind: Literal["result", "choose"] | str, stages: Mapping[str, Any]
) -> list[str]:
    """Errors in ``result:`` or ``choose:``; none if the key is absent."""
    if value is None:
        return []
    where = f"sweep.{kind}"
    if not isinstance(value, dict):
        return [f"{where} must be written as 'stage: …, table: …, row: {{column: value}}', got {value!r}."]
    found = _unknown(value, known, where)
    needed = ("stage", "table") if kind == "result" else ("stage", "table", "column", "is")
    found += [f"{where}.{key} is missing." for key in needed if not isinstance(value.get(key), str)]
    stage = value.get("stage")
    if isinstance(stage, str) and stage not in stages:
        found.append(f"{where}.stage names {stage!r}, which is no stage.{suggest(stage, stages)}")
    if not isinstance(value.get("row", {}), dict):
        found.append(f"{where}.row must be written as 'column: value', got {value['row']!r}.")
    if kind == "choose" and isinstance(value.get("is"), str) and value["is"] not in ("lowest", "highest"):
        found.append(f"{where}.is must be 'lowest' or 'highest', got {value['is']!r}.")
    return found
