"""Folders of plain arrays with a manifest: what the stores of tokens and of cells share.

An array is a file of bytes that is mapped into memory, so opening costs the same for any size and reading touches only the pages that
are read. The manifest holds the size and SHA-256 of every file, and its own hash: sizes are compared whenever a store is
opened, contents on request.
"""

import hashlib
import json
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from glmkit.errors import BadInput
from glmkit.files import read_json, recover_folder, sha256
from glmkit.tokens.tokenizer import canonical_hash

MANIFEST = "manifest.json"
_PIECE = 1 << 24  # bytes written and hashed at a time


class HashedFile:
    """A binary file that is hashed while it is written, so that nothing has to be read twice."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._hash = hashlib.sha256()
        self._bytes = 0

    def __enter__(self) -> "HashedFile":
        self._file: BinaryIO = open(self.path, "wb")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, values: np.ndarray) -> None:
        """Append the bytes of an array."""
        if values.size == 0:
            return
        view = np.ascontiguousarray(values).reshape(-1).view(np.uint8).data
        for start in range(0, len(view), _PIECE):
            piece = view[start : start + _PIECE]
            self._file.write(piece)
            self._hash.update(piece)
        self._bytes += len(view)

    def entry(self) -> dict[str, int | str]:
        """Size and SHA-256 of what was written, as they stand in a manifest."""
        return {"bytes": self._bytes, "sha256": self._hash.hexdigest()}


def entry_of(path: Path) -> dict[str, int | str]:
    """Size and SHA-256 of a file, as they stand in a manifest."""
    return {"bytes": path.stat().st_size, "sha256": sha256(path)}


def write_manifest(folder: Path, body: dict[str, Any]) -> None:
    """Write ``manifest.json`` with the hash of `body`."""
    text = json.dumps(body | {"hash": canonical_hash(body)}, indent=2)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path, form: str, version: int, what: str) -> dict[str, Any]:
    """The manifest of a store.

    Parameters
    ----------
    folder
        The store.
    form, version
        The format that is read, and its version.
    what
        What kind of store is expected, for messages.

    Raises
    ------
    BadInput
        Not such a store, a future version, or a manifest whose hash does not fit.
    """
    path = folder / MANIFEST
    if not path.is_file():
        maker = "".join(word.capitalize() for word in what.split())
        raise BadInput(f"{folder} is not a {what}: it has no {MANIFEST}. Write one with {maker}.write.")
    manifest = read_json(path)
    if not isinstance(manifest, dict) or manifest.get("format") != form:
        raise BadInput(f'{path} is not a {what}\'s: expected "format": {form!r}.')
    if manifest.get("version") != version:
        raise BadInput(
            f"{path} has format version {manifest.get('version')!r}; this glmkit reads {version}. Install the one that wrote it."
        )
    body = {key: value for key, value in manifest.items() if key != "hash"}
    if not isinstance(manifest.get("files"), dict) or canonical_hash(body) != manifest.get("hash"):
        raise changed(folder)
    return manifest


def changed(folder: Path) -> BadInput:
    """The error of a manifest that is not as it was written."""
    return BadInput(f"{folder / MANIFEST} was changed after it was written: its hash does not fit. Write the store again.")


def check_files(folder: Path, files: dict[str, dict[str, Any]], verify: bool) -> None:
    """Compare sizes, and with `verify` contents, with the manifest's entries.

    Raises
    ------
    BadInput
        A file is missing, cut, grown or (with `verify`) changed.
    """
    for name, entry in files.items():
        path = folder / name
        if not path.is_file():
            raise BadInput(f"{path} is missing. Write the store again.")
        if path.stat().st_size != entry["bytes"]:
            raise BadInput(
                f"{path} has {path.stat().st_size:,} bytes, the manifest says {entry['bytes']:,}. Write the store again."
            )
        if verify and (found := sha256(path)) != entry["sha256"]:
            raise BadInput(
                f"{path} was changed after it was written: SHA-256 {found[:12]}…, the manifest says {entry['sha256'][:12]}…. "
                "Write the store again."
            )


def load_array(path: Path) -> np.ndarray:
    """An ``.npy`` file in memory; nothing but plain numbers is read."""
    try:
        return np.load(path, allow_pickle=False)
    except ValueError as error:
        raise BadInput(f"{path} is not an array that NumPy reads ({error}). Write the store again.") from error


def map_array(path: Path, dtype: np.dtype | str) -> np.ndarray:
    """Map a binary file of little-endian numbers as a read-only array (numbers,)."""
    stored = np.dtype(dtype).newbyteorder("<")
    if path.stat().st_size == 0:
        return np.empty(0, stored)
    return np.asarray(np.memmap(path, stored, mode="r"))


def save_offsets(path: Path, offsets: "array[int]") -> None:
    """Write where each item starts, and where the last one ends, as ``.npy``: int64 (items + 1,)."""
    np.save(path, np.frombuffer(offsets, np.int64), allow_pickle=False)


@dataclass(frozen=True, kw_only=True)
class StoreFormat:  # numpydoc ignore=PR02
    """The layout of one kind of store: how its folder is closed after writing, and what is checked when it is opened.

    Parameters
    ----------
    kind
        Name for messages, such as ``"token store"``; the manifest's format is ``"glmkit"`` and this name.
    version
        Version of the layout; other versions are refused.
    files
        Names of all files but the manifest.
    dtypes
        Keys of the manifest that name a type of numbers, each with the types allowed.
    """

    kind: str
    version: int
    files: frozenset[str]
    dtypes: Mapping[str, frozenset[str]]

    def close(self, folder: Path, hashed: Sequence[HashedFile], content: dict[str, Any]) -> None:
        """Write the manifest of a folder whose files are complete.

        Parameters
        ----------
        folder
            The store.
        hashed
            Files whose hash was taken while they were written; all others are read once more.
        content
            Further entries of the manifest.
        """
        entries = {file.path.name: file.entry() for file in hashed}
        entries |= {name: entry_of(folder / name) for name in self.files - set(entries)}
        head = {"format": f"glmkit {self.kind}", "version": self.version}
        write_manifest(folder, head | content | {"files": dict(sorted(entries.items()))})

    def open(self, folder: Path, verify: bool) -> dict[str, Any]:
        """The manifest of a store, after an interrupted replacement was undone and all files were compared with it.

        Parameters
        ----------
        folder
            The store.
        verify
            Whether the SHA-256 of every file is compared too; sizes always are.

        Returns
        -------
        dict
            The manifest.

        Raises
        ------
        BadInput
            Not such a store, another version, or a file that is missing, cut, grown or (with `verify`) changed.
        """
        recover_folder(folder)
        manifest = read_manifest(folder, f"glmkit {self.kind}", self.version, self.kind)
        if set(manifest["files"]) != self.files or any(manifest.get(key) not in known for key, known in self.dtypes.items()):
            raise changed(folder)
        check_files(folder, manifest["files"], verify)
        return manifest

    def inconsistent(self, folder: Path, what: str) -> BadInput:
        """The error for files that are complete but disagree in number.

        Parameters
        ----------
        folder
            The store.
        what
            The files concerned, such as ``"offsets and counts"``.

        Returns
        -------
        BadInput
            The error, for the caller to raise.
        """
        return BadInput(f"{folder} is inconsistent: {what} disagree in number. Write the store again.")
