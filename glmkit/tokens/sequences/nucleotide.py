"""Tokenization of the Nucleotide Transformer: non-overlapping 6-mers, and single letters for the remaining bases.

Every run of A, C, G and T is cut into 6-mers from its left end. The last bases of a run, fewer than six, become single
letters, and so does each N. All bases have a token; the trade-off is a reading frame that shifts after every N. A token covers
up to six bases, so that a single base cannot be masked or scored.

References
----------
Dalla-Torre H et al. (2025). Nucleotide Transformer: building and evaluating robust foundation models for human genomics. Nature
Methods 22, 287-297.
"""

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.tokens.sequences.base import AMBIGUOUS, byte_table, lookup
from glmkit.tokens.sequences.letters import number
from glmkit.tokens.tokenizer import as_ids, canonical_hash, smallest_dtype, write_description

K = 6
LETTERS = "ACGTN"
NUCLEOTIDE_VOCABULARY = (
    *("<unk>", "<pad>", "<mask>", "<cls>", "<eos>", "<bos>"),
    *map("".join, product("ATCG", repeat=K)),
    *"ATCGN",
)
_CODES = byte_table({letter: code for code, letter in enumerate("ACGT")} | dict.fromkeys("N" + AMBIGUOUS, 4))


class NucleotideTokenizer:
    """Non-overlapping 6-mers and single letters; the prefix is ``<cls>``, and there is no suffix.

    Lower case is encoded like upper case; IUPAC codes other than A, C, G and T become N. All 6-mers and the four bases may be
    masked.

    Parameters
    ----------
    vocabulary
        Entry of each id, in any order: all 4096 6-mers, ``A C G T N``, ``<unk> <pad> <mask> <cls>``, and optionally ``<eos>``
        and ``<bos>``.

    Raises
    ------
    BadInput
        An entry is repeated or missing.

    Examples
    --------
    >>> tokenizer = NucleotideTokenizer()
    >>> [tokenizer.vocabulary[i] for i in tokenizer.encode("ACGTACGNTT")]
    ['ACGTAC', 'G', 'N', 'T', 'T']
    """

    kind = "nucleotide"
    bases_per_token: float | int | None = None

    def __init__(self, vocabulary: Sequence[str] = NUCLEOTIDE_VOCABULARY) -> None:
        self.vocabulary = tuple(vocabulary)
        ids = number(self.vocabulary)
        kmers = ["".join(letters) for letters in product("ACGT", repeat=K)]
        special = ("<cls>", "<pad>", "<unk>", "<mask>")
        if missing := [entry for entry in (*special, *LETTERS, *kmers) if entry not in ids]:
            raise BadInput(
                f"The vocabulary of {len(ids)} entries lacks {len(missing)} of those of the Nucleotide Transformer, "
                f"such as {missing[0]!r}. Expected {' '.join(special)}, A C G T N and all {len(kmers)} 6-mers."
            )
        self.bos_id, self.pad_id, self.unk_id, self.mask_id = (ids[entry] for entry in special)
        self.eos_id = ids.get("<eos>", self.pad_id)
        self.prefix: tuple[int, ...] = (self.bos_id,)
        self.suffix: tuple[int, ...] = ()
        self.dtype = smallest_dtype(len(ids))
        self._kmers = np.array([ids[kmer] for kmer in kmers], self.dtype)
        self._singles = np.array([ids[letter] for letter in LETTERS], self.dtype)
        self.maskable = np.zeros(len(ids), bool)
        self.maskable[self._kmers] = self.maskable[self._singles[:4]] = True
        self.hash = canonical_hash(self._description())

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
            Ids, uint16 (tokens,): about one per six bases, more if N interrupts the runs.

        Raises
        ------
        BadInput
            A character is not a DNA letter; the message gives its position (from 0).
        """
        codes = lookup(sequence, _CODES)
        edges = np.flatnonzero(np.diff(codes == 4, prepend=True, append=True)).reshape(-1, 2)
        pieces, done = [np.empty(0, self.dtype)], 0
        for start, stop in edges.tolist():
            whole = stop - (stop - start) % K
            table = codes[start:whole].reshape(-1, K)
            numbers = np.zeros(len(table), np.int64)
            for column in table.T:
                numbers = 4 * numbers + column
            pieces += [self._singles[codes[done:start]], self._kmers[numbers], self._singles[codes[whole:stop]]]
            done = stop
        return np.concatenate([*pieces, self._singles[codes[done:]]])

    def decode(self, ids: np.ndarray) -> str:
        """The bases of `ids` (length,), upper case.

        ``<cls>``, ``<pad>``, ``<eos>`` and ``<bos>`` are omitted; ``<unk>`` and ``<mask>`` become one N, whatever the length of
        the token.

        Raises
        ------
        BadInput
            An id is outside the vocabulary.
        """
        text = {self.unk_id: "N", self.mask_id: "N"}
        entries = ((i, self.vocabulary[i]) for i in as_ids(ids, len(self.vocabulary)).tolist())
        return "".join(text.get(i, "" if entry.startswith("<") else entry) for i, entry in entries)

    def save(self, folder: str | Path) -> Path:
        """Write ``tokenizer.json`` into `folder` and return its path."""
        return write_description(folder, self._description())

    @classmethod
    def from_description(cls, description: dict[str, Any]) -> "NucleotideTokenizer":
        """Construct the tokenizer from the description in ``tokenizer.json``."""
        return cls(description["vocabulary"])

    def __repr__(self) -> str:
        return f"NucleotideTokenizer({len(self.vocabulary)} entries)"
