"""What glmkit trains and saves, `transformers` opens, with equal logits."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from glmkit.models import LanguageModel, TransformerConfig, load, new_classifier, new_model, save, save_head
from glmkit.models.networks import pack
from glmkit.tokens import BaseTokenizer

transformers = pytest.importorskip("transformers")
SHAPE = {"vocabulary_size": 10, "width": 24, "layers": 3, "heads": 2, "feedforward": 40}
LENGTHS = [7, 11, 7, 5]


def model_of(causal: bool, tied: bool, **options: Any) -> LanguageModel:
    model = new_model(TransformerConfig(**SHAPE, causal=causal, tie_embeddings=tied, **options), BaseTokenizer(), seed=3)
    with torch.no_grad():  # away from zeros and ones, so that a swapped or forgotten tensor shows
        generator = torch.Generator().manual_seed(5)
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model


def sequences() -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.integers(0, 10, length) for length in LENGTHS]  # special ids and <mask> among them


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("causal", [False, True])
def test_logits_are_equal(tmp_path: Path, causal: bool, tied: bool) -> None:
    compare(model_of(causal, tied), tmp_path)


def test_a_bag_of_tokens_without_positions_too(tmp_path: Path) -> None:
    model = model_of(causal=False, tied=True, positions="none")
    compare(model, tmp_path)
    again = load(tmp_path / "model")
    assert again.network.config.positions == "none"
    tokens, boundaries = pack([np.array([4, 5, 6, 7, 4]), np.array([7, 6, 4, 5, 4])])
    with torch.no_grad():  # the same tokens in another order
        bag = again.network(tokens, boundaries)
    torch.testing.assert_close(bag[:4], bag[[7, 8, 6, 5]], atol=1e-5, rtol=1e-5)


def compare(model: LanguageModel, tmp_path: Path) -> None:
    save(model, tmp_path / "model")
    family = transformers.GPTNeoXForCausalLM if model.causal else transformers.EsmForMaskedLM
    theirs, report = family.from_pretrained(tmp_path / "model", output_loading_info=True)
    missing = {key for key in report["missing_keys"] if "contact_head" not in key and "inv_freq" not in key}
    assert missing == set()
    assert not report["unexpected_keys"]
    assert not report["mismatched_keys"]
    tokens, boundaries = pack(sequences())
    with torch.no_grad():
        ours = model.logits(tokens, boundaries)
        for start, stop in zip(boundaries[:-1].tolist(), boundaries[1:].tolist(), strict=True):
            expected = theirs.eval()(tokens[None, start:stop]).logits[0]
            assert expected.abs().max() > 0.5
            torch.testing.assert_close(ours[start:stop], expected, atol=2e-5, rtol=1e-5)


def test_hidden_states_are_equal(tmp_path: Path) -> None:
    model = model_of(causal=False, tied=True)
    save(model, tmp_path / "model")
    theirs = transformers.EsmModel.from_pretrained(tmp_path / "model", add_pooling_layer=False).eval()
    tokens, boundaries = pack(sequences())
    with torch.no_grad():
        ours = model.network.hidden_states(tokens, boundaries)
        expected = theirs(tokens[None, 7:18], output_hidden_states=True).hidden_states
    assert len(ours) == len(expected) == SHAPE["layers"] + 1
    for mine, other in zip(ours, expected, strict=True):
        torch.testing.assert_close(mine[7:18], other[0], atol=2e-5, rtol=1e-5)


def test_a_classifiers_network_opens_too(tmp_path: Path) -> None:
    model = model_of(causal=False, tied=True)
    classifier = new_classifier(model, ["coding", "not"], pool="centre")
    save_head(classifier, tmp_path / "classifier")
    theirs = transformers.AutoModel.from_pretrained(tmp_path / "classifier", add_pooling_layer=False).eval()
    tokens, boundaries = pack(sequences())
    with torch.no_grad():
        expected = theirs(tokens[None, :7]).last_hidden_state[0]
        torch.testing.assert_close(classifier.network(tokens, boundaries)[:7], expected, atol=2e-5, rtol=1e-5)


def test_ours_opens_again_bit_for_bit(tmp_path: Path) -> None:
    for causal in (False, True):
        model = model_of(causal, tied=False)
        again = load(save(model, tmp_path / f"model{causal}"), device="cpu")
        for name, tensor in model.state_dict().items():
            assert torch.equal(tensor, again.state_dict()[name]), name
