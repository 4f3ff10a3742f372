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
from glmkit.evaluate.cell_baselines import (
    ClassShares,
    ComponentsLogistic,
    NearestCells,
    VariableForest,
    cell_baselines,
)
from glmkit.evaluate.cell_task import cell_task, modality_task
from glmkit.evaluate.compare import compare
from glmkit.evaluate.contacts import precision_at_L
from glmkit.evaluate.few_shot import few_shot
from glmkit.evaluate.finetuned import FineTuned, FineTuning
from glmkit.evaluate.fitted import Baseline
from glmkit.evaluate.integration import integration_metrics
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
from glmkit.evaluate.scvi_baselines import MultiVI, TotalVI
from glmkit.evaluate.table import Row, Table
from glmkit.evaluate.task import Fold, Task
from glmkit.score.estimate import Estimate

__all__ = [
    "METRICS",
    "Baseline",
    "BoostedTrees",
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
    "RecurrentNetwork",
    "Row",
    "SiteLinear",
    "Table",
    "Task",
    "TotalVI",
    "VariableForest",
    "additive",
    "antibody_genes",
    "bootstrap",
    "cell_baselines",
    "cell_task",
    "compare",
    "few_shot",
    "integration_metrics",
    "joined",
    "mean_effect",
    "memorisation",
    "modality_baselines",
    "modality_task",
    "modality_values",
    "no_change",
    "perturbation_effects",
    "perturbation_scores",
    "perturbation_summary",
    "precision_at_L",
    "protein_baselines",
    "ridge_path",
    "split_positions",
    "standard_baselines",
    "stored",
]
