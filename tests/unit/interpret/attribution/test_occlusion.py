"""Occlusion finds the letters that a classifier counts, and nothing else."""

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from glmkit.errors import BadInput
from glmkit.interpret import occlusion
from glmkit.models.heads import SequenceClassifier
from glmkit.tokens import make_tokenizer


class Counter(SequenceClassifier):
    """A classifier whose log-odds are the number of tryptophans."""

    def __init__(self) -> None:
        network: Any = SimpleNamespace(config=SimpleNamespace(causal=False))
        super().__init__(network, ["few", "many"], make_tokenizer("protein"))
        self.out = nn.Linear(1, 2)  # its device is the model's

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
