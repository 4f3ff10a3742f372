"""Heads that begin by looking at their neighbours: they do, and the file format does not notice."""

from pathlib import Path

import pytest
import torch

from glmkit.errors import BadInput
from glmkit.models import LSTMConfig, TransformerConfig, load, new_model, save, weights_hash
from glmkit.models.networks.local_attention_init import offsets
from glmkit.models.networks.packed_layout import rotary_table, rotate
from glmkit.tokens import BaseTokenizer

TOKENIZER = BaseTokenizer()


def attention(model, layer: int, length: int = 40) -> torch.Tensor:
    """Weights (heads, length, length) that the biases alone give."""
    config = model.network.config
    bias = model.network.layers[layer].mixer.qkv.bias.detach().view(3, 1, 1, config.heads, -1)
    cosine, sine = rotary_table(length, config.width // config.heads, torch.device("cpu"))
    query, key = (rotate(bias[i].expand(1, length, -1, -1), cosine, sine)[0] for i in (0, 1))
    return (torch.einsum("ihd,jhd->hij", query, key) / query.shape[-1] ** 0.5).softmax(-1)


@pytest.mark.parametrize(("layer", "step"), [(0, 1), (1, 3)])
def test_each_head_looks_where_it_should(layer: int, step: int) -> None:
    config = TransformerConfig(vocabulary_size=10, width=96, layers=3, heads=6, feedforward=40)
    weights = attention(new_model(config, TOKENIZER, 0, start="nearby"), layer)
    assert (weights[:, 20].argmax(-1) - 20).tolist() == offsets(6, step, causal=False)
    assert weights[:, 20].max(-1).values.min() > 3 / 40


def test_neighbours_on_both_sides_or_before() -> None:
    assert offsets(5, 3, causal=False) == [-3, 3, -6, 6, -9]
    assert offsets(3, 1, causal=True) == [-1, -2, -3]


def test_it_is_a_function_of_the_seed_and_saves_as_ever(tmp_path: Path) -> None:
    config = TransformerConfig(vocabulary_size=10, width=32, layers=1, heads=4, feedforward=24)
    one, two = (new_model(config, TOKENIZER, 3, start="nearby") for _ in range(2))
    assert weights_hash(one) == weights_hash(two) != weights_hash(new_model(config, TOKENIZER, 3))
    save(one, tmp_path / "model")
    assert weights_hash(load(tmp_path / "model", device="cpu")) == weights_hash(one)


def test_other_networks_and_names_are_refused() -> None:
    with pytest.raises(BadInput, match="start='nearby' is for a Transformer, not for LSTM"):
        new_model(LSTMConfig(vocabulary_size=10, width=8, layers=1), TOKENIZER, 0, start="nearby")
    with pytest.raises(BadInput, match="start must be one of plain, nearby, got 'far'"):
        new_model(TransformerConfig(vocabulary_size=10), TOKENIZER, 0, start="far")
