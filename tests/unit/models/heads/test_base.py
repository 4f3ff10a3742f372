"""What all kinds of heads share: their settings make an equal head, and their seed decides its weights alone."""

import pytest
import torch
from torch import nn

from glmkit.errors import BadInput
from glmkit.models import TransformerConfig, new_classifier, new_model, new_regressor, new_token_classifier, weights_hash
from glmkit.models.heads import Head, SequenceClassifier, head_settings, make_head, new_gene_hybrid
from glmkit.models.heads.registry import HEADS
from glmkit.tokens import BaseTokenizer

MODEL = new_model(TransformerConfig(vocabulary_size=10, width=8, layers=1, heads=2), BaseTokenizer(), seed=1)
MADE = {
    "classifier": lambda seed: new_classifier(MODEL, ["a", "b", "c"], pool="centre+mean", seed=seed),
    "token classifier": lambda seed: new_token_classifier(MODEL, ["a", "b"], seed=seed),
    "regressor": lambda seed: new_regressor(MODEL, ["x", "y"], hidden=5, seed=seed),
    "gene hybrid": lambda seed: new_gene_hybrid(MODEL, ["a", "b"], None, width=4, heads=2, seed=seed),
}


def test_there_is_an_example_of_each_kind() -> None:
    assert set(MADE) == set(HEADS)


@pytest.mark.parametrize("kind", MADE)
def test_settings_make_a_head_of_the_same_type_and_shapes(kind: str) -> None:
    head = MADE[kind](0)
    again = make_head(head_settings(head), MODEL.network, MODEL.tokenizer, {})
    assert type(again) is type(head)
    assert isinstance(again, Head)
    assert [(n, p.shape) for n, p in again.state_dict().items()] == [(n, p.shape) for n, p in head.state_dict().items()]
    again.load_state_dict(head.state_dict())
    assert weights_hash(again) == weights_hash(head)


@pytest.mark.parametrize("kind", MADE)
def test_the_seed_decides_the_weights_and_leaves_the_global_state(kind: str) -> None:
    torch.manual_seed(11)
    before = torch.get_rng_state()
    first, second, other = MADE[kind](3), MADE[kind](3), MADE[kind](4)
    assert torch.equal(torch.get_rng_state(), before)
    assert weights_hash(first) == weights_hash(second) != weights_hash(other)
    assert first.device == torch.device("cpu")
    assert not first.training


def test_kinds_are_told_by_type() -> None:
    assert {kind for kind, made in HEADS.items() if issubclass(made, SequenceClassifier)} == {"classifier", "gene hybrid"}


def test_a_module_that_is_no_head_has_no_settings() -> None:
    with pytest.raises(BadInput, match="Linear is no head that can be saved; expected one of Classifier, TokenClassifier"):
        head_settings(nn.Linear(1, 1))
