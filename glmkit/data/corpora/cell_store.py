"""Counts of many cells on disk, read in random mini-batches.

A folder holds the counts as compressed sparse rows: ``counts.bin`` (uint16, or uint32 if one count needs it), ``columns.bin``
(uint16 up to 65,536 features), ``offsets.npy``, names of cells and features, and ``manifest.json`` with the SHA-256 of all of
them. All arrays are memory-mapped. For a batch, a compiled loop copies its rows from the map and converts them to float32. A
non-zero count takes 4 bytes; an ``.h5ad`` takes 8 bytes and one HDF5 call per row.

The store is not compressed, so it is larger on disk than a compressed file, and it cannot be changed after writing. Loaders
that read shards in order and shuffle in a buffer (annbatch) suit disks with slow random access; here every batch is drawn from
all cells. Measured speed relative to backed AnnData and bionemo-scdl is listed in ``tests/benchmarks/RESULTS.md``.
"""

from array import array
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.files import atomic_folder, read_json
from glmkit.tokens.cells import Cells, Read, count_blocks, each_part, noted
from glmkit.tokens.cells.csr_blocks import CHUNK
from glmkit.tokens.names import NamesFile
from glmkit.tokens.store import HashedFile, StoreFormat, load_array, map_array, save_offsets
from glmkit.tokens.tokenizer import smallest_dtype

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

FORMAT = StoreFormat(
    kind="cell store",
    version=1,
    files=frozenset({"counts.bin", "columns.bin", "offsets.npy", "cells.json", "features.json"}),
    dtypes={"counts": frozenset({"uint16", "uint32"}), "columns": frozenset({"uint16", "uint32"})},
)


