"""``glmkit schedule``: studies that run unattended at fixed times.

A schedule consists of a small file below ``.glmkit/schedules`` of the workspace and a timer of cron or systemd. The timer calls
``glmkit run STUDY --scheduled FILE``. The file holds the settings and the environment variables that a timer's environment lacks,
such as ``PATH`` and the address of the tracking store. It contains no secrets. The outcome of each call is kept in a second file
(:mod:`glmkit.studies.schedule.trigger`).
"""

import os
import shlex
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from glmkit.errors import BadInput
from glmkit.files import read_json, workspace, write_json
from glmkit.studies.files import record
from glmkit.studies.files.notebook_file import suggest
from glmkit.studies.files.secrets import is_secret
from glmkit.studies.schedule import backends
from glmkit.studies.schedule.cron import CronTime, read_cron
from glmkit.studies.study.plan import Plan
from glmkit.studies.study.signature_table import columns

_KEPT = (
    "PATH",
    "LANG",
    "MLFLOW_TRACKING_URI",
    "HF_HOME",
    "HF_HUB_OFFLINE",
    "CUDA_VISIBLE_DEVICES",
    "XDG_CACHE_HOME",
    "SSL_CERT_FILE",
)
_OWN = ("GLMKIT_CACHE", "GLMKIT_OFFLINE", "GLMKIT_WORKSPACE")


@dataclass(frozen=True, kw_only=True)
class Schedule:  # numpydoc ignore=PR02
    """A study and the times at which it runs.

    Parameters
    ----------
    name
        Name of the run; each run has at most one schedule.
    study
        Path of the study file.
    settings
        Values of ``--set``.
    cores
        Value of ``--cores``.
    profile
        Value of ``--profile``.
    workspace
        Absolute path of the workspace.
    cron
        Times as the five fields of cron.
    backend
        ``cron`` or ``systemd``.
    on_failure
        Argument list of a command that runs after a failure; empty for none.
    variables
        Environment variables of the run.
    made
        Time of creation in seconds since 1970; earlier times do not count as missed.
    """

    name: str
    study: str
    settings: tuple[str, ...] = ()
    cores: int | None = None
    profile: str = "local"
    workspace: str
    cron: str
    backend: str
    on_failure: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    made: float

    @property
    def file(self) -> Path:
        """File of the schedule."""
        return folder(Path(self.workspace)) / f"{self.name}.json"

    @property
    def state(self) -> Path:
        """File with the outcomes of its runs."""
        return self.file.with_suffix(".state")

    @property
    def log(self) -> Path:
        """Log with the output of its runs."""
        return self.file.with_suffix(".log")

    @property
    def when(self) -> CronTime:
        """Times of its runs."""
        return read_cron(self.cron)

    @classmethod
    def load(cls, path: str | Path) -> "Schedule":
        """Read a schedule from its file.

        Raises
        ------
        BadInput
            The file does not exist, or was written by another version of glmkit.
        """
        value = read_json(path)
        try:
            return cls(**value | {key: tuple(value[key]) for key in ("settings", "on_failure")})
        except (TypeError, KeyError) as error:
            raise BadInput(
                f"{path} is not a schedule of this version of glmkit ({error}). Delete the file and create the schedule again."
            ) from error

    def timer(self) -> backends.Timer:
        """Timer for cron or systemd."""
        return backends.Timer(name=self.name, home=self.workspace, study=self.study, file=self.file, log=self.log, cron=self.when)


def folder(root: Path | None = None) -> Path:
    """Folder of a workspace's schedules."""
    return (root or workspace()) / ".glmkit" / "schedules"


