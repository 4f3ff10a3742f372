"""A study file: a name, a kernel, and stages, each a notebook with parameters.

::

    name: bacterial_genes
    kernel: python3               # optional
    stages:
      acquire:
        notebook: dna/1_acquire.ipynb
      pretrain:
        notebook: dna/3_pretrain.ipynb
        after: [acquire]          # optional: a parameter named like a stage implies it
        with: {steps: 400}        # optional
        resources: {gpu: 1}       # optional: requested resources (glmkit.studies.study.resources)
        minutes: 120              # optional: time limit of the stage
        cell_minutes: 60          # optional: time limit of each of its cells
    sweep:                        # optional: parameters that take several values (glmkit.studies.study.sweep)
      axes: {pretrain.dropout: [0.0, 0.1]}
    acceptance:                   # optional: criterion by which the model becomes the champion (glmkit.studies.study.acceptance)
      {metric: evaluate.auroc_low, at_least: 0.9, model: finetune/models/pretrained}

YAML is read strictly: keys are unique, object tags are refused, ``no`` and ``2024-01-01`` are texts, and ``1e-3`` is a number.
"""

import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from glmkit.errors import BadInput
from glmkit.files import workspace
from glmkit.studies.files.notebook_file import is_identifier, suggest
from glmkit.studies.files.strict_yaml import read_yaml
from glmkit.studies.study.acceptance import Acceptance, read_acceptance
from glmkit.studies.study.resources import read_resources
from glmkit.studies.study.sweep import Sweep, read_sweep

_STUDY_KEYS = ("name", "kernel", "stages", "sweep", "acceptance")
_FORMER_KEYS = {"bar": "acceptance"}
_STAGE_KEYS = ("notebook", "with", "after", "resources", "minutes", "cell_minutes")
_NAME = re.compile(r"\w[\w .+=,'()$&-]{0,99}", re.UNICODE)


@dataclass(frozen=True, kw_only=True)
class Stage:  # numpydoc ignore=PR02
    """One notebook of a study.

    Parameters
    ----------
    name
        Identifier of the stage. It names the folder of the stage, and the parameter that passes this folder to later notebooks.
    notebook
        Absolute path of the notebook.
    parameters
        Content of the study's ``with:``, not yet checked.
    after
        Names of the stages listed in ``after:``.
    resources
        Requested resources such as ``{"gpu": 1, "memory": "16G"}``; see :mod:`glmkit.studies.study.resources`.
    minutes, cell_minutes
        Time limits of the stage and of one cell in minutes; None for no limit.
    """

    name: str
    notebook: Path
    parameters: dict[str, Any] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    resources: dict[str, int | str] = field(default_factory=dict)
    minutes: float | None = None
    cell_minutes: float | None = None


@dataclass(frozen=True, kw_only=True)
class Study:  # numpydoc ignore=PR02
    """Content of a study file.

    Parameters
    ----------
    name
        Default name of the run, and so of its folder below ``runs/``.
    path
        Absolute path of the file.
    kernel
        Name of the kernel that runs the notebooks.
    stages
        Stages in the order of the file.
    sweep
        Parameters that take several values; None without a sweep.
    acceptance
        Acceptance criterion of the model; None without one.
    """

    name: str
    path: Path
    kernel: str = "python3"
    stages: tuple[Stage, ...]
    sweep: Sweep | None = None
    acceptance: Acceptance | None = None


def package_notebooks() -> Path | None:
    """Folder of the notebooks that are shipped with glmkit, in the installed package or in the clone; None without one."""
    spec = importlib.util.find_spec("glmkit")
    if spec is None or not spec.submodule_search_locations:
        return None
    package = Path(next(iter(spec.submodule_search_locations)))
    for folder in (package / "_notebooks", package.parent / "notebooks"):
        if folder.is_dir():
            return folder
    return None


def roots(beside: Path | None = None) -> list[Path]:
    """Folders in which the relative path of a notebook is looked up, in this order."""
    found = [beside] if beside else []
    found += [workspace() / "notebooks", workspace()]
    return found + [folder for folder in [package_notebooks()] if folder]


def find_study(named: str | Path) -> Path:
    """Path of a study file, given by its path or by its name below ``notebooks/studies/``.

    Raises
    ------
    BadInput
        There is no such study; the message lists the existing ones.
    """
    path = Path(named)
    if path.suffix in {".yaml", ".yml"} or path.exists():
        return path
    folders = [root / "studies" for root in roots() if (root / "studies").is_dir()]
    for folder in folders:
        if "/" not in str(named) and (folder / f"{named}.yaml").exists():
            return folder / f"{named}.yaml"
    known = sorted({file.stem for folder in folders for file in folder.glob("*.yaml")})
    raise BadInput(f"{named} is neither a study file nor the name of a study.{suggest(str(named), known)}")


