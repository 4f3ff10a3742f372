"""Detection of missing chunks in a zarr folder, which zarr reads as zeros without a warning.

Zarr need not store a chunk of zeros, so a missing chunk alone does not prove damage. All-zero chunks do not occur in names
or in the arrays of a sparse matrix, and they are rare in a dense matrix of counts. There a missing chunk is an error. Columns
of cells and features may be all zeros (codes of a single category). There missing chunks are only counted.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from glmkit.errors import BadInput


def verify_chunks(path: Path, group: Any, names: list[str], *, indices_only: bool = False) -> None:
    """Raise :class:`BadInput` if chunks of the named elements are missing.

    Parameters
    ----------
    path
        Path of the zarr folder.
    group
        Open zarr group of that folder.
    names
        Names of the elements to check: arrays, or groups of arrays.
    indices_only
        Whether only the row names of tables are checked.

    Raises
    ------
    BadInput
        A chunk is missing; the message names the first.
    """
    for name in names:
        for array in _arrays(group, name, indices_only):
            if missing := list(_missing(path, array)):
                raise BadInput(
                    f"{path}: {array.path} lacks {len(missing)} of its chunks, the first {missing[0]}; zarr would read zeros in "
                    "its place. Copy the folder again. If the zeros are real, write the matrix as CSR, which stores no zeros."
                )


def count_missing_chunks(path: Path, group: Any, names: list[str]) -> dict[str, int]:
    """Number of missing chunks of each array of the named elements that has any."""
    counts = {array.path: sum(1 for _ in _missing(path, array)) for name in names for array in _arrays(group, name, False)}
    return {name: n for name, n in counts.items() if n}


def _arrays(group: Any, name: str, indices_only: bool) -> Iterator[Any]:
    element = group[name]
    if hasattr(element, "shape"):
        yield element
        return
    index = element.attrs.get("_index")
    for key in element:
        if not indices_only or key == index:
            yield from _arrays(element, key, False)


def _missing(path: Path, array: Any) -> Iterator[str]:
    """Missing files of chunks (or of shards, if the array is sharded), relative to `path`."""
    grid = array.shards or array.chunks
    counts = [-(-length // step) for length, step in zip(array.shape, grid, strict=True)]
    for place in itertools.product(*map(range, counts)):
        relative = f"{array.path}/{array.metadata.encode_chunk_key(place)}"
        if not (path / relative).exists():
            yield relative