def add(
    plan: Plan,
    when: CronTime,
    *,
    settings: Sequence[str] = (),
    cores: int | None = None,
    profile: str = "local",
    backend: str | None = None,
    on_failure: str = "",
) -> Schedule:
    """Schedule a study; an existing schedule of the same run is replaced.

    Parameters
    ----------
    plan
        Plan of the study, so that its parameters are checked before the first scheduled run.
    when
        Times of the runs.
    settings, cores, profile
        Options of ``glmkit run``.
    backend
        ``cron`` or ``systemd``; by default systemd if its user manager runs, else cron.
    on_failure
        Command that runs after a failure, split into words as by a shell.

    Returns
    -------
    Schedule
        The new schedule.

    Raises
    ------
    BadInput
        No backend is installed, the command has an open quote, or the tracking address contains a password.
    ResourceError
        The backend refused the timer.
    """
    chosen = backend or backends.best_backend()
    try:
        command = tuple(shlex.split(on_failure))
    except ValueError as error:
        raise BadInput(f"--on-failure {on_failure!r} cannot be split into words: {error}.") from None
    schedule = Schedule(
        name=plan.name,
        study=plan.source,
        settings=tuple(settings),
        cores=cores,
        profile=profile,
        workspace=plan.root,
        cron=when.text,
        backend=chosen,
        on_failure=command,
        variables=_variables(plan.root),
        made=time.time(),
    )
    with record.locked(folder(Path(plan.root)) / ".lock"):
        old = Schedule.load(schedule.file) if schedule.file.exists() else None
        write_json(schedule.file, asdict(schedule))
        if old and old.backend != chosen:
            backends.remove(old.backend, old.timer())
        try:
            backends.install(chosen, schedule.timer())
        except BaseException:
            if not old:
                schedule.file.unlink()
            raise
    return schedule


def _variables(root: str) -> dict[str, str]:
    """Environment variables of a scheduled run: a fixed list of names, without secrets."""
    address = urlsplit(os.environ.get("MLFLOW_TRACKING_URI", ""))
    if address.password:
        raise BadInput(
            "MLFLOW_TRACKING_URI contains a password, which would be stored in the schedule. "
            "Put the password into ~/.pgpass (mode 600) and remove it from the address."
        )
    kept = {name: os.environ[name] for name in (*_KEPT, *_OWN) if name in os.environ and not is_secret(name)}
    return kept | {"GLMKIT_WORKSPACE": root}


def remove(name: str) -> Schedule:
    """Remove a schedule and its timer; the results of its runs are kept.

    Raises
    ------
    BadInput
        There is no schedule with this name; the message lists the existing ones.
    """
    with record.locked(folder() / ".lock"):
        found = {schedule.name: schedule for schedule in schedules()}
        if name not in found:
            raise BadInput(f"{name!r} is not a schedule of {workspace()}.{suggest(name, list(found))}")
        schedule = found[name]
        backends.remove(schedule.backend, schedule.timer())
        for path in (schedule.file, schedule.state):
            path.unlink(missing_ok=True)
    return schedule


def schedules() -> list[Schedule]:
    """The schedules of this workspace, sorted by name."""
    return [Schedule.load(path) for path in sorted(folder().glob("*.json"))]


def show(now: datetime | None = None) -> str:
    """Table of the schedules: times, backend, next run, last run and its outcome."""
    found = schedules()
    if not found:
        return f"No schedules in {workspace()}. Create one with: glmkit schedule bacterial_genes --at 02:30"
    rows = [["run", "times", "backend", "next", "last", "outcome"]]
    for schedule in found:
        last: dict[str, Any] = (read_json(schedule.state) if schedule.state.exists() else {}).get("last") or {}
        following = schedule.when.after(now or datetime.now())
        timer_there = backends.there(schedule.backend, schedule.timer())
        upcoming = f"{following:%Y-%m-%d %H:%M}" if following and timer_there else "never: the timer is missing"
        outcome = " ".join(filter(None, [str(last.get("outcome") or ""), str(last.get("error") or "").split("\n")[0][:80]]))
        rows.append([schedule.name, schedule.cron, schedule.backend, upcoming, str(last.get("began") or "")[:16], outcome])
    return columns(rows)
