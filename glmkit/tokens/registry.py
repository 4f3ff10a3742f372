"""Construction of tokenizers by name, and loading from files.

:func:`make_tokenizer` accepts a short name, such as a parameter of a notebook. :func:`load_tokenizer` reads a saved folder. An
unknown name or kind is an error that lists the known ones.
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
        ``base`` (single bases), ``kmer6`` (overlapping 6-mers; any k from 1 to 8), ``kmer6_apart`` (non-overlapping 6-mers),
        ``protein`` (single residues, vocabulary of ESM-2) or ``nucleotide`` (vocabulary of the Nucleotide Transformer).

    Returns
    -------
    Tokenizer
        New tokenizer of that name.

    Raises
    ------
    BadInput
        The name is unknown.

    Examples
    --------
    >>> tokenizer = make_tokenizer("kmer3")
    >>> ids = tokenizer.encode("ACGTA")
    >>> [tokenizer.vocabulary[i] for i in ids]
    ['ACG', 'CGT', 'GTA']
    >>> tokenizer.decode(ids)
    'ACGTA'
    >>> len(make_tokenizer("protein").vocabulary)
    33
    """
    if name in _NAMED:
        return _NAMED[name]()
    if found := re.fullmatch(r"kmer([1-8])(_apart)?", name):
        return KmerTokenizer(int(found[1]), overlapping=found[2] is None)
    raise BadInput(
        f"Unknown tokenizer {name!r}. Expected 'base', 'kmer1' to 'kmer8', 'kmer1_apart' to 'kmer8_apart', 'protein' or "
        "'nucleotide'."
    )


def load_tokenizer(folder: str | Path) -> Tokenizer:
    """Load the tokenizer saved in `folder`.

    Parameters
    ----------
    folder
        Folder with a ``tokenizer.json``, or the path of that file.

    Returns
    -------
    Tokenizer
        Tokenizer equal to the saved one.

    Raises
    ------
    BadInput
        The file is missing, not a tokenizer, of a future format version, of an unknown kind, or was changed after it was
        written (its hash does not match, so that ids may be permuted).

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = make_tokenizer("base").save(folder)
    ...     tokenizer = load_tokenizer(folder)
    >>> tokenizer.encode("ACGT").tolist()
    [4, 5, 6, 7]
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
            f"{folder}: the description of this tokenizer is incomplete ({error!r}). Restore the original file."
        ) from error


def _bpe(description: dict[str, Any]) -> Tokenizer:
    from glmkit.tokens.sequences.bpe import BpeTokenizer  # local, because it imports the library `tokenizers`

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
