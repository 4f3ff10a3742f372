"""Byte-pair encoding of DNA: letters that often stand together become one token.

Training starts from A, C, G, T and merges the commonest neighbours, again and again (Sennrich et al. 2016; for genomes DNABERT-2,
Zhou et al. 2024). The merging is done by the ``tokenizers`` library; the vocabulary and the merges are kept here as plain
lists, in the same file and with the same hash as every other tokenizer. DNA has no words, so a sequence is read in blocks
and no token crosses a block's edge: cost and memory then grow with the length alone, at the price of one odd cut a block.
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

BLOCK = 1024  # bases read at a time
LETTERS = ("A", "C", "G", "T", "N")
_BATCH = 64  # blocks handed to the library at once


class BpeTokenizer:
    """Merged letters of DNA: ``<cls> <pad> <eos> <unk> A C G T N``, the merges in the order they were learnt, ``<mask>``.

    N is a token of its own and part of no other. Make one with :meth:`train`, or read one with ``load_tokenizer``.

    Parameters
    ----------
    merges
        Pairs of tokens in the order they were learnt; each pair's two parts are letters or results of earlier pairs.

    Raises
    ------
    BadInput
        A pair whose parts are not known yet, or that makes a token twice.
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
                    f"The merge {left!r} + {right!r} has an unknown part or makes a token twice. Train the tokenizer again."
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
            DNA in either case; letters other than A, C, G and T only separate. All of it is held in memory.
        vocabulary_size
            Entries wanted, special tokens and letters included. Fewer come out when no pair stands anywhere twice.

        Raises
        ------
        BadInput
            A vocabulary too small for the letters, no sequence, or a character that is no DNA letter.
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
            raise BadInput("Nothing to learn from: expected sequences with pairs of letters that stand somewhere twice.")
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
            uint8 or uint16 (tokens,), as many as the merges leave.

        Raises
        ------
        BadInput
            A character that is no DNA letter; its position (from 0) is in the message.
        """
        blocks = _blocks([self._clean.decode(self._clean.encode(sequence))])
        pieces = [np.empty(0, self.dtype)]
        while batch := list(islice(blocks, _BATCH)):
            pieces += [np.array(found.ids, self.dtype) for found in self._engine.encode_batch_fast(batch)]
        return np.concatenate(pieces)

    def decode(self, ids: np.ndarray) -> str:
        """The bases of `ids` (length,), upper case.

        ``<cls>``, ``<pad>`` and ``<eos>`` are left out; ``<unk>`` and ``<mask>`` read N, of whatever length they were.

        Raises
        ------
        BadInput
            An id outside the vocabulary.
        """
        text = {self.bos_id: "", self.pad_id: "", self.eos_id: "", self.unk_id: "N", self.mask_id: "N"}
        return "".join(text.get(i, self.vocabulary[i]) for i in as_ids(ids, len(self.vocabulary)).tolist())

    def save(self, folder: str | Path) -> Path:
        """Write ``tokenizer.json`` into `folder` and return its path."""
        return write_description(folder, self._description())

    @classmethod
    def from_description(cls, description: dict[str, Any]) -> "BpeTokenizer":
        """The tokenizer of a description read from ``tokenizer.json``."""
        made = cls((left, right) for left, right in description["merges"])
        if list(made.vocabulary) != description.get("vocabulary") or description.get("block") != BLOCK:
            raise BadInput("The vocabulary is not the one that the merges make. Restore the original file.")
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
    """The merges of a trained engine; one that makes a token which exists already adds nothing to learn and is left out."""
    merges: dict[str, tuple[str, str]] = {}
    for pair in json.loads(engine.to_str())["model"]["merges"]:
        left, right = pair
        merges.setdefault(left + right, (left, right))
    return list(merges.values())
