"""A plan: a study with every parameter checked, for one run folder.

All checks that need no computation are made here, so that an error in the last stage is found within seconds. Nothing is
written to disk; :mod:`glmkit.studies.run.workflow` does that.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from glmkit.errors import BadInput
from glmkit.files import inside, workspace
from glmkit.studies.files.input_files import broken_files
from glmkit.studies.files.notebook_file import code_cells, read_notebook, suggest
from glmkit.studies.files.secrets import redact
from glmkit.studies.kernels.kernel import check_kernel
from glmkit.studies.study.acceptance import Acceptance
from glmkit.studies.study.parameter_types import Text
from glmkit.studies.study.planned_stage import PlannedStage
from glmkit.studies.study.signature import Signature, read_signature
from glmkit.studies.study.study_file import Stage, Study, check_name
from glmkit.studies.study.sweep import Sweep
from glmkit.studies.study.sweep_points import Point, checked_axes, fan_out


@dataclass(frozen=True, kw_only=True)
class Plan:  # numpydoc ignore=PR02
    """Stages and parameters of one ``glmkit run``.

    Parameters
    ----------
    study
        Name of the study.
    source
        Absolute path of the study file.
    name
        Name of the run; by default that of the study.
    root
        Absolute path of the workspace, where relative paths in parameters start.
    kernel
        Name of the kernel.
    stages
        Stages in topological order; a swept stage once for each combination of the axes that affect it.
    sweep
        Sweep, its values converted to the types of the parameters; None without a sweep.
    points
        Points of the sweep.
    acceptance
        Acceptance criterion of the study's model; None without one.
    """

    study: str
    source: str
    name: str
    root: str
    kernel: str
    stages: tuple[PlannedStage, ...]
    sweep: Sweep | None = None
    points: tuple[Point, ...] = ()
    acceptance: Acceptance | None = None

    @property
    def folder(self) -> Path:
        """The run folder, ``runs/<name>``."""
        return Path(self.root) / "runs" / self.name

    def as_dict(self) -> dict[str, Any]:
        """The plan as plain values for ``plan.json``."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> "Plan":
        """The plan from the values that :meth:`as_dict` returned."""
        stages = tuple(PlannedStage(**{**stage, "after": tuple(stage["after"])}) for stage in value["stages"])
        sweep = Sweep(**value["sweep"]) if value.get("sweep") else None
        points = tuple(Point(**point) for point in value.get("points", ()))
        acceptance = Acceptance(**value["acceptance"]) if value.get("acceptance") else None
        return cls(**{**value, "stages": stages, "sweep": sweep, "points": points, "acceptance": acceptance})

    def stage(self, name: str) -> PlannedStage:
        """The stage with this name.

        Raises
        ------
        BadInput
            There is no such stage.
        """
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise BadInput(f"{name!r} is no stage of {self.study}.{suggest(name, [stage.name for stage in self.stages])}")

    def named(self, name: str) -> tuple[PlannedStage, ...]:
        """The stage with this name; for the name of a swept stage in the study, the stage at all points.

        Raises
        ------
        BadInput
            There is no such stage.
        """
        return tuple(stage for stage in self.stages if stage.stage == name) or (self.stage(name),)

    def sweep_record(self) -> dict[str, Any] | None:
        """Description of the sweep for ``run.json``, secrets hidden; None without a sweep."""
        if self.sweep is None:
            return None
        return dict(redact(self.sweep.as_dict() | {"points": [point.as_dict() for point in self.points]}))


def parse_settings(texts: Sequence[str]) -> list[tuple[str, str, str]]:
    """Split each ``stage.parameter=value`` into three parts; the value keeps its blanks and quotes.

    Raises
    ------
    BadInput
        A text has another form.

    Examples
    --------
    >>> parse_settings(["pretrain.steps=400", "finetune.seeds=[0, 1]"])
    [('pretrain', 'steps', '400'), ('finetune', 'seeds', '[0, 1]')]
    """
    parsed = []
    for text in texts:
        left, equals, value = text.partition("=")
        stage, dot, name = left.strip().partition(".")
        if not (equals and dot and stage and name):
            raise BadInput(f"--set {text!r}: expected stage.parameter=value, such as --set pretrain.steps=400.")
        parsed.append((stage, name, value))
    return parsed


