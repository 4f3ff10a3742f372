"""Recurrent baselines of proteins: values and classes of mutants, a language model's features, and the network without training."""

import numpy as np
import pytest
import torch

from glmkit.errors import BadInput
from glmkit.evaluate import untrained
from glmkit.evaluate.baselines import RecurrentLanguage, RecurrentNetwork
from glmkit.evaluate.baselines.lstm import varying
from glmkit.models import LSTMConfig, new_classifier, new_model, new_regressor
from glmkit.score import class_probabilities, embed, predicted_values
from glmkit.tokens import LetterTokenizer

WILD = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ"
LETTERS = list("ACDEFGHIKLMNPQRSTVWY")


def mutants(n: int, seed: int) -> tuple[list[str], np.ndarray]:
    """Three sites drawn from W, P and A; more W, a higher value."""
    rng = np.random.default_rng(seed)
    drawn, found = rng.integers(0, 3, (n, 3)), []
    for row in drawn:
        letters = list(WILD)
        for site, which in zip((14, 16, 17), row, strict=True):
            letters[site] = "WPA"[which]
        found.append("".join(letters))
    return found, (drawn == 0).sum(1) * 10.0 + 3


@pytest.fixture(scope="module")
def data() -> tuple[list[str], np.ndarray, list[str], np.ndarray]:
    return *mutants(120, 0), *mutants(37, 1)


def small(**given) -> RecurrentNetwork:
    settings = {"epochs": 25, "width": 16, "batch_tokens": 300, "learning_rate": 1e-2, "device": "cpu", "trim": True, "flank": 2}
    return RecurrentNetwork(alphabet="protein", **settings | given)


def test_what_varies_is_found() -> None:
    assert varying(["MKTAY", "MRTAY", "MKTWY"]) == slice(1, 4)
    assert varying(["MKTAY", "MRTAY"], flank=3) == slice(0, 5)
    assert varying(["MKTAY"]) == slice(0, 5)
    with pytest.raises(BadInput, match="sequence 0 has 5 letters and sequence 1 has 3"):
        varying(["MKTAY", "MKT"])


@pytest.mark.long
def test_lstm_tells_values_of_mutants_in_their_units(data) -> None:
    train, values, test, truth = data
    network = small(kind="regression").fit(train, values, 1)
    scores = network.score(test)
    assert (scores.shape, scores.dtype) == ((37,), np.float64)
    assert np.corrcoef(scores, truth)[0, 1] > 0.8
    assert abs(scores.mean() - truth.mean()) < 4
    changed = [sequence[:-1] + "W" for sequence in test]
    np.testing.assert_array_equal(network.score(changed), scores)  # outside of what varied, so not read
    assert "on residues around those that vary in training" in network.description


def test_lstm_tells_many_classes() -> None:
    rng = np.random.default_rng(6)
    labels = rng.integers(0, 3, 110)
    proteins = ["".join(rng.choice([*LETTERS, *["WPA"[label]] * 20], rng.integers(12, 22))) for label in labels]
    network = small(kind="multiclass", classes=5, trim=False, reach=15, epochs=30, patience=12, learning_rate=2e-2)
    classes = network.fit(proteins[:80], labels[:80], 2).score(proteins[80:])
    assert classes.shape == (30, 5)
    np.testing.assert_allclose(classes.sum(1), 1, rtol=1e-6)
    assert np.mean(classes.argmax(1) == labels[80:]) > 0.7
    ends = [protein[:15] + "W" * 20 for protein in proteins[80:] if len(protein) >= 15]
    starts = [protein[:15] for protein in proteins[80:] if len(protein) >= 15]
    np.testing.assert_allclose(network.score(ends), network.score(starts), rtol=1e-5)  # beyond its reach


@pytest.mark.long
@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_features_of_a_language_model_of_the_training_set(kind: str, data) -> None:
    train, values, test, truth = data
    rng = np.random.default_rng(5)
    train = [sequence[: rng.integers(20, 33)] for sequence in train]
    labels = values if kind == "regression" else (values > 13).astype(int)
    language = RecurrentLanguage(kind, cell="gru", width=12, steps=30, batch_tokens=600, reach=30, device="cpu")
    assert language.name == "GRU language model"
    scores = language.fit(train, labels, 4).score(test)
    assert scores.shape == (37,)
    assert np.corrcoef(scores, truth)[0, 1] > 0.4
    features = language.features(test)
    assert features.shape == (37, 13)
    noise = ["".join(rng.choice(LETTERS, 30)) for _ in range(9)]
    assert features[:, -1].min() > language.features(noise)[:, -1].max()  # it has read sequences like these
    if kind == "regression":
        np.testing.assert_array_equal(language.fit(train, labels, 4).score(test), scores)


def test_the_same_network_without_training() -> None:
    tokenizer = LetterTokenizer()
    model = new_model(LSTMConfig(vocabulary_size=len(tokenizer.vocabulary), width=8, layers=1), tokenizer, 0)
    before = embed(model, [WILD])
    control = untrained(model, 3)
    assert control.network.config == model.network.config
    assert not np.allclose(embed(control, [WILD]), before)
    np.testing.assert_array_equal(embed(untrained(model, 3), [WILD]), embed(control, [WILD]))
    model.card["context"] = 20
    assert untrained(model, 3).context == 20  # or it would read in one piece what the model reads in windows
    classifier = new_classifier(model, ["a", "b", "c"], pool="last", hidden=5)
    fresh = untrained(classifier, 3)
    assert (fresh.classes, fresh.pool, fresh.hidden) == (("a", "b", "c"), "last", 5)
    assert class_probabilities(fresh, [WILD]).shape == (1, 3)
    regressor = new_regressor(model, ["x", "y"], targets=np.array([[100.0, -5], [120, -7]]))
    assert predicted_values(untrained(regressor, 3), [WILD])[0] == pytest.approx([110, -6], abs=2)
    del model.card["context"]
    np.testing.assert_array_equal(embed(model, [WILD]), before)
    with pytest.raises(BadInput, match=r"with a Transformer, LSTM or mLSTM, got a Linear\. Make the control with"):
        untrained(torch.nn.Linear(2, 3))


def test_bad_input_says_what_is_wrong() -> None:
    with pytest.raises(BadInput, match="LSTM language model has not been fitted"):
        RecurrentLanguage().score([WILD])
    with pytest.raises(BadInput, match="at least 1 step and a cell of lstm, gru, rnn, got steps=0 and cell='lstm'"):
        RecurrentLanguage(steps=0)
    with pytest.raises(BadInput, match="kind: expected one of classification, regression, multiclass, got 'multioutput'"):
        RecurrentNetwork(kind="multioutput")
    with pytest.raises(BadInput, match=r"has not been fitted"):
        RecurrentNetwork().score(["ACGT"])
