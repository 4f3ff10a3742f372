"""A ``crontab`` and a ``systemctl`` that keep what they are told in a folder, and a cron whose hours take no time."""

import os
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from glmkit.studies.schedule.cron import read_cron

CRONTAB = """#!/bin/sh
if [ "$1" != -l ]; then cp "$1" "$FAKE_CLOCKS/crontab.txt"
elif [ -f "$FAKE_CLOCKS/crontab.txt" ]; then cat "$FAKE_CLOCKS/crontab.txt"
else echo "no crontab for nobody" >&2; exit 1
fi
"""
SYSTEMCTL = """#!/bin/sh
[ -f "$FAKE_CLOCKS/no-bus" ] && { echo "Failed to connect to bus" >&2; exit 1; }
echo "$@" >> "$FAKE_CLOCKS/systemctl.txt"
"""


def put_on_path(folder: Path) -> dict[str, str]:
    """Write the programs into `folder` and return the environment in which they are found."""
    folder.mkdir(parents=True)
    for name, text in (("crontab", CRONTAB), ("systemctl", SYSTEMCTL), ("systemd-analyze", "#!/bin/sh\n")):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return {"FAKE_CLOCKS": str(folder), "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def crontab(folder: Path) -> list[str]:
    """The lines that the crontab holds."""
    path = folder / "crontab.txt"
    return path.read_text().splitlines() if path.exists() else []


def due(lines: list[str], start: datetime, minutes: int) -> Iterator[tuple[datetime, str]]:
    """What a cron would start in each minute from `start` on: the moment and the command, as a shell is given it."""
    for line in lines:
        fields, command = line.split(maxsplit=5)[:5], line.split(maxsplit=5)[5]
        when = read_cron(" ".join(fields))
        for number in range(minutes):
            moment = start + timedelta(minutes=number)
            if when.matches(moment):
                yield moment, command.replace(r"\%", "%")


def start(command: str, folder: Path, **variables: str) -> "subprocess.Popen[str]":
    """Start a command as cron does: by ``sh``, with hardly an environment."""
    environment = {"HOME": str(folder), "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"} | variables
    return subprocess.Popen(["/bin/sh", "-c", command], cwd=folder, env=environment, text=True)
