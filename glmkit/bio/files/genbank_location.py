"""GenBank locations: ``complement(join(<1..20,30..40))`` becomes intervals in biological order.

The grammar is that of the INSDC feature table definition, section 3.4. The complement of a join also reverses the order of
its intervals, so that the first interval always contains the 5' end. Obsolete forms (``one-of``, ``(2.10)``, ``bond``) are
rejected.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from glmkit.bio.records import Interval, Location
from glmkit.errors import BadInput

_SIMPLE = re.compile(r"(complement\()?(<?)(\d+)\.\.(>?)(\d+)(\))?")
_SPAN = re.compile(r"(?:([A-Za-z][\w.\-|]*):)?([<>]?)(\d+)(?:(\.\.|\^)([<>]?)(\d+))?")


class _Part(NamedTuple):
    """An interval, and whether the feature extends beyond its biological ends."""

    interval: Interval
    open_5: bool
    open_3: bool

    def flipped(self) -> "_Part":
        old = self.interval
        return _Part(Interval(old.reference, old.start, old.end, -old.strand), self.open_3, self.open_5)


def parse_location(text: str, reference: str, length: int, circular: bool = False, where: object = "") -> Location:
    """Parse one location.

    Parameters
    ----------
    text
        Location as written, 1-based and closed; blanks are ignored.
    reference
        Id of the record that carries the feature.
    length
        Length of the record in bases.
    circular
        Whether the record is circular, so that a location may cross the origin.
    where
        File, line and feature, for messages.

    Returns
    -------
    Location
        Parts 0-based, half-open, 5' to 3'. A site ``7^8`` is the empty interval ``[7, 7)``.

    Raises
    ------
    BadInput
        The text violates the grammar, or the location lies outside the record.
    """
    found = _SIMPLE.fullmatch(text)
    if found and bool(found[1]) == bool(found[6]):
        low, high = _range(found[3], found[5], where, text)
        open_low, open_high = bool(found[2]), bool(found[4])
        if found[1]:
            parts = [_Part(Interval(reference, low, high, -1), open_high, open_low)]
        else:
            parts = [_Part(Interval(reference, low, high, 1), open_low, open_high)]
        ordered = False
    else:
        parser = _Parser("".join(text.split()), reference, length, circular, where)
        parts, ordered = parser.whole(), parser.ordered
    for part in parts:
        if part.interval.reference == reference and part.interval.end > length:
            raise BadInput(
                f"{where}: the location {text!r} reaches base {part.interval.end:,}, but the record ends at {length:,}. "
                "The record is truncated or its table belongs to another sequence; download it again."
            )
    intervals = tuple(part.interval for part in parts)
    return Location(
        parts=intervals,
        reference=reference,
        partial_5=parts[0].open_5,
        partial_3=parts[-1].open_3,
        crosses_origin=circular and _crosses_origin(intervals, reference, length),
        ordered=ordered,
    )


def _crosses_origin(parts: Sequence[Interval], reference: str, length: int) -> bool:
    """Whether an interval ends at the last base of a circular record of `length` bases and the next starts at its first."""
    for left, right in pairwise(parts):
        if left.reference == right.reference == reference and left.strand == right.strand:
            first, second = (right, left) if left.strand < 0 else (left, right)
            if first.end == length and second.start == 0:
                return True
    return False


def _range(low: str, high: str, where: object, text: str) -> tuple[int, int]:
    """0-based, half-open ends of ``low..high``."""
    start, end = int(low) - 1, int(high)
    if start < 0:
        raise BadInput(f"{where}: the location {text!r} has position 0; GenBank counts from 1. Correct the location.")
    if start >= end:
        raise BadInput(
            f"{where}: the location {text!r} runs from {low} down to {high}. If it crosses the origin of a circular "
            f"record, write join({low}..LENGTH,1..{high})."
        )
    return start, end


class _Parser:
    """Recursive-descent parser of one location."""

    def __init__(self, text: str, reference: str, length: int, circular: bool, where: object) -> None:
        self.text, self.reference, self.length, self.circular, self.where = text, reference, length, circular, where
        self.at = 0
        self.ordered = False

    def whole(self) -> list[_Part]:
        parts = self.location()
        if self.at != len(self.text):
            raise self.fault("the end")
        return parts

    def fault(self, expected: str) -> BadInput:
        got = f"{self.text[self.at : self.at + 12]!r}" if self.at < len(self.text) else "the end"
        return BadInput(
            f"{self.where}: the location {self.text!r} cannot be read: expected {expected} at character {self.at + 1}, "
            f"got {got}. Correct it by the INSDC feature table definition, section 3.4."
        )

    def took(self, token: str) -> bool:
        if self.text.startswith(token, self.at):
            self.at += len(token)
            return True
        return False

    def close(self) -> None:
        if not self.took(")"):
            raise self.fault("')'")

    def location(self) -> list[_Part]:
        if self.took("complement("):
            parts = [part.flipped() for part in reversed(self.location())]
            self.close()
            return parts
        for word in ("join(", "order("):
            if self.took(word):
                self.ordered |= word == "order("
                parts = self.location()
                while self.took(","):
                    parts += self.location()
                self.close()
                return parts
        return [self.span()]

    def span(self) -> _Part:
        found = _SPAN.match(self.text, self.at)
        if not found:
            raise self.fault("a position, a range, complement(, join( or order(")
        self.at = found.end()
        reference, low_mark, low, link, high_mark, high = found.groups()
        reference = reference or self.reference
        if link == "^":
            return _Part(self.site(reference, int(low), int(high)), False, False)
        start, end = _range(low, high or low, self.where, self.text)
        if high is None:
            return _Part(Interval(reference, start, end, 1), low_mark == "<", low_mark == ">")
        return _Part(Interval(reference, start, end, 1), bool(low_mark), bool(high_mark))

    def site(self, reference: str, low: int, high: int) -> Interval:
        """The empty interval between two neighbouring bases."""
        over = self.circular and low == self.length and high == 1
        if low < 1 or (high != low + 1 and not over):
            raise BadInput(
                f"{self.where}: {low}^{high} in {self.text!r} is not a site: expected two neighbouring bases, as in 7^8. "
                "Correct the location."
            )
        return Interval(reference, low, low, 1)
