"""Unique names written as a JSON list while they come, without keeping them.

A million names in a dictionary take 150 MB. Kept instead is a 64-bit number of each, 8 bytes: names that have equal numbers are
looked for once, at the end, and only those are compared letter by letter.
"""

import json
from array import array
from collections import Counter
from pathlib import Path
from types import TracebackType

import numpy as np

from glmkit.errors import BadInput
from glmkit.files import read_json


class NamesFile:
    """A JSON list of unique names, one a line; the block it is opened in writes it, and its end checks it.

    Parameters
    ----------
    path
        The file, to be written.
    what
        What has the names, in the plural, for messages.

    Raises
    ------
    BadInput
        At the end of the block: a name was added twice.
    """

    def __init__(self, path: Path, what: str = "sequences of the store") -> None:
        self.path, self.what = path, what
        self._numbers = array("q")

    def __enter__(self) -> "NamesFile":
        self._file = open(self.path, "w", encoding="utf-8")
        return self

    def add(self, name: str) -> None:
        """Write one more name."""
        self._file.write((",\n" if self._numbers else "[\n") + json.dumps(name, ensure_ascii=False))
        self._numbers.append(hash(name))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._file as file:
            file.write("\n]" if self._numbers else "[]")
        if kind is None:
            self._check()

    def _check(self) -> None:
        numbers = np.sort(np.frombuffer(self._numbers, np.int64)) if self._numbers else np.empty(0, np.int64)
        twice = set(numbers[1:][numbers[1:] == numbers[:-1]].tolist())
        if not twice:
            return
        times = Counter(name for name in read_json(self.path) if hash(name) in twice)
        for name, number in times.items():
            if number > 1:
                raise BadInput(f"The name {name!r} stands for two {self.what}. Give each its own.")
