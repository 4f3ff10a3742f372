"""Baselines, metrics with intervals over the unit of independence, and comparisons that end in a sentence.

Nothing here imports PyTorch unless the recurrent baseline is asked for.
"""

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
from glmkit.evaluate.fitted import Baseline
from glmkit.evaluate.markov import MarkovModel
from glmkit.evaluate.metrics import METRICS, Metric
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
    "CompositionForest",
    "CompositionSVM",
    "DipeptideLinear",
    "Estimate",
    "Fold",
    "KmerForest",
    "KmerSVM",
    "Majority",
    "MarkovModel",
    "Metric",
    "NearestCells",
    "NearestRelative",
    "OneHotForest",
    "PositionWeights",
    "Probe",
    "RecurrentNetwork",
    "Row",
    "SiteLinear",
    "Table",
    "Task",
    "VariableForest",
    "bootstrap",
    "cell_baselines",
    "cell_task",
    "compare",
    "few_shot",
    "joined",
    "modality_task",
    "precision_at_L",
    "protein_baselines",
    "ridge_path",
    "split_positions",
    "standard_baselines",
    "stored",
]
