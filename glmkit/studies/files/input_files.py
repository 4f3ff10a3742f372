"""Early checks of the input files named by parameters: a file must not be empty, and a gzip stream must be complete.

The content is checked later, by the stage that reads it. But an empty or truncated file is an error for every reader. Finding it
here saves the start of a kernel, which takes about half a minute.
"""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from glmkit.files import workspace

LARGEST = 200 << 20  # bytes; larger compressed files are not decompressed for the check
_BLOCK = 4 << 20


def broken_files(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Errors in the files named by parameters.

    Parameters
    ----------
    values
        Parameters by name. Texts, and texts in lists, are checked if they are paths of existing files. Relative paths start at
        the workspace.

    Yields
    ------
    tuple of str
        Name of the parameter, and a description of the error.
    """
    for name, value in values.items():
        for text in value if isinstance(value, list) else [value]:
            if not isinstance(text, str) or not text or "\n" in text or len(text) > 1000:
                continue
            path = workspace() / text
            if path.is_file() and (problem := _problem(path)):
                yield name, problem


def _problem(path: Path) -> str:
    size = path.stat().st_size
    if size == 0:
        return f"{path} is empty (0 bytes). Copy or download it again."
    with open(path, "rb") as raw:
        if raw.read(2) != b"\x1f\x8b" or size > LARGEST:
            return ""
    at = 0
    try:
        with gzip.open(path) as file:
            while block := file.read(_BLOCK):
                at += len(block)
    except EOFError:
        return f"{path}: the gzip stream ends early, after {at:,} bytes or more of text: the file is truncated. Copy or download it again."
    except (zlib.error, gzip.BadGzipFile) as error:
        return f"{path}: damaged gzip after {at:,} bytes of text ({error}). Copy or download it again."
    return ""
