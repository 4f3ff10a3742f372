"""What a model is given to learn from, and what it is judged by: splits, crops, masks, batches, labelled windows."""

from glmkit.data.annotate import annotate
from glmkit.data.audit import Audit, audit
from glmkit.data.audit_cells import audit_cells
from glmkit.data.batches import token_budget_batches
from glmkit.data.cell_labels import CellLabels, cell_labels
from glmkit.data.cell_store import CellStore
from glmkit.data.coding import coding_windows
from glmkit.data.crops import Crops
from glmkit.data.encoded import EncodedCells, EncodedWindows
from glmkit.data.fold_groups import fold_groups
from glmkit.data.frames import FRAMES, OTHER_STRAND, coding_frames
from glmkit.data.gene_graph import GeneGraph, coexpression_graph
from glmkit.data.homology import closest, closest_train_neighbour, cluster, split_homology
from glmkit.data.homology_dna import closest_dna, cluster_dna
from glmkit.data.labelled import LabelledWindows
from glmkit.data.labelled_crops import LabelledCrops
from glmkit.data.labels import check_labels, check_stratified
from glmkit.data.masking import Masked, mask_tokens
from glmkit.data.modalities import Lost, hide_lost, lose_modalities
from glmkit.data.pieces import Pieces
from glmkit.data.proteins import labelled_proteins, read_labels
from glmkit.data.split import Split, hold_out, split_blocks, split_groups
from glmkit.data.split_by import split_by, split_dates
from glmkit.data.split_cells import CellSplit, split_cells
from glmkit.data.split_pairs import PairSplit, split_pairs
from glmkit.data.starts import start_windows
from glmkit.data.table import read_table
from glmkit.data.within import bases_of, token_intervals

__all__ = [
    "FRAMES",
    "OTHER_STRAND",
    "Audit",
    "CellLabels",
    "CellSplit",
    "CellStore",
    "Crops",
    "EncodedCells",
    "EncodedWindows",
    "GeneGraph",
    "LabelledCrops",
    "LabelledWindows",
    "Lost",
    "Masked",
    "PairSplit",
    "Pieces",
    "Split",
    "annotate",
    "audit",
    "audit_cells",
    "bases_of",
    "cell_labels",
    "check_labels",
    "check_stratified",
    "closest",
    "closest_dna",
    "closest_train_neighbour",
    "cluster",
    "cluster_dna",
    "coding_frames",
    "coding_windows",
    "coexpression_graph",
    "fold_groups",
    "hide_lost",
    "hold_out",
    "labelled_proteins",
    "lose_modalities",
    "mask_tokens",
    "read_labels",
    "read_table",
    "split_blocks",
    "split_by",
    "split_cells",
    "split_dates",
    "split_groups",
    "split_homology",
    "split_pairs",
    "start_windows",
    "token_budget_batches",
    "token_intervals",
]
