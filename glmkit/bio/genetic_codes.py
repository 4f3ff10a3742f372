"""Genetic codes and translation.

The tables are NCBI's (https://www.ncbi.nlm.nih.gov/Taxonomy/Utils/wprintgc.cgi). Tables 27, 28 and 31 are omitted. In these,
one codon is a stop or an amino acid depending on its context, which a table of codons cannot represent.
"""

from functools import cache
from itertools import product

from glmkit.bio.alphabets import MEANING
from glmkit.errors import BadInput

# Amino acids in the order of NCBI's Base1 to Base3 rows (T, C, A, G), then the start codons.
_TABLES: dict[int, tuple[str, str]] = {
    1: ("FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG CTG TTG"),
    2: ("FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNKKSS**VVVVAAAADDEEGGGG", "ATA ATC ATG ATT GTG"),
    3: ("FFLLSSSSYY**CCWWTTTTPPPPHHQQRRRRIIMMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATA ATG GTG"),
    4: ("FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATA ATC ATG ATT CTG GTG TTA TTG"),
    5: ("FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNKKSSSSVVVVAAAADDEEGGGG", "ATA ATC ATG ATT GTG TTG"),
    6: ("FFLLSSSSYYQQCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG"),
    9: ("FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNNKSSSSVVVVAAAADDEEGGGG", "ATG GTG"),
    10: ("FFLLSSSSYY**CCCWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG"),
    11: ("FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATA ATC ATG ATT CTG GTG TTG"),
    12: ("FFLLSSSSYY**CC*WLLLSPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG CTG"),
    13: ("FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNKKSSGGVVVVAAAADDEEGGGG", "ATA ATG GTG TTG"),
    14: ("FFLLSSSSYYY*CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNNKSSSSVVVVAAAADDEEGGGG", "ATG"),
    15: ("FFLLSSSSYY*QCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG"),
    16: ("FFLLSSSSYY*LCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG"),
    21: ("FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNNKSSSSVVVVAAAADDEEGGGG", "ATG GTG"),
    22: ("FFLLSS*SYY*LCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG"),
    23: ("FF*LSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG ATT GTG"),
    24: ("FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSSKVVVVAAAADDEEGGGG", "ATG CTG GTG TTG"),
    25: ("FFLLSSSSYY**CCGWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG GTG TTG"),
    26: ("FFLLSSSSYY**CC*WLLLAPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG CTG"),
    29: ("FFLLSSSSYYYYCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG"),
    30: ("FFLLSSSSYYEECC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATG"),
    32: ("FFLLSSSSYY*WCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG", "ATA ATC ATG ATT CTG GTG TTG"),
    33: ("FFLLSSSSYYY*CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSSKVVVVAAAADDEEGGGG", "ATG CTG GTG TTG"),
}


class _Codons(dict[str, str]):
    """Codon to amino acid; codons with ambiguity codes are resolved at first use and cached."""

    def __missing__(self, codon: str) -> str:
        if unknown := set(codon) - set(MEANING):
            raise BadInput(
                f"The codon {codon!r} holds {', '.join(sorted(unknown))}: expected upper-case IUPAC nucleotide codes. "
                "Remove gaps, or check that this is not a protein."
            )
        found = {self["".join(bases)] for bases in product(*(MEANING[letter] for letter in codon))}
        self[codon] = found.pop() if len(found) == 1 else "X"
        return self[codon]


@cache
def _codons(table: int) -> _Codons:
    if table not in _TABLES:
        raise BadInput(f"Genetic code {table} is not supported. Choose one of {', '.join(map(str, _TABLES))} (NCBI's numbers).")
    return _Codons(zip(map("".join, product("TCAG", repeat=3)), _TABLES[table][0], strict=True))


def translate(sequence: str, table: int = 11) -> str:
    """Translate codon by codon from the first base.

    Each codon is translated independently of its position. A start codon other than ATG gives its own amino acid, and a
    stop gives ``*`` without ending the protein. :func:`glmkit.bio.coding.protein_of` applies the rules of a coding sequence.

    Parameters
    ----------
    sequence
        Upper-case DNA or RNA; one or two bases after the last complete codon are ignored.
    table
        NCBI's number of the genetic code.

    Returns
    -------
    str
        One letter per codon. A codon with ambiguity codes gives an amino acid if all its readings agree, else ``X``.

    Raises
    ------
    BadInput
        The table is not supported, or a letter is not a nucleotide code.

    Examples
    --------
    >>> translate("ATGGCNRAYTAA")
    'MAX*'
    >>> translate("TGA", table=4)
    'W'
    """
    codons = _codons(table)
    return "".join([codons[sequence[at : at + 3]] for at in range(0, len(sequence) - 2, 3)])


def start_codons(table: int = 11) -> tuple[str, ...]:
    """The codons at which translation may start.

    Parameters
    ----------
    table
        NCBI's number of the genetic code.

    Returns
    -------
    tuple of str
        Codons in DNA letters.

    Raises
    ------
    BadInput
        The table is not supported.
    """
    _codons(table)
    return tuple(_TABLES[table][1].split())


def stop_codons(table: int = 11) -> tuple[str, ...]:
    """The codons that end translation.

    Parameters
    ----------
    table
        NCBI's number of the genetic code.

    Returns
    -------
    tuple of str
        Codons in DNA letters.

    Raises
    ------
    BadInput
        The table is not supported.
    """
    codons = map("".join, product("TCAG", repeat=3))
    return tuple(codon for codon in codons if _codons(table)[codon] == "*")
