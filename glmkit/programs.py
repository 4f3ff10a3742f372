"""External programs (BLAST+, MMseqs2, Clustal Omega ...): lookup, execution within a time limit, and cleanup of processes.

A program is started from an argument list, never through a shell. Its output goes to temporary files, for two reasons. Long
output does not fill memory, and a child process that keeps a pipe open cannot block the caller. Errors quote the end only.
Each program runs in a session of its own; the processes left in that session at the end or at an interrupt are killed.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from glmkit.errors import BadInput, ResourceError

SECONDS = 3600.0
_TAIL = 4096  # bytes at the end of the output from which error messages quote


class Program(NamedTuple):  # numpydoc ignore=PR02
    """An optional external program.

    Parameters
    ----------
    title
        Name of the program in messages.
    apt, conda, brew
        Names of its packages on Debian and Ubuntu, on bioconda, and in Homebrew; "" where there is none.
    version_argument
        Argument that prints the version; "" if there is none.
    """

    title: str
    apt: str
    conda: str
    brew: str
    version_argument: str = "--version"


_BLAST = ("ncbi-blast+", "blast", "blast", "-version")
PROGRAMS = {
    "mmseqs": Program("MMseqs2", "mmseqs2", "mmseqs2", "mmseqs2", "version"),
    "blastp": Program("BLAST+", *_BLAST),
    "blastn": Program("BLAST+", *_BLAST),
    "makeblastdb": Program("BLAST+", *_BLAST),
    "clustalo": Program("Clustal Omega", "clustalo", "clustalo", "clustal-omega"),
    "mafft": Program("MAFFT", "mafft", "mafft", "mafft"),
    "crontab": Program("cron", "cron", "", "", ""),
    "systemctl": Program("systemd", "systemd", "", ""),
}


def find_program(name: str) -> str:
    """The path of an installed program.

    Parameters
    ----------
    name
        Key of :data:`PROGRAMS`.

    Returns
    -------
    str
        Path of the executable.

    Raises
    ------
    BadInput
        The program is not installed; the message gives the commands that install it.
    """
    path = shutil.which(name)
    if path is None:
        program = PROGRAMS[name]
        ways = [f"'apt install {program.apt}'"]
        ways += [f"'conda install -c conda-forge -c bioconda {program.conda}'"] if program.conda else []
        ways += [f"'brew install {program.brew}'"] if program.brew else []
        shown = " or ".join(filter(None, [", ".join(ways[:-1]), ways[-1]]))
        raise BadInput(f"The program {name} ({program.title}) is not installed: run {shown}.")
    return path


def run_program(
    name: str, arguments: Sequence[str], folder: str | Path, seconds: float = SECONDS, *, errors: bool = False
) -> str:
    """Run a program in `folder` until it ends; none of its processes outlives this call.

    Parameters
    ----------
    name
        Key of :data:`PROGRAMS`.
    arguments
        Command-line arguments after the program's name. For safety, text from data files (ids, headers) must not be used.
    folder
        Working directory, usually a temporary folder.
    seconds
        Time limit in seconds.
    errors
        Whether standard error is appended to the result; MAFFT prints its version there.

    Returns
    -------
    str
        Text of standard output.

    Raises
    ------
    BadInput
        The program is not installed.
    ResourceError
        The program failed or exceeded the time limit; the message quotes the end of its output.
    """
    path = find_program(name)
    called = " ".join([name, *(argument for argument in arguments[:1] if not argument.startswith("-"))])
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            [path, *arguments], cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
        )
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise ResourceError(f"{called} was not done after {seconds:g} s. Allow more with seconds=, or threads=.") from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.returncode:
            tail = " | ".join([*_last_lines(err), *_last_lines(out)][:5]) or "no output"
            raise ResourceError(
                f"{called} ended with status {process.returncode}: {tail}. Check free disk space and memory, and its input."
            )
        out.seek(0)
        err.seek(0)
        return (out.read() + (err.read() if errors else b"")).decode(errors="replace")


def _last_lines(file) -> list[str]:
    """The last lines that are not blank, at most five."""
    file.seek(max(file.seek(0, os.SEEK_END) - _TAIL, 0))
    return [line for line in file.read().decode(errors="replace").splitlines() if line.strip()][-5:]
