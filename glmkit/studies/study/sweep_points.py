"""The points of a sweep, and the stages of each point.

A stage runs once for each combination of the axes that affect it: its own axes and those of the stages that it depends on. A
stage that no axis affects runs once and is shared by all points. With axes ``pretrain.dropout`` and ``finetune.seed``, for
example, one pretraining is shared by all seeds. The folder of a stage at a point is named after the values alone
(``sweep/dropout=0.1,seed=0/finetune``). A finished point therefore stays finished when values are added to an axis.
"""

import hashlib
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from glmkit.errors import BadInput
from glmkit.files import inside, workspace
from glmkit.studies.files.input_files import broken_files
from glmkit.studies.files.run_folder import SWEEP
from glmkit.studies.files.secrets import is_secret
from glmkit.studies.study.planned_stage import PlannedStage
from glmkit.studies.study.signature import Signature
from glmkit.studies.study.sweep import LARGEST, Sweep

_LONGEST = 80  # maximum length of a point's name
_ODD = re.compile(r"[^\w.-]")


@dataclass(frozen=True, kw_only=True)
class Point:  # numpydoc ignore=PR02
    """One combination of the axes' values.

    Parameters
    ----------
    name
        Name of the point, such as ``dropout=0.1,seed=0``.
    values
        Values by ``stage.parameter``.
    stages
        Folders at this point by swept stage, relative to the run folder.
    """

    name: str
    values: dict[str, Any]
    stages: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """The point as plain values."""
        return asdict(self)


def checked_axes(
    sweep: Sweep, signatures: Mapping[str, Signature], given: Mapping[str, Mapping[str, Any]], problems: list[str]
) -> dict[str, list[Any]]:
    """Check the axes and convert their values to the types of the parameters.

    Parameters
    ----------
    sweep
        Sweep of the study file.
    signatures
        Signatures of the notebooks by stage, without the stages whose notebook could not be read.
    given
        Parameters set by the study and the command line, by stage.
    problems
        List of messages; one is appended for each error found.

    Returns
    -------
    dict
        Lists of values by ``stage.parameter``, in the order of the study.
    """
    axes: dict[str, list[Any]] = {}
    for axis, values in sweep.axes.items():
        stage, _, parameter = axis.partition(".")
        if stage not in signatures:
            continue
        if is_secret(parameter):
            problems.append(f"sweep.axes: {axis} has the name of a secret, which must not appear in a folder's name. Remove it.")
            continue
        if parameter == "out":
            problems.append(f"sweep.axes: {axis} follows from the point's name. Remove it.")
            continue
        if parameter in given.get(stage, {}):
            problems.append(f"sweep.axes: {axis} is swept and given a value too (with: or --set). Remove one of the two.")
        axes[axis] = []
        for value in values:
            checked, found = signatures[stage].examine({parameter: value}, stage)
            found += [f"{axis}: {problem}" for _, problem in broken_files({parameter: value})]
            if not found and parameter in signatures:
                try:
                    inside(workspace(), value)
                except BadInput as problem:
                    found.append(f"{axis}: {problem}")
            problems += [f"sweep: {problem}" for problem in found]
            if found:
                break  # the other values of an unknown parameter would give the same message
            if checked[parameter] in axes[axis]:
                problems.append(f"sweep.axes: {axis} holds {checked[parameter]!r} twice. Remove one.")
            axes[axis].append(checked[parameter])
    size = 1
    for values in axes.values():
        size *= max(1, len(values))
    if size > LARGEST:
        problems.append(f"sweep.axes: {size:,} points, expected at most {LARGEST:,}. Remove values, or split the study.")
    return axes


