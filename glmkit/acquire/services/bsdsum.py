"""The checksum published by Ensembl: the 16-bit ``sum`` of BSD, rotated right and added byte by byte.

Each step depends on the previous one, so that the loop cannot be vectorised; it is compiled instead. Sixteen bits detect
transmission errors but not manipulation, against which the recorded SHA-256 protects.
"""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

PIECE = 1 << 22  # bytes per read
BLOCK = 1024
SMALL = 1 << 20  # bytes below which compilation takes longer than it saves


def bsd_sum(path: str | Path) -> tuple[int, int]:
    """Checksum of a file as printed by ``sum``.

    Parameters
    ----------
    path
        Path of the file.

    Returns
    -------
    tuple of int
        Checksum and number of 1,024-byte blocks, rounded up.
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
    """The compiled inner loop."""
    import numba

    return numba.njit(_step)


def _step(piece: bytes | np.ndarray, state: int) -> int:
    """Add the bytes of a piece to the checksum `state`."""
    for byte in piece:
        state = ((state >> 1) + ((state & 1) << 15) + byte) & 0xFFFF
    return state
