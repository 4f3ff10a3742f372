"""The protocol of tokenizers, and their file format.

A tokenizer is a vocabulary and a rule. Both are written to ``tokenizer.json``, with the SHA-256 of their canonical JSON. The
weights of a model are valid for one order of ids only. The hash is therefore checked on load and recorded in every token
store and model card. A permuted vocabulary is then an error instead of silently wrong embeddings.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from glmkit.errors import BadInput
from glmkit.files import read_json, write_json

FILE = "tokenizer.json"
FORMAT = "glmkit tokenizer"
VERSION = 1
FIRST = ("<cls>", "<pad>", "<eos>", "<unk>")  # ids 0 to 3 of the base, k-mer and BPE tokenizers
LAST = "<mask>"  # their last id


@runtime_checkable
class Tokenizer(Protocol):
    """Conversion of strings to ids and back; for cells, of counts to ids.

    Attributes
    ----------
    kind
        Name of the rule: ``base``, ``kmer``, ``bpe``, ``letter``, ``nucleotide``, ``rank``, ``cells``.
    vocabulary
        Entry of each id, in order.
    hash
        SHA-256 of the rule and the vocabulary (canonical JSON), hexadecimal.
    mask_id, pad_id, bos_id, eos_id, unk_id
        Ids of the special tokens; `bos_id` is ``<cls>``.
    bases_per_token
        Bases per token, or None if that number varies.
    dtype
        Smallest of uint8, uint16, uint32 that represents every id.
    maskable
        Whether an id may be masked and may replace a masked token, bool (vocab,); false for special tokens, N and rare residues.
    prefix, suffix
        Ids that the model family adds before and after every sequence, such as ``<cls>`` and ``<eos>``; often empty. `encode`
        does not add them; :func:`surround` does when a batch is made.
    """

    kind: str
    vocabulary: tuple[str, ...]
    hash: str
    mask_id: int
    pad_id: int
    bos_id: int
    eos_id: int
    unk_id: int
    bases_per_token: float | int | None
    dtype: np.dtype
    maskable: np.ndarray
    prefix: tuple[int, ...]
    suffix: tuple[int, ...]

    def encode(self, item: Any, /) -> np.ndarray:
        """Ids (length,) of a sequence, or of a cell's counts; no special tokens are added."""

    def decode(self, ids: np.ndarray) -> str:
        """The sequence of ids (length,); ``<cls>``, ``<pad>`` and ``<eos>`` are omitted."""

    def save(self, folder: str | Path) -> Path:
        """Write ``tokenizer.json`` into a folder and return its path."""


def surround(values: np.ndarray, before: Sequence[int], after: Sequence[int]) -> np.ndarray:
    """Add values before and after an array: the prefix and suffix of a tokenizer to ids, or their weights to loss weights.

    Parameters
    ----------
    values
        Array (length,), such as ids or loss weights.
    before, after
        Values to add at the start and at the end.

    Returns
    -------
    numpy.ndarray
        Array (before + length + after,) of the type of `values`; `values` itself if there is nothing to add.

    Examples
    --------
    >>> surround(np.array([4, 5, 6], np.uint8), [0], [2])
    array([0, 4, 5, 6, 2], dtype=uint8)
    """
    if not before and not after:
        return values
    return np.concatenate([np.array(before, values.dtype), values, np.array(after, values.dtype)])


def smallest_dtype(size: int) -> np.dtype:
    """The smallest unsigned integer type that represents ids 0 to `size` - 1."""
    return np.dtype(np.uint8 if size <= 256 else np.uint16 if size <= 65536 else np.uint32)


def canonical_hash(value: Any) -> str:
    """SHA-256 of a value's canonical JSON: sorted keys, no blanks, ASCII."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def write_description(folder: str | Path, description: dict[str, Any]) -> Path:
    """Write the description of a tokenizer and its hash to ``folder/tokenizer.json``, atomically."""
    path = Path(folder) / FILE
    head = {"format": FORMAT, "version": VERSION, "hash": canonical_hash(description)}
    write_json(path, head | description)
    return path


def read_description(folder: str | Path) -> dict[str, Any]:
    """Read and check ``tokenizer.json`` of a folder (or the file itself).

    Raises
    ------
    BadInput
        The file is missing, of another format, of a future version, or its content does not match its hash.
    """
    path = Path(folder)
    path = path / FILE if path.is_dir() or path.suffix != ".json" else path
    value = read_json(path)
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise BadInput(f'{path} is not a glmkit tokenizer: expected "format": {FORMAT!r}. Write it with tokenizer.save(folder).')
    if value.get("version") != VERSION:
        raise BadInput(
            f"{path} has format version {value.get('version')!r}; this glmkit reads {VERSION}. Install the one that wrote it."
        )
    description = {key: item for key, item in value.items() if key not in {"format", "version", "hash"}}
    found = canonical_hash(description)
    if found != value.get("hash"):
        raise BadInput(
            f"{path} was changed after it was written: its content has the hash {found[:12]}…, the file states "
            f"{str(value.get('hash'))[:12]}…. Ids may be permuted, which would invalidate a model; restore the original file."
        )
    return description


def as_ids(ids: Any, size: int) -> np.ndarray:
    """`ids` as a one-dimensional integer array, checked to be within a vocabulary of `size` entries.

    Raises
    ------
    BadInput
        The array is not one-dimensional or not of integers, or an id is outside the vocabulary; the message gives its position.
    """
    array = np.asarray(ids)
    if array.size == 0:
        return array.astype(np.int64).reshape(0)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise BadInput(f"Expected a one-dimensional array of integer ids, got shape {array.shape} of {array.dtype}.")
    if int(array.max()) >= size or int(array.min()) < 0:
        where = int(np.flatnonzero((array >= size) | (array < 0))[0])
        raise BadInput(
            f"Id {int(array[where])} at position {where} is outside the vocabulary of {size} entries. Use the tokenizer that "
            "made the ids."
        )
    return array
