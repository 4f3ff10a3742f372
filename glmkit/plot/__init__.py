"""Figures from arrays and tables, never from models. Each verb returns a matplotlib Figure that pyplot does not know."""

from glmkit.plot.cell_scores import class_dots, output_dots, shift_bars
from glmkit.plot.cells import confusion_matrix, embedding_scatter
from glmkit.plot.contacts import contact_map
from glmkit.plot.dependency import dependency_map
from glmkit.plot.genomes import genomes
from glmkit.plot.histograms import log_histogram
from glmkit.plot.logos import effect_map, logo, logo_pair
from glmkit.plot.motifs import importance_bars, motif_logos
from glmkit.plot.proteins import attention_map, landscape_map
from glmkit.plot.protocols import few_shot_curves, reliability, table_figure
from glmkit.plot.scores import bits_bars, lines_with_bands, roc_curves, score_dots
from glmkit.plot.sweeps import sweep_lines
from glmkit.plot.training import curves, training_curves

__all__ = [
    "attention_map",
    "bits_bars",
    "class_dots",
    "confusion_matrix",
    "contact_map",
    "curves",
    "dependency_map",
    "effect_map",
    "embedding_scatter",
    "few_shot_curves",
    "genomes",
    "importance_bars",
    "landscape_map",
    "lines_with_bands",
    "log_histogram",
    "logo",
    "logo_pair",
    "motif_logos",
    "output_dots",
    "reliability",
    "roc_curves",
    "score_dots",
    "shift_bars",
    "sweep_lines",
    "table_figure",
    "training_curves",
]
