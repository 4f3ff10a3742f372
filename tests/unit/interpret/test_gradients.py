"""Explanations by gradient, by hand: linear models are explained exactly, every model is left as it was."""

from typing import Any

import numpy as np
import pytest
import torch

from glmkit.errors import BadInput
from glmkit.interpret import (
    Explanation,
    attention_rollout,
    gradient_times_input,
    integrated_gradients,
    mutagenesis,
    randomise_weights,
    weight_groups,
)
from glmkit.interpret.attribution._attention_rollout import roll
from glmkit.interpret.attribution.target import letters_of, score_function
from glmkit.models import TransformerConfig, new_classifier, new_model, new_regressor, weights_hash
from glmkit.models.heads import SequenceRegressor
from glmkit.tokens import BaseTokenizer, LetterTokenizer, make_tokenizer

SEQUENCES = ["ACGTTGCAAC", "GGATC", "CAGNA"]


def transformer(tokenizer: Any = None, **options: Any) -> Any:
    tokenizer = BaseTokenizer() if tokenizer is None else tokenizer
    shape = {"width": 12, "layers": 2, "heads": 3, "feedforward": 20} | options
    return new_model(TransformerConfig(vocabulary_size=len(tokenizer.vocabulary), **shape), tokenizer, seed=1)


@pytest.fixture(scope="module")
def classifier() -> Any:
    model = new_classifier(transformer(dropout=0.3), ["no", "yes", "maybe"], hidden=7, dropout=0.3, seed=2)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.2)
    return model


def test_the_shares_sum_to_the_score_less_the_baseline(classifier: Any) -> None:
    found = integrated_gradients(classifier, SEQUENCES, target=2, steps=40)
    assert found.values.shape == (3, 10)
    assert found.letters is not None
    assert found.letters.shape == (3, 10, 4)
    assert found.alphabet == "ACGT"
    np.testing.assert_allclose(found.score, score_function(classifier, 2)(SEQUENCES), atol=1e-6)
    masked = score_function(classifier, 2)([np.full(5, classifier.tokenizer.mask_id)])
    np.testing.assert_allclose(found.base[1:], [masked[0]] * 2, atol=1e-6)
    assert np.abs(found.gap).max() < 2e-3 * np.abs(found.score - found.base).max()
    rough = integrated_gradients(classifier, SEQUENCES, target=2, steps=2)
    assert np.abs(rough.gap).max() > 10 * np.abs(found.gap).max()
    assert "40 steps, gausslegendre, baseline mask): 3 inputs of up to 10 positions" in str(found)
    here = ["ACGT".index(letter) for letter in SEQUENCES[0]]
    np.testing.assert_allclose(found.letters[0, np.arange(10), here], found.values[0], atol=1e-6)


def test_batches_and_modes_change_nothing(classifier: Any) -> None:
    before = weights_hash(classifier)
    whole = integrated_gradients(classifier, SEQUENCES, steps=6)
    classifier.train()
    pieces = integrated_gradients(classifier, SEQUENCES[::-1], steps=6, batch_tokens=1)
    assert all(module.training for module in classifier.modules())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in classifier.parameters())
    assert not classifier.network.embedding._forward_hooks
    classifier.eval()
    np.testing.assert_allclose(pieces.values[::-1], whole.values, atol=1e-6)
    assert weights_hash(classifier) == before


class Sum(SequenceRegressor):
    """A regressor whose value is a weighted sum of embeddings: every explanation of it is exact."""

    def __init__(self) -> None:
        super().__init__(transformer().network, ["value"], BaseTokenizer())
        self.direction = torch.linspace(-1, 1, 12)
        self.out = torch.nn.Linear(1, 1)  # its device is the model's

    def forward(self, tokens: torch.Tensor, boundaries: torch.Tensor) -> torch.Tensor:
        each = self.network.embedding(tokens) @ self.direction
        parts = each.split(boundaries.diff().tolist())
        return torch.stack([part @ torch.arange(1.0, len(part) + 1) for part in parts])[:, None]


def test_a_linear_model_is_explained_exactly() -> None:
    model, windows = Sum(), ["ACGTT", "GGACA"]
    exact = mutagenesis(model, windows)
    for found in (integrated_gradients(model, windows, steps=1), gradient_times_input(model, windows)):
        assert np.abs(found.gap).max() < 1e-5
        assert found.letters is not None
        np.testing.assert_allclose(found.letters - found.values[:, :, None], exact, atol=1e-5)
    assert "first-order approximation" in gradient_times_input(model, windows).method
    weight = model.network.embedding.weight.detach()
    worth = (weight[4] - weight[4:8].mean(0)) @ model.direction
    found = integrated_gradients(model, ["AAA"], baseline="uniform")
    np.testing.assert_allclose(found.values[0], worth * torch.tensor([1.0, 2, 3]), atol=1e-6)
    np.testing.assert_allclose(found.letters.sum(2), 0, atol=1e-6)
    several = integrated_gradients(model, windows, baseline=["CCCCC", "GGACA", "TTTTT"], steps=2)
    np.testing.assert_allclose(several.gap, 0, atol=1e-5)
    np.testing.assert_allclose(several.base.mean(), score_function(model)(["CCCCC", "GGACA", "TTTTT"]).mean(), atol=1e-5)
    np.testing.assert_allclose(several.letters - several.values[:, :, None], exact, atol=1e-5)
    assert "baseline mean over 3 sequences" in several.method
    padded = integrated_gradients(model, ["AAA"], baseline="pad")
    given = integrated_gradients(model, ["AAA"], baseline=weight[model.tokenizer.pad_id].numpy())
    np.testing.assert_array_equal(padded.values, given.values)


