"""Occlusion finds the letters that a classifier counts, and nothing else."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from glmkit.errors import BadInput
from glmkit.interpret import occlusion
from glmkit.tokens import make_tokenizer


class Counter(nn.Module):
    """A classifier whose log-odds are the number of tryptophans."""

    def __init__(self) -> None:
        super().__init__()
        self.tokenizer = make_tokenizer("protein")
        self.classes, self.pool, self.device = ("few", "many"), "mean", torch.device("cpu")
        self.network = SimpleNamespace(config=SimpleNamespace(causal=False))

    def forward(self, tokens: torch.Tensor, boundaries: torch.Tensor) -> torch.Tensor:
        wanted = (tokens == self.tokenizer.encode("W")[0]).float()
        counts = torch.stack([wanted[a:b].sum() for a, b in pairwise(boundaries.tolist())])
        return torch.stack([torch.zeros_like(counts), counts], 1)


def test_each_stretch_is_worth_what_it_holds() -> None:
    effects = occlusion(Counter(), ["AWAAAAW", "CCW"], span=3)
    assert effects.shape == (2, 7)
    assert effects[0].tolist() == [1, 1, 1, 0, 0, 1, 1]
    assert effects[1, :3].tolist() == [0, 1, 1]
    assert np.isnan(effects[1, 3:]).all()


def test_the_reach_bounds_the_places_and_not_the_sequence() -> None:
    model = Counter()
    assert occlusion(model, ["AWAAAAW"], span=1, reach=2).tolist() == [[0, 1]]
    assert occlusion(model, ["AWAAAAW"], span=1, reach=2, target=0).tolist() == [[0, -1]]


@pytest.mark.parametrize(
    ("sequences", "options", "words"),
    [
        ([], {}, "at least one sequence"),
        (["AW"], {"span": 2}, "odd number of letters, got 2"),
        (["AW"], {"target": 2}, "as the classifier has 2 classes; got 2"),
    ],
)
def test_what_cannot_be_hidden_is_said(sequences: list[str], options: dict[str, int], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        occlusion(Counter(), sequences, **options)
