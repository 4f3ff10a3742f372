"""Baselines, metrics with intervals over the unit of independence, and comparisons that end in a sentence.

Nothing here imports PyTorch unless the recurrent baseline is asked for.
"""

from glmkit.evaluate.alignment import add_to_alignment, align
from glmkit.evaluate.alignment_sites import AlignmentSites, pwm_baselines
from glmkit.evaluate.antibodies import antibody_genes
from glmkit.evaluate.baselines import (
    BoostedTrees,
    CodonUsage,
    KmerForest,
    KmerSVM,
    Majority,
    OneHotForest,
    PositionWeights,
    standard_baselines,
)
from glmkit.evaluate.blast import BlastNeighbour, blast_hits
from glmkit.evaluate.bootstrap import bootstrap
from glmkit.evaluate.calibration import Calibration, Temperature, calibration, temperature
from glmkit.evaluate.cell_baselines import (
    ClassShares,
    ComponentsLogistic,
    NearestCells,
    VariableForest,
    cell_baselines,
)
from glmkit.evaluate.cell_task import cell_task, modality_task
from glmkit.evaluate.combine import combine
from glmkit.evaluate.compare import compare
from glmkit.evaluate.contacts import precision_at_L
from glmkit.evaluate.few_shot import few_shot
from glmkit.evaluate.finetuned import FineTuned, FineTuning
from glmkit.evaluate.fitted import Baseline
from glmkit.evaluate.integration import integration_metrics
from glmkit.evaluate.k_fold import k_fold
from glmkit.evaluate.kmer_linear import KmerLinear
from glmkit.evaluate.markov import MarkovModel
from glmkit.evaluate.memorisation import Memorisation, memorisation
from glmkit.evaluate.metrics import METRICS, Metric
from glmkit.evaluate.modality_baselines import (
    ComponentsRidge,
    MeanOutputs,
    NearestValues,
    OwnGene,
    modality_baselines,
    modality_values,
)
from glmkit.evaluate.paired import holm, paired_test
from glmkit.evaluate.perturbation import (
    Effects,
    additive,
    mean_effect,
    no_change,
    perturbation_effects,
    perturbation_scores,
    perturbation_summary,
)
from glmkit.evaluate.positions import split_positions
from glmkit.evaluate.probe import Probe, joined, ridge_path, stored
from glmkit.evaluate.protein_baselines import (
    CompositionBoosting,
    CompositionForest,
    CompositionSVM,
    DipeptideLinear,
    NearestRelative,
    protein_baselines,
)
from glmkit.evaluate.recurrent import RecurrentNetwork
from glmkit.evaluate.recurrent_language import RecurrentLanguage
from glmkit.evaluate.results_card import ResultsCard, read_card, results_card
from glmkit.evaluate.same_table import Reproduction, reproduce, same_table
from glmkit.evaluate.scvi_baselines import MultiVI, TotalVI
from glmkit.evaluate.sites import SiteForest, SiteLinear
from glmkit.evaluate.table import Row, Table
from glmkit.evaluate.task import Fold, Task
from glmkit.evaluate.untrained import untrained
from glmkit.evaluate.zero_shot import Blosum62, site_independent
from glmkit.evaluate.zero_shot_table import zero_shot
from glmkit.score.estimate import Estimate

__all__ = [
    "METRICS",
    "AlignmentSites",
    "Baseline",
    "BlastNeighbour",
    "Blosum62",
    "BoostedTrees",
    "Calibration",
    "ClassShares",
    "CodonUsage",
    "ComponentsLogistic",
    "ComponentsRidge",
    "CompositionBoosting",
    "CompositionForest",
    "CompositionSVM",
    "DipeptideLinear",
    "Effects",
    "Estimate",
    "FineTuned",
    "FineTuning",
    "Fold",
    "KmerForest",
    "KmerLinear",
    "KmerSVM",
    "Majority",
    "MarkovModel",
    "MeanOutputs",
    "Memorisation",
    "Metric",
    "MultiVI",
    "NearestCells",
    "NearestRelative",
    "NearestValues",
    "OneHotForest",
    "OwnGene",
    "PositionWeights",
    "Probe",
    "RecurrentLanguage",
    "RecurrentNetwork",
    "Reproduction",
    "ResultsCard",
    "Row",
    "SiteForest",
    "SiteLinear",
    "Table",
    "Task",
    "Temperature",
    "TotalVI",
    "VariableForest",
    "add_to_alignment",
    "additive",
    "align",
    "antibody_genes",
    "blast_hits",
    "bootstrap",
    "calibration",
    "cell_baselines",
    "cell_task",
    "combine",
    "compare",
    "few_shot",
    "holm",
    "integration_metrics",
    "joined",
    "k_fold",
    "mean_effect",
    "memorisation",
    "modality_baselines",
    "modality_task",
    "modality_values",
    "no_change",
    "paired_test",
    "perturbation_effects",
    "perturbation_scores",
    "perturbation_summary",
    "precision_at_L",
    "protein_baselines",
    "pwm_baselines",
    "read_card",
    "reproduce",
    "results_card",
    "ridge_path",
    "same_table",
    "site_independent",
    "split_positions",
    "standard_baselines",
    "stored",
    "temperature",
    "untrained",
    "zero_shot",
]
