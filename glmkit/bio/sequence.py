"""Functions of a nucleotide sequence given as a string."""

from glmkit.errors import BadInput

_BASES, _PARTNERS = "ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN"


def _table(bases: str, partners: str) -> bytes:
    """A translation table that maps all other bytes to NUL, so that one search finds an invalid letter."""
    table = bytearray(256)
    for base, partner in zip(bases + bases.lower(), partners + partners.lower(), strict=True):
        table[ord(base)] = ord(partner)
    return bytes(table)


_DNA = _table(_BASES, _PARTNERS)
_RNA = _table(_BASES.replace("T", "U"), _PARTNERS.replace("T", "U"))


def reverse_complement(sequence: str) -> str:
    """The reverse complement: the other strand, read 5' to 3'.

    Ambiguity codes are complemented (R to Y, B to V) and case is preserved. A sequence with U is treated as RNA.

    Parameters
    ----------
    sequence
        Nucleotide letters, DNA or RNA.

    Returns
    -------
    str
        Sequence of the same length.

    Raises
    ------
    BadInput
        A letter is not a nucleotide code, or the sequence has both T and U.

    Examples
    --------
    >>> reverse_complement("ATGCRn")
    'nYGCAT'
    """
    raw = sequence.encode("ascii", errors="replace")
    other = raw.translate(_RNA if b"U" in raw or b"u" in raw else _DNA)
    at = other.find(0)
    if at >= 0:
        raise BadInput(
            f"Position {at + 1} holds {sequence[at]!r}, which has no complement: expected IUPAC nucleotide codes, with T "
            "(DNA) or U (RNA) but not both. Remove gaps and stops, or check that this is not a protein."
        )
    return other[::-1].decode("ascii")
