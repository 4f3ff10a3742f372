"""``glmkit schedule``: studies that run on a clock, whether or not anybody is there.

A schedule is one small file below ``.glmkit/schedules`` of the workspace, and a timer of cron or systemd that calls
``glmkit run STUDY --scheduled FILE``. The file holds what a timer's bare environment lacks: the settings, ``PATH`` and where
runs are recorded. It never holds a secret. What came of each call is kept beside it (:mod:`glmkit.studies.schedule.trigger`).
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
_OURS = ("GLMKIT_CACHE", "GLMKIT_OFFLINE", "GLMKIT_WORKSPACE")


@dataclass(frozen=True, kw_only=True)
class Schedule:  # numpydoc ignore=PR02
    """A study, and when it runs.

    Parameters
    ----------
    name
        The run's name; one schedule a run.
    study
        The study file.
    settings
        As ``--set`` takes them.
    cores
        As ``--cores`` takes it.
    profile
        As ``--profile`` takes it.
    workspace
        Where relative paths start.
    cron
        The five fields.
    backend
        ``cron`` or ``systemd``.
    on_failure
        The command that is told of a failure, in words; empty for none.
    variables
        The environment that the run is given.
    made
        When it was made, in seconds since 1970: what was due before that was not missed.
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
        """Where it is kept."""
        return folder(Path(self.workspace)) / f"{self.name}.json"

    @property
    def state(self) -> Path:
        """Where it is kept what came of it."""
        return self.file.with_suffix(".state")

    @property
    def log(self) -> Path:
        """What its runs print."""
        return self.file.with_suffix(".log")

    @property
    def when(self) -> CronTime:
        """When it is due."""
        return read_cron(self.cron)

    @classmethod
    def load(cls, path: str | Path) -> "Schedule":
        """The schedule kept in a file.

        Raises
        ------
        BadInput
            There is none, or it was written by another version of glmkit.
        """
        value = read_json(path)
        try:
            return cls(**value | {key: tuple(value[key]) for key in ("settings", "on_failure")})
        except (TypeError, KeyError) as error:
            raise BadInput(f"{path} is no schedule of this glmkit ({error}). Delete it and make it again.") from error

    def timer(self) -> backends.Timer:
        """What cron or systemd is asked to do."""
        return backends.Timer(name=self.name, home=self.workspace, study=self.study, file=self.file, log=self.log, cron=self.when)


def folder(root: Path | None = None) -> Path:
    """Where the schedules of a workspace are kept."""
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
    """Have a study run on a clock; the schedule of that run, if there is one, is replaced.

    Parameters
    ----------
    plan
        The study with its parameters checked, so that a typing error is found now and not at night.
    when
        When it is due.
    settings, cores, profile
        What ``glmkit run`` is to be given.
    backend
        ``cron`` or ``systemd``; by default systemd where it runs for this user, else cron.
    on_failure
        A command, split in words as a shell does, that is run after a failure.

    Raises
    ------
    BadInput
        Neither backend is there, the command has an open quote, or the tracking address holds a password.
    ResourceError
        The backend refused the timer.
    """
    chosen = backend or backends.best_backend()
    try:
        command = tuple(shlex.split(on_failure))
    except ValueError as error:
        raise BadInput(f"--on-failure {on_failure!r} cannot be split in words: {error}.") from None
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
    """The environment for a timer's run: named variables only, and never a secret."""
    address = urlsplit(os.environ.get("MLFLOW_TRACKING_URI", ""))
    if address.password:
        raise BadInput(
            "MLFLOW_TRACKING_URI holds a password, which a schedule would have to keep. "
            "Put the password into ~/.pgpass (mode 600) and take it out of the address."
        )
    kept = {name: os.environ[name] for name in (*_KEPT, *_OURS) if name in os.environ and not is_secret(name)}
    return kept | {"GLMKIT_WORKSPACE": root}


def remove(name: str) -> Schedule:
    """Take a schedule and its timer away; what its runs computed stays.

    Raises
    ------
    BadInput
        There is no schedule of that name; those there are, are listed.
    """
    with record.locked(folder() / ".lock"):
        found = {schedule.name: schedule for schedule in schedules()}
        if name not in found:
            raise BadInput(f"{name!r} is no schedule of {workspace()}.{suggest(name, list(found))}")
        schedule = found[name]
        backends.remove(schedule.backend, schedule.timer())
        for path in (schedule.file, schedule.state):
            path.unlink(missing_ok=True)
    return schedule


def schedules() -> list[Schedule]:
    """The schedules of this workspace, by name."""
    return [Schedule.load(path) for path in sorted(folder().glob("*.json"))]


def show(now: datetime | None = None) -> str:
    """A table of the schedules: when, by what, the next time, and what came of the last."""
    found = schedules()
    if not found:
        return f"No schedules in {workspace()}. Make one with: glmkit schedule bacterial_genes --at 02:30"
    rows = [["run", "when", "by", "next", "last", "what came of it"]]
    for schedule in found:
        last: dict[str, Any] = (read_json(schedule.state) if schedule.state.exists() else {}).get("last") or {}
        following = schedule.when.after(now or datetime.now())
        timer_there = backends.there(schedule.backend, schedule.timer())
        upcoming = f"{following:%Y-%m-%d %H:%M}" if following and timer_there else "never: its timer is gone"
        came = " ".join(filter(None, [str(last.get("outcome") or ""), str(last.get("error") or "").split("\n")[0][:80]]))
        rows.append([schedule.name, schedule.cron, schedule.backend, upcoming, str(last.get("began") or "")[:16], came])
    return columns(rows)
