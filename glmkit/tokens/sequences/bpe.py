"""Byte-pair encoding (BPE) of DNA: frequent strings of letters become one token.

Training starts from A, C, G, T and repeatedly merges the most frequent pair of adjacent tokens (Sennrich et al. 2016; for
genomes DNABERT-2, Zhou et al. 2024). The ``tokenizers`` library does the merging. The vocabulary and the merges are stored as
plain lists, in the same file format and with the same hash as for other tokenizers. DNA has no words, so a sequence is encoded
in blocks, and no token crosses the edge of a block. Time and memory are then linear in the length; the trade-off is one
arbitrary cut per block.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Regex, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as Engine

from glmkit.errors import BadInput
from glmkit.tokens.sequences.base import BaseTokenizer
from glmkit.tokens.tokenizer import FIRST, LAST, as_ids, canonical_hash, smallest_dtype, write_description

BLOCK = 1024  # bases per block
LETTERS = ("A", "C", "G", "T", "N")
_BATCH = 64  # blocks per call of the library


class BpeTokenizer:
    """Byte pairs of DNA: ``<cls> <pad> <eos> <unk> A C G T N``, the merges in the order of training, ``<mask>``.

    N is a separate token and is never merged. :meth:`train` learns a tokenizer, ``load_tokenizer`` reads a saved one.

    Parameters
    ----------
    merges
        Pairs of tokens in the order of training; each part is a letter or the result of an earlier pair.

    Raises
    ------
    BadInput
        A part of a pair is undefined, or two pairs give the same token.

    Examples
    --------
    >>> tokenizer = BpeTokenizer.train(["TATATACG" * 20], vocabulary_size=13)
    >>> [tokenizer.vocabulary[i] for i in tokenizer.encode("TATACG")]
    ['TATA', 'CG']
    """

    kind = "bpe"
    bos_id, pad_id, eos_id, unk_id = range(4)
    bases_per_token: float | int | None = None
    prefix: tuple[int, ...] = ()
    suffix: tuple[int, ...] = ()

    def __init__(self, merges: Iterable[tuple[str, str]]) -> None:
        self.merges = tuple((left, right) for left, right in merges)
        known = dict.fromkeys((*FIRST, *LETTERS))
        for left, right in self.merges:
            if not {left, right} <= known.keys() - {*FIRST, "N"} or left + right in known:
                raise BadInput(
                    f"The merge {left!r} + {right!r} has an unknown part or gives a repeated token. Train the tokenizer again."
                )
            known[left + right] = None
        self.vocabulary: tuple[str, ...] = (*known, LAST)
        self.mask_id = len(self.vocabulary) - 1
        self.dtype = smallest_dtype(len(self.vocabulary))
        self.maskable = np.ones(len(self.vocabulary), bool)
        self.maskable[[*range(4), self.vocabulary.index("N"), self.mask_id]] = False
        self.hash = canonical_hash(self._description())
        numbers = {token: i for i, token in enumerate(self.vocabulary)}
        self._engine = Engine(models.BPE(vocab=numbers, merges=list(self.merges), unk_token="<unk>"))  # noqa: S106 (no password)
        self._clean = BaseTokenizer()

    @classmethod
    def train(cls, sequences: Iterable[str], vocabulary_size: int = 512) -> "BpeTokenizer":
        """Learn merges from sequences.

        Parameters
        ----------
        sequences
            DNA in either case; letters other than A, C, G and T act as separators. All sequences are held in memory.
        vocabulary_size
            Maximum number of entries, including special tokens and letters; fewer result if no remaining pair occurs twice.

        Returns
        -------
        BpeTokenizer
            The trained tokenizer.

        Raises
        ------
        BadInput
            `vocabulary_size` is too small for the letters, there is no sequence, or a character is not a DNA letter.
        """
        fixed = len(FIRST) + len(LETTERS) + 1
        if vocabulary_size <= fixed:
            raise BadInput(
                f"Expected a vocabulary of more than {fixed} entries (special tokens and letters), got {vocabulary_size}."
            )
        engine = Engine(models.BPE())
        engine.pre_tokenizer = pre_tokenizers.Split(Regex("[^ACGT]+"), "removed")
        alphabet = ["A", "C", "G", "T"]
        trainer = trainers.BpeTrainer(
            vocab_size=vocabulary_size - fixed + len(alphabet), initial_alphabet=alphabet, min_frequency=2, show_progress=False
        )
        engine.train_from_iterator(_blocks(_cleaned(sequences)), trainer)
        merges = _merges(engine)
        if not merges:
            raise BadInput("No merges to learn: expected sequences in which a pair of letters occurs at least twice. Give more.")
        return cls(merges)

    def _description(self) -> dict[str, Any]:
        merges = [list(pair) for pair in self.merges]
        return {"kind": self.kind, "block": BLOCK, "vocabulary": list(self.vocabulary), "merges": merges}

    def encode(self, sequence: str) -> np.ndarray:
        """Ids of a DNA sequence.

        Parameters
        ----------
        sequence
            DNA in either case; IUPAC codes become N.

        Returns
        -------
        numpy.ndarray
            Ids after all merges, uint8 or uint16 (tokens,).

        Raises
        ------
        BadInput
            A character is not a DNA letter; the message gives its position (from 0).
        """
        blocks = _blocks([self._clean.decode(self._clean.encode(sequence))])
        pieces = [np.empty(0, self.dtype)]
        while batch := list(islice(blocks, _BATCH)):
            pieces += [np.array(found.ids, self.dtype) for found in self._engine.encode_batch_fast(batch)]
        return np.concatenate(pieces)

    def decode(self, ids: np.ndarray) -> str:
        """The bases of `ids` (length,), upper case.

        ``<cls>``, ``<pad>`` and ``<eos>`` are omitted; ``<unk>`` and ``<mask>`` become one N, whatever the length of the token.

        Raises
        ------
        BadInput
            An id is outside the vocabulary.
        """
        text = {self.bos_id: "", self.pad_id: "", self.eos_id: "", self.unk_id: "N", self.mask_id: "N"}
        return "".join(text.get(i, self.vocabulary[i]) for i in as_ids(ids, len(self.vocabulary)).tolist())

    def save(self, folder: str | Path) -> Path:
        """Write ``tokenizer.json`` into `folder` and return its path."""
        return write_description(folder, self._description())

    @classmethod
    def from_description(cls, description: dict[str, Any]) -> "BpeTokenizer":
        """Construct the tokenizer from the description in ``tokenizer.json``."""
        made = cls((left, right) for left, right in description["merges"])
        if list(made.vocabulary) != description.get("vocabulary") or description.get("block") != BLOCK:
            raise BadInput("The vocabulary does not match the merges. Restore the original file.")
        return made

    def __repr__(self) -> str:
        return f"BpeTokenizer({len(self.vocabulary)} entries)"


def _cleaned(sequences: Iterable[str]) -> Iterator[str]:
    base = BaseTokenizer()
    return (base.decode(base.encode(sequence)) for sequence in sequences)


def _blocks(sequences: Iterable[str]) -> Iterator[str]:
    for sequence in sequences:
        for start in range(0, len(sequence), BLOCK):
            yield sequence[start : start + BLOCK]


def _merges(engine: Engine) -> list[tuple[str, str]]:
    """The merges of a trained engine; a merge that gives an existing token is redundant and dropped."""
    merges: dict[str, tuple[str, str]] = {}
    for pair in json.loads(engine.to_str())["model"]["merges"]:
        left, right = pair
        merges.setdefault(left + right, (left, right))
    return list(merges.values())
