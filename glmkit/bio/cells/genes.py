"""Gene names: whatever a file calls its genes becomes Ensembl ids without version, with an account of what was recognised.

Symbols change. A table made from three releases of GENCODE (``glmkit/bio/genes/``) gives each id the symbol of today and those
of before, so that a file of 2018 still maps. A symbol of today always wins over the same word in its earlier meaning, and two
names of one file never fall together because one of them is out of date: the second stays as it is and is counted.
"""

import gzip
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from glmkit.errors import BadInput

TABLES = Path(__file__).parents[1] / "genes"
PREFIX = {"human": "ENSG", "mouse": "ENSMUSG"}
_ENSEMBL = re.compile(r"(ENS[A-Z]{0,4}G\d{11})(?:\.\d+)?")
_GENOME = re.compile(r"(hg19|hg38|GRCh37|GRCh38|mm9|mm10|mm39|GRCm38|GRCm39)_+", re.IGNORECASE)
_OF_GENOME = {"h": "human", "grch": "human", "m": "mouse", "grcm": "mouse"}
FIRST = 5


@dataclass(frozen=True, kw_only=True)
class GeneMap:
    """What a list of gene names stands for.

    Attributes
    ----------
    ids
        One a name, in the order of the names: the Ensembl id without version, or the name itself where it is not known.
    symbols
        Today's symbol of each id; the name itself where the id has none or is not known.
    known
        Whether each name was recognised.
    report
        How many names were ids, symbols, earlier symbols, unknown; which prefixes they carried; the first few unknown ones.
    """

    ids: tuple[str, ...]
    symbols: tuple[str, ...]
    known: tuple[bool, ...]
    report: dict[str, Any]


@dataclass(frozen=True)
class GeneTable:
    """The genes of one species: id -> symbol (may be empty), symbol of today -> id, earlier symbol -> id."""

    symbols: MappingProxyType[str, str]
    today: MappingProxyType[str, str]
    earlier: MappingProxyType[str, str]


@cache
def gene_table(species: str) -> GeneTable:
    """The shipped names of a species.

    Parameters
    ----------
    species
        ``"human"`` or ``"mouse"``.

    Returns
    -------
    GeneTable
        Of all genes of GENCODE, retired ids included.

    Raises
    ------
    BadInput
        No names of that species ship with glmkit.
    """
    if species not in PREFIX:
        raise BadInput(
            f"No gene names of species {species!r} ship with glmkit; it has {', '.join(sorted(PREFIX))}. Choose one of them, "
            "or read the names as they are with genes='as_is'."
        )
    symbols: dict[str, str] = {}
    today: dict[str, str] = {}
    earlier: dict[str, str] = {}
    with gzip.open(TABLES / f"{species}.tsv.gz", "rt", encoding="ascii") as file:
        for line in file:
            digits, _, names = line.rstrip("\n").partition("\t")
            gene = PREFIX[species] + digits
            symbol, *before = names.split(" ")
            symbols[gene] = symbol
            if symbol:
                today.setdefault(symbol, gene)
            for name in before:
                earlier.setdefault(name, gene)
    return GeneTable(*map(MappingProxyType, (symbols, today, earlier)))


def map_genes(names: Sequence[str], species: str = "human") -> GeneMap:
    """Ensembl ids for gene names: symbols of today or of earlier releases, ids with or without version, genome prefixes.

    Parameters
    ----------
    names
        Ids (``ENSG00000141510`` or ``ENSG00000141510.18``), symbols (``TP53``), or either behind the name of a genome, as in
        ``hg19_TP53`` and ``GRCh38_TP53``. A genome of another species makes a name unknown.
    species
        ``"human"`` or ``"mouse"``.

    Returns
    -------
    GeneMap
        Ids, symbols, which names were recognised, and a report. Nothing is dropped: what is not known keeps its name.

    Raises
    ------
    BadInput
        No names of `species` ship with glmkit.

    Notes
    -----
    Case counts, since it tells human (``ACTB``) from mouse (``Actb``). Where several genes share a symbol, the one that is in
    today's release, codes for a protein and has been there longest is meant.

    Examples
    --------
    >>> map_genes(["hg19_TP53", "FAM46B", "ENSG00000000003.15"]).ids
    ('ENSG00000141510', 'FAM46B', 'ENSG00000000003')
    """
    table = gene_table(species)
    found = [_look_up(str(name), table, species) for name in names]
    taken = {gene for gene, kind in found if kind in {"ids", "symbols"}}
    ids: list[str] = []
    kinds: Counter[str] = Counter()
    known: list[bool] = []
    for name, (gene, kind) in zip(names, found, strict=True):
        if kind == "earlier_symbols" and gene in taken:
            gene, kind = str(name), "clashes"
        if kind == "earlier_symbols":
            taken.add(gene)
        ids.append(gene)
        known.append(kind not in {"unknown", "clashes"})
        kinds[kind] += 1
    symbols = tuple(table.symbols.get(gene, "") or bare_name(str(name)) for gene, name in zip(ids, names, strict=True))
    prefixes = Counter(match[1] for name in names if (match := _GENOME.match(str(name))))
    unknown = [str(name) for name, is_known in zip(names, known, strict=True) if not is_known]
    report: dict[str, Any] = {
        "species": species,
        "names": len(ids),
        "known": sum(known),
        "known_share": sum(known) / len(ids) if ids else 0.0,
        **{kind: kinds[kind] for kind in ("ids", "symbols", "earlier_symbols", "clashes", "unknown")},
        "versions_removed": sum(1 for name in names if _versioned(str(name))),
        "prefixes": dict(prefixes),
        "first_unknown": unknown[:FIRST],
    }
    return GeneMap(ids=tuple(ids), symbols=symbols, known=tuple(known), report=report)


def bare_name(name: str) -> str:
    """A name without the genome in front of it."""
    return _GENOME.sub("", name, count=1) if _GENOME.match(name) else name


def is_ensembl(name: str) -> bool:
    """Whether a name has the form of an Ensembl gene id, of whatever species."""
    return _ENSEMBL.fullmatch(bare_name(name)) is not None


def _versioned(name: str) -> bool:
    return is_ensembl(name) and "." in name


def _look_up(name: str, table: GeneTable, species: str) -> tuple[str, str]:
    """The id of one name, or the name itself, and how it was recognised."""
    bare = name
    if match := _GENOME.match(name):
        letters = re.sub(r"[^a-z].*", "", match[1].lower())
        if _OF_GENOME.get("m" if letters == "mm" else "h" if letters == "hg" else letters) != species:
            return name, "unknown"
        bare = name[match.end() :]
    if match := _ENSEMBL.fullmatch(bare):
        return (match[1], "ids") if match[1] in table.symbols else (match[1], "unknown")
    if gene := table.today.get(bare):
        return gene, "symbols"
    if gene := table.earlier.get(bare):
        return gene, "earlier_symbols"
    return name, "unknown"
