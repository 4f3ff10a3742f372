"""A program that must not outlive the one that asked for it: ``python -m glmkit.studies.kernels.child_guard PROGRAM ARGUMENT…``.

The guard starts the program and watches two things: whether the program lives, and whether its own parent does. When the
parent is gone, by whatever death, or when the guard is sent SIGTERM, the program is asked to end, has a while to do so, and is
then killed with everything it started. A parent that is killed with signal 9 can do none of this itself. A second SIGTERM kills at once.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from glmkit.studies.kernels import processes

GRACE = 10.0  # seconds between asking and killing
_PAUSE = 0.2  # seconds between two looks


def main(words: Sequence[str] | None = None) -> int:
    """Run the program that `words` (by default those of the command line) name, and return its exit code."""
    parent = os.getppid()
    asked: list[int] = []

    def ask(number: int, frame: Any) -> None:
        """Note that the end is wanted."""
        asked.append(number)

    for number in (signal.SIGTERM, signal.SIGINT):  # a handler, and not SIG_IGN, which the program would inherit
        signal.signal(number, ask)
    program = subprocess.Popen(words or sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)
    while program.poll() is None and not asked and os.getppid() == parent:
        time.sleep(_PAUSE)
    if program.poll() is None:
        program.terminate()
        deadline = time.monotonic() + GRACE
        while program.poll() is None and len(asked) < 2 and time.monotonic() < deadline:
            time.sleep(_PAUSE)
    processes.kill_all(processes.family(program.pid))
    return program.wait()


if __name__ == "__main__":
    sys.exit(main())
