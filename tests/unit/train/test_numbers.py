"""Regression and ranking: what they compute, that they learn, and what they refuse.

Covers ``glmkit.train.objectives.language``.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from glmkit.errors import BadInput
from glmkit.models import TransformerConfig, new_classifier, new_model, new_regressor, weights_hash
from glmkit.models.heads.registry import HEADS, head_settings, make_head
from glmkit.models.networks import pack
from glmkit.tokens import BaseTokenizer
from glmkit.train import Classification, Ranking, Regression, TrainConfig, fit
from glmkit.train.objectives.batches import gather

SETTINGS: dict[str, Any] = {"batch_tokens": 300, "device": "cpu", "precision": "float32", "learning_rate": 5e-3}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Corpus:
    """41 sequences of 7 to 18 bases."""

    def __init__(self) -> None:
        rng = np.random.default_rng(5)
        self.lengths = rng.integers(7, 19, 41)
        self.items = [rng.integers(4, 8, length).astype(np.uint8) for length in self.lengths]
        self.hash = "numbers"

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> np.ndarray:
        return self.items[index]

    def share(self, letter: int) -> np.ndarray:
        return np.array([(item == letter).mean() for item in self.items])


def model() -> Any:
    shape = TransformerConfig(vocabulary_size=10, width=12, layers=1, heads=3, feedforward=20)
    return new_model(shape, BaseTokenizer(), seed=1)


def test_regression_learns_in_the_units_of_the_targets() -> None:
    corpus = Corpus()
    targets = np.stack([corpus.share(4) * 1e4 + 3e5, corpus.share(6) * 1e-3], 1)
    regressor = new_regressor(model(), ["a", "b"], targets=targets, dropout=0.0)
    result = fit(
        regressor, corpus, Regression(targets), TrainConfig(steps=150, **SETTINGS), validation=(corpus, Regression(targets))
    )
    assert result.history.loss.dropna().iloc[0] == pytest.approx(1, abs=0.4), "a constant guess"
    assert result.best_validation is not None
    assert result.best_validation < 0.15
    assert "validation_accuracy" not in result.history.dropna(axis=1, how="all")
    with torch.inference_mode():
        found = regressor(*pack(corpus.items)).numpy()
    assert np.corrcoef(found[:, 0], targets[:, 0])[0, 1] > 0.9
    assert abs(found[:, 0] - targets[:, 0]).mean() < 1e3


def test_the_loss_by_hand() -> None:
    corpus = Corpus()
    targets, weights = np.stack([corpus.share(4), corpus.share(5) * 7], 1), np.arange(41.0)
    regressor = new_regressor(model(), ["a", "b"], targets=targets)
    batch = gather(corpus, np.array([8, 3, 20]))
    for normalise in (True, False):
        loss = Regression(targets, weights, normalise).loss(regressor, batch, np.random.default_rng(0))
        found = regressor(*pack([corpus[i] for i in (8, 3, 20)])).detach().numpy()
        spread = targets.std(0) if normalise else 1.0
        by_hand = (((found - targets[[8, 3, 20]]) / spread) ** 2).mean(1) @ np.array([8, 3, 20])
        assert loss.total.item() == pytest.approx(by_hand, rel=1e-5)
        assert (loss.weight, loss.correct) == (31.0, None)


def test_ranking_by_hand_and_in_parts() -> None:
    corpus = Corpus()
    targets, groups = corpus.share(4), np.arange(41) % 5
    regressor = new_regressor(model())
    objective = Ranking(targets, groups)
    items = np.array([0, 1, 5, 6, 10, 11, 12, 21])
    examples = objective.prepare(regressor, gather(corpus, items), np.random.default_rng(0))
    whole = objective.score(regressor, examples)
    scores = regressor(*pack([corpus[i] for i in items])).detach().double().numpy()[:, 0]
    total, pairs, right = 0.0, 0, 0
    for i, first in enumerate(items):
        for j, second in enumerate(items):
            if groups[first] == groups[second] and targets[first] > targets[second]:
                total += np.log1p(np.exp(scores[j] - scores[i]))
                pairs += 1
                right += scores[i] > scores[j]
    assert pairs > 5
    assert whole.total.item() == pytest.approx(total, rel=1e-5)
    assert whole.weight == pairs
    assert whole.correct is not None
    assert whole.correct.item() == right
    parts = examples.split(1)
    assert [len(set(part.groups.tolist())) for part in parts] == [1, 1, 1], "a group stays together"  # type: ignore[union-attr]
    assert sum(objective.score(regressor, part).total.item() for part in parts) == pytest.approx(total, rel=1e-5)


def test_ranking_learns_an_order() -> None:
    corpus = Corpus()
    objective = Ranking(np.exp(9 * corpus.share(7)), np.arange(41) % 2)
    regressor = new_regressor(model(), dropout=0.0)
    result = fit(regressor, corpus, objective, TrainConfig(steps=80, **SETTINGS), validation=corpus)
    assert result.history.validation_accuracy.dropna().iloc[-1] > 0.9


def test_what_is_not_a_number_is_refused() -> None:
    with pytest.raises(BadInput, match=r"2 of 4 items have a target that is NaN or infinite, the first is item 1: \[nan\]"):
        Regression(np.array([0.0, np.nan, 1.0, np.inf]))
    with pytest.raises(BadInput, match="NaN or infinite, the first is item 0"):
        Ranking(np.array([-np.inf, 2.0]))
    with pytest.raises(BadInput, match=r"Targets must be numbers of shape \(n,\) or \(n, outputs\), got <U1 of shape \(2,\)"):
        Regression(np.array(["1", "2"]))
    with pytest.raises(BadInput, match=r"Weights must be one per item, \(3,\), got shape \(2,\)"):
        Regression(np.arange(3.0), np.ones(2))
    with pytest.raises(BadInput, match="Weights must be finite, 0 or more, and not all 0"):
        Regression(np.arange(3.0), np.array([1, 1, -1.0]))
    with pytest.raises(BadInput, match="No group has two items with different targets"):
        Ranking(np.array([1.0, 2.0, 2.0]), np.array([0, 1, 1]))
    with pytest.raises(BadInput, match="finite and not all equal"):
        new_regressor(model(), targets=np.ones(5))
    with pytest.raises(BadInput, match="list of one or more outputs with different names, got 'value'"):
        new_regressor(model(), "value")


def test_what_does_not_fit_is_refused() -> None:
    corpus = Corpus()
    targets = corpus.share(4)
    cases: list[tuple[Any, Any, str]] = [
        (model(), Regression(targets), "Regression needs a Regressor, got a LanguageModel; create one with"),
        (new_classifier(model(), ["a", "b"]), Ranking(targets), "Ranking needs a Regressor, got a Classifier"),
        (new_regressor(model()), Regression(targets[1:]), "There are 40 targets for 41 items"),
        (
            new_regressor(model(), ["a", "b"]),
            Regression(targets),
            r"Each item has 1 targets, but the regressor has 2 outputs \(a, b",
        ),
        (new_regressor(model(), ["a", "b"]), Ranking(targets), "needs a regressor with one output, this one has 2"),
        (new_regressor(model()), Classification(np.arange(41) % 2), "Classification needs a Classifier, got a Regressor"),
    ]
    for head, objective, words in cases:
        with pytest.raises(BadInput, match=words):
            objective.check(head, corpus)


def test_heads_are_made_again_from_their_settings() -> None:
    regressor = new_regressor(
        model(), ["a", "b"], targets=np.arange(8.0).reshape(4, 2), pool="centre+mean", hidden=7, dropout=0.3
    )
    settings = head_settings(regressor)
    assert settings == {"kind": "regressor", "outputs": ["a", "b"], "pool": "centre+mean", "hidden": 7, "dropout": 0.3}
    again = make_head(settings | {"more": 1}, model().network, BaseTokenizer(), regressor.card)
    again.load_state_dict(regressor.state_dict())
    assert weights_hash(again) == weights_hash(regressor)
    assert again.scale.tolist() == pytest.approx([5**0.5, 5**0.5])
    assert set(HEADS) >= {"classifier", "token classifier", "regressor"}
    with pytest.raises(BadInput, match="LanguageModel is no head that can be saved; expected one of Classifier"):
        head_settings(model())
    with pytest.raises(BadInput, match="'picker' is no kind of head; expected one of classifier"):
        make_head({"kind": "picker"}, model().network, BaseTokenizer(), {})
    with pytest.raises(BadInput, match="The settings of a regressor lack 'hidden'"):
        make_head({"kind": "regressor", "outputs": ["a"], "pool": "mean"}, model().network, BaseTokenizer(), {})
