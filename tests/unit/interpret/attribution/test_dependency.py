"""The dependency map of a model whose pairs are known."""

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from glmkit.errors import BadInput
from glmkit.interpret import dependency_map
from glmkit.models import TransformerConfig, new_model
from glmkit.tokens import make_tokenizer

SEQUENCE, LEFT, RIGHT = "ACGTTGCATTAGCNA", 2, 9


class Pairing(nn.Module):
    """A language model that expects at each of two places the complement of the other, and nothing elsewhere."""

    def __init__(self, causal: bool = False) -> None:
        super().__init__()
        self.tokenizer = make_tokenizer("base")
        self.device, self.context, self.card = torch.device("cpu"), 64, {}
        self.network = SimpleNamespace(config=SimpleNamespace(causal=causal))
        bases = self.tokenizer.encode("ACGT")
        self.partner = dict(zip(bases.tolist(), self.tokenizer.encode("TGCA").tolist(), strict=True))

    def logits(self, tokens: torch.Tensor, boundaries: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        result = torch.zeros(len(positions), len(self.tokenizer.vocabulary))
        starts = torch.tensor([a for a, _ in pairwise(boundaries.tolist())])
        causal = self.network.config.causal
        for row, place in enumerate(positions.tolist()):
            start = int(starts[torch.searchsorted(starts, place, right=True) - 1])
            told = place - start - len(self.tokenizer.prefix) + int(causal)
            for read, other in ((LEFT, RIGHT), (RIGHT, LEFT)):
                seen = int(tokens[start + len(self.tokenizer.prefix) + other])
                if told == read and seen in self.partner and not (causal and other > read):
                    result[row, self.partner[seen]] = 3.0
        return result


@pytest.mark.parametrize("hide", [False, True])
def test_the_planted_pair_stands_alone(hide: bool) -> None:
    found = dependency_map(Pairing(), SEQUENCE, hide=hide)
    assert found.shape == (15, 15)
    assert found.dtype == np.float32
    pairs = np.argwhere(np.nan_to_num(found) > 1e-6).tolist()
    assert pairs == [[LEFT, RIGHT], [RIGHT, LEFT]]
    rise = (3 - np.log(3)) + np.log(2 + np.exp(3))  # of the letter that becomes the complement, from one of three to the one
    assert found[LEFT, RIGHT] == pytest.approx(rise, abs=1e-5)
    assert np.isnan(np.diag(found)).all()
    assert np.isnan(found[13]).all()
    assert np.isnan(found[:, 13]).all()


def test_a_causal_model_looks_back_only() -> None:
    found = dependency_map(Pairing(causal=True), SEQUENCE)
    assert np.argwhere(np.nan_to_num(found) > 1e-6).tolist() == [[LEFT, RIGHT]]


@pytest.mark.parametrize("causal", [False, True])
def test_by_hand_on_a_real_network(causal: bool) -> None:
    tokenizer = make_tokenizer("base")
    config = TransformerConfig(
        vocabulary_size=len(tokenizer.vocabulary), width=24, layers=1, heads=3, feedforward=40, causal=causal
    )
    model = new_model(config, tokenizer, seed=1)
    sequence, place = "ACGTTGCA", 3
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2)))

    def odds(text: str) -> np.ndarray:
        ids = torch.from_numpy(tokenizer.encode(text).astype(np.int64))
        with torch.no_grad():
            p = (
                model.logits(ids, torch.tensor([0, len(ids)]))[:, tokenizer.encode("ACGT").astype(np.int64)]
                .softmax(-1)
                .double()
                .numpy()
            )
        return np.log(p / (1 - p))

    changed = [np.abs(odds(sequence[:place] + letter + sequence[place + 1 :]) - odds(sequence)).max(1) for letter in "ACG"]
    expected = np.max(changed, 0)
    if causal:
        expected = np.append(0, expected[:-1])
    expected[place] = np.nan
    assert not model.tokenizer.prefix
    found = dependency_map(model, sequence, batch_tokens=30)
    np.testing.assert_allclose(found[place], expected, atol=2e-5)
    assert np.nanmax(found) > 1e-3
    assert not causal or np.nansum(np.tril(found)) == 0


def test_what_cannot_be_mapped_is_said() -> None:
    model: Any = Pairing()
    with pytest.raises(BadInput, match="sequence: expected 2 to 64 letters"):
        dependency_map(model, "A" * 65)
    with pytest.raises(BadInput, match="expected False for a causal model"):
        dependency_map(Pairing(causal=True), SEQUENCE, hide=True)
    model.tokenizer = make_tokenizer("kmer3")
    with pytest.raises(BadInput, match="one token per letter"):
        dependency_map(model, SEQUENCE)
