"""What every tokenizer is, and the file it becomes.

A tokenizer is a vocabulary and a rule; both go into ``tokenizer.json`` in full, with the SHA-256 of their canonical JSON
beside them. A model's weights mean nothing under another order of ids, so the hash is checked on load and is written into
every token store and model card: a permuted vocabulary is refused instead of silently scrambling the embeddings.
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
FIRST = ("<cls>", "<pad>", "<eos>", "<unk>")  # ids 0 to 3 of every tokenizer here
LAST = "<mask>"  # the last id of every tokenizer here


@runtime_checkable
class Tokenizer(Protocol):
    """Strings to ids and back; for cells, counts to ids.

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
        Bases that one token stands for, or None where that varies.
    dtype
        Smallest of uint8, uint16, uint32 that holds every id.
    maskable
        bool (vocab,): ids that masking may hide and that may replace a hidden token. Special tokens, N and rare residues are
        not among them.
    prefix, suffix
        Ids that the model family puts before and after every sequence, such as ``<cls>`` and ``<eos>``; often empty. `encode` never
        adds them: :func:`surround` does, where a batch is made.
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
        """The sequence of ids; ``<cls>``, ``<pad>`` and ``<eos>`` are left out."""

    def save(self, folder: str | Path) -> Path:
        """Write ``tokenizer.json`` into a folder and return its path."""


def surround(values: np.ndarray, before: Sequence[int], after: Sequence[int]) -> np.ndarray:
    """Put values before and after an array: a tokenizer's prefix and suffix around ids, or what stands for them in weights.

    Parameters
    ----------
    values
        (length,).
    before, after
        What to add.

    Returns
    -------
    numpy.ndarray
        (before + length + after,), of the type of `values`; `values` itself if there is nothing to add.
    """
    if not before and not after:
        return values
    return np.concatenate([np.array(before, values.dtype), values, np.array(after, values.dtype)])


def smallest_dtype(size: int) -> np.dtype:
    """The smallest unsigned integer type that holds ids 0 to `size` - 1."""
    return np.dtype(np.uint8 if size <= 256 else np.uint16 if size <= 65536 else np.uint32)


def canonical_hash(value: Any) -> str:
    """SHA-256 of a value's canonical JSON: sorted keys, no blanks, ASCII."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def write_description(folder: str | Path, description: dict[str, Any]) -> Path:
    """Write a tokenizer's description and its hash to ``folder/tokenizer.json``, whole or not at all."""
    path = Path(folder) / FILE
    head = {"format": FORMAT, "version": VERSION, "hash": canonical_hash(description)}
    write_json(path, head | description)
    return path


def read_description(folder: str | Path) -> dict[str, Any]:
    """Read and check ``tokenizer.json`` of a folder (or the file itself).

    Raises
    ------
    BadInput
        The file is missing, of another format, of a future version, or does not have the hash it states.
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
            f"{str(value.get('hash'))[:12]}…. Ids may be permuted, which would scramble a model; restore the original file."
        )
    return description


def as_ids(ids: Any, size: int) -> np.ndarray:
    """`ids` as a one-dimensional integer array, every one of them within a vocabulary of `size`.

    Raises
    ------
    BadInput
        Not one-dimensional, not integers, or an id outside the vocabulary (named with its position).
    """
    array = np.asarray(ids)
    if array.size == 0:
        return array.astype(np.int64).reshape(0)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise BadInput(f"Expected a one-dimensional array of integer ids, got shape {array.shape} of {array.dtype}.")
    if int(array.max()) >= size or int(array.min()) < 0:
        where = int(np.flatnonzero((array >= size) | (array < 0))[0])
        raise BadInput(
            f"Id {int(array[where])} at position {where} is outside the vocabulary of {size} entries. Another tokenizer's?"
        )
    return array
