"""What biology is before any model: alphabets, records, intervals, sequence verbs and strict readers.

The readers of cells are imported when they are first used, since anndata takes its time.
"""

import importlib
from typing import Any

from glmkit.bio.alphabets import Alphabet, alphabet
from glmkit.bio.coding import protein_of
from glmkit.bio.fasta import check_fasta, read_fasta
from glmkit.bio.genbank import check_genbank, read_genbank
from glmkit.bio.genetic_codes import start_codons, stop_codons, translate
from glmkit.bio.genome import read_genome, with_genes
from glmkit.bio.gff import GffFeature, read_gff
from glmkit.bio.mutation import Mutation, check_mutations, parse_mutations
from glmkit.bio.records import Feature, Interval, Location, Record
from glmkit.bio.report import DataReport
from glmkit.bio.sequence import reverse_complement

_CELLS = ["GeneMap", "cell_report", "map_genes", "read_cells", "read_modalities", "write_cells"]  # from glmkit.bio.cells
__all__ = [
    "Alphabet",
    "DataReport",
    "Feature",
    "GffFeature",
    "Interval",
    "Location",
    "Mutation",
    "Record",
    "alphabet",
    "check_fasta",
    "check_genbank",
    "check_mutations",
    "parse_mutations",
    "protein_of",
    "read_fasta",
    "read_genbank",
    "read_genome",
    "read_gff",
    "reverse_complement",
    "start_codons",
    "stop_codons",
    "translate",
    "with_genes",
    *_CELLS,
]


def __getattr__(name: str) -> Any:
    if name not in _CELLS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.cells"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
