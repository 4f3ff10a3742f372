"""Mutations of a protein in one-letter notation.

In text, residues count from 1 and the wild-type letter is given: ``A123V`` replaces the alanine at residue 123 by valine.
Attributes count from 0, half-open, as in all of glmkit: that alanine is ``[122, 123)``. The wild-type letter reveals errors
of numbering. It is therefore compared with the sequence before a mutation is used.

============================== ====================================================
text                           meaning
============================== ====================================================
``A123V``                      substitution
``A123*``                      stop: residue 123 and all later residues are removed
``A123del`` or ``A123-``       deletion of one residue
``A123_G125del``               deletion of residues 123 to 125
``A123_G124insKL``             insertion of KL between two neighbours
``A123delinsKL``               one residue replaced by KL
``A123_G125delinsKL``          residues 123 to 125 replaced by KL
============================== ====================================================

This is the one-letter form of HGVS (den Dunnen et al. 2016, doi:10.1002/humu.22981) and of ProteinGym. A leading ``p.`` is
accepted.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from glmkit.bio.alphabets import PROTEIN
from glmkit.errors import BadInput

STOP = "*"
_LETTERS = PROTEIN.letters + PROTEIN.codes + PROTEIN.unknown
_ONE, _MANY = f"[{_LETTERS}]", f"[{_LETTERS}]+"
_FORM = re.compile(
    rf"(?:p\.)?({_ONE})([0-9]+)(?:_({_ONE})([0-9]+))?(?:({_ONE}|\*|-)|(del)?(?:ins({_MANY}))?)", re.IGNORECASE | re.ASCII
)
_FORMS = "'A123V', 'A123del', 'A123_G125del', 'A123_G124insKL', 'A123delinsKL' or 'A123*'"
_SURE = 3  # wild-type letters required before a message proposes a shift of the numbering other than by one


@dataclass(frozen=True, slots=True)
class Mutation:
    """Replacement of residues ``[start, end)`` of a protein by `new`.

    Attributes
    ----------
    start, end
        Replaced residues, 0-based, half-open. For an insertion ``start == end``: the position before residue `start`.
    new
        Inserted letters; empty for a deletion, ``*`` for a stop.
    named
        Wild-type letters given in the text, as pairs of residue (0-based) and letter.

    Examples
    --------
    >>> mutation = Mutation.parse("A3V")
    >>> mutation.start, mutation.end, mutation.new
    (2, 3, 'V')
    >>> apply("MKAL", [mutation])
    'MKVL'
    """

    start: int
    end: int
    new: str
    named: tuple[tuple[int, str], ...]

    @property
    def position(self) -> int:
        """First affected residue, 0-based: one less than the number in the text."""
        return self.start

    @property
    def is_substitution(self) -> bool:
        """Whether one residue replaces one residue; false for indels and stops."""
        return self.end - self.start == 1 == len(self.new) and self.new != STOP

    @classmethod
    def parse(cls, text: str) -> "Mutation":
        """Parse one mutation; letters may be in either case.

        Parameters
        ----------
        text
            Mutation such as ``A123V``, in one of the forms of the module's table.

        Raises
        ------
        BadInput
            The text has none of these forms, or names residue 0, a range that does not ascend, or an insertion between
            residues that are not neighbours.
        """
        found = _FORM.fullmatch(text.strip())
        if found is None or not (found[5] or found[6] or found[7]) or (found[3] and found[5]):
            several = " Several mutations: use parse_mutations('A123V:G45D')." if re.search(r"[:,;/+]", text) else ""
            raise BadInput(f"{text!r} is not a mutation that can be read. Expected {_FORMS}, in one-letter codes.{several}")
        first = int(found[2]) - 1
        last = int(found[4]) - 1 if found[4] else first
        if min(first, last) < 0:
            raise BadInput(
                f"{text!r}: residues count from 1 in text, so there is no residue 0. Add 1 to numbers that start at 0."
            )
        named = [(first, found[1].upper())] + ([(last, found[3].upper())] if found[3] else [])
        if found[3] and last <= first:
            raise BadInput(f"{text!r}: expected a range that ascends, got {first + 1} to {last + 1}.")
        new = (found[5] or found[7] or "").upper().replace("-", "")
        if found[7] and not found[6]:  # a pure insertion
            if last != first + 1:
                raise BadInput(f"{text!r}: an insertion names its two neighbours, such as 'A123_G124insKL'.")
            return cls(last, last, new, tuple(named))
        return cls(first, last + 1, new, tuple(named))

    def check(self, sequence: str) -> None:
        """Compare the wild-type letters with a sequence.

        Parameters
        ----------
        sequence
            Wild-type protein, upper case.

        Raises
        ------
        BadInput
            A residue lies beyond the end, or its letter differs from the text; the message gives both.
        """
        check_mutations(sequence, [self])

    def __str__(self) -> str:
        place = "_".join(f"{letter}{residue + 1}" for residue, letter in self.named)
        if self.start == self.end:
            return f"{place}ins{self.new}"
        if self.new == STOP or self.is_substitution:
            return place + self.new
        return f"{place}delins{self.new}" if self.new else f"{place}del"


def parse_mutations(text: str) -> list[Mutation]:
    """Parse the mutations of one mutant protein.

    Parameters
    ----------
    text
        One or more mutations, separated by ``:``, as in ``A123V:G45D``.

    Returns
    -------
    list of Mutation
        Mutations in the order of the text.

    Raises
    ------
    BadInput
        A mutation is malformed.

    Examples
    --------
    >>> [str(mutation) for mutation in parse_mutations("A3V:K2del")]
    ['A3V', 'K2del']
    """
    return [Mutation.parse(part) for part in text.split(":")]


def check_mutations(sequence: str, mutations: Sequence[Mutation]) -> None:
    """Compare the wild-type letters of mutations with a sequence; a constant shift of the numbering is reported.

    Parameters
    ----------
    sequence
        Wild-type protein, upper case.
    mutations
        Mutations of this protein, of one or of several mutants.

    Raises
    ------
    BadInput
        A letter differs or lies beyond the end. The message gives the first, and the shift at which all letters would fit.

    Examples
    --------
    >>> check_mutations("MKAL", parse_mutations("K2R:A3V"))
    >>> check_mutations("MKAL", parse_mutations("K1R"))
    Traceback (most recent call last):
    ...
    glmkit.errors.BadInput: K1R: expected 'K' at residue 1, but residue 1 of the sequence is 'M'. Numbered from 0? ...
    """
    named = {place for mutation in mutations for place in mutation.named}
    for mutation in mutations:
        for residue, letter in mutation.named:
            if residue >= len(sequence):
                found = f"the sequence ends at residue {len(sequence)}"
            elif sequence[residue] != letter:
                found = f"residue {residue + 1} of the sequence is {sequence[residue]!r}"
            else:
                continue
            raise BadInput(f"{mutation}: expected {letter!r} at residue {residue + 1}, but {found}. {_shift(sequence, named)}")


def apply(sequence: str, mutations: Sequence[Mutation]) -> str:
    """Apply mutations to a protein.

    Parameters
    ----------
    sequence
        Wild-type protein, upper case.
    mutations
        Mutations numbered on the wild type, without overlap, in any order.

    Returns
    -------
    str
        Sequence of the mutant, which ends before a stop.

    Raises
    ------
    BadInput
        A wild-type letter differs, or two mutations change the same residue.
    """
    check_mutations(sequence, mutations)
    ranges = [(m.start, len(sequence) if m.new == STOP else m.end, m) for m in mutations]
    ranges.sort(key=lambda item: item[:2])
    pieces, done = [], 0
    before: Mutation | None = None
    for start, end, mutation in ranges:
        if start < done or (before is not None and start == end == before.start == before.end):
            raise BadInput(f"{before} and {mutation} change the same place. Write them as one, such as 'A123_G125delinsKL'.")
        pieces += [sequence[done:start], "" if mutation.new == STOP else mutation.new]
        done, before = end, mutation
    return "".join([*pieces, sequence[done:]])


def _shift(sequence: str, named: set[tuple[int, str]]) -> str:
    """A sentence on the shift of the numbering at which all letters would fit."""

    def fits(by: int) -> bool:
        return all(0 <= residue + by < len(sequence) and sequence[residue + by] == letter for residue, letter in named)

    if fits(1):
        return "Numbered from 0? Residues count from 1 in text, and every letter given fits one on."
    if len(named) >= _SURE:
        for by in sorted(range(1 - len(sequence), len(sequence)), key=abs):
            if fits(by):
                return f"All {len(named)} letters given fit when {by:+d} is added to each number: is this another numbering?"
    return "Is this the sequence, and the numbering, that the mutation was written for?"
