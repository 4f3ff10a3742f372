"""Write cells, whole or not at all: a full disk or a killed process leaves the previous file byte for byte as it was."""

import errno
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glmkit.errors import BadInput, ResourceError
from glmkit.files import atomic_folder, atomic_path

if TYPE_CHECKING:
    from anndata import AnnData

_ERRNO = re.compile(r"errno = (\d+)")  # as HDF5 words it, with no errno on the exception
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def write_cells(cells: "AnnData | Mapping[str, AnnData]", path: str | Path) -> Path:
    """Write one modality as .h5ad or .zarr, or several as .h5mu (MuData).

    Parameters
    ----------
    cells
        One AnnData, or modalities by name as :func:`glmkit.bio.read_modalities` gives them.
    path
        Where to; the ending says the format. The folder is made if missing.

    Returns
    -------
    Path
        The same.

    Raises
    ------
    BadInput
        The ending fits neither the cells nor a format.
    ResourceError
        The disk is full or the target cannot be written; an older file is untouched and nothing partial is left.
    """
    path = Path(path)
    several = isinstance(cells, Mapping)
    fitting = {".h5mu"} if several else {".h5ad", ".zarr"}
    if path.suffix not in fitting:
        what = "several modalities are written as .h5mu" if several else "one modality is written as .h5ad or .zarr"
        raise BadInput(f"{path}: {what}, got {path.suffix or 'no ending'!r}. Rename the file.")
    needed = sum(_bytes(each) for each in (cells.values() if isinstance(cells, Mapping) else [cells]))
    with (atomic_folder if path.suffix == ".zarr" else atomic_path)(path, needed) as temporary, _full_disk_named(path, needed):
        _write(cells, Path(temporary), path.suffix)
    return path


def _write(cells: Any, path: Path, ending: str) -> None:
    if ending == ".h5mu":
        import mudata

        with mudata.set_options(pull_on_update=False):
            mudata.MuData(dict(cells)).write_h5mu(path)
    elif ending == ".zarr":
        cells.write_zarr(path)
    else:
        cells.write_h5ad(path, compression="gzip")


@contextmanager
def _full_disk_named(path: Path, needed: int) -> Iterator[None]:
    """HDF5 reports a full disk in words, with no errno on the exception: say it as other writers do."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        found = _ERRNO.search(str(error))
        if found and int(found[1]) in _FULL:
            raise ResourceError(
                f"No space left to write {path} ({needed:,} bytes needed at most). Free some, or choose another folder with out=."
            ) from error
        raise


def _bytes(adata: "AnnData") -> int:
    """About what a table of cells takes uncompressed."""
    matrix = adata.X
    if matrix is None:
        return 0
    arrays = [getattr(matrix, name) for name in ("data", "indices", "indptr")] if hasattr(matrix, "indptr") else [matrix]
    return int(sum(array.nbytes for array in arrays))
