"""Verbs on a nucleotide sequence held as a string."""

from glmkit.errors import BadInput

_BASES, _PARTNERS = "ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN"


def _table(bases: str, partners: str) -> bytes:
    """A translation table in which every other byte becomes NUL, so that a stray letter is found by one search."""
    table = bytearray(256)
    for base, partner in zip(bases + bases.lower(), partners + partners.lower(), strict=True):
        table[ord(base)] = ord(partner)
    return bytes(table)


_DNA = _table(_BASES, _PARTNERS)
_RNA = _table(_BASES.replace("T", "U"), _PARTNERS.replace("T", "U"))


def reverse_complement(sequence: str) -> str:
    """The other strand, read 5' to 3'.

    Ambiguity codes are complemented (R to Y, B to V), case is kept. A sequence with U is taken as RNA.

    Parameters
    ----------
    sequence
        Nucleotide letters.

    Returns
    -------
    str
        As long as `sequence`.

    Raises
    ------
    BadInput
        A letter is no nucleotide code, or T and U stand together.
    """
    raw = sequence.encode("ascii", errors="replace")
    other = raw.translate(_RNA if b"U" in raw or b"u" in raw else _DNA)
    at = other.find(0)
    if at >= 0:
        raise BadInput(
            f"Position {at + 1} holds {sequence[at]!r}, which has no complement here: expected IUPAC nucleotide codes, "
            "with T (DNA) "
            f"or U (RNA) but not both. Remove gaps and stops, or check that this is not a protein."
        )
    return other[::-1].decode("ascii")
