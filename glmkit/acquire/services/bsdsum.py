"""The checksum that Ensembl publishes: BSD's ``sum``, 16 bits, rotated to the right and added byte by byte.

Each step depends on the one before, so it cannot be spread over an array; it is compiled. Sixteen bits catch a broken copy, not
a forged one; the SHA-256 that is recorded beside it does the rest.
"""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

PIECE = 1 << 22  # bytes at a time
BLOCK = 1024
SMALL = 1 << 20  # bytes up to which compiling takes longer than it saves


def bsd_sum(path: str | Path) -> tuple[int, int]:
    """Checksum of a file as ``sum`` prints it.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    tuple of int
        The checksum and the number of 1,024-byte blocks, a last one that is not full included.
    """
    path, state, size = Path(path), 0, 0
    small = path.stat().st_size < SMALL
    with open(path, "rb") as file:
        while piece := file.read(PIECE):
            size += len(piece)
            state = _step(piece, state) if small else _compiled()(np.frombuffer(piece, dtype=np.uint8), state)
    return int(state), -(-size // BLOCK)


@cache
def _compiled() -> Any:
    """The inner loop in machine code."""
    import numba

    return numba.njit(_step)


def _step(piece: bytes | np.ndarray, state: int) -> int:
    """Add the bytes of a piece."""
    for byte in piece:
        state = ((state >> 1) + ((state & 1) << 15) + byte) & 0xFFFF
    return state
