"""The letters of a sequence: which are certain, which are ambiguity codes, which one means unknown.

Nomenclature: NC-IUB (1985), Nucleic Acids Res. 13, 3021; IUPAC-IUB (1984), Eur. J. Biochem. 138, 9.
"""

from dataclasses import dataclass

from glmkit.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Alphabet:
    """Upper-case letters that a sequence may hold.

    Attributes
    ----------
    name
        ``"dna"``, ``"rna"`` or ``"protein"``.
    letters
        The certain letters, in the order that tables use.
    codes
        Ambiguity codes and rare letters, without `unknown`.
    unknown
        The letter for anything at all.
    """

    name: str
    letters: str
    codes: str
    unknown: str


DNA = Alphabet(name="dna", letters="ACGT", codes="RYSWKMBDHV", unknown="N")
RNA = Alphabet(name="rna", letters="ACGU", codes="RYSWKMBDHV", unknown="N")
PROTEIN = Alphabet(name="protein", letters="ACDEFGHIKLMNPQRSTVWY", codes="BJOUZ", unknown="X")
ALPHABETS = {known.name: known for known in (DNA, RNA, PROTEIN)}

# What a nucleotide code stands for, in DNA letters.
MEANING = {
    "A": "A", "C": "C", "G": "G", "T": "T", "U": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC",
    "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT",
}  # fmt: skip


def alphabet(name: str) -> Alphabet:
    """The alphabet called `name`.

    Parameters
    ----------
    name
        ``"dna"``, ``"rna"`` or ``"protein"``.

    Returns
    -------
    Alphabet
        Its letters.

    Raises
    ------
    BadInput
        There is no alphabet of that name.
    """
    if name not in ALPHABETS:
        raise BadInput(f"alphabet={name!r} is not known. Choose one of {', '.join(map(repr, ALPHABETS))}.")
    return ALPHABETS[name]
