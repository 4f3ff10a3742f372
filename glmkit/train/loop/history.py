"""Log of metrics: calls of a function, a file that resumption truncates to the checkpoint, and a table at the end."""

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
    """Log of metrics.

    Parameters
    ----------
    path
        File of JSON lines; None to keep them in memory only.
    log
        Function called as ``log(step, **metrics)`` for each entry.
    """

    def __init__(self, path: Path | None, log: Log | None) -> None:
        self.path, self.log = path, log
        self.rows: list[dict[str, Any]] = []
        self._file: Any = None

    def start(self, size: int) -> None:
        """Begin after the first `size` bytes of an earlier run's file; the rest is removed.

        Parameters
        ----------
        size
            Number of bytes to keep; 0 for a new run.
        """
        if self.path is None:
            return
        with disk_errors(self.path):
            self._file = open(self.path, "a+", encoding="utf-8")  # noqa: SIM115 (open for the whole run)
        if os.path.getsize(self.path) < size:
            warnings.warn(f"{self.path} is shorter than recorded in its checkpoint; the history has a gap.", stacklevel=4)
        else:
            self._file.truncate(size)
        self._file.seek(0)
        self.rows = [json.loads(line) for line in self._file if line.endswith("\n")]

    def add(self, step: int, **metrics: float) -> None:
        """Add an entry.

        Parameters
        ----------
        step
            Number of steps done.
        **metrics
            Values by name; NaN is allowed.
        """
        self.rows.append({"step": step, **metrics})
        if self._file is not None:
            with disk_errors(self.path or Path()):
                self._file.write(json.dumps(self.rows[-1]) + "\n")
                self._file.flush()
        if self.log is not None:
            self.log(step, **metrics)

    def size(self) -> int:
        """Size of the file in bytes, after a flush to disk."""
        if self._file is None:
            return 0
        os.fsync(self._file.fileno())
        return os.path.getsize(self._file.name)

    def table(self) -> pd.DataFrame:
        """All entries, one row each."""
        return pd.DataFrame(self.rows, columns=None if self.rows else ["step"])

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
