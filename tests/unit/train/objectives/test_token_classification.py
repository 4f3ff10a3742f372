"""Token classification: learns a rule of the sequence on both strands, scores only what has a label, resumes."""

from pathlib import Path

import numpy as np
import pytest
import torch

from glmkit.bio import Interval
from glmkit.data import Crops, LabelledCrops
from glmkit.errors import BadInput
from glmkit.models import LanguageModel, TransformerConfig, new_classifier, new_model, new_token_classifier
from glmkit.tokens import TokenStore, make_tokenizer
from glmkit.train import MaskedLanguageModel, TokenClassification, TrainConfig, fit
from glmkit.train.objectives.batches import gather

BASES = 3000
STEPS = TrainConfig(steps=60, batch_tokens=512, learning_rate=5e-3, validate_every=60, precision="float32", device="cpu")


def corpus(folder: Path, name: str, part: Interval | None = None) -> LabelledCrops:
    """Class 1: A; class 2: T, which is an A on the other strand; 0: G and C; a few unknown."""
    letters = "".join(np.random.default_rng(0).choice(list("ACGT"), BASES))
    labels = np.array(["CGAT".index(letter) for letter in letters]) - 1
    labels[labels < 0] = 0
    labels[100:110] = -1
    tokenizer = make_tokenizer(name)
    if not (folder / name).exists():
        TokenStore.write(folder / name, [("r", tokenizer.encode(letters), None)], tokenizer)
    store = TokenStore.open(folder / name)
    return LabelledCrops(Crops(store, [part or Interval("r", 0, BASES)], 31, 10), {"r": labels})


def model(name: str) -> LanguageModel:
    tokenizer = make_tokenizer(name)
    config = TransformerConfig(vocabulary_size=len(tokenizer.vocabulary), width=24, layers=1, heads=3, feedforward=40)
    return new_model(config, tokenizer, seed=1)


@pytest.mark.parametrize(
    "name", ["base", pytest.param("kmer4", marks=pytest.mark.long), pytest.param("kmer5", marks=pytest.mark.long)]
)
def test_learns_a_dense_label_on_both_strands(tmp_path: Path, name: str) -> None:
    train, test = (corpus(tmp_path, name, Interval("r", *ends)) for ends in ((0, 2400), (2420, BASES)))
    frames = new_token_classifier(model(name), ["S", "A", "T"], seed=2)
    result = fit(frames, train, TokenClassification(reverse_complement=(0, 2, 1)), STEPS, validation=test)
    accuracy = result.history.validation_accuracy.dropna().iloc[-1]
    assert accuracy > 0.9  # a label that is one base off, on either strand, could be told in half of the cases


def test_only_labelled_tokens_count(tmp_path: Path) -> None:
    train = corpus(tmp_path, "kmer4")
    frames = new_token_classifier(model("kmer4"), ["other", "after", "before"])
    objective = TokenClassification()
    objective.check(frames, train)
    indices = np.array([8, 9, 10, 40])
    batch = gather(train, indices)
    labels = np.concatenate([train.labels(i) for i in indices]).astype(np.int64)
    loss = objective.loss(frames, batch, np.random.default_rng(0))
    logits = frames(torch.from_numpy(batch.tokens.astype(np.int64)), torch.from_numpy(batch.boundaries)).log_softmax(-1)
    known = labels >= 0
    assert 0 < known.sum() < len(labels)
    by_hand = -logits[np.flatnonzero(known), labels[known]].sum().item()
    assert loss.total.item() == pytest.approx(by_hand, rel=1e-5)
    assert loss[1] == known.sum()
    assert loss.correct is not None
    assert loss.correct.item() == (logits.argmax(-1).numpy()[known] == labels[known]).sum()


def test_a_list_of_labels_is_the_same(tmp_path: Path) -> None:
    train = corpus(tmp_path, "kmer4")
    frames = new_token_classifier(model("kmer4"), ["a", "b", "c"])
    listed, asked = TokenClassification([train.labels(i) for i in range(len(train))]), TokenClassification(train.labels)
    batch = gather(train, np.array([3, 8, 5]))
    losses = set()
    for objective in (listed, asked, TokenClassification()):
        objective.check(frames, train)
        losses.add(objective.loss(frames, batch, np.random.default_rng(0)).total.item())
    assert len(losses) == 1
    assert listed.describe() == asked.describe()
    assert len(listed.describe()["labels"]) == 64
    assert TokenClassification(reverse_complement=True).describe()["swap"] == [0, 4, 5, 6, 1, 2, 3]


def test_hidden_bases_and_strands_train_a_k_mer_model(tmp_path: Path) -> None:
    train = corpus(tmp_path, "kmer3")
    objective = MaskedLanguageModel(0.06, span=2, reverse_complement=True)
    assert objective.describe()["span"] == 2
    result = fit(model("kmer3"), train, objective, TrainConfig(steps=4, batch_tokens=512, precision="float32", device="cpu"))
    assert result.history.loss.iloc[-1] < 1.2 * np.log(64)
    with pytest.raises(BadInput, match="span of a hidden run must be 1 or more, got 0"):
        MaskedLanguageModel(span=0)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    train = corpus(tmp_path, "kmer4")
    frames = new_token_classifier(model("kmer4"), ["a", "b", "c"])
    rows = [train.labels(i) for i in range(len(train))]
    for labels, words in (
        (rows[1:], f"There are labels for {len(train) - 1} items, but the corpus has {len(train)}"),
        ([row[1:] for row in rows], r"labels of item 0 must be whole numbers \(31,\), one a token, got int16 \(30,\)"),
        ([row + 1 for row in rows], "has the label 3, but the classifier has 3 classes"),
        ([row * 0 - 1 for row in rows], "nothing to learn"),
    ):
        with pytest.raises(BadInput, match=words):
            TokenClassification(labels).check(frames, train)
    with pytest.raises(BadInput, match="needs a TokenClassifier, got a Classifier; make one with"):
        TokenClassification(train.labels).check(new_classifier(model("kmer4"), ["a", "b", "c"]), train)
    with pytest.raises(BadInput, match="names 7 classes on the other strand, the classifier has 3"):
        TokenClassification(reverse_complement=True).check(frames, train)
    with pytest.raises(BadInput, match=r"must name each class on the other strand, and back; got \(1, 2, 0\)"):
        TokenClassification(reverse_complement=(1, 2, 0))
    with pytest.raises(BadInput, match="This corpus has no labels of its own"):
        TokenClassification().check(frames, train.crops)
