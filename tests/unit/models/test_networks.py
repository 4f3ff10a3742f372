"""The packed networks: each sequence computed as if it were alone, whatever lies beside it."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from glmkit.errors import BadInput
from glmkit.models import LSTM, LSTMConfig, Transformer, TransformerConfig, new_classifier, new_model, weights_hash
from glmkit.models.networks import pack
from glmkit.models.networks.attention import PlainAttention, attend_causal
from glmkit.models.networks.packing import group
from glmkit.models.networks.pooling import pool_hidden
from glmkit.tokens import BaseTokenizer

SHAPE: dict[str, Any] = {"vocabulary_size": 10, "width": 12, "layers": 3}
LENGTHS = [4, 9, 4, 1, 9, 6]


def networks() -> list[torch.nn.Module]:
    torch.manual_seed(2)
    made: list[torch.nn.Module] = [
        Transformer(TransformerConfig(**SHAPE, heads=2, feedforward=20, causal=causal)) for causal in (False, True)
    ] + [LSTM(LSTMConfig(**SHAPE, causal=causal)) for causal in (False, True)]
    for network in made:
        for parameter in network.parameters():
            parameter.data += 0.2 * torch.randn(parameter.shape)
    return [network.eval() for network in made]


def sequences(lengths: list[int]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 10, length).astype(np.uint8) for length in lengths]


@pytest.mark.parametrize("network", networks(), ids=["masked", "causal", "bilstm", "lstm"])
def test_packed_equals_each_alone(network: Any) -> None:
    items = sequences(LENGTHS)
    tokens, boundaries = pack(items)
    together = network(tokens, boundaries)
    layers = network.hidden_states(tokens, boundaries)
    assert together.shape == (33, 12)
    assert len(layers) == 4
    assert torch.equal(layers[-1], together)
    for item, start, stop in zip(items, boundaries[:-1], boundaries[1:], strict=True):
        alone = network(*pack([item]))
        torch.testing.assert_close(together[start:stop], alone, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(layers[1][start:stop], network.hidden_states(*pack([item]))[1], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("number", "sees_ahead"), [(0, True), (1, False), (2, True), (3, False)])
def test_only_causal_networks_do_not_look_ahead(number: int, sees_ahead: bool) -> None:
    network = networks()[number]
    first, changed = sequences([9])[0], sequences([9])[0]
    changed[6] = (changed[6] + 1) % 10
    with torch.no_grad():
        difference = (network(*pack([first])) - network(*pack([changed]))).abs().amax(-1)
    assert bool((difference[:6] > 1e-4).any()) is sees_ahead
    assert difference[6] > 1e-4


def test_order_matters_through_rotary_positions() -> None:
    network = networks()[0]
    with torch.no_grad():
        there = network(*pack([np.array([4, 5, 6])]))
        back = network(*pack([np.array([6, 5, 4])])).flip(0)
    assert (there - back).abs().max() > 1e-3


def test_sequences_of_equal_length_become_views() -> None:
    groups = group(torch.tensor([0, 4, 8, 12]), torch.device("cpu"))
    assert [tuple(span) for span in groups.spans] == [(0, 3, 4, 0)]
    assert groups.order is None
    groups = group(torch.tensor([0, 2, 5, 7]), torch.device("cpu"))
    assert [tuple(span) for span in groups.spans] == [(0, 2, 2, 0), (4, 1, 3, 0)]
    assert groups.order is not None
    assert groups.order.tolist() == [0, 1, 5, 6, 2, 3, 4]
    assert groups.back is not None
    assert groups.order[groups.back].tolist() == list(range(7))


@pytest.mark.parametrize("causal", [False, True])
def test_plain_attention_equals_the_fused_one(causal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glmkit.models.networks.attention.CHUNK", 2 * 5 * 5 * 8)  # two matrices at a time
    q, k, v = (torch.randn(3, 5, 4, dtype=torch.float64, requires_grad=True) for _ in range(3))
    gradient = torch.randn(3, 5, 4, dtype=torch.float64)
    hidden = torch.ones(5, 5, dtype=torch.bool).triu(1) if causal else None
    ours = PlainAttention.apply(q, k, v, hidden)
    theirs = F.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=causal, scale=1.0)[0]
    torch.testing.assert_close(ours, theirs)
    mine, other = (torch.autograd.grad(out, (q, k, v), gradient) for out in (ours, theirs))
    for a, b in zip(mine, other, strict=True):
        torch.testing.assert_close(a, b)


def test_bf16_training_on_a_cpu_takes_the_plain_way_and_agrees() -> None:
    q, k, v = (torch.randn(2, 7, 3, 4, requires_grad=True) for _ in range(3))
    exact = attend_causal(q, k, v)
    rough = attend_causal(q.bfloat16(), k.bfloat16(), v.bfloat16())
    assert rough.grad_fn is not None
    assert "PlainAttention" in str(rough.grad_fn.next_functions[0][0].next_functions)
    torch.testing.assert_close(rough.float(), exact, atol=0.05, rtol=0.05)


def test_logits_at_scored_positions_only() -> None:
    model = new_model(TransformerConfig(vocabulary_size=10, width=12, layers=1, heads=2, feedforward=20), BaseTokenizer())
    tokens, boundaries = pack(sequences(LENGTHS))
    where = torch.tensor([3, 17, 32])
    every = model.logits(tokens, boundaries)
    assert every.shape == (33, 10)
    torch.testing.assert_close(model.logits(tokens, boundaries, where), every[where])
    assert model.hidden(tokens, boundaries).shape == (33, 12)


def test_a_seed_decides_the_weights_and_leaves_the_global_one_alone() -> None:
    config = LSTMConfig(vocabulary_size=10, width=4, layers=1)
    torch.manual_seed(9)
    expected = torch.rand(3)
    torch.manual_seed(9)
    first = new_model(config, BaseTokenizer(), seed=1)
    assert torch.equal(torch.rand(3), expected)
    assert weights_hash(first) == weights_hash(new_model(config, BaseTokenizer(), seed=1))
    assert weights_hash(first) != weights_hash(new_model(config, BaseTokenizer(), seed=2))
    assert first.card["parameters"] == sum(parameter.numel() for parameter in first.parameters())


@pytest.mark.parametrize(
    ("pool", "expected"), [("first", [0, 3, 5]), ("last", [2, 4, 9]), ("centre", [1, 4, 7]), ("mean", [1, 3.5, 7])]
)
def test_pooling(pool: str, expected: list[float]) -> None:
    hidden = torch.arange(10.0)[:, None].expand(10, 2)
    pooled = pool_hidden(hidden, torch.tensor([0, 3, 5, 10]), pool)
    assert pooled[:, 1].tolist() == expected


def test_a_classifier_gives_one_row_a_sequence() -> None:
    model = new_model(TransformerConfig(vocabulary_size=10, width=12, layers=1, heads=2, feedforward=20), BaseTokenizer())
    classifier = new_classifier(model, ["a", "b", "c"], pool="centre")
    assert classifier(*pack(sequences(LENGTHS))).shape == (6, 3)
    with pytest.raises(BadInput, match="two or more classes"):
        new_classifier(model, ["only"])
    with pytest.raises(BadInput, match=r"pool: expected one of mean, centre, centre\+mean, first, last, cls, got 'max'"):
        new_classifier(model, ["a", "b"], pool="max")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"width": 18, "heads": 4}, "width=18 does not divide into 4 heads of even size. Choose a multiple of 8"),
        ({"layers": 0}, "layers must be 1 or more, got 0"),
        ({"dropout": 1.0}, r"dropout must lie in \[0, 1\), got 1.0"),
        ({"positions": "sinusoid"}, "positions must be one of 'rotary', 'learned', 'none', got 'sinusoid'"),
        ({"positions": "learned"}, "maximum_positions=0 does not go with positions='learned'"),
        ({"mixing": ("global", "flash")}, "mixing must list some of global, local, convolution"),
        ({"kernel": 4}, "kernel must be odd"),
        ({"token_dropout": 10}, "token_dropout is the mask's id, below 10; got 10"),
    ],
)
def test_a_config_names_what_is_wrong(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        TransformerConfig(**({"vocabulary_size": 10} | wrong))


def test_bad_packs_and_models() -> None:
    with pytest.raises(BadInput, match="sequence 1 has no token"):
        pack([np.array([4]), np.array([], dtype=int)])
    with pytest.raises(BadInput, match="got no sequence at all"):
        pack([])
    with pytest.raises(BadInput, match="tokenizer has 10 vocabulary entries but the network was made for 11"):
        new_model(LSTMConfig(vocabulary_size=11), BaseTokenizer())
