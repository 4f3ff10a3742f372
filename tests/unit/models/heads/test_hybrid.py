"""The language model on a graph: nothing crosses sequences, order is only a name, and it needs both of its halves."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from glmkit.errors import BadInput
from glmkit.models import LSTM, LSTMConfig, Transformer, TransformerConfig
from glmkit.models.heads import Hybrid, HybridConfig
from glmkit.models.networks import graph, pack
from glmkit.tokens import make_tokenizer

LENGTHS = [7, 4, 11, 1]


def network() -> Transformer:
    torch.manual_seed(1)
    return Transformer(TransformerConfig(vocabulary_size=10, width=12, layers=2, heads=2, feedforward=20)).eval()


def hybrid(**options: Any) -> Hybrid:
    torch.manual_seed(2)
    return Hybrid(network(), HybridConfig(**({"outputs": 3, "width": 8, "heads": 2} | options))).eval()


def batch() -> tuple[list[np.ndarray], list[torch.Tensor]]:
    rng = np.random.default_rng(0)
    sequences = [rng.integers(4, 10, length) for length in LENGTHS]
    return sequences, [graph.knn(rng.normal(size=(length, 3)), 2) for length in LENGTHS]


@pytest.mark.parametrize("kind", ["gatv2", "sage"])
@pytest.mark.parametrize("pool", ["none", "mean"])
@pytest.mark.parametrize("features", ["model", "letters"])
def test_packed_equals_each_alone(kind: str, pool: str, features: str) -> None:
    model = hybrid(kind=kind, pool=pool, features=features)
    sequences, graphs = batch()
    tokens, boundaries = pack(sequences)
    together = model(tokens, boundaries, graph.join(graphs, boundaries))
    assert together.shape == ((23 if pool == "none" else 4), 3)
    alone = torch.cat([model(*pack([item]), edges) for item, edges in zip(sequences, graphs, strict=True)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["gatv2", "sage"])
def test_the_head_does_not_mind_the_order_of_its_nodes(kind: str) -> None:
    head = hybrid(kind=kind).head
    nodes, edges = torch.randn(11, 12), batch()[1][2]
    order = torch.randperm(11)
    place = torch.argsort(order)  # where each node went
    shuffled = place[edges][:, torch.randperm(edges.shape[1])]
    torch.testing.assert_close(head(nodes[order], shuffled), head(nodes, edges)[order], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["gatv2", "sage"])
def test_messages_go_as_far_as_there_are_layers_and_only_along_edges(kind: str) -> None:
    head = hybrid(kind=kind, layers=2).head
    nodes = torch.randn(5, 12)
    changed = nodes.clone()
    changed[0, :5] += 1
    edges = torch.tensor([[0, 1, 2], [1, 2, 3]])
    moved = (head(nodes, edges) - head(changed, edges)).abs().amax(-1) > 1e-6
    assert moved.tolist() == [True, True, True, False, False]
    moved = (head(nodes, edges[:, :0]) - head(changed, edges[:, :0])).abs().amax(-1) > 1e-6
    assert moved.tolist() == [True, False, False, False, False]


def test_pooling_leaves_special_tokens_out() -> None:
    tokenizer = make_tokenizer("protein")
    torch.manual_seed(3)
    body = Transformer(TransformerConfig(vocabulary_size=33, width=12, layers=1, heads=2, feedforward=20))
    config = HybridConfig(outputs=3, width=8, heads=2, layer=0)
    tokens, boundaries = pack([np.array([0, *tokenizer.encode("MKV"), 2]), np.array([0, *tokenizer.encode("WYRGA"), 2])])
    pooled = Hybrid(body, HybridConfig(outputs=3, width=8, heads=2, layer=0, pool="mean"), tokenizer).eval()
    each = Hybrid(body, config, tokenizer).eval()
    each.load_state_dict(pooled.state_dict())
    by_token = each(tokens, boundaries)
    expected = torch.stack([by_token[1:4].mean(0), by_token[6:11].mean(0)])
    torch.testing.assert_close(pooled(tokens, boundaries), expected, atol=1e-5, rtol=1e-5)


def test_a_measured_network_learns_nothing_and_drops_nothing() -> None:
    model = hybrid().train()
    assert model.training
    assert model.network is not None
    assert not model.network.training
    tokens, boundaries = pack(batch()[0])
    model(tokens, boundaries).sum().backward()
    assert all(parameter.grad is None for parameter in model.network.parameters())
    assert model.head.enter.weight.grad is not None
    model = hybrid(train_network=True).train()
    assert model.network is not None
    assert model.network.training
    model(tokens, boundaries).sum().backward()
    assert model.network.embedding.weight.grad is not None


def planted(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Residues touch in random pairs; a residue's label is whether the letter *before* its partner is one of three of six."""
    rng = np.random.default_rng(seed)
    sequences, graphs, labels = [], [], []
    for _ in range(count):
        letters = rng.integers(4, 10, 20)
        pairs = rng.permutation(20).reshape(10, 2)
        touch = np.zeros((20, 20))
        touch[pairs[:, 0], pairs[:, 1]] = touch[pairs[:, 1], pairs[:, 0]] = 1
        sequences.append(letters)
        graphs.append(graph.from_contacts(touch))
        labels.append(np.roll(letters, 1)[touch.argmax(1)] < 7)
        labels[-1][touch.argmax(1) == 0] = rng.random() < 0.5  # no letter stands before the first
    tokens, boundaries = pack(sequences)
    return tokens, boundaries, graph.join(graphs, boundaries), torch.from_numpy(np.concatenate(labels)).long()


