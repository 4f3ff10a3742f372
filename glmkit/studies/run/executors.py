"""Executors of a run's stages: this machine (``local``), Slurm, or Kubernetes.

An executor is a plugin of Snakemake. A profile is a folder with a Snakemake ``config.yaml``, which selects an executor and holds
the settings of a site. Three profiles are shipped with glmkit. A copy with another partition, account or image is also a profile
(``glmkit run STUDY --profile FOLDER``). Slurm and Kubernetes jobs must have the workspace at the same path as this machine.
"""

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glmkit.errors import BadInput
from glmkit.files import workspace
from glmkit.studies.files.notebook_file import suggest
from glmkit.studies.files.strict_yaml import read_yaml

LOCAL = "local"
SHIPPED = Path(__file__).parent / "profiles"
PLUGINS = {
    "slurm": ("snakemake-executor-plugin-slurm",),
    "kubernetes": ("snakemake-executor-plugin-kubernetes", "snakemake-storage-plugin-fs"),
}


@dataclass(frozen=True, kw_only=True)
class Profile:  # numpydoc ignore=PR02
    """Settings for the execution of stages.

    Parameters
    ----------
    name
        Name or folder of the profile, as given by the user.
    executor
        Name of the executor in Snakemake: ``local``, ``slurm``, ``kubernetes``.
    folder
        Absolute path of the folder with ``config.yaml``.
    settings
        Content of that file.
    """

    name: str
    executor: str
    folder: Path
    settings: dict[str, Any]

    @property
    def remote(self) -> bool:
        """Whether stages run as jobs on other machines."""
        return self.executor != LOCAL

    @property
    def python(self) -> str:
        """Python interpreter of a job: this one, or that of the container."""
        return "python" if self.executor == "kubernetes" else sys.executable


def load_profile(name: str = LOCAL) -> Profile:
    """Load a profile by its name or its folder.

    Parameters
    ----------
    name
        ``local``, ``slurm``, ``kubernetes``, or a folder with a ``config.yaml``, relative to the workspace or the current folder.

    Returns
    -------
    Profile
        Loaded profile.

    Raises
    ------
    BadInput
        The profile does not exist, its file is invalid, or its executor is not installed; the message explains how to install it.
    """
    places = [SHIPPED / name, workspace() / name, Path(name)] if "/" not in name else [workspace() / name, Path(name)]
    folder = next((place for place in places if (place / "config.yaml").is_file()), None)
    if folder is None:
        known = sorted(path.parent.name for path in SHIPPED.glob("*/config.yaml"))
        raise BadInput(
            f"--profile {name}: expected one of {', '.join(known)}, or a folder with a config.yaml.{suggest(name, known)}"
        )
    settings = read_yaml(folder / "config.yaml")
    executor = settings.get("executor") if isinstance(settings, dict) else None
    if not isinstance(executor, str) or executor not in (LOCAL, *PLUGINS):
        raise BadInput(f"{folder / 'config.yaml'}: executor is {executor!r}, expected one of {', '.join((LOCAL, *PLUGINS))}.")
    absent = [package for package in PLUGINS.get(executor, ()) if importlib.util.find_spec(package.replace("-", "_")) is None]
    if absent:
        raise BadInput(
            f"--profile {name} needs Snakemake's executor for {executor}, which is not installed: "
            f"run 'pip install \"glmkit[cluster]\"' or 'pip install {' '.join(absent)}'."
        )
    return Profile(name=name, executor=executor, folder=folder.resolve(), settings=settings)


def options(profile: Profile, cores: int | None, root: str, folder: Path) -> list[str]:
    """Arguments of Snakemake that depend on the profile.

    Parameters
    ----------
    profile
        Profile, as returned by :func:`load_profile`.
    cores
        Number of cores on this machine, or of concurrent jobs on a cluster; None for the number of jobs of the profile.
    root
        Absolute path of the workspace. A Kubernetes job mounts the volume claim ``glmkit`` there, unless the profile sets volumes.
    folder
        Absolute path of the run folder. Snakemake's executor for Kubernetes assumes no shared file system and transfers files
        through a storage. The storage set here is the run folder itself, so that jobs use the files in place.

    Returns
    -------
    list of str
        ``--profile`` and the options that a profile cannot contain.
    """
    words = ["--profile", str(profile.folder)]
    if not profile.remote:
        return [*words, "--cores", str(cores)]
    words += ["--jobs", str(cores)] if cores else []
    if profile.executor == "kubernetes":
        words += ["--default-storage-provider", "fs", "--default-storage-prefix", str(folder)]
        if "kubernetes-persistent-volumes" not in profile.settings:
            words += ["--kubernetes-persistent-volumes", f"glmkit:{root}"]
    return words
