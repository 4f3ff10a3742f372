"""Sequence alphabets: unambiguous letters, ambiguity codes, and the letter for an unknown residue.

Nomenclature: NC-IUB (1985), Nucleic Acids Res. 13, 3021; IUPAC-IUB (1984), Eur. J. Biochem. 138, 9.
"""

from dataclasses import dataclass

from glmkit.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Alphabet:
    """Upper-case letters allowed in a sequence.

    Attributes
    ----------
    name
        ``"dna"``, ``"rna"`` or ``"protein"``.
    letters
        Unambiguous letters, in the order of the columns of one-hot arrays and tables.
    codes
        Ambiguity codes and rare residues, without `unknown`.
    unknown
        Letter for an unknown base or residue.
    """

    name: str
    letters: str
    codes: str
    unknown: str


DNA = Alphabet(name="dna", letters="ACGT", codes="RYSWKMBDHV", unknown="N")
RNA = Alphabet(name="rna", letters="ACGU", codes="RYSWKMBDHV", unknown="N")
PROTEIN = Alphabet(name="protein", letters="ACDEFGHIKLMNPQRSTVWY", codes="BJOUZ", unknown="X")
ALPHABETS = {known.name: known for known in (DNA, RNA, PROTEIN)}

# Nucleotide code to the DNA bases that it includes.
MEANING = {
    "A": "A", "C": "C", "G": "G", "T": "T", "U": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC",
    "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT",
}  # fmt: skip


def alphabet(name: str) -> Alphabet:
    """The alphabet with a given name.

    Parameters
    ----------
    name
        ``"dna"``, ``"rna"`` or ``"protein"``.

    Returns
    -------
    Alphabet
        Letters of that kind of sequence.

    Raises
    ------
    BadInput
        There is no alphabet of that name.

    Examples
    --------
    >>> alphabet("dna").letters
    'ACGT'
    >>> alphabet("protein").unknown
    'X'
    """
    if name not in ALPHABETS:
        raise BadInput(f"alphabet={name!r} is unknown. Choose one of {', '.join(map(repr, ALPHABETS))}.")
    return ALPHABETS[name]
