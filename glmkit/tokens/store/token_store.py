"""The token store: a memory-mapped corpus of sequences of any length, concatenated in one file.

The format is the same for DNA, proteins and cells. A folder has ``tokens.bin`` (ids, little-endian), ``offsets.npy``
(boundaries of the items), ``names.json``, ``soft_mask.bin`` and ``soft_mask_offsets.npy`` (runs of soft-masked tokens),
``tokenizer.json`` and ``manifest.json`` (sizes and SHA-256 of all files). Reading an item accesses its own pages only, so that
the start of a training run does not depend on the size of the corpus. Names are read at first use. Writing has one item in
memory at a time; the index takes 24 bytes per item (two offsets, and a hash that detects repeated names). The trade-off: a
store is written once and cannot be changed in place.
"""

from array import array
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.files import atomic_folder, read_json
from glmkit.tokens.names import NamesFile
from glmkit.tokens.registry import load_tokenizer
from glmkit.tokens.store.mapped_arrays import HashedFile, StoreFormat, load_array, map_array, save_offsets
from glmkit.tokens.tokenizer import Tokenizer, as_ids

SOFT_MASK_WEIGHT = np.float32(0.1)  # weight of repeats in the loss
FORMAT = StoreFormat(
    kind="token store",
    version=1,
    files=frozenset({"tokens.bin", "soft_mask.bin", "names.json", "offsets.npy", "soft_mask_offsets.npy", "tokenizer.json"}),
    dtypes={"dtype": frozenset({"uint8", "uint16", "uint32"})},
)


