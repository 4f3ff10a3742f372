"""The two clocks that a schedule can hang on: a user's crontab, and systemd's timers of a user.

Both start a plain ``glmkit run``. systemd makes up for a moment that was missed by itself (``Persistent=true``). cron does not,
so a schedule there has a second line that looks twice an hour whether one was missed; that look costs a fraction of a second.
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
_LONGEST = 990  # characters of a line that every cron takes
_SECONDS = 60.0
_LOOK = "7,37 * * * *"  # when cron looks for a missed moment


@dataclass(frozen=True, kw_only=True)
class Timer:  # numpydoc ignore=PR02
    """What a backend has to know of a schedule.

    Parameters
    ----------
    name
        The run's.
    home
        The workspace: two of them may have runs of one name.
    study, file, log
        The study file, the schedule's file, and where output goes.
    cron
        When.
    """

    name: str
    home: str
    study: str
    file: Path
    log: Path
    cron: CronTime

    @property
    def id(self) -> str:
        """What marks its lines and names its units: readable, and of one workspace only."""
        plain = re.sub(r"[^A-Za-z0-9_.]+", "_", self.name)
        return f"glmkit-{plain}-{hashlib.sha256(f'{self.home}/{self.name}'.encode()).hexdigest()[:8]}"

    @property
    def words(self) -> list[str]:
        """The command that it runs."""
        return [sys.executable, "-P", "-m", "glmkit.cli", "run", self.study, "--scheduled", str(self.file)]


def best_backend() -> str:
    """``systemd`` where its user manager answers, else ``cron``.

    Raises
    ------
    BadInput
        Neither is there; the message says how to install one.
    """
    if shutil.which("systemctl") and shutil.which("systemd-analyze"):
        with contextlib.suppress(ResourceError), tempfile.TemporaryDirectory() as place:
            run_program("systemctl", ["--user", "show-environment"], place, _SECONDS)
            return "systemd"
    find_program("crontab")
    return "cron"


def install(backend: str, timer: Timer) -> None:
    """Hang a timer on its clock, in place of an older one of the same schedule.

    Raises
    ------
    BadInput
        The backend is not installed, or the command is too long for cron.
    ResourceError
        It refused.
    """
    if backend == "systemd":
        _install_units(timer)
    else:
        _write_crontab([*_others(timer), *cron_lines(timer)])


def remove(backend: str, timer: Timer) -> None:
    """Take a timer off its clock; one that is gone already is no error."""
    if backend == "systemd":
        with contextlib.suppress(ResourceError):
            _systemctl("disable", "--now", f"{timer.id}.timer")
        for path in _units(timer):
            path.unlink(missing_ok=True)
        _systemctl("daemon-reload")
    elif len(others := _others(timer)) < len(_crontab()):
        _write_crontab(others)


def there(backend: str, timer: Timer) -> bool:
    """Whether the timer still hangs on its clock."""
    if backend == "systemd":
        return all(path.exists() for path in _units(timer))
    return bool(shutil.which("crontab")) and len(_others(timer)) < len(_crontab())


def cron_lines(timer: Timer) -> list[str]:
    """The lines of a crontab: one that runs the study, one that makes up for what was missed.

    Raises
    ------
    BadInput
        They would be too long, or hold a line break.
    """
    command = shlex.join(timer.words)
    end = f">>{shlex.quote(str(timer.log))} 2>&1 # {timer.id}"
    lines = [
        f"{when} {_escape(text)}"
        for when, text in ((timer.cron.text, f"{command} {end}"), (_LOOK, f"{command} --catch-up {end}"))
    ]
    if any(len(line.encode()) > _LONGEST or "\n" in line for line in lines):
        raise BadInput(
            f"cron takes lines of at most {_LONGEST} characters, and the paths of {timer.study} make one of "
            f"{max(len(line.encode()) for line in lines)}. Move the workspace to a shorter path, or use --backend systemd."
        )
    return lines


def _escape(text: str) -> str:
    return text.replace("%", r"\%")  # elsewhere cron takes what follows for the command's input


def _crontab() -> list[str]:
    """The user's crontab, line by line; nothing if there is none yet."""
    with tempfile.TemporaryDirectory() as place:
        try:
            return run_program("crontab", ["-l"], place, _SECONDS).splitlines()
        except ResourceError as error:
            if "no crontab for" in str(error):
                return []
            raise


def _others(timer: Timer) -> list[str]:
    """The lines that are not this timer's."""
    return [line for line in _crontab() if not line.endswith(f"# {timer.id}")]


def _write_crontab(lines: list[str]) -> None:
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "crontab").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        run_program("crontab", ["crontab"], place, _SECONDS)


def _units(timer: Timer) -> tuple[Path, Path]:
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"
    return home / f"{timer.id}.service", home / f"{timer.id}.timer"


def unit_texts(timer: Timer) -> tuple[str, str]:
    """The service and the timer that systemd reads."""
    what = _literal(f"glmkit run {timer.name}")
    words = " ".join(["/usr/bin/env", *(_quoted(word) for word in timer.words)])
    log = _literal(str(timer.log))
    service = f"[Unit]\nDescription={what}\n\n[Service]\nType=oneshot\nExecStart={words}\nStandardOutput=append:{log}\nStandardError=append:{log}\n"
    calendar = "".join(f"OnCalendar={line}\n" for line in timer.cron.calendar())
    clock = f"[Unit]\nDescription={what}\n\n[Timer]\n{calendar}Persistent=true\n\n[Install]\nWantedBy=timers.target\n"
    return service, clock


def _literal(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(word: str) -> str:
    """A word of ``ExecStart`` that systemd leaves as it is."""
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