def test_a_regressor_of_proteins_and_one_of_k_mers() -> None:
    tokenizer = LetterTokenizer()
    proteins = new_regressor(transformer(tokenizer), ["a", "b"], seed=2)
    assert letters_of(tokenizer) == "ACDEFGHIKLMNPQRSTVWY"
    effects = mutagenesis(proteins, ["MKVX", "WWYY"], positions=[1, 3], target=1)
    assert effects.shape == (2, 4, 20)
    by_hand = score_function(proteins, 1)(["MRVX"])[0] - score_function(proteins, 1)(["MKVX"])[0]
    assert effects[0, 1, 14] == pytest.approx(by_hand, abs=1e-6)
    assert np.count_nonzero(effects[0, 1]) == 19
    assert np.count_nonzero(effects[0, 3]) == 20
    assert np.isnan(effects[:, [0, 2]]).all()
    assert mutagenesis(proteins, ["MKV"], alphabet="DE").shape == (1, 3, 2)
    words = make_tokenizer("kmer4")
    model = new_classifier(transformer(words), ["no", "yes"], seed=2)
    found = integrated_gradients(model, ["ACGTTGCAAC"], steps=3)
    assert found.letters is None
    assert found.values.shape == (1, 7)


def test_rollout_by_hand() -> None:
    maps = np.random.default_rng(0).dirichlet(np.ones(5), (3, 5))
    halved = [(a + np.eye(5)) / 2 for a in maps]
    np.testing.assert_allclose(roll(maps), halved[2] @ halved[1] @ halved[0])
    np.testing.assert_allclose(roll(maps, 0), maps[2] @ maps[1] @ maps[0])
    model = transformer(LetterTokenizer())
    rolled = attention_rollout(model, ["MKVLAWGT", "ACD"], batch_tokens=6)
    assert [r.shape for r in rolled] == [(8, 8), (3, 3)]
    tokens = torch.tensor([0, *model.tokenizer.encode("ACD").tolist(), 2])
    layers = model.network.attentions(tokens, torch.tensor([0, 5]))[0].mean(1).detach().numpy()
    np.testing.assert_allclose(rolled[1], roll(layers)[1:4, 1:4], atol=1e-6)
    assert (rolled[1].sum(1) < 1).all()
    np.testing.assert_allclose(attention_rollout(transformer(), ["ACGTA"])[0].sum(1), 1, atol=1e-6)


def test_weights_are_drawn_anew_from_the_answer_downwards(classifier: Any) -> None:
    before, values = weights_hash(classifier), dict(classifier.named_parameters())
    assert list(weight_groups(classifier)) == ["head", "layer 1", "layer 0", "embedding"]
    assert weight_groups(classifier)["head"] == ["dense.weight", "dense.bias", "out.weight", "out.bias"]
    half = randomise_weights(classifier, seed=4, depth=2)
    for name, parameter in half.named_parameters():
        same = torch.equal(parameter, values[name])
        assert same == name.startswith(("network.layers.0.", "network.embedding", "network.norm")), name
    every = randomise_weights(classifier, seed=4)
    assert not any(torch.equal(parameter, values[name]) for name, parameter in every.named_parameters())
    spread = [w.std().item() for w in (every.network.embedding.weight, classifier.network.embedding.weight)]
    assert spread[0] == pytest.approx(spread[1], rel=0.3)
    assert weights_hash(randomise_weights(classifier, seed=4)) == weights_hash(every)
    assert weights_hash(randomise_weights(classifier, seed=5)) != weights_hash(every)
    assert weights_hash(classifier) == before
    assert half.card["randomised"] == {"groups": ["head", "layer 1"], "seed": 4}
    with pytest.raises(BadInput, match=r"expected 1 to 4 \(head, layer 1, layer 0, embedding\), got 5"):
        randomise_weights(classifier, depth=5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": 3}, "as the classifier has 3 classes; got 3"),
        ({"baseline": "zero"}, "one of mask, uniform, pad or an array"),
        ({"baseline": np.zeros(5)}, r"expected 12 finite numbers, a point in embedding space, got \(5,\)"),
        ({"method": "simpson"}, "one of gausslegendre, riemann_trapezoid, got 'simpson'"),
        ({"method": "riemann_trapezoid", "steps": 1}, "needs 2 or more, got 1"),
        ({"baseline": ["ACGTA"]}, r"as long as those explained, \[5, 10\] tokens, got \[5\]"),
        ({"steps": 0}, "gausslegendre needs 1 or more, got 0"),
    ],
)
def test_what_cannot_be_integrated_is_said(classifier: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        integrated_gradients(classifier, SEQUENCES, **options)


def test_other_bad_input_is_said(classifier: Any) -> None:
    with pytest.raises(BadInput, match="Expected a Classifier or a Regressor, got a LanguageModel"):
        integrated_gradients(transformer(), SEQUENCES)
    with pytest.raises(BadInput, match="expected at least one, got none"):
        gradient_times_input(classifier, [])
    with pytest.raises(BadInput, match="one or more different letters, got 'AA'"):
        mutagenesis(classifier, ["ACGT"], alphabet="AA")
    with pytest.raises(BadInput, match="Rollout needs attention maps, which Linear does not have"):
        attention_rollout(torch.nn.Linear(2, 2), ["ACGT"])
    with pytest.raises(BadInput, match=r"a share in \[0, 1\), got 1"):
        attention_rollout(classifier, ["ACGT"], residual=1)
    with pytest.raises(BadInput, match=r"letters: expected \(1, 2, 4\) for the alphabet 'ACGT'"):
        Explanation(
            values=np.zeros((1, 2)), score=np.zeros(1), base=np.zeros(1), method="", letters=np.zeros((1, 2, 3)), alphabet="ACGT"
        )
