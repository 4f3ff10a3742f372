"""Baselines, metrics with intervals over the unit of independence, and comparisons that end in a sentence.

Nothing here imports PyTorch unless the recurrent baseline is asked for.
"""

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
from glmkit.evaluate.markov import MarkovModel
from glmkit.evaluate.metrics import METRICS, Metric
from glmkit.evaluate.modality_baselines import (
    ComponentsRidge,
    MeanOutputs,
    NearestValues,
    OwnGene,
    modality_baselines,
    modality_values,
)
from glmkit.evaluate.paired_test import holm, paired_test
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
    CompositionForest,
    CompositionSVM,
    DipeptideLinear,
    NearestRelative,
    SiteLinear,
    protein_baselines,
)
from glmkit.evaluate.recurrent import RecurrentNetwork
from glmkit.evaluate.results_card import ResultsCard, read_card, results_card
from glmkit.evaluate.same_table import Reproduction, reproduce, same_table
from glmkit.evaluate.scvi_baselines import MultiVI, TotalVI
from glmkit.evaluate.table import Row, Table
from glmkit.evaluate.task import Fold, Task
from glmkit.evaluate.zero_shot_table import zero_shot
from glmkit.score.estimate import Estimate

__all__ = [
    "METRICS",
    "Baseline",
    "BoostedTrees",
    "Calibration",
    "ClassShares",
    "CodonUsage",
    "ComponentsLogistic",
    "ComponentsRidge",
    "CompositionForest",
    "CompositionSVM",
    "DipeptideLinear",
    "Effects",
    "Estimate",
    "FineTuned",
    "FineTuning",
    "Fold",
    "KmerForest",
    "KmerSVM",
    "Majority",
    "MarkovModel",
    "MeanOutputs",
    "Metric",
    "MultiVI",
    "NearestCells",
    "NearestRelative",
    "NearestValues",
    "OneHotForest",
    "OwnGene",
    "PositionWeights",
    "Probe",
    "RecurrentNetwork",
    "Reproduction",
    "ResultsCard",
    "Row",
    "SiteLinear",
    "Table",
    "Task",
    "Temperature",
    "TotalVI",
    "VariableForest",
    "additive",
    "antibody_genes",
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
    "read_card",
    "reproduce",
    "results_card",
    "ridge_path",
    "same_table",
    "split_positions",
    "standard_baselines",
    "stored",
    "temperature",
    "zero_shot",
]
