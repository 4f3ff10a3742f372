"""Activations computed again: equal gradients from less memory."""

from typing import Any

import numpy as np
import pytest
import torch

from glmkit.errors import BadInput
from glmkit.models import LSTMConfig, TransformerConfig, new_model, weights_hash
from glmkit.models.networks import pack
from glmkit.tokens import BaseTokenizer
from glmkit.train import MaskedLanguageModel, TrainConfig, fit
from glmkit.train.loop.activation_checkpointing import recompute
from tests.faults.tiny_run import SETTINGS, Letters


def model(layers: int = 5) -> Any:
    shape = TransformerConfig(vocabulary_size=10, width=12, layers=layers, heads=3, feedforward=40, dropout=0.2)
    return new_model(shape, BaseTokenizer(), seed=1).train()


def gradients(again: bool) -> tuple[list[torch.Tensor], int]:
    """Gradients, and bytes that the forward pass kept for them."""
    network, kept = model(), {}
    own = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
    # a batch of 35 tokens is large enough for activations to outweigh the weights' copies
    batch = pack([np.arange(4, 8), np.array([5, 5, 7] * 7), np.full(10, 6)])

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with recompute(network, again):
        torch.manual_seed(3)
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            total = network.logits(*batch).square().sum()
        total.backward()
    return [parameter.grad for parameter in network.parameters() if parameter.grad is not None], sum(kept.values())


def test_equal_gradients_from_less_memory() -> None:
    (one, large), (other, small) = gradients(False), gradients(True)
    assert len(one) == len(other) > 50
    for kept, again in zip(one, other, strict=True):
        assert torch.equal(kept, again)
    assert small < large / 3


def test_a_run_gives_the_same_weights_and_the_model_back() -> None:
    hashes = set()
    for again in (False, True):
        network = model(2)
        config = TrainConfig(**SETTINGS | {"checkpoint_activations": again, "steps": 4})
        fit(network, Letters(), MaskedLanguageModel(), config)
        hashes.add(weights_hash(network))
        assert "forward" not in vars(network.network.layers[0])
    assert len(hashes) == 1


def test_a_network_without_layers_is_refused() -> None:
    network = new_model(LSTMConfig(vocabulary_size=10, width=8, layers=1), BaseTokenizer())
    del network.network.layers
    with pytest.raises(BadInput, match="needs a network with layers, got a LSTM"), recompute(network):
        pass
