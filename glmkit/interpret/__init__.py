"""What a model's answer rests on, one verb a file. PyTorch is first imported when a model is touched."""

from glmkit.interpret.aligned import importance, information_content, letter_contributions, position_frequencies
from glmkit.interpret.dependency import dependency_map
from glmkit.interpret.genes import gene_importance, importance_table
from glmkit.interpret.match import match_motifs
from glmkit.interpret.motif import Motif
from glmkit.interpret.motif_files import read_motifs, write_motifs
from glmkit.interpret.motifs import motifs
from glmkit.interpret.mutagenesis import class_log_odds, mutagenesis
from glmkit.interpret.occlusion import occlusion
from glmkit.interpret.plant import plant
from glmkit.interpret.scan import enrichment, scan
from glmkit.interpret.seqlets import seqlets
from glmkit.interpret.shuffle import dinucleotide_shuffle
from glmkit.interpret.snps import linkage_blocks, snp_importance

__all__ = [
    "Motif",
    "class_log_odds",
    "dependency_map",
    "dinucleotide_shuffle",
    "enrichment",
    "gene_importance",
    "importance",
    "importance_table",
    "information_content",
    "letter_contributions",
    "linkage_blocks",
    "match_motifs",
    "motifs",
    "mutagenesis",
    "occlusion",
    "plant",
    "position_frequencies",
    "read_motifs",
    "scan",
    "seqlets",
    "snp_importance",
    "write_motifs",
]