@pytest.mark.parametrize(
    ("features", "with_graph", "learns"), [("model", True, True), ("model", False, False), ("letters", True, False)]
)
def test_a_contact_partners_context_needs_the_graph_and_the_language_model(features: Any, with_graph: bool, learns: bool) -> None:
    torch.manual_seed(4)
    body = LSTM(LSTMConfig(vocabulary_size=10, width=24, layers=1, causal=True)).eval()
    with torch.no_grad():  # as a trained network would, remember the letter before
        body.embedding.weight.mul_(10)
    model = Hybrid(body, HybridConfig(outputs=2, width=24, layers=1, kind="sage", features=features)).train()
    tokens, boundaries, edges, labels = planted(150, 0)
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.01)
    for _ in range(150):
        optimiser.zero_grad()
        F.cross_entropy(model(tokens, boundaries, edges if with_graph else None), labels).backward()
        optimiser.step()
    tokens, boundaries, edges, labels = planted(60, 1)
    with torch.no_grad():
        guess = model.eval()(tokens, boundaries, edges if with_graph else None).argmax(-1)
    accuracy = (guess == labels).float().mean().item()
    assert accuracy > 0.85 if learns else 0.4 < accuracy < 0.6


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"kind": "gcn"}, "kind must be one of gatv2, sage, got 'gcn'"),
        ({"pool": "max"}, "pool must be one of none, mean, centre, centre\\+mean, first, last, cls, got 'max'"),
        ({"features": "none"}, "features must be one of model, letters, got 'none'"),
        ({"outputs": 0}, "outputs must be 1 or more, got 0"),
        ({"width": 9}, "width=9 does not divide into 2 heads"),
        ({"dropout": 1.0}, r"dropout must lie in \[0, 1\), got 1.0"),
        ({"layer": 3}, "the network has layers -3 to 2, got 3"),
    ],
)
def test_a_config_names_what_is_wrong(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        hybrid(**wrong)


def test_edges_of_another_batch_are_refused() -> None:
    tokens, boundaries = pack(batch()[0])
    with pytest.raises(BadInput, match=r"token 6 and token 7 are in different sequences\. Join the graphs"):
        hybrid()(tokens, boundaries, torch.tensor([[1, 6], [2, 7]]))