def make_plan(study: Study, name: str | None = None, settings: Sequence[tuple[str, str, str]] = ()) -> Plan:
    """Check a study against its notebooks and determine every parameter.

    Parameters
    ----------
    study
        Study, as returned by :func:`glmkit.studies.study.study_file.load_study`.
    name
        Name of the run; by default that of the study.
    settings
        Tuples (stage, parameter, text) from ``--set``; they override the study's ``with:``.

    Returns
    -------
    Plan
        Folders follow from the name of the run. ``out`` is the stage's own folder and cannot be set. A parameter named like a
        stage is the folder of that stage, unless the study or a setting gives another.

    Raises
    ------
    BadInput
        The study or a setting has errors; the message lists all of them, one a line.
    """
    run = check_name(study.name if name is None else name, "The run's name")
    names = [stage.name for stage in study.stages]
    problems: list[str] = []
    try:
        check_kernel(study.kernel)
    except BadInput as problem:
        problems.append(f"{study.path}: {problem}")
    for of, parameter, _ in settings:
        if of not in names:
            problems.append(f"--set {of}.{parameter}: {of!r} is no stage of {study.name}.{suggest(of, names)}")
    planned, signatures, givens = [], {}, {}
    for stage in study.stages:
        given = {**stage.parameters, **{key: Text(value) for of, key, value in settings if of == stage.name}}
        try:
            signature = read_signature(stage.notebook)
        except BadInput as problem:
            problems.append(f"{stage.name}: {problem}")
            continue
        planned.append(_plan_stage(stage, signature, given, names, run, problems))
        signatures[stage.name], givens[stage.name] = signature, given
    stages = _order(planned, study, problems)
    sweep = study.sweep and replace(study.sweep, axes=checked_axes(study.sweep, signatures, givens, problems))
    if problems:
        raise BadInput("\n".join(problems))
    root, source = str(workspace()), str(study.path)
    plan = Plan(
        study=study.name, source=source, name=run, root=root, kernel=study.kernel, stages=stages, acceptance=study.acceptance
    )
    if sweep is None:
        return plan
    stages, points = fan_out(stages, sweep.axes, run)
    return replace(plan, stages=stages, sweep=sweep, points=points)


def _plan_stage(
    stage: Stage, signature: Signature, given: dict[str, Any], names: list[str], run: str, problems: list[str]
) -> PlannedStage:
    folders = {other: f"runs/{run}/{other}" for other in names if other != stage.name and other in signature.parameters}
    implied = [other for other in folders if other not in given]
    own = {"out": f"runs/{run}/{stage.name}"} if "out" in signature.parameters else {}
    values, found = signature.examine({**folders, **given, **own}, stage.name)
    problems += found
    problems += [f"{stage.name}.{parameter}: {problem}" for parameter, problem in broken_files(values)]
    if own and "out" in given:
        problems.append(
            f"{stage.name}.out is decided by the run's name ({own['out']}). Leave it out, or name the run with --name."
        )
    for key in folders:
        try:
            inside(workspace(), values[key])
        except BadInput as problem:
            problems.append(f"{stage.name}.{key}: {problem}")
    return PlannedStage(
        name=stage.name,
        notebook=str(stage.notebook),
        parameters=values,
        after=tuple(dict.fromkeys([*stage.after, *implied])),
        code=hashlib.sha256("\0".join(code_cells(read_notebook(stage.notebook))).encode()).hexdigest(),
        resources=stage.resources,
        minutes=stage.minutes,
        cell_minutes=stage.cell_minutes,
    )


def _order(planned: list[PlannedStage], study: Study, problems: list[str]) -> tuple[PlannedStage, ...]:
    """The stages in topological order of ``after``; a cycle is reported in `problems`."""
    by_name = {stage.name: stage for stage in planned}
    try:
        order = list(TopologicalSorter({stage.name: stage.after for stage in planned}).static_order())
    except CycleError as error:
        problems.append(f"{study.path}: these stages wait for each other: {' -> '.join(reversed(error.args[1]))}.")
        return ()
    return tuple(by_name[name] for name in order if name in by_name)
