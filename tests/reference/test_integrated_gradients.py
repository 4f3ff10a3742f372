"""Integrated gradients against captum's on the same networks: the same points, the same weights, the same shares."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from glmkit.interpret import gradient_times_input, integrated_gradients
from glmkit.interpret.attribution.embedding_path import baseline_vector
from glmkit.interpret.attribution.target import followed
from glmkit.models import LSTMConfig, TransformerConfig, new_classifier, new_model, new_regressor
from glmkit.models.networks import pack
from glmkit.models.networks.mlstm import MLSTMConfig
from glmkit.tokens import BaseTokenizer, LetterTokenizer, surround

captum = pytest.importorskip("captum.attr", reason="captum is among the peers of `make bench`")

SHAPE = {"width": 12, "layers": 2, "heads": 3, "feedforward": 20}
PROTEINS = ["MKVLAWGT", "ACDEFGHIKLM", "MKV", "WWYYTTSSR"]
WINDOWS = ["ACGTTGCAAC", "GGATC", "TTTTTTTTTT", "CAGNA"]


def shaken(model: Any, seed: int = 5) -> Any:
    """The same model with larger weights, so that its answers differ and bend."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return model


def esm_like() -> Any:
    config = TransformerConfig(vocabulary_size=33, norm="pre", positions="rotary", token_dropout=32, **SHAPE)
    return shaken(new_classifier(new_model(config, LetterTokenizer(), seed=1), ["in", "out", "on"], dropout=0.4, seed=2))


def bert_like() -> Any:
    config = TransformerConfig(vocabulary_size=10, norm="post", positions="learned", maximum_positions=16, **SHAPE)
    return shaken(new_classifier(new_model(config, BaseTokenizer(), seed=1), ["no", "yes"], pool="centre+mean", seed=2))


def convolutional() -> Any:
    config = TransformerConfig(vocabulary_size=10, mixing=("convolution", "local"), kernel=5, window=4, **SHAPE)
    return shaken(new_regressor(new_model(config, BaseTokenizer(), seed=1), ["a", "b"], seed=2))


def recurrent() -> Any:
    config = LSTMConfig(vocabulary_size=10, width=8, layers=1)
    return shaken(new_regressor(new_model(config, BaseTokenizer(), seed=1), ["a", "b"], seed=2))


def gated() -> Any:
    config = LSTMConfig(vocabulary_size=10, width=8, layers=2, cell="gru")
    return shaken(new_classifier(new_model(config, BaseTokenizer(), seed=1), ["a", "b"], seed=2))


def multiplicative() -> Any:
    config = MLSTMConfig(vocabulary_size=10, embedding_width=5, width=8)
    return shaken(new_classifier(new_model(config, BaseTokenizer(), seed=1), ["a", "b"], seed=2))


def by_captum(model: Any, sequence: str, baseline: Any, target: int, steps: int, method: str) -> np.ndarray:
    """captum's shares of the letters of one sequence."""
    ids = surround(np.asarray(model.tokenizer.encode(sequence)), model.tokenizer.prefix, model.tokenizer.suffix)
    tokens = torch.from_numpy(ids.astype(np.int64))
    read = followed(model, target)
    whole = model.network.embedding(tokens).detach()
    first, last = len(model.tokenizer.prefix), len(ids) - len(model.tokenizer.suffix)
    start = whole.clone()
    start[first:last] = baseline_vector(model, baseline)

    def forward(points: torch.Tensor) -> torch.Tensor:
        """Scores of points (copies, tokens, width)."""
        handle = model.network.embedding.register_forward_hook(lambda *_: at_once(points))
        packed = pack([ids] * len(points))
        try:
            return read(model(*packed))
        finally:
            handle.remove()

    def at_once(points: torch.Tensor) -> torch.Tensor:
        flat = points.flatten(0, 1)
        return points.transpose(0, 1).flatten(0, 1) if type(model.network).__name__ == "MLSTM" else flat

    shares = captum.IntegratedGradients(forward).attribute(whole[None], start[None], n_steps=steps, method=method)
    return shares.sum(-1)[0, first:last].detach().numpy()


@pytest.mark.parametrize("make", [esm_like, bert_like, convolutional, recurrent, gated, multiplicative])
@pytest.mark.parametrize(("baseline", "target"), [("mask", 1), ("uniform", 0)])
def test_equal_to_captum(
    make: Callable[[], Any], baseline: str, target: int, record_property: Callable[[str, object], None]
) -> None:
    model = make()
    sequences = PROTEINS if model.tokenizer.prefix else WINDOWS
    sequences = [s[:14] for s in sequences]
    found = integrated_gradients(model, sequences, target=target, baseline=baseline, steps=7, batch_tokens=37)
    assert found.values.shape == (4, max(map(len, sequences)))
    largest = 0.0
    for i, sequence in enumerate(sequences):
        expected = by_captum(model, sequence, baseline, target, 7, "gausslegendre")
        np.testing.assert_allclose(found.values[i, : len(sequence)], expected, atol=1e-5 * np.abs(expected).max())
        assert np.isnan(found.values[i, len(sequence) :]).all()
        largest = max(largest, float(np.abs(found.values[i, : len(sequence)] - expected).max() / np.abs(expected).max()))
    record_property("parity", ("integrated gradients (captum)", type(model.network).__name__, largest))


def test_equal_to_captum_by_layer() -> None:
    model = bert_like()
    tokens = torch.from_numpy(np.asarray(model.tokenizer.encode(WINDOWS[0])).astype(np.int64))[None]
    read = followed(model, 1)

    def forward(ids: torch.Tensor) -> torch.Tensor:
        return read(model(*pack(list(ids.numpy()))))

    layer = captum.LayerIntegratedGradients(forward, model.network.embedding)
    masks = torch.full_like(tokens, model.tokenizer.mask_id)
    laid = layer.attribute(tokens, masks, n_steps=20)
    expected = laid.reshape(tokens.shape[1], -1).sum(-1).detach().numpy()
    found = integrated_gradients(model, WINDOWS[:1], steps=20)
    np.testing.assert_allclose(found.values[0], expected, atol=1e-5)


def test_the_trapezoid_is_captum_s_but_for_its_missing_interval() -> None:
    model = esm_like()
    expected = by_captum(model, PROTEINS[1], "mask", 2, 9, "riemann_trapezoid")
    found = integrated_gradients(model, PROTEINS[1:2], target=2, steps=9, method="riemann_trapezoid")
    np.testing.assert_allclose(found.values[0], expected * 9 / 8, atol=1e-5)


def test_gradient_times_input_is_captum_s() -> None:
    model = esm_like()
    point = model.network.embedding.weight[-1].detach().numpy() * 0
    ids = surround(model.tokenizer.encode(PROTEINS[0]), model.tokenizer.prefix, model.tokenizer.suffix)
    whole = model.network.embedding(torch.from_numpy(ids.astype(np.int64))).detach()
    read = followed(model, 1)

    def forward(points: torch.Tensor) -> torch.Tensor:
        handle = model.network.embedding.register_forward_hook(lambda *_: points[0])
        try:
            return read(model(*pack([ids])))
        finally:
            handle.remove()

    expected = captum.InputXGradient(forward).attribute(whole[None]).sum(-1)[0, 1:-1].detach().numpy()
    found = gradient_times_input(model, PROTEINS[:1], baseline=point)
    np.testing.assert_allclose(found.values[0], expected, atol=1e-5)
