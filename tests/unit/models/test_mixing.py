"""Local attention, convolutions and the other choices of a `TransformerConfig`: packed equals alone, and windows are windows.

Covers ``glmkit.models.networks.mixers``.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from glmkit.errors import BadInput
from glmkit.models import TransformerConfig, load, new_model, save
from glmkit.models.networks import Cache, pack
from glmkit.models.networks.attention import attend_nearby, nearby
from glmkit.tokens import BaseTokenizer

SHAPE: dict[str, Any] = {"vocabulary_size": 10, "width": 24, "layers": 4, "heads": 3, "feedforward": 28}
CHOICES: dict[str, dict[str, Any]] = {
    "local and global": {"mixing": ("local", "global"), "window": 3},
    "local, causal": {"mixing": ("local",), "window": 3, "causal": True},
    "convolution and global": {"mixing": ("convolution", "global"), "kernel": 5},
    "convolution, causal": {"mixing": ("convolution",), "kernel": 5, "causal": True},
    "rms, swiglu, no biases": {"norm_kind": "rms", "activation": "swiglu", "biases": "none"},
    "post-norm, relu, learned": {"norm": "post", "activation": "relu", "positions": "learned", "maximum_positions": 40},
    "plain, causal": {"causal": True},
    "no positions": {"positions": "none", "mixing": ("convolution", "global")},
}


def sequences() -> list[np.ndarray]:
    rng = np.random.default_rng(2)
    return [rng.integers(4, 8, length) for length in (9, 31, 1, 9, 16)]


def moved(choice: str) -> Any:
    model = new_model(TransformerConfig(**SHAPE, **CHOICES[choice]), BaseTokenizer(), seed=1)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return model


@pytest.mark.parametrize("choice", list(CHOICES))
def test_packed_equals_each_alone_and_the_scored_positions(choice: str) -> None:
    model, given = moved(choice), sequences()
    tokens, boundaries = pack(given)
    where = torch.tensor([65, 0, 8, 9, 39, 40, 40, 22])
    with torch.no_grad():
        whole = model.logits(tokens, boundaries)
        alone = torch.cat([model.logits(*pack([ids])) for ids in given])
        some = model.logits(tokens, boundaries, where)
    assert whole.std() > 0.3
    torch.testing.assert_close(whole, alone, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(some, whole[where], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("choice", [choice for choice in CHOICES if "causal" in choice])
def test_a_causal_choice_sees_nothing_that_comes_later(choice: str) -> None:
    model, ids = moved(choice), sequences()[1]
    changed = ids.copy()
    changed[20:] = 4 + (changed[20:] - 3) % 4
    with torch.no_grad():
        before, after = (model.logits(*pack([x])) for x in (ids, changed))
    torch.testing.assert_close(before[:20], after[:20])
    assert (before[20:] - after[20:]).abs().max() > 0.1


@pytest.mark.parametrize("choice", [choice for choice in CHOICES if "causal" in choice])
def test_a_cache_gives_what_reading_everything_gives(choice: str) -> None:
    model, ids = moved(choice), np.stack([sequences()[1], sequences()[1][::-1]])
    cache = Cache()
    with torch.no_grad():
        model.read_on(torch.from_numpy(ids[:, :6]), cache)
        model.read_on(torch.from_numpy(ids[:, 6:9]), cache)
        for place in range(9, 31):
            last = model.read_on(torch.from_numpy(ids[:, place : place + 1]), cache)
        whole = model.logits(*pack(list(ids)))
    torch.testing.assert_close(last, whole[[30, 61]], rtol=1e-4, atol=1e-5)
    assert cache.length == 31
    turned = cache.select(torch.tensor([1, 0, 0]))
    with torch.no_grad():
        same = model.read_on(torch.full((3, 1), 5), turned)
    torch.testing.assert_close(same[1], same[2])
    assert (same[0] - same[1]).abs().max() > 0.01


def test_a_model_that_looks_both_ways_has_no_cache() -> None:
    with pytest.raises(BadInput, match="Only a causal model can continue from a cache"):
        moved("no positions").read_on(torch.zeros(1, 2, dtype=torch.int64), Cache())


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("length", [1, 6, 7, 13, 30])
def test_local_attention_is_full_attention_behind_a_band(causal: bool, length: int) -> None:
    q, k, v = (torch.randn(2, length, 3, 4, requires_grad=True) for _ in range(3))
    seen = nearby(torch.arange(length), length, 3, causal)
    assert seen.sum(1).max() <= (4 if causal else 7)
    band = F.scaled_dot_product_attention(*(x.transpose(1, 2) for x in (q, k, v)), attn_mask=seen).transpose(1, 2)
    blocks = attend_nearby(q, k, v, 3, causal)
    torch.testing.assert_close(blocks, band)
    for mine, other in zip(*(torch.autograd.grad((x * x).sum(), (q, k, v)) for x in (blocks, band)), strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize("choice", list(CHOICES))
def test_saved_and_opened_again(choice: str, tmp_path: Path) -> None:
    model = moved(choice)
    again = load(save(model, tmp_path / "model"), device="cpu")
    assert replace(again.network.config, family="auto") == model.network.config
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


@pytest.mark.parametrize("choice", list(CHOICES))
def test_bf16_autocast_trains(choice: str) -> None:
    model, given = moved(choice), sequences()
    tokens, boundaries = pack(given)
    exact = model.logits(tokens, boundaries, torch.tensor([3, 30, 31, 60]))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = model.logits(tokens, boundaries, torch.tensor([3, 30, 31, 60]))
    torch.testing.assert_close(rough.float(), exact, atol=0.3, rtol=0.3)
    rough.float().square().sum().backward()
    assert all(parameter.grad is None or parameter.grad.isfinite().all() for parameter in model.parameters())
    assert model.network.layers[0].mixer.out.weight.grad.abs().sum() > 0
