"""The points of a sweep, and the stages that each of them needs.

A stage is run once for each combination of the axes that can reach it: its own and those of the stages that it waits for. What no
axis reaches runs once and is shared by all points; under ``pretrain.dropout`` and ``finetune.seed`` a pretraining is shared by
all seeds. The folder of a stage at a point is named by the values alone (``sweep/dropout=0.1,seed=0/finetune``), so a point that
is finished stays finished when values are added to an axis.
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

_LONGEST = 80  # characters of a point's name
_ODD = re.compile(r"[^\w.-]")


@dataclass(frozen=True, kw_only=True)
class Point:  # numpydoc ignore=PR02
    """One combination of the axes' values.

    Parameters
    ----------
    name
        Such as ``dropout=0.1,seed=0``.
    values
        ``stage.parameter`` to its value.
    stages
        Each swept stage to its folder at this point, relative to the run folder.
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
    """The axes with values of the parameters' types; what is wrong with one is added to `problems`.

    Parameters
    ----------
    sweep
        From the study file.
    signatures
        Of the notebooks, by stage; stages whose notebook could not be read are missing.
    given
        What the study and the command line give each stage.
    problems
        Changed in place.

    Returns
    -------
    dict
        ``stage.parameter`` to a list of values, in the study's order.
    """
    axes: dict[str, list[Any]] = {}
    for axis, values in sweep.axes.items():
        stage, _, parameter = axis.partition(".")
        if stage not in signatures:
            continue
        if is_secret(parameter):
            problems.append(f"sweep.axes: {axis} is the name of a secret, which no folder can be called by. Take it out.")
            continue
        if parameter == "out":
            problems.append(f"sweep.axes: {axis} is decided by the point's name. Leave it out.")
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
                break  # the other values of an unknown parameter would say the same
            if checked[parameter] in axes[axis]:
                problems.append(f"sweep.axes: {axis} holds {checked[parameter]!r} twice. Remove one.")
            axes[axis].append(checked[parameter])
    size = 1
    for values in axes.values():
        size *= max(1, len(values))
    if size > LARGEST:
        problems.append(f"sweep.axes: {size:,} points, expected at most {LARGEST:,}. Take values out, or make several studies.")
    return axes


def fan_out(
    stages: Sequence[PlannedStage], axes: Mapping[str, Sequence[Any]], run: str
) -> tuple[tuple[PlannedStage, ...], tuple[Point, ...]]:
    """The stages with every swept one repeated for each combination of the axes that reach it.

    Parameters
    ----------
    stages
        Each once, in an order in which each comes after those it waits for.
    axes
        From :func:`checked_axes`.
    run
        The run's name, by which folders in parameters begin.

    Returns
    -------
    stages : tuple of PlannedStage
        In an order that can be run.
    points : tuple of Point
        One a combination of all axes, the last axis changing fastest.
    """
    reach: dict[str, list[str]] = {}
    for stage in stages:
        reaching = {axis for axis in axes if axis.partition(".")[0] == stage.name}
        reaching |= {axis for other in stage.after for axis in reach.get(other, [])}
        reach[stage.name] = [axis for axis in axes if axis in reaching]

    def folder(stage: str, values: Mapping[str, Any]) -> str:
        """Where a stage lies at a point, relative to the run folder."""
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
    """Each axis by its parameter's name alone, or, where two stages share it, by both names."""
    short = [axis.partition(".")[2] for axis in axes]
    return {axis: name if short.count(name) == 1 else axis for axis, name in zip(axes, short, strict=True)}


def point_name(values: Mapping[str, Any], axes: Sequence[str]) -> str:
    """A folder's name for a combination of values.

    Parameters
    ----------
    values
        ``stage.parameter`` to value.
    axes
        All axes of the sweep, which decides how they are called.

    Returns
    -------
    str
        Such as ``dropout=0.1,seeds=0+1``; with the beginning of a hash where a value had to be changed or cut.
    """
    labels = axis_labels(axes)
    parts = {axis: _texts(value) for axis, value in values.items()}
    name = ",".join(f"{labels[axis]}={'+'.join(_ODD.sub('_', text) for text in texts)}" for axis, texts in parts.items())
    if len(name) <= _LONGEST and all(text and not _ODD.search(text) for texts in parts.values() for text in texts):
        return name
    digest = hashlib.sha256(json.dumps(dict(values), sort_keys=True).encode()).hexdigest()
    return f"{name[:_LONGEST]},{digest[:8]}"


def show_value(value: Any) -> str:
    """A parameter's value as a person writes it; a list with ``+`` between its values."""
    return "+".join(_texts(value))


def _texts(value: Any) -> list[str]:
    return [text for entry in value for text in _texts(entry)] if isinstance(value, list | tuple) else [str(value)]
