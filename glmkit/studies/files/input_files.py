"""Files that parameters name, looked at before anything runs: present files must be whole as far as their container tells.

What is inside is for the stage that reads it. But an empty file, or a gzip stream that ends early, is wrong for every reader,
and to learn it from a stage's kernel takes half a minute longer.
"""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from glmkit.files import workspace

LARGEST = 200 << 20  # bytes of a compressed file that is read through; a larger one is left to its reader
_BLOCK = 4 << 20


def broken_files(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong with the files that parameters name.

    Parameters
    ----------
    values
        Parameters by name; texts and lists of texts that are paths of existing files (from the workspace, if relative) are
        looked at.

    Yields
    ------
    tuple of str
        The parameter, and one sentence.
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
        return (
            f"{path}: the gzip stream ends early, after {at:,} bytes or more of text: the file is cut. Copy or download it again."
        )
    except (zlib.error, gzip.BadGzipFile) as error:
        return f"{path}: damaged gzip after {at:,} bytes of text ({error}). Copy or download it again."
    return ""
