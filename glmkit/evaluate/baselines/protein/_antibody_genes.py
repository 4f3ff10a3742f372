"""The gene of an antibody's target, by name, for the baseline that predicts a protein from its own RNA.

Antibody names follow no standard: ``CD3``, ``CD8a``, ``HLA-DR``, ``PD-1 (CD279)``, ``anti-human CD45RA_TotalSeqB`` are all in use. A name is
reduced to letters and digits, with the text in brackets tried after the text before them. A table gives the genes of common names that
are not gene symbols; other names are looked up as symbols. A name that is not found has no gene and is reported as such; an isotype
control has none. Isoforms (CD45RA, CD45RO) share the RNA of their gene, so their RNA predicts them poorly.
"""

import re
from collections.abc import Sequence

import pandas as pd

GENES: dict[str, tuple[str, ...]] = {
    "CD3": ("CD3D", "CD3E", "CD3G"), "CD8": ("CD8A", "CD8B"), "CD8A": ("CD8A",), "CD10": ("MME",), "CD11A": ("ITGAL",),
    "CD11B": ("ITGAM",), "CD11C": ("ITGAX",), "CD13": ("ANPEP",), "CD15": ("FUT4",), "CD16": ("FCGR3A", "FCGR3B"),
    "CD16A": ("FCGR3A",), "CD18": ("ITGB2",), "CD20": ("MS4A1",), "CD21": ("CR2",), "CD23": ("FCER2",), "CD25": ("IL2RA",),
    "CD26": ("DPP4",), "CD29": ("ITGB1",), "CD30": ("TNFRSF8",), "CD31": ("PECAM1",), "PECAM": ("PECAM1",), "CD32": ("FCGR2A",),
    "CD35": ("CR1",), "CD39": ("ENTPD1",), "CD41": ("ITGA2B",), "CD42B": ("GP1BA",), "CD45": ("PTPRC",), "CD45RA": ("PTPRC",),
    "CD45RB": ("PTPRC",), "CD45RO": ("PTPRC",), "B220": ("PTPRC",), "CD45R": ("PTPRC",), "CD49A": ("ITGA1",),
    "CD49B": ("ITGA2",), "CD49D": ("ITGA4",), "CD49F": ("ITGA6",), "CD51": ("ITGAV",), "CD54": ("ICAM1",), "CD56": ("NCAM1",),
    "NCAM": ("NCAM1",), "CD57": ("B3GAT1",), "CD61": ("ITGB3",), "CD62L": ("SELL",), "LSELECTIN": ("SELL",), "CD62P": ("SELP",),
    "CD64": ("FCGR1A",), "CD66B": ("CEACAM8",), "CD71": ("TFRC",), "CD73": ("NT5E",), "CD77": ("A4GALT",), "CD79B": ("CD79B",),
    "CD81": ("CD81",), "CD85J": ("LILRB1",), "CD90": ("THY1",), "CD94": ("KLRD1",), "CD95": ("FAS",), "CD103": ("ITGAE",),
    "CD105": ("ENG",), "CD107A": ("LAMP1",), "CD112": ("NECTIN2",), "CD115": ("CSF1R",), "CD117": ("KIT",), "CKIT": ("KIT",),
    "CD119": ("IFNGR1",), "CD122": ("IL2RB",), "CD123": ("IL3RA",), "CD127": ("IL7R",), "IL7RALPHA": ("IL7R",),
    "IL7RA": ("IL7R",), "CD134": ("TNFRSF4",), "OX40": ("TNFRSF4",), "CD137": ("TNFRSF9",), "41BB": ("TNFRSF9",),
    "CD138": ("SDC1",), "CD141": ("THBD",), "CD144": ("CDH5",), "CD146": ("MCAM",), "CD152": ("CTLA4",), "CD154": ("CD40LG",),
    "CD155": ("PVR",), "CD158": ("KIR2DL1",), "CD158B": ("KIR2DL3",), "CD158E1": ("KIR3DL1",), "CD159A": ("KLRC1",),
    "CD161": ("KLRB1",), "CD169": ("SIGLEC1",), "CD172A": ("SIRPA",), "CD183": ("CXCR3",), "CD184": ("CXCR4",),
    "CD185": ("CXCR5",), "CD194": ("CCR4",), "CD195": ("CCR5",), "CD196": ("CCR6",), "CD197": ("CCR7",), "CD206": ("MRC1",),
    "CD223": ("LAG3",), "CD235A": ("GYPA",), "CD235AB": ("GYPA", "GYPB"), "CD252": ("TNFSF4",), "CD272": ("BTLA",),
    "CD273": ("PDCD1LG2",), "PDL2": ("PDCD1LG2",), "CD274": ("CD274",), "PDL1": ("CD274",), "B7H1": ("CD274",),
    "CD278": ("ICOS",), "CD279": ("PDCD1",), "PD1": ("PDCD1",), "CD294": ("PTGDR2",), "CD303": ("CLEC4C",), "BDCA2": ("CLEC4C",),
    "CD304": ("NRP1",), "CD309": ("KDR",), "CD314": ("KLRK1",), "NKG2D": ("KLRK1",), "CD319": ("SLAMF7",), "CD326": ("EPCAM",),
    "CD335": ("NCR1",), "NKP46": ("NCR1",), "CD336": ("NCR2",), "CD337": ("NCR3",), "CD357": ("TNFRSF18",),
    "CD366": ("HAVCR2",), "TIM3": ("HAVCR2",), "CD370": ("CLEC9A",), "HLAABC": ("HLA-A", "HLA-B", "HLA-C"), "HLADR": ("HLA-DRA",),
    "MHCII": ("HLA-DRA",), "HLAE": ("HLA-E",), "HLADQ": ("HLA-DQA1",), "TCRB": ("TRBC1", "TRBC2"), "TCRAB": ("TRAC",),
    "TCRALPHABETA": ("TRAC",), "TCRG": ("TRGC1", "TRGC2"), "TCRGD": ("TRDC",), "TCRVDELTA2": ("TRDV2",), "TCRVA72": ("TRAV1-2",),
    "TCRVALPHA72": ("TRAV1-2",), "IGM": ("IGHM",), "IGD": ("IGHD",), "IGE": ("IGHE",), "KAPPA": ("IGKC",), "SIGLEC8": ("SIGLEC8",),
    "FCERI": ("FCER1A",), "FCERIA": ("FCER1A",), "FCER1ALPHA": ("FCER1A",), "PODOPLANIN": ("PDPN",),
}  # fmt: skip
_CONTROL = re.compile(r"^(?:MOUSE|RAT|HAMSTER|HUMAN)?(?:IGG\d?[ABC]?|ISOTYPE).*")
_EXTRAS = re.compile(
    r"(^(anti[-_ ])?(human|mouse|hu|ms)[-_ .]+)|(^anti[-_ ]+)|([-_ ](total[-_ ]?seq[-_ ]?[abc]?|tot(al)?[abc]|prot|protein|adt|ab)$)",
    re.IGNORECASE,
)


