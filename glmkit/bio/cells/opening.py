"""Opening of single-cell files of all supported formats, with detection of damage.

The format is detected from the content. Tables (cells, features) are read into memory; matrices of .h5ad, .h5mu and .zarr
remain on disk and are read in blocks. Files of anndata before 0.7 are read into memory by anndata.
"""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from glmkit.bio.cells.chunks import count_missing_chunks, verify_chunks
from glmkit.bio.cells.source import Source
from glmkit.bio.files.faults import server_words
from glmkit.errors import BadInput, GlmkitError
from glmkit.files import recover_folder

_HDF5 = b"\x89HDF\r\n\x1a\n"
_KINDS = "Expected .h5ad, .h5mu, a 10x .h5, a .zarr folder, or a folder with matrix.mtx of 10x."


def open_cells(path: str | Path) -> list[Source]:
    """Open a file or folder of cells.

    Parameters
    ----------
    path
        Path of .h5ad, .h5mu, .zarr (AnnData or MuData), 10x .h5, or a 10x folder with ``matrix.mtx``.

    Returns
    -------
    list of Source
        One source per modality for MuData, else a single source.

    Raises
    ------
    BadInput
        The path is missing, empty, truncated, damaged, or of another format.
    """
    path = Path(path)
    if path.suffix == ".zarr":
        recover_folder(path)
    if not path.exists():
        raise BadInput(f"{path} does not exist. Check the path; relative paths start from {Path.cwd()}.")
    with damage_named(path):
        return _open_folder(path) if path.is_dir() else _open_file(path)


@contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Convert exceptions of readers at damaged content into a :class:`BadInput` that names the file, with the cause chained."""
    try:
        yield
    except GlmkitError:
        raise
    except PermissionError:
        raise BadInput(f"{path}: no permission to read it. Change its permissions or copy it.") from None
    except (OSError, EOFError, KeyError, ValueError, TypeError, RuntimeError, IndexError, zlib.error) as error:
        lines = str(error).strip().splitlines()
        raise BadInput(
            f"{path} cannot be read: it is truncated, damaged or not of its format ({type(error).__name__}: "
            f"{lines[0][:200] if lines else 'no text'}). Copy or download it again."
        ) from error


def _open_file(path: Path) -> list[Source]:
    import h5py

    with path.open("rb") as file:
        head = file.read(2000)
    if not head:
        raise BadInput(f"{path} is empty (0 bytes). Copy or download it again.")
    if not (head.startswith(_HDF5) or h5py.is_hdf5(path)):  # MuData writes a text line before the HDF5 signature
        if head.lstrip().startswith((b"<", b"{")) or (head.isascii() and server_words(head)):
            raise BadInput(
                f"{path}: expected an HDF5 file, got what looks like a web page or a server's response ({head.strip()[:40]!r}). "
                "Download the file again."
            )
        raise BadInput(f"{path} is not an HDF5 file: it starts with {head[:12]!r}. {_KINDS}")
    file = h5py.File(path, "r")
    try:
        if "mod" in file:
            return _parts(path, "h5mu", file, file.close)
        if "obs" in file and "var" in file:
            return [_legacy(path) if _is_legacy(file) else _table(path, "h5ad", file, file.close)]
        if "matrix" in file or any("barcodes" in file[key] for key in file if isinstance(file[key], h5py.Group)):
            return [_tenx_h5(path)]
        raise BadInput(f"{path} is HDF5 but has no cells: it has {', '.join(file) or 'nothing'}. {_KINDS}")
    except BaseException:
        file.close()
        raise


def _open_folder(path: Path) -> list[Source]:
    if any((path / name).exists() for name in ("zarr.json", ".zgroup")):
        import zarr

        group = zarr.open_group(path, mode="r")
        if "mod" in group:
            return _parts(path, "zarr", group)
        if "obs" in group and "var" in group:
            return [_table(path, "zarr", group)]
        raise BadInput(f"{path} is a zarr folder without cells: it has {', '.join(group) or 'nothing'}. {_KINDS}")
    if any((path / f"matrix.mtx{end}").is_file() for end in ("", ".gz")):
        from glmkit.bio.cells.tenx import open_mtx

        return [open_mtx(path)]
    found = ", ".join(sorted(entry.name for entry in path.iterdir())[:5])
    raise BadInput(f"{path} is a folder of no known format; it has {found or 'nothing'}. {_KINDS}")


def _is_legacy(file: Any) -> bool:
    """Whether an .h5ad has the layout before anndata 0.7, in which tables were record arrays."""
    return hasattr(file["obs"], "dtype") or "raw.X" in file or ("X" in file and "h5sparse_format" in file["X"].attrs)


def _legacy(path: Path) -> Source:
    import warnings

    import anndata

    with warnings.catch_warnings():
        for kind in (FutureWarning, PendingDeprecationWarning):  # anndata warns about the old layout, which is expected here
            warnings.simplefilter("ignore", kind)
        return in_memory(path, "h5ad", anndata.read_h5ad(path))


def _tenx_h5(path: Path) -> Source:
    import warnings

    import scanpy

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # on repeated symbols: the gene ids are used instead
        return in_memory(path, "10x_h5", scanpy.read_10x_h5(path, gex_only=False))


def in_memory(path: Path, kind: str, adata: Any) -> Source:
    """A source of an AnnData in memory."""
    matrices = {"X": adata.X} if adata.X is not None else {}
    matrices |= {f"layers/{name}": adata.layers[name] for name in adata.layers}
    if adata.raw is not None:
        matrices["raw/X"] = adata.raw.X
    return Source(
        path=path,
        format=kind,
        obs=adata.obs,
        var=adata.var,
        raw_var=None if adata.raw is None else adata.raw.var,
        matrices=matrices,
        obsm=dict(adata.obsm),
        uns=dict(adata.uns),
    )


def _table(path: Path, kind: str, group: Any, close: Any = None, part: str = "") -> Source:
    """A source of an open group with the layout of AnnData."""
    from anndata.io import read_elem

    if kind == "zarr":
        verify_chunks(path, group, ["obs", "var"], indices_only=True)
    matrices = {"X": _matrix(group["X"])} if "X" in group and _is_matrix(group["X"]) else {}
    if "layers" in group:
        matrices |= {f"layers/{name}": _matrix(group["layers"][name]) for name in group["layers"]}
    raw_var = None
    if "raw" in group and not hasattr(group["raw"], "shape") and "X" in group["raw"]:
        matrices["raw/X"] = _matrix(group["raw"]["X"])
        raw_var = read_elem(group["raw"]["var"])
    source = Source(
        path=path,
        format=kind,
        part=part,
        obs=read_elem(group["obs"]),
        var=read_elem(group["var"]),
        raw_var=raw_var,
        matrices=matrices,
        obsm={key: read_elem(group["obsm"][key]) for key in group.get("obsm", ())},
        uns={key: read_elem(group["uns"][key]) for key in group.get("uns", ())},
        missing_chunks=count_missing_chunks(path, group, ["obs", "var"]) if kind == "zarr" else {},
    )
    if close is not None:
        source.close = close
    if kind == "zarr":
        source.verify = lambda matrix: verify_chunks(path, group, [matrix])
    return source


def _parts(path: Path, kind: str, group: Any, close: Any = None) -> list[Source]:
    """One source per modality of MuData; shared columns of cells are copied to each."""
    from anndata.io import read_elem

    shared = read_elem(group["obs"])
    sources = []
    order = [str(name) for name in group["mod"].attrs.get("mod-order", [])]
    for name in order or list(group["mod"]):
        source = _table(path, kind, group["mod"][name], close, part=name)
        for column in shared.columns:
            if column not in source.obs and ":" not in column:
                source.obs[column] = shared[column].reindex(source.obs.index)
        sources.append(source)
    return sources


def _is_matrix(element: Any) -> bool:
    """Whether an element is a matrix; anndata stores an absent X as null."""
    return element.attrs.get("encoding-type") != "null"


def _matrix(element: Any) -> Any:
    """A matrix that remains on disk."""
    from anndata.io import sparse_dataset

    if element.attrs.get("encoding-type", "") in {"csr_matrix", "csc_matrix"}:
        return sparse_dataset(element)
    if not hasattr(element, "dtype"):
        raise BadInput(
            f"{element.name}: a matrix of type {element.attrs.get('encoding-type', 'unknown')!r}; expected numbers, dense, CSR "
            "or CSC. Write the file again with numeric X."
        )
    return element