class CellStore:
    """Raw counts of cells, memory-mapped; created by :meth:`write` or :meth:`open`.

    ``len(store)`` is the number of cells.

    Attributes
    ----------
    folder
        Path of the store.
    offsets
        Start of the non-zero counts of each cell, int64 (cells + 1,).
    shape
        Numbers of cells and features.
    hash
        SHA-256 over content and format; equal stores have equal hashes wherever they were written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import anndata, numpy as np
    >>> from glmkit.data import CellStore
    >>> cells = anndata.AnnData(np.array([[0, 3, 1], [2, 0, 0]], dtype="float32"))
    >>> store = CellStore.write(Path(tempfile.mkdtemp()) / "counts", cells)
    >>> store.shape, store.dense([1, 0, 1]).tolist()
    ((2, 3), [[2.0, 0.0, 0.0], [0.0, 3.0, 1.0], [2.0, 0.0, 0.0]])
    >>> sorted(int(i) for indices, counts in store.batches(size=1, seed=0) for i in indices)
    [0, 1]
    """

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self.folder = folder
        self.hash: str = manifest["hash"]
        self.shape: tuple[int, int] = (manifest["cells"], manifest["features"])
        self.offsets = load_array(folder / "offsets.npy")
        self._counts = map_array(folder / "counts.bin", manifest["counts"])
        self._columns = map_array(folder / "columns.bin", manifest["columns"])
        expected = (self.shape[0] + 1, len(self._counts), len(self._columns))
        if expected != (len(self.offsets), int(self.offsets[-1]), int(self.offsets[-1])) or (np.diff(self.offsets) < 0).any():
            raise FORMAT.inconsistent(folder, "offsets and counts")

    @cached_property
    def names(self) -> list[str]:
        """Name of each cell, unique; read on first use."""
        return read_json(self.folder / "cells.json")

    @cached_property
    def var_names(self) -> list[str]:
        """Name of each feature, unique."""
        return read_json(self.folder / "features.json")

    @classmethod
    def write(cls, folder: str | Path, cells: Cells, chunk: int = CHUNK, *, read: Read | None = None) -> "CellStore":
        """Write cells block by block to a temporary folder, which is renamed to `folder` at the end.

        Parameters
        ----------
        folder
            Path of the store; an older store is replaced only when the new one is complete.
        cells
            An AnnData with raw counts in X, a path, or any iterable of these. Later parts must have the features of the first, in
            any order.
        chunk
            Number of cells held in memory at once.
        read
            Function that opens a path; ``read_cells(path, "rna", backed=True)`` if None.

        Returns
        -------
        CellStore
            The new store, opened.

        Raises
        ------
        BadInput
            No cells, two cells or features of one name, other features in a later part, or values that are no raw counts below
            2^32.
        ResourceError
            The disk is full or `folder` cannot be written; no partial store is left.
        """
        folder = Path(folder)
        with atomic_folder(folder) as temporary:
            with _Writer(temporary) as writer, NamesFile(temporary / "cells.json", "cells of the store") as names:
                for where, part in each_part(cells, read):
                    with noted(where):
                        writer.begin(part.var_names)
                        for start, block in count_blocks(part, chunk):
                            writer.add(block, part.obs_names[start : start + block.shape[0]])
                            for name in part.obs_names[start : start + block.shape[0]]:
                                names.add(name)
            writer.finish()
        return cls.open(folder)

    @classmethod
    def open(cls, folder: str | Path, verify: bool = False) -> "CellStore":
        """Open a store for reading.

        Parameters
        ----------
        folder
            Folder written by :meth:`write`.
        verify
            Whether to read every file and compare its SHA-256; sizes are always compared.

        Returns
        -------
        CellStore
            With its arrays mapped, not read.

        Raises
        ------
        BadInput
            Not a store, a future format version, or a file that is missing, cut, grown or (with `verify`) changed.
        """
        folder = Path(folder)
        return cls(folder, FORMAT.open(folder, verify))

    def __len__(self) -> int:
        return self.shape[0]

    def rows(self, indices: Sequence[int] | np.ndarray) -> "csr_matrix":
        """Counts of some cells.

        Parameters
        ----------
        indices
            Indices of cells, int (n,), in any order, with or without repeats.

        Returns
        -------
        scipy.sparse.csr_matrix
            float32 (n, features), in the order of `indices`; columns are sorted. Counts above 2^24 are rounded.

        Raises
        ------
        BadInput
            An index out of range.
        """
        from scipy.sparse import csr_matrix

        from glmkit.data.corpora.cell_kernel import gather

        chosen = self._chosen(indices)
        starts = np.zeros(len(chosen) + 1, np.int32)
        np.cumsum(self.offsets[chosen + 1] - self.offsets[chosen], out=starts[1:])
        counts, columns = np.empty(starts[-1], np.float32), np.empty(starts[-1], np.int32)
        gather(self._counts, self._columns, self.offsets, chosen, starts, counts, columns)
        shape: Any = (len(chosen), self.shape[1])
        found = csr_matrix(shape, dtype=np.float32)
        # The constructor with (data, indices, indptr) would scan the arrays again.
        found.data, found.indices, found.indptr = counts, columns, starts
        found.has_canonical_format = True
        return found

    def dense(self, indices: Sequence[int] | np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Counts of some cells as a dense array.

        Parameters
        ----------
        indices
            Indices of cells, int (n,).
        out
            Array to fill, float32 (n, features), which saves an allocation per batch; a new array if None.

        Returns
        -------
        numpy.ndarray
            float32 (n, features); the array `out` if it was given.

        Raises
        ------
        BadInput
            An index out of range, or an `out` of another shape or type.
        """
        from glmkit.data.corpora.cell_kernel import scatter

        chosen = self._chosen(indices)
        shape = (len(chosen), self.shape[1])
        out = np.empty(shape, np.float32) if out is None else out
        if out.shape != shape or out.dtype != np.float32:
            raise BadInput(f"Expected an array to fill of float32 {shape}, got {out.dtype} {out.shape}.")
        scatter(self._counts, self._columns, self.offsets, chosen, out)
        return out

    def batches(self, size: int = 64, seed: int = 0) -> Iterator[tuple[np.ndarray, "csr_matrix"]]:
        """Every cell once, in random mini-batches drawn from the whole store.

        Parameters
        ----------
        size
            Cells per batch; the last batch may be smaller.
        seed
            Seed of the random order.

        Yields
        ------
        tuple
            Indices of the cells, int64 (size,), and their counts, ``csr_matrix`` float32 (size, features).

        Raises
        ------
        BadInput
            A `size` below 1.
        """
        if size < 1:
            raise BadInput(f"Expected batches of at least 1 cell, got {size}.")
        order = np.random.default_rng(seed).permutation(len(self))
        for start in range(0, len(order), size):
            yield order[start : start + size], self.rows(order[start : start + size])

    def _chosen(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        chosen = np.asarray(indices)
        if chosen.size == 0:
            return np.empty(0, np.int64)
        if chosen.ndim != 1 or chosen.dtype.kind not in "iu":
            raise BadInput(f"Expected numbers of cells (n,), got an array of {chosen.dtype} {chosen.shape}.")
        if int(chosen.min()) < 0 or int(chosen.max()) >= len(self):
            wrong = chosen[(chosen < 0) | (chosen >= len(self))][0]
            raise BadInput(f"There is no cell {wrong}: the store {self.folder} has {len(self):,}, from 0.")
        return chosen.astype(np.int64, copy=False)

    def __repr__(self) -> str:
        return f"CellStore({str(self.folder)!r}: {self.shape[0]:,} cells × {self.shape[1]:,} features)"


class _Writer:
    """The files of a store while they are written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.features: list[str] = []
        self.offsets = array("q", [0])
        self.count_dtype: np.dtype = np.dtype("<u2")

    def __enter__(self) -> "_Writer":
        self.counts = HashedFile(self.folder / "counts.bin").__enter__()
        self.columns = HashedFile(self.folder / "columns.bin").__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.counts.__exit__()
        self.columns.__exit__()

    def begin(self, names: Any) -> None:
        """Check the features of the next part."""
        given = list(map(str, names))
        if len(set(given)) < len(given):
            raise BadInput(f"The feature {names[names.duplicated()][0]!r} names two columns. Make var_names unique.")
        if not self.features:
            self.features = given
            self.column_dtype = max(smallest_dtype(len(given)), np.dtype(np.uint16)).newbyteorder("<")
        if set(given) != set(self.features):
            missing, more = set(self.features) - set(given), set(given) - set(self.features)
            raise BadInput(
                f"This part lacks {len(missing)} features of the first ({', '.join(sorted(missing)[:3])}) and has {len(more)} others "
                f"({', '.join(sorted(more)[:3])}). Give every part the same features: anndata.concat(..., join='inner')."
            )
        place = {name: i for i, name in enumerate(self.features)}
        self.place = None if given == self.features else np.array([place[name] for name in given], np.int32)

    def add(self, block: "csr_matrix", names: Any) -> None:
        """Append the counts of a block of cells."""
        wrong = ~((block.data >= 0) & (block.data < 2.0**32) & (block.data == np.floor(block.data)))
        if wrong.any():
            first = int(wrong.argmax())
            row = int(np.searchsorted(block.indptr, first, "right")) - 1
            raise BadInput(
                f"Expected raw counts, got {block.data[first]} (cell {names[row]!r}). Read the file with glmkit.bio.read_cells, which "
                "looks for counts in layers and raw."
            )
        if (block.data == 0).any():
            block = block.copy()
            block.eliminate_zeros()
        if self.place is not None:
            block = block.copy()
            block.indices = self.place[block.indices]
            block.has_sorted_indices = False
            block.sort_indices()
        if self.count_dtype.itemsize == 2 and block.nnz and block.data.max() > 0xFFFF:
            self._widen()
        self.counts.write(block.data.astype(self.count_dtype))
        self.columns.write(block.indices.astype(self.column_dtype))
        self.offsets.extend((block.indptr[1:].astype(np.int64) + self.offsets[-1]).tolist())

    def _widen(self) -> None:
        """Rewrite the counts so far in four bytes each."""
        self.counts.__exit__()
        narrow = self.counts.path.rename(self.counts.path.with_suffix(".narrow"))
        self.count_dtype = np.dtype("<u4")
        self.counts = HashedFile(self.folder / "counts.bin").__enter__()
        before = map_array(narrow, "uint16")
        for start in range(0, len(before), 1 << 22):
            self.counts.write(before[start : start + (1 << 22)].astype(self.count_dtype))
        narrow.unlink()

    def finish(self) -> None:
        """Write the remaining files, the manifest last."""
        if len(self.offsets) == 1:
            raise BadInput("No cells to store: expected at least one, got none. Were all of them filtered out?")
        with NamesFile(self.folder / "features.json") as names:
            for name in self.features:
                names.add(name)
        save_offsets(self.folder / "offsets.npy", self.offsets)
        content = {
            "cells": len(self.offsets) - 1,
            "features": len(self.features),
            "counts": self.count_dtype.name,
            "columns": self.column_dtype.name,
        }
        FORMAT.close(self.folder, (self.counts, self.columns), content)
