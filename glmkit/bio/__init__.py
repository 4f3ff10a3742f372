"""What biology is before any model: alphabets, records, intervals, sequence verbs and strict readers."""

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
]
