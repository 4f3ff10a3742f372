"""A model fine-tuned inside a comparison: it learns, it is left as it was, and a run cut short goes on."""

from pathlib import Path

import numpy as np
import pytest

from glmkit.errors import BadInput
from glmkit.evaluate import FineTuned, FineTuning, Fold, Task, compare
from glmkit.evaluate.baselines import Majority
from glmkit.models import LanguageModel, TransformerConfig, load_head, new_model, weights_hash
from glmkit.tokens import make_tokenizer

QUICK = FineTuning(epochs=6, learning_rate=1e-2, batch_tokens=512, patience=0)


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    letters = make_tokenizer("protein")
    model = new_model(
        TransformerConfig(vocabulary_size=len(letters.vocabulary), width=16, layers=1, heads=2, feedforward=32), letters
    )
    model.card["context"] = 40
    return model


def proteins(n: int, seed: int) -> tuple[list[str], np.ndarray]:
    """Of 12 to 18 residues; those of class 1 are greasy."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    letters = {0: list("DEKRNQSTGP"), 1: list("AILMFVWGST")}
    return ["".join(rng.choice(letters[label], rng.integers(12, 19))) for label in labels.tolist()], labels


def test_a_comparison_trains_it_beside_its_baselines(model: LanguageModel) -> None:
    sequences, labels = proteins(90, 1)
    task = Task(
        name="greasy", sequences=sequences, labels=labels, groups=sequences, splits={"a": Fold(np.arange(60), np.arange(60, 90))}
    )
    before = weights_hash(model)
    table = compare(task, [FineTuned(model, how=QUICK, name="tuned")], [Majority()], seeds=[0, 1], draws=50)
    assert table.row("tuned").estimates["auroc"].value > 0.9
    assert weights_hash(model) == before
    assert "all weights fine-tuned for at most 6 epochs" in table.row("tuned").description


@pytest.mark.long
def test_measured_values_and_many_classes(model: LanguageModel) -> None:
    sequences, labels = proteins(66, 2)
    values = np.array([sum(letter in "AILMFVW" for letter in s) / len(s) for s in sequences])
    scores = FineTuned(model, "regression", QUICK).fit(sequences[:50], values[:50], 0).score(sequences[50:])
    assert np.corrcoef(scores, values[50:])[0, 1] > 0.8
    many = FineTuned(model, "multiclass", QUICK, classes=3).fit(sequences[:50], labels[:50], 0).score(sequences[50:])
    assert many.shape == (16, 3)
    np.testing.assert_allclose(many.sum(1), 1, rtol=1e-5)


@pytest.mark.long
def test_a_finished_training_is_kept_and_found_again(model: LanguageModel, tmp_path: Path) -> None:
    sequences, labels = proteins(40, 3)
    first = FineTuned(model, how=QUICK, folder=tmp_path).fit(sequences[:30], labels[:30], 0).score(sequences[30:])
    kept = list(tmp_path.glob("pretrained-seed0-*/model"))
    assert len(kept) == 1
    assert load_head(kept[0]).classes == ("0", "1")

    def never(*_: object, **__: object) -> None:
        raise AssertionError("it trained again")

    again = FineTuned(model, how=QUICK, folder=tmp_path, log=never).fit(sequences[:30], labels[:30], 0).score(sequences[30:])
    np.testing.assert_array_equal(again, first)
    FineTuned(model, how=QUICK, folder=tmp_path).fit(sequences[:30], 1 - labels[:30], 0).score(sequences[30:])
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.long
def test_one_that_is_stopped_goes_on_and_ends_equal(model: LanguageModel, tmp_path: Path) -> None:
    sequences, labels = proteins(40, 4)
    whole = FineTuned(model, how=QUICK).fit(sequences[:30], labels[:30], 0).score(sequences[30:])
    asked = iter([False, False, False, True])
    with pytest.raises(KeyboardInterrupt, match="stopped on request"):
        FineTuned(model, how=QUICK, folder=tmp_path, stop=lambda: next(asked, True)).fit(sequences[:30], labels[:30])
    rest = FineTuned(model, how=QUICK, folder=tmp_path).fit(sequences[:30], labels[:30], 0).score(sequences[30:])
    np.testing.assert_array_equal(rest, whole)


def test_what_is_held_back_keeps_groups_whole(model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    import glmkit.train

    sequences, labels = proteins(40, 5)
    groups = {sequence: i // 4 for i, sequence in enumerate(sequences)}
    seen = {}
    real = glmkit.train.fit

    def spy(head: object, corpus: object, *rest: object, validation: tuple, **options: object) -> object:
        seen["train"], seen["held"] = len(corpus), len(validation[0])
        return real(head, corpus, *rest, validation=validation, **options)

    monkeypatch.setattr(glmkit.train, "fit", spy)
    FineTuned(model, how=QUICK, groups=groups).fit(sequences, labels)
    assert seen == {"train": 36, "held": 4}


def test_errors_say_what_to_change(model: LanguageModel) -> None:
    with pytest.raises(BadInput, match="expected ten sequences or more"):
        FineTuned(model).fit(["ACD"] * 4, np.array([0, 1, 0, 1]))
    with pytest.raises(BadInput, match="fine-tuning here is for classification, multiclass, regression"):
        FineTuned(model, "multioutput")
    with pytest.raises(BadInput, match=r"validation must lie between 0 and 0\.9"):
        FineTuning(validation=0)
    with pytest.raises(BadInput, match="has not been fitted"):
        FineTuned(model).score(["ACD"])
