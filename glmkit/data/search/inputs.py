"""Checks on the sequences and thresholds that are given to a search program."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from glmkit.bio import DNA, PROTEIN, Alphabet
from glmkit.errors import BadInput


class _Kind(NamedTuple):
    """An alphabet and its words in messages."""

    alphabet: Alphabet
    noun: str  # one sequence
    unit: str  # one letter
    letters: str  # what is expected

    @property
    def known(self) -> frozenset[str]:
        return frozenset(self.alphabet.letters + self.alphabet.codes + self.alphabet.unknown)


KINDS = {"protein": _Kind(PROTEIN, "protein", "residue", "amino acids"), "dna": _Kind(DNA, "DNA sequence", "base", "DNA")}


def unknown_letter(sequence: str, kind: Literal["protein", "dna"]) -> int | None:
    """Position of the first letter that the alphabet lacks.

    Parameters
    ----------
    sequence
        Letters in either case.
    kind
        Alphabet of the sequence. Ambiguity codes belong to it; gaps and stops do not.

    Returns
    -------
    int or None
        0-based position; None if all letters are known.
    """
    capitals, known = sequence.upper(), KINDS[kind].known
    if set(capitals) <= known:
        return None
    return next(i for i, letter in enumerate(capitals) if letter not in known)


def check_sequences(what: str, sequences: Mapping[str, str], kind: Literal["protein", "dna"]) -> None:
    """Refuse sequences that a search program cannot read.

    Parameters
    ----------
    what
        Name of the argument, for messages.
    sequences
        Id to sequence.
    kind
        Alphabet of the sequences.

    Raises
    ------
    BadInput
        No sequence, an empty one, or a letter that the alphabet lacks.
    """
    words = KINDS[kind]
    if not sequences:
        raise BadInput(f"{what}: expected at least one {words.noun}, got none.")
    for name, sequence in sequences.items():
        if not sequence:
            raise BadInput(f"{what}: {words.noun} {name!r} is empty. Remove it.")
        if (place := unknown_letter(sequence, kind)) is not None:
            found = sequence[place]
            hint = " Write T for U." if kind == "dna" and found in "Uu" else ""
            raise BadInput(
                f"{what}: {words.noun} {name!r} has {found!r} at {words.unit} {place + 1}; expected {words.letters}.{hint}"
            )


def check_ranges(identity: float, coverage: float, sensitivity: float = 1.0) -> None:
    """Refuse thresholds out of range.

    Parameters
    ----------
    identity
        Share of equal letters, in (0, 1].
    coverage
        Share of a sequence inside the alignment, in [0, 1].
    sensitivity
        Sensitivity of MMseqs2, in [1, 7.5].

    Raises
    ------
    BadInput
        One of them is out of range.
    """
    if not 0 < identity <= 1 or not 0 <= coverage <= 1:
        raise BadInput(f"Expected 0 < identity <= 1 and 0 <= coverage <= 1, got identity={identity} and coverage={coverage}.")
    if not 1 <= sensitivity <= 7.5:
        raise BadInput(f"sensitivity: expected 1 to 7.5, got {sensitivity}.")