class TokenStore:
    """A ragged, memory-mapped corpus of ids, made by :meth:`write` or :meth:`open`.

    ``len(store)`` is the number of items and ``store[i]`` the ids of item `i`, a read-only view of the file.

    Attributes
    ----------
    folder
        Folder of the store.
    offsets
        Boundaries of the items, int64 (n + 1,): item `i` is ``tokens[offsets[i]:offsets[i + 1]]``.
    lengths
        Number of tokens of each item, int64 (n,).
    tokens
        Concatenated ids of all items (tokens,), a read-only memory map.
    hash
        SHA-256 of content, tokenizer and format; stores of equal content have equal hashes.
    tokenizer_hash
        Hash of the tokenizer that made the ids.

    Examples
    --------
    >>> import tempfile
    >>> from glmkit.tokens import make_tokenizer
    >>> tokenizer = make_tokenizer("base")
    >>> items = [(name, tokenizer.encode(dna), None) for name, dna in {"a": "ACGT", "b": "GG"}.items()]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = TokenStore.write(Path(folder, "store"), items, tokenizer)
    ...     print(len(store), store.names, store.lengths.tolist(), store[1].tolist())
    2 ['a', 'b'] [4, 2] [6, 6]
    """

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self.folder = folder
        self.hash: str = manifest["hash"]
        self.tokenizer_hash: str = manifest["tokenizer"]
        self.offsets = load_array(folder / "offsets.npy")
        self.tokens = map_array(folder / "tokens.bin", manifest["dtype"])
        self._runs = map_array(folder / "soft_mask.bin", "int64").reshape(-1, 2)
        self._run_offsets = load_array(folder / "soft_mask_offsets.npy")
        self.lengths = np.diff(self.offsets)
        expected = (manifest["sequences"] + 1, manifest["tokens"], len(self.tokens), len(self._run_offsets))
        found = (len(self.offsets), int(self.offsets[-1]), int(self.offsets[-1]), len(self.offsets))
        if expected != found or self.offsets[0] != 0 or (self.lengths <= 0).any():
            raise self._contradiction()

    @cached_property
    def names(self) -> list[str]:
        """Unique name of each item, read at first use and checked against the number of items."""
        names: list[str] = read_json(self.folder / "names.json")
        if len(names) != len(self):
            raise self._contradiction()
        return names

    def _contradiction(self) -> BadInput:
        return FORMAT.inconsistent(self.folder, "names, offsets and tokens")

    @classmethod
    def write(
        cls, folder: str | Path, items: Iterable[tuple[str, np.ndarray, np.ndarray | None]], tokenizer: Tokenizer
    ) -> "TokenStore":
        """Write items one at a time to a temporary folder, which is then renamed to `folder`.

        Parameters
        ----------
        folder
            Folder of the store; an older store is replaced only after the new one is complete.
        items
            Tuples ``(name, ids, soft_masked)``: a unique name; ids (length,) of `tokenizer`, at least one; and soft-masked runs
            in token positions, int64 (runs, 2), half-open, sorted and disjoint, or None.
        tokenizer
            Tokenizer that made the ids; it is saved in the store.

        Returns
        -------
        TokenStore
            The written store, open.

        Raises
        ------
        BadInput
            There are no items, an item is empty, a name is repeated, or an id or a run is out of range.
        ResourceError
            The disk is full or `folder` cannot be written; no partial store remains.
        """
        folder = Path(folder)
        with atomic_folder(folder) as temporary:
            tokenizer.save(temporary)
            dtype = tokenizer.dtype.newbyteorder("<")
            with (
                HashedFile(temporary / "tokens.bin") as tokens,
                HashedFile(temporary / "soft_mask.bin") as masks,
                NamesFile(temporary / "names.json") as names,
            ):
                offsets, run_offsets = _append(items, names, tokens, masks, dtype, len(tokenizer.vocabulary))
            save_offsets(temporary / "offsets.npy", offsets)
            save_offsets(temporary / "soft_mask_offsets.npy", run_offsets)
            content = {
                "dtype": tokenizer.dtype.name,
                "tokens": offsets[-1],
                "sequences": len(offsets) - 1,
                "tokenizer": tokenizer.hash,
            }
            FORMAT.close(temporary, (tokens, masks), content)
        return cls.open(folder)

    @classmethod
    def open(cls, folder: str | Path, verify: bool = False) -> "TokenStore":
        """Open a store for reading.

        Parameters
        ----------
        folder
            Folder written by :meth:`write`.
        verify
            Whether to read every file and compare its SHA-256; sizes are always compared.

        Returns
        -------
        TokenStore
            The open store.

        Raises
        ------
        BadInput
            The folder is not a store or has a future format version; or a file is missing, has another size, or (with
            `verify`) another content.
        """
        folder = Path(folder)
        return cls(folder, FORMAT.open(folder, verify))

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> np.ndarray:
        if not -len(self) <= index < len(self):
            raise IndexError(f"Item {index} of a store of {len(self)}.")
        index %= len(self)
        return self.tokens[self.offsets[index] : self.offsets[index + 1]]

    def soft_masked(self, index: int, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Soft mask of the tokens of an item (lower case in the source, which marks repeats).

        Parameters
        ----------
        index
            Index of the item.
        start, stop
            Half-open range of token positions; the whole item by default.

        Returns
        -------
        numpy.ndarray
            Whether each token is soft-masked, bool (stop - start,).
        """
        stop = int(self.lengths[index]) if stop is None else stop
        runs = self._runs[self._run_offsets[index] : self._run_offsets[index + 1]]
        first, last = np.searchsorted(runs[:, 1], start, "right"), np.searchsorted(runs[:, 0], stop, "left")
        mask = np.zeros(stop - start, bool)
        for run_start, run_stop in runs[first:last]:
            mask[max(run_start - start, 0) : run_stop - start] = True
        return mask

    def weights(self, index: int) -> np.ndarray:
        """Loss weight of each token of an item, float32 (length,): 0.1 if soft-masked, else 1."""
        return np.where(self.soft_masked(index), SOFT_MASK_WEIGHT, np.float32(1))

    def tokenizer(self) -> Tokenizer:
        """The tokenizer that made the ids, from the ``tokenizer.json`` of the store."""
        return load_tokenizer(self.folder)

    def __repr__(self) -> str:
        return f"TokenStore({str(self.folder)!r}: {len(self):,} sequences, {len(self.tokens):,} tokens)"


def _append(
    items: Iterable[tuple[str, np.ndarray, np.ndarray | None]],
    names: NamesFile,
    tokens: HashedFile,
    masks: HashedFile,
    dtype: np.dtype,
    size: int,
) -> tuple["array[int]", "array[int]"]:
    """Write all items; return token offsets and run offsets."""
    offsets, run_offsets = array("q", [0]), array("q", [0])
    for name, ids, runs in items:
        try:
            checked = as_ids(ids, size)
            checked_runs = _check_runs(runs, len(checked))
        except BadInput as error:
            error.add_note(f"sequence {name!r}")
            raise
        if len(checked) == 0:
            raise BadInput(f"The sequence {name!r} has no tokens. Leave it out, or use a tokenizer with shorter tokens.")
        names.add(name)
        tokens.write(checked.astype(dtype, copy=False))
        masks.write(checked_runs)
        offsets.append(offsets[-1] + len(checked))
        run_offsets.append(run_offsets[-1] + len(checked_runs))
    if len(offsets) == 1:
        raise BadInput("No sequences to store: expected at least one, got none. Check that not all of them were filtered out.")
    return offsets, run_offsets


def _check_runs(runs: np.ndarray | None, length: int) -> np.ndarray:
    array_ = np.asarray([] if runs is None else runs, "<i8").reshape(-1, 2)
    flat = array_.ravel()
    if len(flat) and (flat[0] < 0 or flat[-1] > length or (np.diff(flat) < 0).any() or (array_[:, 0] == array_[:, 1]).any()):
        raise BadInput(f"Soft-masked runs must be sorted, disjoint, non-empty and inside 0..{length}; got {array_[:3].tolist()}…")
    return array_
