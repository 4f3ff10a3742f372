"""A JSON list of unique names, written as a stream.

A dictionary of a million names takes 150 MB. Here only a 64-bit hash of each name (8 bytes) is kept in memory. At the end,
names with equal hashes are read from the file again and compared.
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
    """Context manager that writes a JSON list of names, one per line, and checks at its end that they are unique.

    Parameters
    ----------
    path
        Path of the file to write.
    what
        Plural noun for the named items, for messages.

    Raises
    ------
    BadInput
        A name was added twice; raised at the end of the context.
    """

    def __init__(self, path: Path, what: str = "sequences of the store") -> None:
        self.path, self.what = path, what
        self._numbers = array("q")

    def __enter__(self) -> "NamesFile":
        self._file = open(self.path, "w", encoding="utf-8")
        return self

    def add(self, name: str) -> None:
        """Append a name."""
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
                raise BadInput(f"The name {name!r} is used for two {self.what}. Give each a unique name.")
