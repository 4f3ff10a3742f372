"""Translation of a coding feature by the rules of INSDC for CDS.

The qualifiers ``/codon_start``, ``/transl_table`` and ``/transl_except`` (such as selenocysteine) are applied. If the 5' end
is complete, any start codon of the table gives methionine. A stop as last codon is removed. RNA editing is not visible in the
sequence; it is applied only where the record lists it as ``/transl_except``.
"""

import re

from glmkit.bio.genetic_codes import start_codons, translate
from glmkit.bio.records import Feature
from glmkit.errors import BadInput

_THREE = {
    "Ala": "A", "Arg": "R", "Asn": "N", "Asp": "D", "Cys": "C", "Gln": "Q", "Glu": "E", "Gly": "G", "His": "H", "Ile": "I",
    "Leu": "L", "Lys": "K", "Met": "M", "Phe": "F", "Pro": "P", "Ser": "S", "Thr": "T", "Trp": "W", "Tyr": "Y", "Val": "V",
    "Asx": "B", "Glx": "Z", "Xle": "J", "Xaa": "X", "Sec": "U", "Pyl": "O", "TERM": "*", "OTHER": "X",
}  # fmt: skip
_EXCEPTION = re.compile(r"\(pos:(?:complement\()?(\d+)(?:\.\.(\d+))?\)?,aa:(\w+)\)")


def protein_of(feature: Feature, sequence: str) -> str:
    """The protein that a CDS feature encodes.

    Parameters
    ----------
    feature
        Coding feature.
    sequence
        Complete sequence of the record that carries the feature, upper case.

    Returns
    -------
    str
        Amino acids without the final stop; internal stops are ``*``.

    Raises
    ------
    BadInput
        The location is remote or beyond the end, the genetic code is unknown, or ``/transl_except`` is malformed.

    Examples
    --------
    >>> from glmkit.bio import Interval, Location
    >>> location = Location((Interval("chr", 2, 11, 1),), "chr")
    >>> protein_of(Feature("CDS", location, {"transl_table": ["11"]}), "CCTTGGCATAACC")
    'MA'
    """
    offset, table = feature.codon_start - 1, feature.translation_table
    coding = feature.location.extract(sequence)[offset:]
    letters = list(translate(coding, table))
    if letters and not feature.location.partial_5 and offset == 0 and coding[:3] in start_codons(table):
        letters[0] = "M"
    for text in feature.qualifiers.get("transl_except", []):
        _except(feature, text, offset, letters)
    if letters and letters[-1] == "*":
        letters.pop()
    return "".join(letters)


def _except(feature: Feature, text: str, offset: int, letters: list[str]) -> None:
    """Apply one ``/transl_except`` to the amino acids in `letters`, in place."""
    found = _EXCEPTION.fullmatch(re.sub(r"\s", "", text))
    if not found or found[3] not in _THREE:
        raise BadInput(
            f"/transl_except={text}: expected (pos:START..END,aa:Xxx) with a three-letter amino acid. Correct the record."
        )
    low, high = int(found[1]) - 1, int(found[2] or found[1])
    before = 0
    for part in feature.location.parts:
        first = high - 1 if part.strand < 0 else low
        if part.start <= first < part.end:
            inside = part.end - 1 - first if part.strand < 0 else first - part.start
            codon = (before + inside - offset) // 3
            if codon < len(letters):
                letters[codon] = _THREE[found[3]]
            return
        before += len(part)
    raise BadInput(
        f"/transl_except={text} lies outside its CDS {feature.location.start + 1}..{feature.location.end}. Correct the record."
    )
