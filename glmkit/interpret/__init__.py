"""What a model's answer rests on, one verb a file. PyTorch is first imported when a model is touched."""

from glmkit.interpret.aligned import importance, information_content, letter_contributions, position_frequencies
from glmkit.interpret.dependency import dependency_map
from glmkit.interpret.explanation import Explanation
from glmkit.interpret.genes import gene_importance, importance_table
from glmkit.interpret.gradient import gradient_times_input
from glmkit.interpret.integrated_gradients import integrated_gradients
from glmkit.interpret.match import match_motifs
from glmkit.interpret.motif import Motif
from glmkit.interpret.motif_files import read_motifs, write_motifs
from glmkit.interpret.motifs import motifs
from glmkit.interpret.mutagenesis import class_log_odds, mutagenesis
from glmkit.interpret.occlusion import occlusion
from glmkit.interpret.plant import plant
from glmkit.interpret.randomise import randomise_weights, weight_groups
from glmkit.interpret.rollout import attention_rollout
from glmkit.interpret.scan import enrichment, scan
from glmkit.interpret.seqlets import seqlets
from glmkit.interpret.shapley import shapley, shapley_features
from glmkit.interpret.shuffle import dinucleotide_shuffle
from glmkit.interpret.snps import linkage_blocks, snp_importance

__all__ = [
    "Explanation",
    "Motif",
    "attention_rollout",
    "class_log_odds",
    "dependency_map",
    "dinucleotide_shuffle",
    "enrichment",
    "gene_importance",
    "gradient_times_input",
    "importance",
    "importance_table",
    "information_content",
    "integrated_gradients",
    "letter_contributions",
    "linkage_blocks",
    "match_motifs",
    "motifs",
    "mutagenesis",
    "occlusion",
    "plant",
    "position_frequencies",
    "randomise_weights",
    "read_motifs",
    "scan",
    "seqlets",
    "shapley",
    "shapley_features",
    "snp_importance",
    "weight_groups",
    "write_motifs",
]
