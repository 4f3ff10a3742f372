"""Recurrent networks: each sequence as if it were alone, in either layout, forwards and backwards."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from glmkit.errors import BadInput
from glmkit.models import LSTM, LSTMConfig, load, new_model, save, weights_hash
from glmkit.models.networks import MLSTM, pack
from glmkit.models.networks.mlstm import MLSTMConfig
from glmkit.models.networks.stepwise import by_step
from glmkit.tokens import BaseTokenizer

LENGTHS = [4, 9, 1, 7, 9, 6, 2, 12]  # seven distinct ones: more than rectangles are worth
ALL = ["lstm", "lstm causal", "gru", "gru causal", "rnn", "rnn causal", "mlstm"]


def make(name: str) -> Any:
    torch.manual_seed(3)
    if name == "mlstm":
        return MLSTM(MLSTMConfig(vocabulary_size=11, width=8, layers=3, embedding_width=5)).eval()
    cell, *rest = name.split()
    config = LSTMConfig(vocabulary_size=11, width=8, layers=3, cell=cell, causal=bool(rest))  # type: ignore[arg-type]
    return LSTM(config).eval()


def items() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 11, length) for length in LENGTHS]


@pytest.mark.parametrize("name", ALL)
def test_packed_equals_each_alone_with_its_gradients(name: str) -> None:
    network, sequences = make(name), items()
    tokens, boundaries = pack(sequences)
    states = network.hidden_states(tokens, boundaries)
    together = network(tokens, boundaries)
    assert torch.equal(states[-1], together)
    assert [state.shape for state in states] == [(50, 8)] * 4
    where = torch.tensor([49, 0, 13])
    assert torch.equal(network(tokens, boundaries, where), together[where])
    weights = torch.linspace(-1, 1, 50 * 8).view(50, 8)
    gradients = torch.autograd.grad((together * weights).sum(), list(network.parameters()))
    alone = torch.cat([network(*pack([item])) for item in sequences])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)
    for ours, theirs in zip(gradients, torch.autograd.grad((alone * weights).sum(), list(network.parameters())), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ALL)
def test_only_causal_networks_do_not_look_ahead(name: str) -> None:
    network, item = make(name), items()[-1]
    changed = item.copy()
    changed[8] = (changed[8] + 1) % 11
    with torch.no_grad():
        difference = (network(*pack([item])) - network(*pack([changed]))).abs().amax(-1)
    sees_ahead = bool((difference[:8] > 0).any())
    assert sees_ahead is (not network.config.causal)
    assert difference[8] > 1e-6


def test_elmans_network_by_hand() -> None:
    network, item = make("rnn causal"), items()[3]
    x = network.embedding.weight.detach().double().numpy()[item]
    for layer in network.layers:
        into, across = layer.weight_ih_l0.detach().double().numpy(), layer.weight_hh_l0.detach().double().numpy()
        bias = (layer.bias_ih_l0 + layer.bias_hh_l0).detach().double().numpy()
        state, states = np.zeros(8), []
        for letter in x:
            state = np.tanh(into @ letter + across @ state + bias)
            states.append(state)
        x = np.array(states)
    np.testing.assert_allclose(network(*pack([item])).detach().numpy(), x, atol=1e-6)


def test_the_layout_walks_step_by_step_with_the_longest_first() -> None:
    steps = by_step(torch.tensor([0, 2, 6, 7, 11]), torch.device("cpu"))
    assert steps.sizes.tolist() == [4, 3, 2, 2]
    assert steps.order.tolist() == [2, 7, 0, 6, 3, 8, 1, 4, 9, 5, 10]
    assert steps.order[steps.back].tolist() == list(range(11))


def test_embeddings_of_an_mlstm_are_filled_up_with_zeros() -> None:
    network = make("mlstm")
    first = network.hidden_states(*pack(items()))[0]
    assert torch.equal(first[0, :5], network.embedding.weight[items()[0][0]])
    assert (first[:, 5:] == 0).all()


def test_dropout_stands_between_the_layers() -> None:
    network = LSTM(LSTMConfig(vocabulary_size=11, width=8, layers=1, cell="gru", dropout=0.5)).train()
    tokens, boundaries = pack(items())
    assert not torch.equal(network(tokens, boundaries), network(tokens, boundaries))
    network.eval()
    assert torch.equal(network(tokens, boundaries), network(tokens, boundaries))


@pytest.mark.parametrize(
    ("config", "wrong", "words"),
    [
        (LSTMConfig, {"cell": "sru"}, "cell must be one of lstm, gru, rnn, got 'sru'"),
        (LSTMConfig, {"width": 7}, "width=7 is odd, but two directions share it"),
        (LSTMConfig, {"dropout": 1.0}, r"dropout must lie in \[0, 1\), got 1.0"),
        (MLSTMConfig, {"width": 0}, "width must be 1 or more, got 0"),
        (MLSTMConfig, {"causal": False}, "reads left to right. For both directions use LSTMConfig"),
        (MLSTMConfig, {"tie_embeddings": True}, "the output layer has separate weights"),
        (MLSTMConfig, {"embedding_width": 65}, "embedding_width=65 exceeds width=64"),
        (MLSTMConfig, {"dropout": -0.1}, r"dropout must lie in \[0, 1\), got -0.1"),
    ],
)
def test_a_config_names_what_is_wrong(config: Any, wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        config(**({"vocabulary_size": 11} | wrong))


@pytest.mark.parametrize(
    "config",
    [
        LSTMConfig(vocabulary_size=10, width=6, layers=2, cell="gru", causal=True),
        LSTMConfig(vocabulary_size=10, width=6, layers=1, cell="rnn"),
        MLSTMConfig(vocabulary_size=10, width=7, layers=2, embedding_width=3),
    ],
)
def test_saved_and_loaded(config: Any, tmp_path: Path) -> None:
    model = new_model(config, BaseTokenizer(), seed=3)
    again = load(save(model, tmp_path / "model"), device="cpu")
    assert again.network.config == config
    assert weights_hash(again) == weights_hash(model)
    tokens, boundaries = pack([np.array([4, 5, 6]), np.array([7, 7])])
    assert torch.equal(again.logits(tokens, boundaries), model.logits(tokens, boundaries))


@pytest.mark.parametrize("name", ["lstm causal", "gru causal", "rnn causal", "mlstm"])
def test_reading_on_equals_reading_at_once(name: str) -> None:
    network = make(name)
    ids = torch.from_numpy(np.random.default_rng(1).integers(0, 11, (5, 9)))
    at_once = network(ids.flatten(), torch.arange(6) * 9).view(5, 9, 8)
    first, kept = network.read_on(ids[:, :4], [])
    then, kept = network.read_on(ids[:, 4:5], kept)
    rows = torch.tensor([3, 0, 3])
    last, _ = network.read_on(ids[rows, 5:], [tuple(state[rows] for state in layer) for layer in kept])
    torch.testing.assert_close(torch.cat([first, then], 1), at_once[:, :5], atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(last, at_once[rows, 5:], atol=1e-6, rtol=1e-5)


def test_a_multiplicative_lstm_learns_a_rule_that_needs_two_letters() -> None:
    """Each letter is the sum of the two before it, modulo 6."""
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 6, (40, 14))
    for place in range(2, 14):
        rows[:, place] = (rows[:, place - 1] + rows[:, place - 2]) % 6
    torch.manual_seed(0)
    network, out = MLSTM(MLSTMConfig(vocabulary_size=6, width=32)), torch.nn.Linear(32, 6)
    optimiser = torch.optim.Adam([*network.parameters(), *out.parameters()], lr=0.02)
    ids, boundaries = torch.from_numpy(rows), torch.arange(41) * 14
    for _ in range(120):
        optimiser.zero_grad()
        logits = out(network(ids.flatten(), boundaries)).view(40, 14, 6)[:, 1:-1]
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 2:].flatten())
        loss.backward()
        optimiser.step()
    assert loss < 0.3
