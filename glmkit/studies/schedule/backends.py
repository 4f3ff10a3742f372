"""Timers of schedules: the crontab of the user, or the user's systemd timers.

Both start a plain ``glmkit run``. systemd catches up missed times (``Persistent=true``). cron does not, so that a schedule has a
second line in the crontab, which checks for missed times twice an hour. This check takes a fraction of a second.
"""

import contextlib
import hashlib
import os
import re
import shlex
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from glmkit.errors import BadInput, ResourceError
from glmkit.files import write_text
from glmkit.programs import find_program, run_program
from glmkit.studies.schedule.cron import CronTime

BACKENDS = ("cron", "systemd")
_LONGEST = 990  # characters of a line that every cron accepts
_SECONDS = 60.0
_LOOK = "7,37 * * * *"  # times of the check for missed times


@dataclass(frozen=True, kw_only=True)
class Timer:  # numpydoc ignore=PR02
    """Properties of a schedule that a backend needs.

    Parameters
    ----------
    name
        Name of the run.
    home
        Absolute path of the workspace; runs of two workspaces may have the same name.
    study, file, log
        Paths of the study file, of the schedule's file, and of the log that receives the output.
    cron
        Times of the runs.
    """

    name: str
    home: str
    study: str
    file: Path
    log: Path
    cron: CronTime

    @property
    def id(self) -> str:
        """Identifier of the crontab lines and systemd units: readable, and unique to the workspace."""
        plain = re.sub(r"[^A-Za-z0-9_.]+", "_", self.name)
        return f"glmkit-{plain}-{hashlib.sha256(f'{self.home}/{self.name}'.encode()).hexdigest()[:8]}"

    @property
    def words(self) -> list[str]:
        """Argument list of the command."""
        return [sys.executable, "-P", "-m", "glmkit.cli", "run", self.study, "--scheduled", str(self.file)]


def best_backend() -> str:
    """``systemd`` if its user manager runs, else ``cron``.

    Raises
    ------
    BadInput
        Neither is installed; the message explains how to install one.
    """
    if shutil.which("systemctl") and shutil.which("systemd-analyze"):
        with contextlib.suppress(ResourceError), tempfile.TemporaryDirectory() as place:
            run_program("systemctl", ["--user", "show-environment"], place, _SECONDS)
            return "systemd"
    find_program("crontab")
    return "cron"


def install(backend: str, timer: Timer) -> None:
    """Install a timer; an older timer of the same schedule is replaced.

    Raises
    ------
    BadInput
        The backend is not installed, or the command is too long for cron.
    ResourceError
        The backend refused the timer.
    """
    if backend == "systemd":
        _install_units(timer)
    else:
        _write_crontab([*_others(timer), *cron_lines(timer)])


def remove(backend: str, timer: Timer) -> None:
    """Remove a timer; a timer that does not exist is no error."""
    if backend == "systemd":
        with contextlib.suppress(ResourceError):
            _systemctl("disable", "--now", f"{timer.id}.timer")
        for path in _units(timer):
            path.unlink(missing_ok=True)
        _systemctl("daemon-reload")
    elif len(others := _others(timer)) < len(_crontab()):
        _write_crontab(others)


def there(backend: str, timer: Timer) -> bool:
    """Whether the timer is installed."""
    if backend == "systemd":
        return all(path.exists() for path in _units(timer))
    return bool(shutil.which("crontab")) and len(_others(timer)) < len(_crontab())


def cron_lines(timer: Timer) -> list[str]:
    """Lines of the crontab: one that runs the study, and one that catches up missed times.

    Raises
    ------
    BadInput
        A line would be too long, or would contain a line break.
    """
    command = shlex.join(timer.words)
    end = f">>{shlex.quote(str(timer.log))} 2>&1 # {timer.id}"
    lines = [
        f"{when} {_escape(text)}"
        for when, text in ((timer.cron.text, f"{command} {end}"), (_LOOK, f"{command} --catch-up {end}"))
    ]
    if any(len(line.encode()) > _LONGEST or "\n" in line for line in lines):
        raise BadInput(
            f"cron accepts lines of at most {_LONGEST} characters without line breaks, and the paths of {timer.study} give one of "
            f"{max(len(line.encode()) for line in lines)}. Move the workspace to a shorter path, or use --backend systemd."
        )
    return lines


def _escape(text: str) -> str:
    return text.replace("%", r"\%")  # cron treats text after a plain % as the command's input


def _crontab() -> list[str]:
    """Lines of the user's crontab; none if there is no crontab."""
    with tempfile.TemporaryDirectory() as place:
        try:
            return run_program("crontab", ["-l"], place, _SECONDS).splitlines()
        except ResourceError as error:
            if "no crontab for" in str(error):
                return []
            raise


def _others(timer: Timer) -> list[str]:
    """Lines of the crontab that do not belong to this timer."""
    return [line for line in _crontab() if not line.endswith(f"# {timer.id}")]


def _write_crontab(lines: list[str]) -> None:
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "crontab").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        run_program("crontab", ["crontab"], place, _SECONDS)


def _units(timer: Timer) -> tuple[Path, Path]:
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"
    return home / f"{timer.id}.service", home / f"{timer.id}.timer"


def unit_texts(timer: Timer) -> tuple[str, str]:
    """Texts of the service unit and the timer unit for systemd."""
    title = _literal(f"glmkit run {timer.name}")
    words = " ".join(["/usr/bin/env", *(_quoted(word) for word in timer.words)])
    log = _literal(str(timer.log))
    service = f"[Unit]\nDescription={title}\n\n[Service]\nType=oneshot\nExecStart={words}\nStandardOutput=append:{log}\nStandardError=append:{log}\n"
    calendar = "".join(f"OnCalendar={line}\n" for line in timer.cron.calendar())
    clock = f"[Unit]\nDescription={title}\n\n[Timer]\n{calendar}Persistent=true\n\n[Install]\nWantedBy=timers.target\n"
    return service, clock


def _literal(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(word: str) -> str:
    """Quote a word of ``ExecStart`` so that systemd does not change it."""
    for letter, written in (("\\", "\\\\"), ('"', '\\"'), ("$", "$$")):
        word = word.replace(letter, written)
    return f'"{_literal(word)}"'


def _install_units(timer: Timer) -> None:
    find_program("systemctl")
    paths = _units(timer)
    for path, text in zip(paths, unit_texts(timer), strict=True):
        write_text(path, text)
    try:
        _systemctl("daemon-reload")
        _systemctl("enable", "--now", paths[1].name)
    except ResourceError:
        for path in paths:
            path.unlink(missing_ok=True)
        raise


def _systemctl(*words: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        run_program("systemctl", ["--user", *words], place, _SECONDS)
