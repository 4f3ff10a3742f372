"""Intervals, locations, features and records.

Coordinates are 0-based and half-open everywhere in glmkit: the first ten bases are ``[0, 10)``. Files that count otherwise
(GenBank, GFF: 1-based, closed) are converted once, in their reader. A strand is 1, -1, or 0 where none is meant.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from glmkit.bio.sequence import reverse_complement
from glmkit.errors import BadInput

NO_RUNS = np.empty((0, 2), dtype=np.int64)
NO_RUNS.flags.writeable = False


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of one reference sequence.

    Attributes
    ----------
    reference
        The id of the sequence.
    start, end
        0-based, half-open; an empty interval (``start == end``) is a site between two bases.
    strand
        1, -1, or 0 for none.
    """

    reference: str
    start: int
    end: int
    strand: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise BadInput(f"An interval needs 0 <= start <= end; got [{self.start}, {self.end}) on {self.reference!r}.")
        if self.strand not in (-1, 0, 1):
            raise BadInput(f"A strand is -1, 0 or 1; got {self.strand!r} on {self.reference!r}.")

    def __len__(self) -> int:
        return self.end - self.start

    def extract(self, sequence: str) -> str:
        """The letters of this interval on its strand.

        Parameters
        ----------
        sequence
            The whole reference.

        Returns
        -------
        str
            As long as the interval; turned over on strand -1.

        Raises
        ------
        BadInput
            The interval ends beyond the sequence.
        """
        if self.end > len(sequence):
            raise BadInput(f"[{self.start}, {self.end}) ends beyond {self.reference!r}, which has {len(sequence)} bases.")
        letters = sequence[self.start : self.end]
        return reverse_complement(letters) if self.strand < 0 else letters


@dataclass(frozen=True, slots=True)
class Location:
    """Where a feature lies: one or more intervals in biological order, 5' to 3' of the feature.

    Attributes
    ----------
    parts
        The intervals; the first holds the feature's 5' end, whichever strand that is on.
    reference
        The id of the record that carries the feature; parts elsewhere are remote.
    partial_5, partial_3
        The feature goes on beyond its 5' or 3' end as given (``<`` and ``>`` in GenBank, turned into biological ends).
    crosses_origin
        The feature runs over the end of a circular record and goes on at its start.
    ordered
        The parts were given as ``order(...)``: in this order, but not known to be joined.
    """

    parts: tuple[Interval, ...]
    reference: str
    partial_5: bool = False
    partial_3: bool = False
    crosses_origin: bool = False
    ordered: bool = False

    @property
    def remote(self) -> bool:
        """Whether a part lies on another record."""
        return any(part.reference != self.reference for part in self.parts)

    @property
    def start(self) -> int:
        """The lowest coordinate on the own record."""
        return min(part.start for part in self._local())

    @property
    def end(self) -> int:
        """The highest coordinate on the own record, exclusive."""
        return max(part.end for part in self._local())

    @property
    def strand(self) -> int:
        """The strand that all parts share, or 0 if they do not."""
        strands = {part.strand for part in self.parts}
        return strands.pop() if len(strands) == 1 else 0

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def _local(self) -> list[Interval]:
        local = [part for part in self.parts if part.reference == self.reference]
        if not local:
            raise BadInput(
                f"This location lies wholly on {self.parts[0].reference!r}, not on {self.reference!r}. Check `.remote` first."
            )
        return local

    def extract(self, sequence: str) -> str:
        """The letters of the feature, 5' to 3'.

        Parameters
        ----------
        sequence
            The whole sequence of the record that carries the feature.

        Returns
        -------
        str
            The parts one after another, each on its strand.

        Raises
        ------
        BadInput
            A part lies on another record or beyond the end.
        """
        for part in self.parts:
            if part.reference != self.reference:
                raise BadInput(
                    f"A part of this location lies on {part.reference!r}, not on {self.reference!r}, so it cannot be "
                    "cut from one sequence. "
                    "Skip features whose `location.remote` is true, or read that record too."
                )
        return "".join(part.extract(sequence) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Feature:
    """One entry of a feature table.

    Attributes
    ----------
    kind
        The feature key, such as ``"CDS"``.
    location
        Where it lies.
    qualifiers
        Name to values, in file order; a qualifier without a value (``/pseudo``) has one empty string.
    """

    kind: str
    location: Location
    qualifiers: dict[str, list[str]] = field(default_factory=dict)

    @property
    def codon_start(self) -> int:
        """The base of the feature (1, 2 or 3) at which its first whole codon starts; 1 if not given."""
        return int(self.qualifiers.get("codon_start", ["1"])[0])

    @property
    def translation_table(self) -> int:
        """NCBI's number of the genetic code; 1 if not given, which is INSDC's rule."""
        return int(self.qualifiers.get("transl_table", ["1"])[0])

    @property
    def pseudo(self) -> bool:
        """Whether the feature is marked as a pseudogene or otherwise not functional."""
        return "pseudo" in self.qualifiers or "pseudogene" in self.qualifiers


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """A named sequence with what its file says about it.

    Attributes
    ----------
    id
        The first word of a FASTA header, or a GenBank record's accession with version. It is data: never a path.
    sequence
        Upper-case letters.
    description
        The rest of the header, or the definition.
    soft_masked
        int64 ``(runs, 2)``: half-open runs that were lower-case in a FASTA file.
    features
        The feature table, in file order.
    topology
        ``"linear"`` or ``"circular"``.
    """

    id: str
    sequence: str
    description: str = ""
    soft_masked: np.ndarray = field(default_factory=lambda: NO_RUNS)
    features: tuple[Feature, ...] = ()
    topology: str = "linear"

    def __len__(self) -> int:
        return len(self.sequence)

    def of_kind(self, kind: str) -> Iterator[Feature]:
        """The features of one kind.

        Parameters
        ----------
        kind
            A feature key, such as ``"CDS"``.

        Returns
        -------
        iterator of Feature
            In file order.
        """
        return (feature for feature in self.features if feature.kind == kind)
