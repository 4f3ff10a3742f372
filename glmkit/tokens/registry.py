"""Tokenizers by name and from files.

Two doors: one for a parameter of a notebook (a short name), one for a folder that was written before. Neither guesses: an
unknown name or kind lists the known ones.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from glmkit.errors import BadInput
from glmkit.tokens.cells.multimodal import CellTokenizer
from glmkit.tokens.cells.rank import RankTokenizer
from glmkit.tokens.sequences.base import BaseTokenizer
from glmkit.tokens.sequences.kmer import KmerTokenizer
from glmkit.tokens.sequences.letters import LetterTokenizer
from glmkit.tokens.sequences.nucleotide import NucleotideTokenizer
from glmkit.tokens.tokenizer import Tokenizer, read_description


def make_tokenizer(name: str) -> Tokenizer:
    """A tokenizer that needs no training, by name.

    Parameters
    ----------
    name
        ``base`` (one base, one token), ``kmer6`` (overlapping 6-mers; any k from 1 to 8), ``kmer6_apart`` (6-mers that do not
        overlap), ``protein`` (one residue, one token, ESM-2's vocabulary) or ``nucleotide`` (the Nucleotide Transformer's).

    Raises
    ------
    BadInput
        An unknown name.
    """
    if name in _NAMED:
        return _NAMED[name]()
    if found := re.fullmatch(r"kmer([1-8])(_apart)?", name):
        return KmerTokenizer(int(found[1]), overlapping=found[2] is None)
    raise BadInput(
        f"Unknown tokenizer {name!r}. Expected 'base', 'kmer1' to 'kmer8', 'kmer1_apart' to 'kmer8_apart', 'protein' or 'nucleotide'."
    )


def load_tokenizer(folder: str | Path) -> Tokenizer:
    """The tokenizer saved in `folder` (or in the ``tokenizer.json`` given itself).

    Raises
    ------
    BadInput
        No such file, not a tokenizer, a future format version, an unknown kind, or a file changed since it was written
        (its hash does not match: ids may be permuted).
    """
    description = read_description(folder)
    make = _KINDS.get(str(description.get("kind")))
    if make is None:
        raise BadInput(f"{folder}: unknown kind of tokenizer {description.get('kind')!r}. Expected one of {', '.join(_KINDS)}.")
    try:
        return make(description)
    except BadInput as error:
        error.add_note(f"file {folder}")
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(
            f"{folder}: the description of this tokenizer lacks something ({error!r}). Restore the original file."
        ) from error


def _bpe(description: dict[str, Any]) -> Tokenizer:
    from glmkit.tokens.sequences.bpe import BpeTokenizer  # here, so that the library is loaded only where it is used

    return BpeTokenizer.from_description(description)


_NAMED: dict[str, Callable[[], Tokenizer]] = {
    "base": BaseTokenizer,
    "protein": LetterTokenizer,
    "nucleotide": NucleotideTokenizer,
}
_KINDS: dict[str, Callable[[dict[str, Any]], Tokenizer]] = {
    "base": BaseTokenizer.from_description,
    "kmer": KmerTokenizer.from_description,
    "bpe": _bpe,
    "letter": LetterTokenizer.from_description,
    "nucleotide": NucleotideTokenizer.from_description,
    "rank": RankTokenizer.from_description,
    "cells": CellTokenizer.from_description,
}
