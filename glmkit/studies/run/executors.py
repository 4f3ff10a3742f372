"""Where the stages of a run are computed: here (``local``), as jobs of Slurm, or as jobs of Kubernetes.

An executor is one of Snakemake's plugins, and a profile is a folder with Snakemake's own ``config.yaml`` that chooses one and
says what is true of a site. Three ship with glmkit; a copy of one with a partition, an account or an image in it is a profile
too (``glmkit run STUDY --profile FOLDER``). Slurm and Kubernetes jobs must see the workspace under the path that it has here.
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
    """A way to run stages.

    Parameters
    ----------
    name
        As it was asked for.
    executor
        Snakemake's name of the executor: ``local``, ``slurm``, ``kubernetes``.
    folder
        Holds ``config.yaml``.
    settings
        What that file says.
    """

    name: str
    executor: str
    folder: Path
    settings: dict[str, Any]

    @property
    def remote(self) -> bool:
        """Whether stages run as jobs elsewhere."""
        return self.executor != LOCAL

    @property
    def python(self) -> str:
        """The interpreter of a job: this one, or in a container the one that is there."""
        return "python" if self.executor == "kubernetes" else sys.executable


def load_profile(name: str = LOCAL) -> Profile:
    """A profile by its name, or by the folder that holds its ``config.yaml``.

    Parameters
    ----------
    name
        ``local``, ``slurm``, ``kubernetes``, or a folder, relative to the workspace or the current folder.

    Raises
    ------
    BadInput
        There is none, its file cannot be read, or the executor that it chooses is not installed; the sentence says how to
        install it.
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
    """The words for Snakemake's command line that a profile decides.

    Parameters
    ----------
    profile
        From :func:`load_profile`.
    cores
        How many stages may run at once; None for the profile's own number of jobs.
    root
        The workspace; a Kubernetes job mounts the volume claim ``glmkit`` there, unless the profile names volumes of its own.
    folder
        The run folder. Snakemake's executor for Kubernetes takes it that nothing is shared and carries every file through a
        storage: the one named here is that folder itself, so that a job sees the run as it is.

    Returns
    -------
    list of str
        ``--profile``, and what it cannot say.
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
