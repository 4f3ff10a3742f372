"""Mapping of gene names to Ensembl ids without version, with a report of recognised names.

Gene symbols change between releases. A table from three releases of GENCODE (``glmkit/bio/genes/``) lists the current and
earlier symbols of each id, so that older files still map. A current symbol has precedence over the same word as an earlier
symbol. If an earlier symbol maps to an id that another name of the file already has, the name is kept and counted as a clash.
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
    """Result of mapping a list of gene names.

    Attributes
    ----------
    ids
        Ensembl id without version of each name, in input order; the name itself if it is unknown.
    symbols
        Current symbol of each id; the name itself if the id has no symbol or is unknown.
    known
        Whether each name was recognised.
    report
        Numbers of names that were ids, symbols, earlier symbols or unknown; counts of genome prefixes; first unknown names.
    """

    ids: tuple[str, ...]
    symbols: tuple[str, ...]
    known: tuple[bool, ...]
    report: dict[str, Any]


@dataclass(frozen=True)
class GeneTable:
    """Gene names of one species: id to symbol (may be empty), current symbol to id, earlier symbol to id."""

    symbols: MappingProxyType[str, str]
    today: MappingProxyType[str, str]
    earlier: MappingProxyType[str, str]


@cache
def gene_table(species: str) -> GeneTable:
    """The gene names of a species that ship with glmkit.

    Parameters
    ----------
    species
        ``"human"`` or ``"mouse"``.

    Returns
    -------
    GeneTable
        Names of all genes of GENCODE, including retired ids.

    Raises
    ------
    BadInput
        No gene names of that species ship with glmkit.
    """
    if species not in PREFIX:
        raise BadInput(
            f"No gene names of species {species!r} ship with glmkit; it has {', '.join(sorted(PREFIX))}. Choose one of them, "
            "or keep the names of the file with genes='as_is'."
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
    """Map gene names (current or earlier symbols, ids with or without version) to Ensembl ids.

    Parameters
    ----------
    names
        Ids (``ENSG00000141510`` or ``ENSG00000141510.18``) or symbols (``TP53``), optionally prefixed by the name of a genome
        (``hg19_TP53``, ``GRCh38_TP53``). A prefix of another species makes a name unknown.
    species
        ``"human"`` or ``"mouse"``.

    Returns
    -------
    GeneMap
        Ids, symbols, flags of recognised names, and a report. No name is dropped; unknown names are kept.

    Raises
    ------
    BadInput
        No gene names of `species` ship with glmkit.

    Notes
    -----
    Matching is case-sensitive, because case distinguishes human (``ACTB``) from mouse (``Actb``) symbols. If several genes
    share a symbol, the order of preference is: in the current release, protein-coding, in the most releases.

    Examples
    --------
    >>> map_genes(["hg19_TP53", "FAM46B", "ENSG00000000003.15"]).ids
    ('ENSG00000141510', 'ENSG00000158246', 'ENSG00000000003')
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
    """A name without its genome prefix."""
    return _GENOME.sub("", name, count=1) if _GENOME.match(name) else name


def is_ensembl(name: str) -> bool:
    """Whether a name has the form of an Ensembl gene id of any species."""
    return _ENSEMBL.fullmatch(bare_name(name)) is not None


def _versioned(name: str) -> bool:
    return is_ensembl(name) and "." in name


def _look_up(name: str, table: GeneTable, species: str) -> tuple[str, str]:
    """The id of one name (the name itself if unknown), and the kind of name that was recognised."""
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
