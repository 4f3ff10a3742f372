"""``metrics.jsonl``: one line of JSON per step, appended with a single write, so that it can be read while it grows.

Appending to a file is cheap enough for every step of a training loop. A resumed stage appends to the file, and readers use the
last value of a step. A stage that starts over with other parameters first renames the old file. This case is detected at the
first line: its step is at or before the first step of the old file.
"""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import SupportsFloat

from glmkit.errors import BadInput
from glmkit.files import disk_errors
from glmkit.studies.files import record

PREVIOUS = "metrics.previous.jsonl"


class Journal:
    """Writer of a ``metrics.jsonl``.

    Parameters
    ----------
    path
        Path of the file, which is created with the first line.
    fresh
        Whether the parameters of the stage differ from those of the existing history.
    """

    def __init__(self, path: Path, fresh: bool = True) -> None:
        self.path = path
        self._fresh = fresh
        self._handle: int | None = None
        self._line_open = False  # the last line is incomplete, as on a full disk

    def log(self, step: int, metrics: Mapping[str, SupportsFloat]) -> None:
        """Append one line: ``{"step": …, "time": …, metrics}``."""
        line: dict[str, float] = {"step": _step(step), "time": round(time.time(), 3)}
        for name, value in metrics.items():
            if name == "time":
                raise BadInput(
                    f"log(step={step}, time={value!r}): every line has its time already. Use another name, such as seconds."
                )
            try:
                line[name] = float(value)
            except (TypeError, ValueError):
                raise BadInput(f"log(step={step}, {name}={value!r}): expected a number, got {type(value).__name__}.") from None
        text = (json.dumps(line) + "\n").encode()
        if self._handle is None:
            self._handle = self._start(line["step"])
        start = b"\n" if self._line_open else b""
        with disk_errors(self.path, len(text)):
            self._line_open = True
            if os.write(self._handle, start + text) == len(start + text):
                self._line_open = False

    def close(self) -> None:
        """Close the file; a later line opens it again."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _start(self, step: float) -> int:
        """Open the file for appending; first rename the old history if this step starts over."""
        with disk_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists():
                if self._fresh and step <= _first_step(self.path):
                    os.replace(self.path, self.path.with_name(PREVIOUS))
                else:
                    self._line_open = not _ends_with_newline(self.path)
            self._fresh = False
            return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def _step(step: int) -> int:
    if step != int(step) or step < 0:
        raise BadInput(f"log(step={step!r}): a step is a whole number at or above 0.")
    return int(step)


def _first_step(path: Path) -> float:
    with open(path, "rb") as file:
        return next((step for step, _, _ in record.parse_metrics(file)), float("inf"))


def _ends_with_newline(path: Path) -> bool:
    with open(path, "rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
