"""Atomic writing of cells: a full disk or a killed process leaves the previous file unchanged.

On a full disk HDF5 retries failed writes when its objects are freed, which crashes the interpreter. An .h5ad is therefore
written through a file object that stores the first error, which is raised after HDF5 has closed. MuData opens its file
itself; for .h5mu the uncompressed size of the cells is allocated on disk beforehand.
"""

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glmkit.errors import BadInput
from glmkit.files import atomic_folder, atomic_path

if TYPE_CHECKING:
    from anndata import AnnData


def write_cells(cells: "AnnData | Mapping[str, AnnData]", path: str | Path) -> Path:
    """Write one modality as .h5ad or .zarr, or several as .h5mu (MuData).

    Parameters
    ----------
    cells
        One AnnData, or modalities by name as from :func:`glmkit.bio.read_modalities`.
    path
        Target path, whose suffix sets the format; its folder is created if missing.

    Returns
    -------
    Path
        Path of the written file or folder.

    Raises
    ------
    BadInput
        The suffix does not match the cells.
    ResourceError
        The disk is full or the target cannot be written. An older file is unchanged and no partial file remains.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from anndata import AnnData
    >>> from glmkit.bio import read_cells
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_cells(AnnData(np.eye(3, 2, dtype=np.float32) + 1), Path(folder, "cells.h5ad"))
    ...     adata = read_cells(path, genes="as_is")
    >>> path.name, adata.shape
    ('cells.h5ad', (3, 2))
    """
    path = Path(path)
    several = isinstance(cells, Mapping)
    fitting = {".h5mu"} if several else {".h5ad", ".zarr"}
    if path.suffix not in fitting:
        what = "several modalities are written as .h5mu" if several else "one modality is written as .h5ad or .zarr"
        raise BadInput(f"{path}: {what}, got {path.suffix or 'no ending'!r}. Rename the file.")
    needed = sum(_bytes(each) for each in (cells.values() if isinstance(cells, Mapping) else [cells]))
    with (atomic_folder if path.suffix == ".zarr" else atomic_path)(path, needed) as temporary:
        _write(cells, temporary, path.suffix, needed)
    return path


def _write(cells: Any, path: Path, ending: str, needed: int) -> None:
    if ending == ".h5mu":
        import mudata

        if hasattr(os, "posix_fallocate"):
            with path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, max(1, needed))
        with mudata.set_options(pull_on_update=False):
            mudata.MuData(dict(cells)).write_h5mu(path)
    elif ending == ".zarr":
        try:
            cells.write_zarr(path)
        except BaseException:
            _wait_for_zarr()
            raise
    else:
        _write_h5ad(cells, path)


def _wait_for_zarr() -> None:
    """Wait for the other chunks of a failed write: zarr leaves these tasks running, and their folder is about to be deleted."""
    import asyncio

    from zarr.core.sync import sync  # the loop that zarr itself writes on; it has no public name

    async def others() -> None:
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)

    sync(others())


class _PatientFile(io.FileIO):
    """A file that stores the first write error in `error` and reports later writes as successful."""

    error: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all of `data`, or skip it after the first failure."""
        left = memoryview(data).cast("B")
        size = len(left)
        try:
            while len(left) and self.error is None:
                left = left[super().write(left) or 0 :]
        except OSError as error:
            self.error = error
        if len(left):
            self.seek(len(left), os.SEEK_CUR)
        return size


def _write_h5ad(adata: "AnnData", path: Path) -> None:
    import h5py
    from anndata.io import write_elem

    with _PatientFile(path, "w+b") as patient:
        try:
            with h5py.File(patient, "w") as file:
                write_elem(file, "/", adata, dataset_kwargs={"compression": "gzip"})
        finally:
            if patient.error is not None:
                raise patient.error


def _bytes(adata: "AnnData") -> int:
    """Approximate uncompressed size of a table of cells in bytes."""
    matrix = adata.X
    if matrix is None:
        return 0
    arrays = [getattr(matrix, name) for name in ("data", "indices", "indptr")] if hasattr(matrix, "indptr") else [matrix]
    return int(sum(array.nbytes for array in arrays))