def antibody_genes(names: Sequence[str], symbols: Sequence[str]) -> pd.DataFrame:
    """Genes of each antibody that the data has.

    Parameters
    ----------
    names
        Names of antibodies.
    symbols
        Symbols or ids of the measured genes; case and a prefix such as ``hg19_`` are ignored.

    Returns
    -------
    pandas.DataFrame
        One row for each antibody: ``protein``, ``genes`` (tuple of entries of `symbols`, empty if none), ``matched`` (bool) and ``how``
        (``table``, ``symbol``, ``control`` for an isotype control, ``not measured`` for a known gene that the data lacks, ``unknown``).

    Examples
    --------
    >>> from glmkit.evaluate.baselines.protein import antibody_genes
    >>> antibody_genes(["CD3", "anti-human PD-1 (CD279)"], ["CD3E", "PDCD1"])[["protein", "genes", "how"]]
                       protein     genes    how
    0                      CD3   (CD3E,)  table
    1  anti-human PD-1 (CD279)  (PDCD1,)  table
    """
    place: dict[str, str] = {}
    for symbol in symbols:
        place.setdefault(re.sub(r"^(HG19|HG38|GRCH37|GRCH38)_+", "", str(symbol).upper()), str(symbol))
    rows = [(str(name), *_genes_of(str(name), place)) for name in names]
    return pd.DataFrame(
        [(name, genes, bool(genes), how) for name, genes, how in rows], columns=["protein", "genes", "matched", "how"]
    )


def _genes_of(name: str, place: dict[str, str]) -> tuple[tuple[str, ...], str]:
    known = False
    for spelling in _spellings(name):
        key = re.sub(r"[^A-Z0-9]", "", spelling.upper())
        if _CONTROL.match(key) and key not in GENES:
            return (), "control"
        if key in GENES:
            known = True
            if found := tuple(place[gene] for gene in GENES[key] if gene in place):
                return found, "table"
        if (symbol := spelling.strip().upper()) in place or (symbol := key) in place:
            return (place[symbol],), "symbol"
    return (), "not measured" if known else "unknown"


def _spellings(name: str) -> list[str]:
    """The name, then the text outside and inside of brackets, each without vendors' additions."""
    bare = _EXTRAS.sub("", name.strip())
    bare = _EXTRAS.sub("", bare)
    inside = re.findall(r"\(([^)]*)\)", bare)
    return [text for text in (bare, re.sub(r"\([^)]*\)", " ", bare), *inside) if text.strip()]
