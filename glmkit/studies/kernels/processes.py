"""Identity, lookup and termination of processes.

Process ids are reused, so that a process is identified by pid *and* start time. Descendants are found in two complementary ways:
by the process tree, which does not include orphans, and by a marker in the environment. Every process started by a stage
inherits this marker; a program could clear it, but few do.
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
    """Name of this machine."""
    return socket.gethostname()


def identity(pid: int | None = None) -> dict[str, Any]:
    """Unique identity of a process: pid, start time (seconds since 1970) and host."""
    process = psutil.Process(pid)
    return {"pid": process.pid, "started": process.create_time(), "host": host()}


def find(named: dict[str, Any] | None) -> psutil.Process | None:
    """The process with the identity `named` (from :func:`identity`), or None if it does not run on this host."""
    if not named or named.get("host") != host():
        return None
    try:
        process = psutil.Process(int(named["pid"]))
        same = abs(process.create_time() - float(named["started"])) < 1.0
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.Error, KeyError, TypeError, ValueError):
        return None


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """On Linux, have the signal `number` sent to this process when its parent ends; elsewhere do nothing."""
    if hasattr(_LIBC, "prctl"):
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def dying_with_parent(number: int = signal.SIGKILL) -> Callable[[], None]:
    """Function for ``preexec_fn`` of ``subprocess.Popen`` that calls :func:`die_with_parent` in the child."""
    return lambda: die_with_parent(number)


def marked(folder: Path) -> list[psutil.Process]:
    """All processes of this user whose environment marks them as started by the stage that writes `folder`."""
    wanted, found = str(folder), []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(MARKER) == wanted:
                found.append(process)
    return found


def descendants(process: psutil.Process) -> list[psutil.Process]:
    """All running descendants of a process."""
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def family(pid: int) -> list[psutil.Process]:
    """The leader of a session, its descendants, and orphaned processes of that session."""
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid == pid or os.getsid(process.pid) == pid:
                found |= {process.pid: process} | {child.pid: child for child in descendants(process)}
    return list(found.values())


def kill_all(processes: Iterable[psutil.Process], wait: float = 3.0) -> int:
    """Send SIGKILL to each process and its descendants; return how many were running.

    Parents are stopped first, so that none can start another child while its children are being listed.
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
