"""Single-base tokenization: one token per base.

A table has the id of each of the 256 byte values. Encoding is one pass of ``bytes.translate`` over slices that fit the cache.
Memory is one byte per base for the ids, plus one slice. Lower case is encoded like upper case (the soft mask is stored
separately, see ``glmkit.bio``), and IUPAC ambiguity codes become N. Any other character is an error with its position. It does
not become ``<unk>``, because a gap or a protein letter in DNA indicates an error in the data.
"""

from pathlib import Path
from typing import Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.tokens.tokenizer import FIRST, LAST, as_ids, canonical_hash, write_description

LETTERS = "ACGTN"
AMBIGUOUS = "RYSWKMBDHV"
SLICE = 1 << 18  # characters per slice: fits the cache and bounds temporary memory
_BAD = 255


def byte_table(codes: dict[str, int]) -> bytes:
    """A 256-byte table from letters (either case) to codes; every other byte is 255."""
    table = np.full(256, _BAD, np.uint8)
    for letter, code in codes.items():
        table[[ord(letter.upper()), ord(letter.lower())]] = code
    return table.tobytes()


def lookup(sequence: str, table: bytes, out: np.ndarray | None = None) -> np.ndarray:
    """Map each character of `sequence` by a :func:`byte_table`: uint8 (length,).

    Raises
    ------
    BadInput
        A character is not in the table; the message gives its position (from 0).
    """
    out = np.empty(len(sequence), np.uint8) if out is None else out
    for start in range(0, len(sequence), SLICE):
        piece = sequence[start : start + SLICE]
        try:
            mapped = np.frombuffer(piece.encode("ascii").translate(table), np.uint8)
        except UnicodeEncodeError as error:
            raise _unknown(piece[error.start], start + error.start) from None
        if mapped.max() == _BAD:
            where = int(np.argmax(mapped == _BAD))
            raise _unknown(piece[where], start + where)
        out[start : start + len(piece)] = mapped
    return out


def _unknown(letter: str, position: int) -> BadInput:
    hint = " Replace U by T in RNA." if letter in "Uu" else " Remove gaps and stops, or choose the tokenizer of this alphabet."
    return BadInput(
        f"Expected DNA letters (A, C, G, T, N or an IUPAC code), got {letter!r} at position {position} (from 0).{hint}"
    )


class BaseTokenizer:
    """Single bases of DNA: 10 entries, ``<cls> <pad> <eos> <unk> A C G T N <mask>``, uint8.

    Lower case is encoded like upper case; IUPAC codes other than A, C, G and T become N. ``<unk>`` is never produced.

    Attributes
    ----------
    letter_ids
        Ids of A, C, G and T, uint8 (4,).

    Examples
    --------
    >>> tokenizer = BaseTokenizer()
    >>> tokenizer.encode("ACgtR")
    array([4, 5, 6, 7, 8], dtype=uint8)
    >>> tokenizer.decode(tokenizer.encode("ACgtR"))
    'ACGTN'
    """

    kind = "base"
    vocabulary = (*FIRST, *LETTERS, LAST)
    bos_id, pad_id, eos_id, unk_id = range(4)
    mask_id = len(vocabulary) - 1
    bases_per_token: float | int | None = 1
    dtype = np.dtype(np.uint8)
    prefix: tuple[int, ...] = ()
    suffix: tuple[int, ...] = ()

    def __init__(self) -> None:
        self.letter_ids = np.array([self.vocabulary.index(letter) for letter in "ACGT"], np.uint8)
        self.n_id = self.vocabulary.index("N")
        self.maskable = np.isin(np.arange(len(self.vocabulary)), self.letter_ids)
        self.hash = canonical_hash(self._description())
        codes = {letter: self.vocabulary.index(letter) for letter in LETTERS} | dict.fromkeys(AMBIGUOUS, self.n_id)
        self._encode = byte_table(codes)
        letters = np.full(len(self.vocabulary), ord("N"), np.uint8)
        letters[self.letter_ids] = np.frombuffer(b"ACGT", np.uint8)
        self._decode = letters.tobytes() + bytes(256 - len(letters))
        self._left_out = bytes([self.bos_id, self.pad_id, self.eos_id])

    def _description(self) -> dict[str, Any]:
        return {"kind": self.kind, "vocabulary": list(self.vocabulary)}

    def encode(self, sequence: str) -> np.ndarray:
        """Ids of a DNA sequence.

        Parameters
        ----------
        sequence
            DNA in either case, IUPAC codes allowed.

        Returns
        -------
        numpy.ndarray
            One id per base, uint8 (length,).

        Raises
        ------
        BadInput
            A character is not a DNA letter; the message gives its position (from 0).
        """
        return lookup(sequence, self._encode)

    def decode(self, ids: np.ndarray) -> str:
        """The bases of `ids` (length,), upper case.

        ``<cls>``, ``<pad>`` and ``<eos>`` are omitted; ``<mask>`` and ``<unk>`` are unknown bases and become N.

        Raises
        ------
        BadInput
            An id is outside the vocabulary.
        """
        array = as_ids(ids, len(self.vocabulary)).astype(np.uint8, copy=False)
        return array.tobytes().translate(self._decode, self._left_out).decode("ascii")

    def save(self, folder: str | Path) -> Path:
        """Write ``tokenizer.json`` into `folder` and return its path."""
        return write_description(folder, self._description())

    @classmethod
    def from_description(cls, description: dict[str, Any]) -> "BaseTokenizer":
        """Construct the tokenizer from the description in ``tokenizer.json``."""
        if tuple(description.get("vocabulary", ())) != cls.vocabulary:
            raise BadInput(f"Expected the vocabulary {cls.vocabulary} of single bases, got {description.get('vocabulary')}.")
        return cls()

    def __repr__(self) -> str:
        return "BaseTokenizer()"