def fan_out(
    stages: Sequence[PlannedStage], axes: Mapping[str, Sequence[Any]], run: str
) -> tuple[tuple[PlannedStage, ...], tuple[Point, ...]]:
    """Repeat every swept stage for each combination of the axes that affect it.

    Parameters
    ----------
    stages
        Stages in topological order, each once.
    axes
        Values by axis, as returned by :func:`checked_axes`.
    run
        Name of the run, which is part of the folders in parameters.

    Returns
    -------
    stages : tuple of PlannedStage
        Stages in topological order.
    points : tuple of Point
        One point for each combination of all axes; the last axis changes fastest.
    """
    reach: dict[str, list[str]] = {}
    for stage in stages:
        reaching = {axis for axis in axes if axis.partition(".")[0] == stage.name}
        reaching |= {axis for other in stage.after for axis in reach.get(other, [])}
        reach[stage.name] = [axis for axis in axes if axis in reaching]

    def folder(stage: str, values: Mapping[str, Any]) -> str:
        """Folder of a stage at a point, relative to the run folder."""
        own = {axis: values[axis] for axis in reach[stage]}
        return f"{SWEEP}/{point_name(own, list(axes))}/{stage}" if own else stage

    fanned: list[PlannedStage] = []
    for stage in stages:
        for values in _grid({axis: axes[axis] for axis in reach[stage.name]}):
            fanned.append(_at_point(stage, values, run, folder) if values else stage)
    points = tuple(
        Point(name=point_name(values, list(axes)), values=values, stages={s: folder(s, values) for s in reach if reach[s]})
        for values in _grid(axes)
    )
    return tuple(fanned), points


def _at_point(stage: PlannedStage, values: dict[str, Any], run: str, folder: Any) -> PlannedStage:
    parameters = dict(stage.parameters)
    for name, value in parameters.items():
        if name == "out":
            parameters[name] = f"runs/{run}/{folder(stage.name, values)}"
        elif name in stage.after and value == f"runs/{run}/{name}":
            parameters[name] = f"runs/{run}/{folder(name, values)}"
    parameters |= {axis.partition(".")[2]: value for axis, value in values.items() if axis.partition(".")[0] == stage.name}
    return replace(
        stage,
        name=folder(stage.name, values),
        parameters=parameters,
        after=tuple(folder(other, values) for other in stage.after),
        point=values,
    )


def _grid(axes: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def axis_labels(axes: Sequence[str]) -> dict[str, str]:
    """Short labels of the axes: the parameter's name, or ``stage.parameter`` if two stages share the name."""
    short = [axis.partition(".")[2] for axis in axes]
    return {axis: name if short.count(name) == 1 else axis for axis, name in zip(axes, short, strict=True)}


def point_name(values: Mapping[str, Any], axes: Sequence[str]) -> str:
    """Folder name for a combination of values.

    Parameters
    ----------
    values
        Values by ``stage.parameter``.
    axes
        All axes of the sweep, which determine the labels.

    Returns
    -------
    str
        Name of the folder; it ends with part of a hash if a value had to be changed or cut.

    Examples
    --------
    >>> values = {"pretrain.dropout": 0.1, "finetune.seeds": [0, 1]}
    >>> point_name(values, list(values))
    'dropout=0.1,seeds=0+1'
    """
    labels = axis_labels(axes)
    parts = {axis: _texts(value) for axis, value in values.items()}
    name = ",".join(f"{labels[axis]}={'+'.join(_ODD.sub('_', text) for text in texts)}" for axis, texts in parts.items())
    if len(name) <= _LONGEST and all(text and not _ODD.search(text) for texts in parts.values() for text in texts):
        return name
    digest = hashlib.sha256(json.dumps(dict(values), sort_keys=True).encode()).hexdigest()
    return f"{name[:_LONGEST]},{digest[:8]}"


def show_value(value: Any) -> str:
    """A parameter's value as text; the values of a list are joined with ``+``."""
    return "+".join(_texts(value))


def _texts(value: Any) -> list[str]:
    return [text for entry in value for text in _texts(entry)] if isinstance(value, list | tuple) else [str(value)]
