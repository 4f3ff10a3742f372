"""Intervals, locations, features and records.

Coordinates are 0-based and half-open everywhere in glmkit: the first ten bases are ``[0, 10)``. Readers convert other
conventions (GenBank, GFF: 1-based, closed). A strand is 1, -1, or 0 for none.
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
    """A contiguous range of one reference sequence.

    Attributes
    ----------
    reference
        Id of the sequence.
    start, end
        Coordinates, 0-based, half-open; an empty interval (``start == end``) is a site between two bases.
    strand
        1, -1, or 0 for none.

    Examples
    --------
    >>> interval = Interval("chr1", 2, 6, strand=-1)
    >>> len(interval)
    4
    >>> interval.extract("CCATGGCC")
    'CCAT'
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
        """The sequence of this interval on its strand.

        Parameters
        ----------
        sequence
            Complete reference sequence.

        Returns
        -------
        str
            Sequence of the interval's length, reverse-complemented on strand -1.

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
    """Location of a feature: one or more intervals, ordered 5' to 3' of the feature.

    Attributes
    ----------
    parts
        Intervals; the first contains the 5' end of the feature, on either strand.
    reference
        Id of the record that carries the feature; parts on other records are remote.
    partial_5, partial_3
        Whether the feature extends beyond its given 5' or 3' end (``<`` and ``>`` in GenBank, as biological ends).
    crosses_origin
        Whether the feature runs across the end of a circular record and continues at its start.
    ordered
        Whether the parts were given as ``order(...)``: in this order, but not necessarily joined.
    """

    parts: tuple[Interval, ...]
    reference: str
    partial_5: bool = False
    partial_3: bool = False
    crosses_origin: bool = False
    ordered: bool = False

    @property
    def remote(self) -> bool:
        """Whether any part lies on another record."""
        return any(part.reference != self.reference for part in self.parts)

    @property
    def start(self) -> int:
        """Lowest coordinate on the feature's own record."""
        return min(part.start for part in self._local())

    @property
    def end(self) -> int:
        """Highest coordinate on the feature's own record, exclusive."""
        return max(part.end for part in self._local())

    @property
    def strand(self) -> int:
        """Strand of all parts, or 0 if they differ."""
        strands = {part.strand for part in self.parts}
        return strands.pop() if len(strands) == 1 else 0

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def _local(self) -> list[Interval]:
        local = [part for part in self.parts if part.reference == self.reference]
        if not local:
            raise BadInput(
                f"This location lies entirely on {self.parts[0].reference!r}, not on {self.reference!r}. Check `.remote` first."
            )
        return local

    def extract(self, sequence: str) -> str:
        """The sequence of the feature, 5' to 3'.

        Parameters
        ----------
        sequence
            Complete sequence of the record that carries the feature.

        Returns
        -------
        str
            Concatenated sequences of the parts, each on its strand.

        Raises
        ------
        BadInput
            A part lies on another record or beyond the end.
        """
        for part in self.parts:
            if part.reference != self.reference:
                raise BadInput(
                    f"A part of this location lies on {part.reference!r}, not on {self.reference!r}, so it cannot be "
                    "cut from one sequence. Skip features whose `location.remote` is true, or read that record too."
                )
        return "".join(part.extract(sequence) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Feature:
    """One entry of a feature table.

    Attributes
    ----------
    kind
        Feature key, such as ``"CDS"``.
    location
        Intervals of the feature on its record.
    qualifiers
        Map of qualifier name to values, in file order; a qualifier without a value (``/pseudo``) has one empty string.
    """

    kind: str
    location: Location
    qualifiers: dict[str, list[str]] = field(default_factory=dict)

    @property
    def codon_start(self) -> int:
        """Base of the feature (1, 2 or 3) at which its first complete codon starts; 1 if not given."""
        return int(self.qualifiers.get("codon_start", ["1"])[0])

    @property
    def translation_table(self) -> int:
        """NCBI's number of the genetic code; 1 if not given, by the rule of INSDC."""
        return int(self.qualifiers.get("transl_table", ["1"])[0])

    @property
    def pseudo(self) -> bool:
        """Whether the feature is marked as a pseudogene or as non-functional."""
        return "pseudo" in self.qualifiers or "pseudogene" in self.qualifiers


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """A named sequence with its annotation.

    Attributes
    ----------
    id
        First word of a FASTA header, or accession with version of a GenBank record. Untrusted text: never use it as a path.
    sequence
        Upper-case letters.
    description
        Rest of the FASTA header, or the GenBank definition.
    soft_masked
        Half-open ranges that were lower-case in a FASTA file, int64 ``(runs, 2)``.
    features
        Feature table, in file order.
    topology
        ``"linear"`` or ``"circular"``.

    Examples
    --------
    >>> record = Record("plasmid1", "ACGTTGCA", topology="circular")
    >>> record.id, len(record), record.soft_masked.shape
    ('plasmid1', 8, (0, 2))
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
            Feature key, such as ``"CDS"``.

        Returns
        -------
        iterator of Feature
            Features in file order.
        """
        return (feature for feature in self.features if feature.kind == kind)
