"""The token store: sequences of any length, one after another, in one memory-mapped file.

Every modality shares it. A folder holds ``tokens.bin`` (ids, little-endian), ``offsets.npy`` (where each item starts),
``names.json``, ``soft_mask.bin`` and ``soft_mask_offsets.npy`` (runs of soft-masked tokens), ``tokenizer.json`` and
``manifest.json`` (sizes and SHA-256 of all of them). Reading an item touches its own pages only, so a training run starts as
fast on a genome as on a plasmid; names are read when they are first asked for. Writing keeps one item in memory at a time; what
grows is the index, 24 bytes an item: two offsets, and a number that finds a name given twice. The trade-off: a store is written once and never changed in place.
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
    """A ragged, memory-mapped corpus of ids. Make one with :meth:`write` or :meth:`open`.

    ``len(store)`` is the number of items and ``store[i]`` the ids of item `i`, a read-only view of the file.

    Attributes
    ----------
    folder
        Where it lies.
    offsets
        int64 (n + 1,): item `i` is ``tokens[offsets[i]:offsets[i + 1]]``.
    lengths
        int64 (n,): tokens of each item.
    tokens
        All ids, one item after another; a read-only memory map.
    hash
        SHA-256 over content, tokenizer and format; equal stores have equal hashes wherever and whenever they were written.
    tokenizer_hash
        Hash of the tokenizer that made the ids.
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
        """Name of each item, unique; read when it is first asked for, and checked against the number of items."""
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
        """Write items one at a time to a temporary folder, then rename it to `folder` whole.

        Parameters
        ----------
        folder
            The store's folder; an older one is replaced when, and only when, the new one is complete.
        items
            ``(name, ids, soft_masked)``: a unique name; ids (length,) of `tokenizer`, at least one; soft-masked runs as int64
            (runs, 2), half-open, in token positions, sorted and apart from each other, or None.
        tokenizer
            The tokenizer that made the ids; it is stored beside them.

        Raises
        ------
        BadInput
            No items, an empty one, a name twice, an id outside the vocabulary, or runs outside the item.
        ResourceError
            The disk is full or `folder` cannot be written; nothing partial is left.
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
            A folder that :meth:`write` made.
        verify
            Also read every file and compare its SHA-256; sizes are compared always.

        Raises
        ------
        BadInput
            Not a store, a future format version, or a file that is missing, cut, grown or (with `verify`) changed.
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
        """Which tokens of an item are soft-masked (lower case in the source: repeats).

        Parameters
        ----------
        index
            The item.
        start, stop
            Token positions of the part wanted, half-open; the whole item by default.

        Returns
        -------
        numpy.ndarray
            bool (stop - start,).
        """
        stop = int(self.lengths[index]) if stop is None else stop
        runs = self._runs[self._run_offsets[index] : self._run_offsets[index + 1]]
        first, last = np.searchsorted(runs[:, 1], start, "right"), np.searchsorted(runs[:, 0], stop, "left")
        mask = np.zeros(stop - start, bool)
        for run_start, run_stop in runs[first:last]:
            mask[max(run_start - start, 0) : run_stop - start] = True
        return mask

    def weights(self, index: int) -> np.ndarray:
        """Weight of each token of an item in the loss: float32 (length,), 0.1 where soft-masked, else 1."""
        return np.where(self.soft_masked(index), SOFT_MASK_WEIGHT, np.float32(1))

    def tokenizer(self) -> Tokenizer:
        """The tokenizer that made the ids, from the store's own ``tokenizer.json``."""
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
    """Write every item; return token offsets and run offsets."""
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
        raise BadInput("No sequences to store: expected at least one, got none. Were all of them filtered out?")
    return offsets, run_offsets


def _check_runs(runs: np.ndarray | None, length: int) -> np.ndarray:
    array_ = np.asarray([] if runs is None else runs, "<i8").reshape(-1, 2)
    flat = array_.ravel()
    if len(flat) and (flat[0] < 0 or flat[-1] > length or (np.diff(flat) < 0).any() or (array_[:, 0] == array_[:, 1]).any()):
        raise BadInput(f"Soft-masked runs must be sorted, apart, non-empty and inside 0..{length}; got {array_[:3].tolist()}…")
    return array_
