"""Mutations of a protein, as people write them.

In text, residues count from 1 and the wild-type letter is said: ``A123V`` turns the alanine that is residue 123 into valine. In
attributes they count from 0, half-open, as everywhere here: that alanine is ``[122, 123)``. Writing the wild type down is what
makes a numbering error visible, so it is compared with the sequence before a mutation is used.

============================== =============================================
text                           meaning
============================== =============================================
``A123V``                      substitution
``A123*``                      stop: residue 123 and all after it are gone
``A123del`` or ``A123-``       deletion of one residue
``A123_G125del``               deletion of residues 123 to 125
``A123_G124insKL``             insertion of KL between two neighbours
``A123delinsKL``               one residue replaced by KL
``A123_G125delinsKL``          residues 123 to 125 replaced by KL
============================== =============================================

This is the one-letter form of HGVS (den Dunnen et al. 2016, doi:10.1002/humu.22981) and of ProteinGym; a leading ``p.`` is read.
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
_SURE = 3  # letters that must agree before a shift other than by one is proposed


@dataclass(frozen=True, slots=True)
class Mutation:
    """Residues ``[start, end)`` of a protein become `new`.

    Attributes
    ----------
    start, end
        From 0, half-open. An insertion has ``start == end``: the place before residue `start`.
    new
        The letters that come in; empty for a deletion, ``*`` for a stop.
    named
        The wild-type letters that the text names: pairs of a residue (from 0) and its letter.
    """

    start: int
    end: int
    new: str
    named: tuple[tuple[int, str], ...]

    @property
    def position(self) -> int:
        """The first residue concerned, from 0: one less than the number in the text."""
        return self.start

    @property
    def is_substitution(self) -> bool:
        """One residue for one residue; neither an indel nor a stop."""
        return self.end - self.start == 1 == len(self.new) and self.new != STOP

    @classmethod
    def parse(cls, text: str) -> "Mutation":
        """Read one mutation; letters may be in either case.

        Parameters
        ----------
        text
            Such as ``A123V``; the forms are in the module's table.

        Raises
        ------
        BadInput
            Not one of these forms, a residue 0, a range that does not ascend, or an insertion between residues that are no
            neighbours.
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
            The wild-type protein, upper case.

        Raises
        ------
        BadInput
            A residue beyond the end, or another letter than the text says; both are named.
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
    """Read mutations that stand together in one protein.

    Parameters
    ----------
    text
        One or more mutations, separated by ``:``, as in ``A123V:G45D``.

    Returns
    -------
    list of Mutation
        In the order of the text.

    Raises
    ------
    BadInput
        One of them cannot be read.
    """
    return [Mutation.parse(part) for part in text.split(":")]


def check_mutations(sequence: str, mutations: Sequence[Mutation]) -> None:
    """Compare the wild-type letters of mutations with a sequence; a numbering that is shifted as a whole is recognised.

    Parameters
    ----------
    sequence
        The wild-type protein, upper case.
    mutations
        Mutations of this protein, together or apart.

    Raises
    ------
    BadInput
        A letter that differs or lies beyond the end. The first is named, and the shift at which all letters would fit.
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
    """Make the mutant.

    Parameters
    ----------
    sequence
        The wild-type protein, upper case.
    mutations
        All numbered on the wild type; they must not overlap. Their order does not matter.

    Returns
    -------
    str
        The mutant's sequence; a stop ends it.

    Raises
    ------
    BadInput
        A wild-type letter that differs, or two mutations at one place.
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
    """Where the letters would fit, in words."""

    def fits(by: int) -> bool:
        return all(0 <= residue + by < len(sequence) and sequence[residue + by] == letter for residue, letter in named)

    if fits(1):
        return "Numbered from 0? Residues count from 1 in text, and every letter given fits one on."
    if len(named) >= _SURE:
        for by in sorted(range(1 - len(sequence), len(sequence)), key=abs):
            if fits(by):
                return f"All {len(named)} letters given fit when {by:+d} is added to each number: is this another numbering?"
    return "Is this the sequence, and the numbering, that the mutation was written for?"
