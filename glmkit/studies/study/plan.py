"""A plan: a study whose every parameter has been checked, for one run folder.

Everything that can be known before anything runs is decided here, so that a typing error in the last stage costs seconds and
not a night. Nothing is written; :mod:`glmkit.studies.run.workflow` does that.
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
from glmkit.studies.study.acceptance import Bar
from glmkit.studies.study.parameter_types import Text
from glmkit.studies.study.planned_stage import PlannedStage
from glmkit.studies.study.signature import Signature, read_signature
from glmkit.studies.study.study_file import Stage, Study, check_name
from glmkit.studies.study.sweep import Sweep
from glmkit.studies.study.sweep_points import Point, checked_axes, fan_out


@dataclass(frozen=True, kw_only=True)
class Plan:  # numpydoc ignore=PR02
    """What one ``glmkit run`` will do.

    Parameters
    ----------
    study
        The study's name.
    source
        The study file.
    name
        The run's name; the study's unless another was given.
    root
        The workspace, from which relative paths in parameters start.
    kernel
        Name of the kernel.
    stages
        In an order in which each comes after those it waits for; a swept stage once for each combination that reaches it.
    sweep
        With its axes' values as the notebooks take them; None if nothing is swept.
    points
        Of the sweep.
    bar
        What the study's model has to reach; None if nothing is asked.
    """

    study: str
    source: str
    name: str
    root: str
    kernel: str
    stages: tuple[PlannedStage, ...]
    sweep: Sweep | None = None
    points: tuple[Point, ...] = ()
    bar: Bar | None = None

    @property
    def folder(self) -> Path:
        """The run folder, ``runs/<name>``."""
        return Path(self.root) / "runs" / self.name

    def as_dict(self) -> dict[str, Any]:
        """The plan as plain values for ``plan.json``."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> "Plan":
        """The plan that :meth:`as_dict` gave."""
        stages = tuple(PlannedStage(**{**stage, "after": tuple(stage["after"])}) for stage in value["stages"])
        sweep = Sweep(**value["sweep"]) if value.get("sweep") else None
        points = tuple(Point(**point) for point in value.get("points", ()))
        bar = Bar(**value["bar"]) if value.get("bar") else None
        return cls(**{**value, "stages": stages, "sweep": sweep, "points": points, "bar": bar})

    def stage(self, name: str) -> PlannedStage:
        """The stage of that name.

        Raises
        ------
        BadInput
            There is none.
        """
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise BadInput(f"{name!r} is no stage of {self.study}.{suggest(name, [stage.name for stage in self.stages])}")

    def named(self, name: str) -> tuple[PlannedStage, ...]:
        """The stage of that name, or, by its name in the study, a swept stage at all its points.

        Raises
        ------
        BadInput
            There is none.
        """
        return tuple(stage for stage in self.stages if stage.stage == name) or (self.stage(name),)

    def sweep_record(self) -> dict[str, Any] | None:
        """What ``run.json`` says of the sweep; None if nothing is swept."""
        if self.sweep is None:
            return None
        return dict(redact(self.sweep.as_dict() | {"points": [point.as_dict() for point in self.points]}))


def parse_settings(texts: Sequence[str]) -> list[tuple[str, str, str]]:
    """Split each ``stage.parameter=value`` in three; the value is taken as it stands, blanks and quotes included.

    Raises
    ------
    BadInput
        A text has another form.
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
    """Check a study against its notebooks and settle every parameter.

    Parameters
    ----------
    study
        From :func:`glmkit.studies.study.study_file.load_study`.
    name
        The run's name, if not the study's.
    settings
        ``(stage, parameter, text)`` from ``--set``; they go before the study's ``with:``.

    Returns
    -------
    Plan
        Folders follow the run's name: ``out`` is the stage's own (nobody else may give it), and a parameter named like a
        stage is that stage's, unless the study or a setting gives another.

    Raises
    ------
    BadInput
        All that is wrong, one sentence a line.
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
    plan = Plan(study=study.name, source=source, name=run, root=root, kernel=study.kernel, stages=stages, bar=study.bar)
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
    """The stages in an order that respects ``after``; a circle is a problem."""
    by_name = {stage.name: stage for stage in planned}
    try:
        order = list(TopologicalSorter({stage.name: stage.after for stage in planned}).static_order())
    except CycleError as error:
        problems.append(f"{study.path}: these stages wait for each other: {' -> '.join(reversed(error.args[1]))}.")
        return ()
    return tuple(by_name[name] for name in order if name in by_name)
