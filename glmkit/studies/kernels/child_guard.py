"""A guard that ends a program when its parent ends: ``python -m glmkit.studies.kernels.child_guard PROGRAM ARGUMENT…``.

The guard starts the program and polls two states: whether the program runs, and whether the guard's parent runs. When the parent
has ended, or the guard receives SIGTERM, the guard sends SIGTERM to the program. After a grace period it kills the program and
all processes that the program started. A parent killed with SIGKILL cannot do this itself. A second SIGTERM kills at once.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from glmkit.studies.kernels import processes

GRACE = 10.0  # seconds between SIGTERM and SIGKILL
_PAUSE = 0.2  # seconds between two polls


def main(words: Sequence[str] | None = None) -> int:
    """Run the program with the argument list `words` (by default from the command line) and return its exit code."""
    parent = os.getppid()
    signals: list[int] = []

    def note(number: int, frame: Any) -> None:
        """Record the signal."""
        signals.append(number)

    for number in (signal.SIGTERM, signal.SIGINT):  # a handler, because the program would inherit SIG_IGN
        signal.signal(number, note)
    program = subprocess.Popen(words or sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)
    while program.poll() is None and not signals and os.getppid() == parent:
        time.sleep(_PAUSE)
    if program.poll() is None:
        program.terminate()
        deadline = time.monotonic() + GRACE
        while program.poll() is None and len(signals) < 2 and time.monotonic() < deadline:
            time.sleep(_PAUSE)
    processes.kill_all(processes.family(program.pid))
    return program.wait()


if __name__ == "__main__":
    sys.exit(main())
