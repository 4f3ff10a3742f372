"""What was logged: to the caller as it happens, to a file that a resume cuts back to its checkpoint, to a table at the end."""

import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from glmkit.files import disk_errors

Log = Callable[..., None]


class History:
    """Lines of metrics.

    Parameters
    ----------
    path
        A file of JSON lines; kept in memory if None.
    log
        Called as ``log(step, **metrics)`` for each line.
    """

    def __init__(self, path: Path | None, log: Log | None) -> None:
        self.path, self.log = path, log
        self.rows: list[dict[str, Any]] = []
        self._file: Any = None

    def start(self, size: int) -> None:
        """Begin after the first `size` bytes of an earlier run's lines; what follows them is cut off.

        Parameters
        ----------
        size
            Bytes; 0 for a new run.
        """
        if self.path is None:
            return
        with disk_errors(self.path):
            self._file = open(self.path, "a+", encoding="utf-8")  # noqa: SIM115 (open as long as the run)
        if os.path.getsize(self.path) < size:
            warnings.warn(f"{self.path} lost lines that its checkpoint counts on; the history has a gap.", stacklevel=4)
        else:
            self._file.truncate(size)
        self._file.seek(0)
        self.rows = [json.loads(line) for line in self._file if line.endswith("\n")]

    def add(self, step: int, **metrics: float) -> None:
        """Log a line.

        Parameters
        ----------
        step
            Steps done.
        **metrics
            NaN stays NaN.
        """
        self.rows.append({"step": step, **metrics})
        if self._file is not None:
            with disk_errors(self.path or Path()):
                self._file.write(json.dumps(self.rows[-1]) + "\n")
                self._file.flush()
        if self.log is not None:
            self.log(step, **metrics)

    def size(self) -> int:
        """Bytes so far, on disk for certain."""
        if self._file is None:
            return 0
        os.fsync(self._file.fileno())
        return os.path.getsize(self._file.name)

    def table(self) -> pd.DataFrame:
        """All lines, one row each."""
        return pd.DataFrame(self.rows, columns=None if self.rows else ["step"])

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
