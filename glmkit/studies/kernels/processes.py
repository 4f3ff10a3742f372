"""Processes that must not outlive their purpose: who they are, whether they live, and how to end all of them.

A pid alone names nobody, since numbers are used again; a process is named here by pid *and* start time. Descendants are
found in two ways that complete each other: the process tree (which an orphan has left) and a marker in the environment
that every process started by a stage inherits (which a program may clear, but hardly one does).
"""

import contextlib
import ctypes
import os
import signal
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import psutil

MARKER = "GLMKIT_STAGE_FOLDER"
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def host() -> str:
    """This machine's name."""
    return socket.gethostname()


def identity(pid: int | None = None) -> dict[str, Any]:
    """What names a process for good: its pid, its start time (seconds since 1970) and its host."""
    process = psutil.Process(pid)
    return {"pid": process.pid, "started": process.create_time(), "host": host()}


def find(who: dict[str, Any] | None) -> psutil.Process | None:
    """The process that `who` (from :func:`identity`) names, if it still lives on this host."""
    if not who or who.get("host") != host():
        return None
    try:
        process = psutil.Process(int(who["pid"]))
        same = abs(process.create_time() - float(who["started"])) < 1.0
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.Error, KeyError, TypeError, ValueError):
        return None


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Ask Linux to send this process `number` when its parent dies; elsewhere this does nothing."""
    if hasattr(_LIBC, "prctl"):
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def dying_with_parent(number: int = signal.SIGKILL) -> Callable[[], None]:
    """A ``preexec_fn`` for ``subprocess.Popen`` that calls :func:`die_with_parent` in the child."""
    return lambda: die_with_parent(number)


def marked(folder: Path) -> list[psutil.Process]:
    """Every process of this user whose environment says that it was started by the stage that writes `folder`."""
    wanted, found = str(folder), []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(MARKER) == wanted:
                found.append(process)
    return found


def descendants(process: psutil.Process) -> list[psutil.Process]:
    """All children, children's children and so on that live now."""
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def family(pid: int) -> list[psutil.Process]:
    """A process that leads a session, its descendants, and whoever is still in that session after they were orphaned."""
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid == pid or os.getsid(process.pid) == pid:
                found |= {process.pid: process} | {child.pid: child for child in descendants(process)}
    return list(found.values())


def kill_all(processes: Iterable[psutil.Process], wait: float = 3.0) -> int:
    """SIGKILL each process and each of its descendants; return how many lived.

    Parents are stopped first, so that none can start another child while its children are being found.
    """
    first = list(processes)
    for process in first:
        with contextlib.suppress(psutil.Error):
            process.suspend()
    everyone = {process.pid: process for parent in first for process in (*descendants(parent), parent)}
    for process in everyone.values():
        with contextlib.suppress(psutil.Error):
            process.kill()
    gone, alive = psutil.wait_procs(list(everyone.values()), timeout=wait)
    return len(gone) + len(alive)
