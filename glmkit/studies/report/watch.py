"""``glmkit status --watch``: the table of a run, refreshed while it runs.

In a terminal the table is updated in place. In a log or a pipe it is written only when the status of a stage changes. The output of
a long run therefore stays short.
"""

import contextlib
import re
import shutil
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from glmkit.files import workspace
from glmkit.studies.files import record
from glmkit.studies.kernels import gpus
from glmkit.studies.report import status

PAUSE = 2.0  # seconds between two updates
_CLEAR = "\x1b[H\x1b[2J"
_MEMORY = ("--query-gpu=index,memory.used,memory.total,utilization.gpu", "--format=csv,noheader,nounits")


def watch(run: str | None = None, pause: float = PAUSE, out: TextIO | None = None) -> int:
    """Show the state of a run until it ends.

    Parameters
    ----------
    run
        Name or folder of a run; None for all runs.
    pause
        Seconds between two updates.
    out
        Text stream for the output; by default standard output.

    Returns
    -------
    int
        Exit code: 0 if the run finished or Ctrl-C ended the command; 1 if the run failed or was killed.

    Raises
    ------
    BadInput
        There is no such run.
    """
    out = out or sys.stdout
    folder = status.find_run(run) if run else None
    shown: Any = None
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            states = _states(folder)
            if out.isatty():
                out.write(_CLEAR + _fitted(picture(folder)) + "\n")
            elif states != shown:
                out.write(("" if shown is None else "\n") + picture(folder) + "\n")
            shown = states
            out.flush()
            if "RUNNING" not in states.values():
                return int(folder is not None and bool({"FAILED", "KILLED"} & {status.run_status(folder)}))
            time.sleep(pause)
    return 0


def picture(folder: Path | None) -> str:
    """Table of a run or of all runs; while a run is active, also the memory of the GPUs."""
    text = status.overview(workspace() / "runs") if folder is None else status.describe(folder)
    memory = gpu_memory(gpus.nvidia_smi(*_MEMORY)) if "RUNNING" in _states(folder).values() and shutil.which("nvidia-smi") else []
    return "\n".join([text, *memory])


def gpu_memory(output: str) -> list[str]:
    """One line per GPU from the output of ``nvidia-smi``: index, used and total memory (MiB), and load (percent)."""
    lines = []
    for index, used, total, load in re.findall(r"^(\d+), (\d+), (\d+), (\d+|\[N/A\])", output, re.MULTILINE):
        busy = f", {load} % busy" if load.isdecimal() else ""
        lines.append(f"GPU {index}: {int(used) / 1024:.1f} of {int(total) / 1024:.1f} GiB{busy}")
    return lines


def _states(folder: Path | None) -> dict[str, str]:
    """Status of the run and of each of its stages; without a `folder`, the status of each run."""
    if folder is None:
        return {path.parent.name: status.run_status(path.parent) for path in (workspace() / "runs").glob(f"*/{record.RECORD}")}
    swept = status.swept_stages(status.points_of(folder))
    return {name: state for name, _, state in [*status.stages_of(folder), *swept]} | {"": status.run_status(folder)}


def _fitted(text: str) -> str:
    """Cut a text to the size of the terminal, so that it does not scroll; the last lines are dropped."""
    size = shutil.get_terminal_size()
    lines = [line[: size.columns] for line in text.splitlines()]
    return "\n".join(lines if len(lines) < size.lines else [*lines[: size.lines - 2], "…"])
