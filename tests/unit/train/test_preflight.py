"""The preflight: what it counts, what it leaves alone, and what it advises."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from glmkit import train
from glmkit.errors import BadInput, ResourceError
from glmkit.models import TransformerConfig, new_classifier, new_model, weights_hash
from glmkit.models.networks import pack
from glmkit.tokens import BaseTokenizer
from glmkit.train import TrainConfig, freeze
from glmkit.train import _preflight as planning

LENGTHS = np.random.default_rng(0).integers(60, 200, 50)
CONFIG = TrainConfig(steps=100, batch_tokens=4096, device="cpu", precision="float32")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def model() -> Any:
    shape = TransformerConfig(vocabulary_size=10, width=24, layers=12, heads=3, feedforward=96)
    return new_model(shape, BaseTokenizer(), seed=1)


def kept(network: Any, lengths: np.ndarray) -> int:
    """Bytes of all that a forward pass of the full size keeps."""
    seen: dict[int, int] = {}
    own = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    tokens, boundaries = pack([np.full(length, 5) for length in lengths])
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss = network.train().logits(tokens, boundaries, torch.arange(0, len(tokens), 7)).square().sum()
    assert loss.requires_grad
    network.eval()
    return sum(seen.values())


def limit(monkeypatch: pytest.MonkeyPatch, size: float) -> None:
    monkeypatch.setattr(planning, "_available", lambda device: int(size))


def test_it_counts_what_training_needs() -> None:
    network = model()
    found = train.preflight(network, LENGTHS, CONFIG)
    numbers = sum(parameter.numel() for parameter in network.parameters())
    assert (found.parameters, found.trainable) == (numbers, numbers)
    assert (found.weight_bytes, found.gradient_bytes, found.optimiser_bytes) == (4 * numbers, 4 * numbers, 8 * numbers)
    within = LENGTHS[np.cumsum(LENGTHS) <= 4096]
    assert found.activation_bytes == pytest.approx(planning.MARGIN * kept(network, within), rel=0.1)
    assert found.fits
    assert found.verdict.startswith("Fits: ")
    assert found.seconds > 0
    assert "about" in str(found)
    found.require()


def test_what_is_frozen_needs_less() -> None:
    head = new_classifier(model(), ["a", "b"], hidden=5)
    freeze(head, "head")
    small, whole = train.preflight(head, LENGTHS, CONFIG), train.preflight(model(), LENGTHS, CONFIG)
    assert small.gradient_bytes == 4 * (24 * 5 + 5 + 5 * 2 + 2)
    assert small.activation_bytes < whole.activation_bytes / 4


def test_model_and_generators_are_left_alone() -> None:
    network = model()
    freeze(network, 2)
    before = weights_hash(network), [parameter.requires_grad for parameter in network.parameters()], torch.get_rng_state()
    numbers = np.random.get_state()[1]  # noqa: NPY002
    train.preflight(network, LENGTHS, CONFIG)
    assert weights_hash(network) == before[0]
    assert [parameter.requires_grad for parameter in network.parameters()] == before[1]
    assert torch.equal(torch.get_rng_state(), before[2])
    assert (np.random.get_state()[1] == numbers).all()  # noqa: NPY002
    assert not network.training
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not network.network.layers[0]._forward_hooks


def test_it_says_what_would_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    network = model()
    whole = train.preflight(network, LENGTHS, CONFIG)
    again = train.preflight(network, LENGTHS, replace(CONFIG, checkpoint_activations=True))
    assert again.activation_bytes < whole.activation_bytes / 2
    rest = whole.needed_bytes - whole.activation_bytes
    limit(monkeypatch, (whole.activation_bytes * 0.55 + rest) / 0.9)
    found = train.preflight(network, LENGTHS, CONFIG)
    assert not found.fits
    words = r"Does not fit: .* available on cpu. Settings that fit: batch_tokens=2048 .with accumulation=2 the same effective batch. or checkpoint_activations=True"
    with pytest.raises(ResourceError, match=words) as caught:
        found.require()
    assert caught.value.exit_code == 5
    assert train.preflight(network, LENGTHS, replace(CONFIG, batch_tokens=2048)).fits
    assert train.preflight(network, LENGTHS, replace(CONFIG, checkpoint_activations=True)).fits
    limit(monkeypatch, (whole.activation_bytes * 0.025 + rest) / 0.9)
    assert "batch_tokens=256 and checkpoint_activations=True" in train.preflight(network, LENGTHS, CONFIG).verdict
    limit(monkeypatch, (whole.activation_bytes * 0.005 + rest) / 0.9)
    assert f"A single sequence of {LENGTHS.max()} tokens exceeds the memory" in train.preflight(network, LENGTHS, CONFIG).verdict
    limit(monkeypatch, rest / 2)
    found = train.preflight(network, LENGTHS, CONFIG)
    assert "Weights, gradients and optimiser alone exceed the memory" in found.verdict
    assert np.isnan(found.seconds)


def test_nothing_to_train_is_refused() -> None:
    with pytest.raises(BadInput, match="The corpus has no items"):
        train.preflight(model(), np.array([]), CONFIG)
    network = model()
    network.requires_grad_(False)
    with pytest.raises(BadInput, match="requires_grad=True, so there is nothing to train"):
        train.preflight(network, LENGTHS, CONFIG)
