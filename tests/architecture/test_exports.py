"""Every public name is used: by a notebook, a page or another package, or it is in the library part of the API reference."""

import pytest

from tests.architecture.graph import faces
from tests.architecture.use import Named, between_packages, notebooks, pages, shown

# Names for use from Python that no notebook needs; the page "Library" of the API reference has them. The list may only shrink.
LIBRARY = [
    "AlignmentColumns",
    "Audit",
    "Batch",
    "Bits",
    "BlastNeighbour",
    "Blosum62",
    "BoostedTrees",
    "BpeTokenizer",
    "Calibration",
    "CellStore",
    "ClassShares",
    "CodonUsage",
    "ComponentsLogistic",
    "ComponentsRidge",
    "CompositionBoosting",
    "CompositionForest",
    "CompositionSVM",
    "DipeptideLinear",
    "FitResult",
    "GeneMap",
    "GffFeature",
    "KmerForest",
    "KmerLinear",
    "KmerSVM",
    "KmerTokenizer",
    "LSTM",
    "Location",
    "METRICS",
    "Majority",
    "MeanOutputs",
    "Memorisation",
    "Method",
    "Metric",
    "Motif",
    "MultiVI",
    "MutantForest",
    "MutantLinear",
    "NearestCells",
    "NearestRelative",
    "NearestValues",
    "NucleotideTokenizer",
    "Objective",
    "OneHotForest",
    "OwnGene",
    "PairSplit",
    "Patience",
    "PositionWeights",
    "Probe",
    "Ragged",
    "Ranking",
    "RecurrentLanguage",
    "ResultsCard",
    "Row",
    "Table",
    "Temperature",
    "TotalVI",
    "VariableForest",
    "add_to_alignment",
    "align",
    "antibody_genes",
    "attention_rollout",
    "base_log_likelihood",
    "blast_hits",
    "bootstrap",
    "closest_dna",
    "closest_train_neighbour",
    "cluster_dna",
    "combine",
    "dependency_map",
    "esm2",
    "few_shot_curves",
    "fold_groups",
    "gradient_times_input",
    "hold_out",
    "k_fold",
    "load_adapters",
    "logo",
    "map_genes",
    "match_motifs",
    "open_with_transformers",
    "plant",
    "pwm_baselines",
    "read_card",
    "read_genbank",
    "read_motifs",
    "reproduce",
    "resolve",
    "samples",
    "save_adapters",
    "scan",
    "seqlets",
    "shapley",
    "shapley_features",
    "site_independent",
    "split_by",
    "split_dates",
    "split_pairs",
    "split_positions",
    "stored",
    "table_differences",
    "table_figure",
    "temperature",
    "token_probabilities",
    "translate",
    "untrained",
    "weight_groups",
    "write_motifs",
    "zero_shot",
]

# Names that later work uses: generation, contacts, the perturbation benchmark, paired tests, training in several processes and its
# estimate beforehand, graph hybrids and the importance of genes and SNPs. The list may only shrink.
KEPT = [
    "Effects",
    "GeneHybrid",
    "Hybrid",
    "HybridConfig",
    "Machine",
    "Preflight",
    "Rendezvous",
    "additive",
    "coexpression_graph",
    "fit_contact_head",
    "fit_distributed",
    "gene_importance",
    "generate",
    "holm",
    "importance_bars",
    "mean_effect",
    "new_gene_hybrid",
    "no_change",
    "paired_test",
    "perturbation_effects",
    "perturbation_scores",
    "perturbation_summary",
    "precision_at_L",
    "preflight",
    "slurm_rendezvous",
    "snp_importance",
]


def unused(used: Named) -> list[str]:
    """Public names that are not among `used`, which has the defining module and the name."""
    return sorted({name for names in faces().values() for name, module in names.items() if (module, name) not in used})


def test_every_export_is_used_or_belongs_to_the_library() -> None:
    assert unused(shown([*notebooks(), *pages()]) | between_packages()) == sorted([*LIBRARY, *KEPT])


@pytest.mark.parametrize("names", [LIBRARY, KEPT])
def test_no_name_is_listed_twice(names: list[str]) -> None:
    assert len(set(names)) == len(names)


def test_an_unused_export_is_found() -> None:
    assert "embed" in unused(set())
