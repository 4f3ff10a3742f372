"""Single-residue tokenization of proteins, with the vocabulary of ESM or any other vocabulary of single letters.

Model families differ in the order of the letters, the names of the special tokens and the tokens added around a sequence. One
class has these as data; ESM-2, ESM-1b, Sapiens (RoBERTa) and AntiBERTy (BERT) are instances with different vocabularies. The
rare residues B, J, O, U, X and Z become ``<unk>`` if a vocabulary lacks them, as in the published tokenizers. A gap, a stop or
any other character is an error with its position, because no model was trained on these.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from glmkit.bio import alphabet
from glmkit.errors import BadInput
from glmkit.tokens.tokenizer import as_ids, canonical_hash, smallest_dtype, write_description

PROTEIN = alphabet("protein")
ESM_VOCABULARY = ("<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO.-", "<null_1>", "<mask>")
SPECIAL = ("bos", "pad", "eos", "unk", "mask")
ESM_SPECIAL = dict(zip(SPECIAL, ("<cls>", "<pad>", "<eos>", "<unk>", "<mask>"), strict=True))
_BAD = 65535


class LetterTokenizer:
    """Single letters of proteins; by default the 33 entries of ESM-2.

    Lower case is encoded like upper case. Only the 20 standard amino acids may be masked; rare residues are encoded but not
    prediction targets.

    Parameters
    ----------
    vocabulary
        Entry of each id. Entries of one letter are residues; ``.`` and ``-`` have ids but are not accepted in sequences.
    special
        Map of ``bos``, ``pad``, ``eos``, ``unk`` and ``mask`` to their entries.
    prefix, suffix
        Entries added before and after every sequence; ``bos`` and ``eos`` if None.

    Raises
    ------
    BadInput
        An entry is repeated, a special token is not an entry, or a standard amino acid is missing.

    Examples
    --------
    >>> tokenizer = LetterTokenizer()
    >>> tokenizer.encode("MKV").tolist()
    [20, 15, 7]
    >>> tokenizer.prefix, tokenizer.suffix
    ((0,), (2,))
    """

    kind = "letter"
    bases_per_token: float | int | None = None

    def __init__(
        self,
        vocabulary: Sequence[str] = ESM_VOCABULARY,
        special: Mapping[str, str] = ESM_SPECIAL,
        prefix: Sequence[str] | None = None,
        suffix: Sequence[str] | None = None,
    ) -> None:
        self.vocabulary = tuple(vocabulary)
        ids = number(self.vocabulary)
        prefix = (special["bos"],) if prefix is None else tuple(prefix)
        suffix = (special["eos"],) if suffix is None else tuple(suffix)
        if missing := [entry for entry in (*special.values(), *prefix, *suffix, *PROTEIN.letters) if entry not in ids]:
            raise BadInput(
                f"The vocabulary of {len(ids)} entries lacks {', '.join(map(repr, missing))}. Expected the special tokens "
                f"{' '.join(special.values())} and the 20 amino acids, each as a separate entry."
            )
        self.special = {name: special[name] for name in SPECIAL}
        self.bos_id, self.pad_id, self.eos_id, self.unk_id, self.mask_id = (ids[special[name]] for name in SPECIAL)
        self.prefix, self.suffix = tuple(ids[entry] for entry in prefix), tuple(ids[entry] for entry in suffix)
        self.dtype = smallest_dtype(len(ids))
        self.maskable = np.isin(np.arange(len(ids)), [ids[letter] for letter in PROTEIN.letters])
        self.hash = canonical_hash(self._description())
        self._ids = np.full(256, _BAD, np.uint16)
        for letter in PROTEIN.letters + PROTEIN.codes + PROTEIN.unknown:
            self._ids[[ord(letter), ord(letter.lower())]] = ids.get(letter, self.unk_id)
        self._letters = np.array([ord(entry if len(entry) == 1 else PROTEIN.unknown) for entry in self.vocabulary], np.uint8)

    def _description(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "vocabulary": list(self.vocabulary),
            "special": self.special,
            "prefix": [self.vocabulary[i] for i in self.prefix],
            "suffix": [self.vocabulary[i] for i in self.suffix],
        }

    def encode(self, sequence: str) -> np.ndarray:
        """Ids of a protein.

        Parameters
        ----------
        sequence
            One-letter codes in either case, including X and the rare residues.

        Returns
        -------
        numpy.ndarray
            One id per residue (length,), without prefix and suffix.

        Raises
        ------
        BadInput
            A character is not a residue; the message gives its position (from 0).
        """
        found = self._ids[np.frombuffer(sequence.encode("latin-1", "replace"), np.uint8)]
        if len(found) and found.max() == _BAD:
            raise _unknown(sequence, int(np.argmax(found == _BAD)))
        return found.astype(self.dtype)

    def decode(self, ids: np.ndarray) -> str:
        """The residues of `ids` (length,), upper case.

        The start, end and padding tokens are omitted; all other entries that are not single letters become X.

        Raises
        ------
        BadInput
            An id is outside the vocabulary.
        """
        array = as_ids(ids, len(self.vocabulary))
        kept = array[~np.isin(array, [self.bos_id, self.pad_id, self.eos_id])]
        return self._letters[kept].tobytes().decode("ascii")

    def save(self, folder: str | Path) -> Path:
        """Write ``tokenizer.json`` into `folder` and return its path."""
        return write_description(folder, self._description())

    @classmethod
    def from_description(cls, description: dict[str, Any]) -> "LetterTokenizer":
        """Construct the tokenizer from the description in ``tokenizer.json``."""
        return cls(description["vocabulary"], description["special"], description["prefix"], description["suffix"])

    def __repr__(self) -> str:
        return f"LetterTokenizer({len(self.vocabulary)} entries)"


def number(vocabulary: Sequence[str]) -> dict[str, int]:
    """Map of each entry of a vocabulary to its id.

    Raises
    ------
    BadInput
        An entry is repeated.
    """
    ids: dict[str, int] = {}
    for place, entry in enumerate(vocabulary):
        if entry in ids:
            raise BadInput(f"The vocabulary has {entry!r} twice, as ids {ids[entry]} and {place}. Restore the original file.")
        ids[entry] = place
    return ids


def _unknown(sequence: str, position: int) -> BadInput:
    letter = sequence[position]
    hints = {"*": "That is a stop: cut the sequence there.", "-": "That is a gap: remove gaps, which belong to alignments."}
    hint = hints.get(letter) or hints["-"] * (letter in ".~") or "Write residues as one-letter codes."
    return BadInput(f"Expected amino acids, got {letter!r} at position {position} (from 0) of {len(sequence)}. {hint}")
