"""Missing chunks of a zarr folder, which zarr itself reads as zeros without a word.

A chunk of nothing but zeros need not be stored, so absence alone does not prove damage. In the arrays of a sparse matrix and in
names a chunk of zeros does not occur, and in a dense matrix of counts it is rare: there absence is an error. Columns of cells and
features may well be all zeros (codes of a single category): there it is only counted.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from glmkit.errors import BadInput


def verify_chunks(path: Path, group: Any, names: list[str], *, indices_only: bool = False) -> None:
    """Raise if chunks of the named elements are missing.

    Parameters
    ----------
    path
        The zarr folder.
    group
        An open group of it.
    names
        Elements: arrays, or groups of arrays.
    indices_only
        Of tables, look at the names of rows alone.

    Raises
    ------
    BadInput
        A chunk is not there; the first is named.
    """
    for name in names:
        for array in _arrays(group, name, indices_only):
            if missing := list(_missing(path, array)):
                raise BadInput(
                    f"{path}: {array.path} lacks {len(missing)} of its chunks, the first {missing[0]}; zarr would read zeros in "
                    "its place. Copy the folder again. If the zeros are real, write the matrix as CSR, which stores no zeros."
                )


def count_missing_chunks(path: Path, group: Any, names: list[str]) -> dict[str, int]:
    """How many chunks are missing in each array of the named elements, where any are."""
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
    """Files of chunks (shards, where chunks are bundled) that should be there and are not, relative to `path`."""
    grid = array.shards or array.chunks
    counts = [-(-length // step) for length, step in zip(array.shape, grid, strict=True)]
    for place in itertools.product(*map(range, counts)):
        relative = f"{array.path}/{array.metadata.encode_chunk_key(place)}"
        if not (path / relative).exists():
            yield relative
