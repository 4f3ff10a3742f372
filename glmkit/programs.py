"""Other people's programs (BLAST+, MMseqs2, Clustal Omega ...): found, run within a time limit, and never left behind.

A program is an argument list, never a line for a shell. What it says goes to a file, so that one that talks without end fills
no memory and one whose children hold its output open cannot make us wait; only the end of it is quoted. It leads a session of
its own, and whatever is left of that session when we are done, or are interrupted, is killed.
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
_TAIL = 4096  # bytes of its last words that are looked at


class Program(NamedTuple):  # numpydoc ignore=PR02
    """A program that glmkit can make use of.

    Parameters
    ----------
    title
        What it is called in sentences.
    apt, conda, brew
        Names of the packages that hold it, on Debian and Ubuntu, on bioconda, in Homebrew.
    asks
        The word that asks it for its version.
    """

    title: str
    apt: str
    conda: str
    brew: str
    asks: str = "--version"


_BLAST = ("ncbi-blast+", "blast", "blast", "-version")
PROGRAMS = {
    "mmseqs": Program("MMseqs2", "mmseqs2", "mmseqs2", "mmseqs2", "version"),
    "blastp": Program("BLAST+", *_BLAST),
    "blastn": Program("BLAST+", *_BLAST),
    "makeblastdb": Program("BLAST+", *_BLAST),
    "clustalo": Program("Clustal Omega", "clustalo", "clustalo", "clustal-omega"),
    "mafft": Program("MAFFT", "mafft", "mafft", "mafft"),
}


def find_program(name: str) -> str:
    """Where a program lies.

    Parameters
    ----------
    name
        A key of :data:`PROGRAMS`.

    Returns
    -------
    str
        Its path.

    Raises
    ------
    BadInput
        It is not installed; the sentence says how to install it.
    """
    path = shutil.which(name)
    if path is None:
        program = PROGRAMS[name]
        raise BadInput(
            f"The program {name} ({program.title}) is not installed: run 'apt install {program.apt}', "
            f"'conda install -c conda-forge -c bioconda {program.conda}' or 'brew install {program.brew}'."
        )
    return path


def run_program(
    name: str, arguments: Sequence[str], folder: str | Path, seconds: float = SECONDS, *, errors: bool = False
) -> str:
    """Run a program in `folder` until it ends; none of the processes that it starts outlives this call.

    Parameters
    ----------
    name
        A key of :data:`PROGRAMS`.
    arguments
        What follows the program's name. Nothing that a file's author chose (an id, a header) belongs here.
    folder
        Where it runs: a temporary folder, for most.
    seconds
        Time limit.
    errors
        Whether what it wrote to standard error is returned too: MAFFT says its version there.

    Returns
    -------
    str
        What it wrote to standard output.

    Raises
    ------
    BadInput
        It is not installed.
    ResourceError
        It failed, with its last words, or took too long.
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
            tail = " | ".join([*_last_lines(err), *_last_lines(out)][:5]) or "it said nothing"
            raise ResourceError(f"{called} ended with status {process.returncode}: {tail}. Is the disk full, or memory short?")
        out.seek(0)
        err.seek(0)
        return (out.read() + (err.read() if errors else b"")).decode(errors="replace")


def _last_lines(file) -> list[str]:
    """Up to five lines, the last ones that are not blank."""
    file.seek(max(file.seek(0, os.SEEK_END) - _TAIL, 0))
    return [line for line in file.read().decode(errors="replace").splitlines() if line.strip()][-5:]
