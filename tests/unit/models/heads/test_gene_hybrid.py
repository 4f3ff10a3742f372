"""Message passing over genes: who hears whom in a batch of cells, ablations, training, and back from disk."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from glmkit.data.gene_graph import GeneGraph
from glmkit.errors import BadInput
from glmkit.models import TransformerConfig, load_head, new_model, save_head
from glmkit.models.heads import new_gene_hybrid
from glmkit.models.heads.registry import head_settings
from glmkit.models.networks import pack
from glmkit.score import class_probabilities
from glmkit.tokens import RankTokenizer
from glmkit.train import Classification, TrainConfig, fit

GENES = tuple(f"gene {i}" for i in range(11))
GRAPH = GeneGraph(("gene 4", "gene 2", "other", "gene 9"), np.array([[1, 2], [3, 0], [0, 1], [-1, -1]]))


def model_of(layout: str = "v2") -> Any:
    tokenizer = RankTokenizer(GENES, np.ones(11), layout=layout)
    config = TransformerConfig(vocabulary_size=len(tokenizer.vocabulary), width=12, layers=1, heads=2, feedforward=20)
    return new_model(config, tokenizer, seed=1)


class Corpus:
    """Cells as ids."""

    def __init__(self, items: list[np.ndarray]) -> None:
        self.items, self.lengths, self.hash = items, np.array([len(item) for item in items]), "cells"

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> np.ndarray:
        return self.items[index]


def test_genes_hear_their_neighbours_in_their_own_cell() -> None:
    hybrid = new_gene_hybrid(model_of("v1"), ["a", "b"], GRAPH)
    ids = {gene: i + 2 for i, gene in enumerate(GENES)}
    given = [["gene 2", "gene 7", "gene 4"], ["gene 9", "gene 0"], ["gene 9", "gene 2"]]
    tokens, boundaries = pack([np.array([ids[gene] for gene in cell]) for cell in given])
    edges = {tuple(pair) for pair in hybrid.edges(tokens, boundaries).T.tolist()}
    assert edges == {(0, 2), (2, 0), (5, 6)}  # 4 hears 2, 2 hears 4 and 9; 9 hears nobody
    assert new_gene_hybrid(model_of(), ["a", "b"], None).edges(tokens, boundaries).shape == (2, 0)


@pytest.mark.parametrize("kind", ["gatv2", "sage"])
def test_a_cell_is_classified_as_if_it_were_alone(kind: Any) -> None:
    hybrid = new_gene_hybrid(model_of(), ["a", "b", "c"], GRAPH, messages=kind, width=8, heads=2)
    rng = np.random.default_rng(0)
    cells = [rng.permutation(11)[:length] + 4 for length in (9, 3, 11, 7)]
    together = class_probabilities(hybrid, cells)
    assert together.shape == (4, 3)
    for cell, found in zip(cells, together, strict=True):
        np.testing.assert_allclose(class_probabilities(hybrid, [cell])[0], found, atol=1e-6)
    alone = new_gene_hybrid(model_of(), ["a", "b", "c"], None, messages=kind, width=8, heads=2)
    alone.load_state_dict({k: v for k, v in hybrid.state_dict().items() if k != "neighbours"}, strict=False)
    assert np.abs(class_probabilities(alone, cells) - together).max() > 1e-5  # the graph is of consequence


@pytest.mark.parametrize("features", ["model", "letters"])
def test_it_learns_and_leaves_the_language_model_alone(features: Any) -> None:
    rng = np.random.default_rng(1)
    cells = [rng.permutation(11)[:6] + 4 for _ in range(40)]
    labels = np.array([int(13 in cell) for cell in cells])
    hybrid = new_gene_hybrid(model_of(), ["without", "with"], GRAPH, features=features, width=16, messages="sage", dropout=0.0)
    before = {name: tensor.clone() for name, tensor in hybrid.network.state_dict().items()}
    settings: dict[str, Any] = {"batch_tokens": 200, "device": "cpu", "precision": "float32", "learning_rate": 1e-2}
    fit(hybrid, Corpus(cells), Classification(labels), TrainConfig(steps=40, **settings))
    assert (class_probabilities(hybrid, cells).argmax(1) == labels).mean() > 0.9
    for name, tensor in hybrid.network.state_dict().items():
        assert torch.equal(tensor, before[name]), name


@pytest.mark.parametrize("features", ["model", "letters"])
def test_back_from_disk(features: Any, tmp_path: Path) -> None:
    hybrid = new_gene_hybrid(model_of(), ["a", "b"], GRAPH, features=features, layers=1)
    again = load_head(save_head(hybrid, tmp_path / "hybrid"), device="cpu")
    assert head_settings(again) == head_settings(hybrid)
    assert torch.equal(again.neighbours, hybrid.neighbours)
    cells = [np.array([6, 8, 13]), np.array([4, 6])]
    np.testing.assert_array_equal(class_probabilities(again, cells), class_probabilities(hybrid, cells))


def test_a_graph_over_other_genes_is_refused() -> None:
    with pytest.raises(BadInput, match=r"None of the graph's 1 genes \(ENSG1, …\) is one of the tokenizer's 11"):
        new_gene_hybrid(model_of(), ["a", "b"], GeneGraph(("ENSG1",), np.array([[-1]])))