def find_notebook(named: str | Path) -> Path:
    """Path of a notebook, given by its path or by its path below ``notebooks/``.

    Raises
    ------
    BadInput
        There is no such notebook; the message lists the folders that were searched.
    """
    folders = [Path.cwd(), *roots()]
    for folder in folders:
        if (folder / named).is_file():
            return folder / named
    raise BadInput(f"{named} was not found in {', '.join(str(folder) for folder in dict.fromkeys(folders))}.")


def check_name(name: Any, what: str = "The study's name") -> str:
    """Return `name` if it can be the name of a folder below ``runs/``.

    Raises
    ------
    BadInput
        The name is not a text, is empty, contains ``/`` or ``..``, begins with a dot, or exceeds 100 characters.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name) or ".." in name or name != name.strip():
        raise BadInput(
            f"{what} is {name!r}, expected a plain folder name below runs/: "
            "letters, digits, blanks, '_', '-', '.'; no '/', no '..', at most 100 characters."
        )
    return name


def load_study(path: str | Path) -> Study:
    """Read a study file. Parameters are checked against the notebooks later, by :func:`glmkit.studies.study.plan.make_plan`.

    Raises
    ------
    BadInput
        The form of the file has errors; the message lists all of them, one a line.
    """
    path = find_study(path)
    content = read_yaml(path)
    if not isinstance(content, dict) or not isinstance(content.get("stages"), dict) or not content["stages"]:
        raise BadInput(f"{path}: a study has a 'name' and 'stages' (stage: {{notebook: FILE}}).")
    problems = [_unknown_key(key, path) for key in content if key not in _STUDY_KEYS]
    try:
        name = check_name(content.get("name", path.stem))
    except BadInput as problem:
        problems.append(f"{path}: {problem}")
    kernel = content.get("kernel", "python3")
    if not isinstance(kernel, str) or not kernel:
        problems.append(f"{path}: kernel is {kernel!r}, expected the name of a kernel.")
    stages = [_stage(key, value, path, content["stages"], problems) for key, value in content["stages"].items()]
    sweep = read_sweep(content["sweep"], path, content["stages"], problems) if "sweep" in content else None
    acceptance = None
    if "acceptance" in content:
        acceptance = read_acceptance(content["acceptance"], path, content["stages"], "sweep" in content, problems)
    if problems:
        raise BadInput("\n".join(problems))
    kept = tuple(stage for stage in stages if stage)
    return Study(name=name, path=path.resolve(), kernel=kernel, stages=kept, sweep=sweep, acceptance=acceptance)


def _unknown_key(key: Any, path: Path) -> str:
    if key in _FORMER_KEYS:
        return f"{path}: the key {key!r} is now called {_FORMER_KEYS[key]!r}. Rename it; its content stays the same."
    return f"{path}: {key!r} is unknown.{suggest(str(key), list(_STUDY_KEYS))}"


def _stage(name: Any, value: Any, path: Path, known: Mapping[str, Any], problems: list[str]) -> Stage | None:
    """One entry below ``stages:``; its errors are appended to `problems`."""
    before = len(problems)
    if not is_identifier(name) or name == "out":
        problems.append(f"{path}: {name!r} cannot name a stage (letters, digits and '_' only; not 'out').")
    if not isinstance(value, dict):
        problems.append(f"{path}: stage {name} must be written as 'notebook: FILE', got {value!r}.")
        return None
    problems += [
        f"{path}: {name}.{key} is unknown.{suggest(str(key), list(_STAGE_KEYS))}" for key in value if key not in _STAGE_KEYS
    ]
    given = value.get("with") or {}
    if not isinstance(given, dict):
        problems.append(f"{path}: {name}.with must be written as 'parameter: value', got {given!r}.")
    after = value.get("after") or []
    after = [after] if isinstance(after, str) else after
    if not isinstance(after, list) or any(not isinstance(stage, str) for stage in after):
        problems.append(f"{path}: {name}.after must be a list of stages, got {after!r}.")
        after = []
    problems += [
        f"{path}: {name}.after names {stage!r}, which is no stage.{suggest(stage, known)}"
        for stage in after
        if stage not in known
    ]
    resources = read_resources(value.get("resources"), str(name), path, problems)
    for key in ("minutes", "cell_minutes"):
        limit = value.get(key)
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int | float) or not limit > 0):
            problems.append(f"{path}: {name}.{key} must be a number above 0, got {limit!r}.")
    notebook = _find_notebook(value.get("notebook"), path, str(name), problems)
    if len(problems) > before or notebook is None:
        return None
    limits = {key: value.get(key) for key in ("minutes", "cell_minutes")}
    return Stage(name=name, notebook=notebook, parameters=given, after=tuple(after), resources=resources, **limits)


def _find_notebook(named: Any, path: Path, stage: str, problems: list[str]) -> Path | None:
    if not isinstance(named, str) or not named:
        problems.append(f"{path}: {stage}.notebook must be a file, got {named!r}.")
        return None
    folders = roots(path.resolve().parent)
    for folder in folders:
        if (folder / named).is_file():
            return (folder / named).resolve()
    problems.append(f"{path}: {stage}.notebook {named} was not found in {', '.join(str(folder) for folder in folders)}.")
    return None
