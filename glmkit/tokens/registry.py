"""Tokenizers by name and from files.

Two doors, one for a parameter of a notebook (a short name) and one for a folder that was written before. Neither guesses:
an unknown name lists the known ones.
"""

from pathlib import Path

from glmkit.errors import BadInput
from glmkit.tokens.base import BaseTokenizer
from glmkit.tokens.tokenizer import Tokenizer, read_description


def make_tokenizer(name: str) -> Tokenizer:
    """A tokenizer that needs no training, by name.

    Parameters
    ----------
    name
        ``base`` (one base, one token).

    Raises
    ------
    BadInput
        An unknown name.
    """
    if name == "base":
        return BaseTokenizer()
    raise BadInput(f"Unknown tokenizer {name!r}. Expected 'base'.")


def load_tokenizer(folder: str | Path) -> Tokenizer:
    """The tokenizer saved in `folder` (or in the ``tokenizer.json`` given itself).

    Raises
    ------
    BadInput
        No such file, not a tokenizer, a future format version, an unknown kind, or a file changed since it was written
        (its hash does not match: ids may be permuted).
    """
    description = read_description(folder)
    kind = description.get("kind")
    if kind == "base":
        return BaseTokenizer.from_description(description)
    raise BadInput(f"{folder}: unknown kind of tokenizer {kind!r}. Expected 'base'.")
