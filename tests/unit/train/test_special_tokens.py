"""Training on proteins: special tokens stand around every item, and are neither hidden nor scored nor labelled."""

import numpy as np
import pytest
import torch

from glmkit.data.corpora import mask_tokens
from glmkit.errors import BadInput
from glmkit.models import TransformerConfig, new_classifier, new_model, new_token_classifier
from glmkit.score import class_logits
from glmkit.tokens import LetterTokenizer
from glmkit.train import Classification, MaskedLanguageModel, TokenClassification, TrainConfig, fit
from glmkit.train.objectives.batches import Feed, gather, validation_batches

TOKENIZER = LetterTokenizer()


class Proteins:
    """A corpus in memory."""

    def __init__(self, sequences: list[str]) -> None:
        self.items = [TOKENIZER.encode(sequence) for sequence in sequences]
        self.lengths = np.array([len(item) for item in self.items])
        self.tokenizer_hash = TOKENIZER.hash
        self.hash = "made up"

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> np.ndarray:
        return self.items[index]

    def weights(self, index: int) -> np.ndarray:
        return np.full(len(self.items[index]), 0.5, np.float32)

    def labels(self, index: int) -> np.ndarray:
        return np.arange(len(self.items[index])) % 3


STORE = Proteins(["MKVLA", "GW", "ACDEFGHIK"])


def shape() -> TransformerConfig:
    return TransformerConfig(vocabulary_size=33, width=12, layers=1, heads=2, feedforward=20)


def test_gather_surrounds_ids_weights_and_labels() -> None:
    batch = gather(STORE, np.array([1, 0]), TOKENIZER.prefix, TOKENIZER.suffix)
    assert batch.boundaries.tolist() == [0, 4, 11]
    assert batch.tokens.tolist() == [0, 6, 22, 2, 0, 20, 15, 7, 4, 5, 2]
    assert batch.tokens.dtype == np.uint8
    assert batch.weights is not None
    assert batch.labels is not None
    assert batch.weights.tolist() == [0, 0.5, 0.5, 0, 0, *[0.5] * 5, 0]
    assert batch.labels.tolist() == [-1, 0, 1, -1, -1, 0, 1, 2, 0, 1, -1]
    bare = gather(STORE, np.array([1, 0]))
    assert bare.tokens.tolist() == [6, 22, 20, 15, 7, 4, 5]


def test_masks_never_fall_on_special_tokens() -> None:
    batch = gather(STORE, np.array([0, 1, 2]), TOKENIZER.prefix, TOKENIZER.suffix)
    masked = mask_tokens(batch.tokens, TOKENIZER, np.random.default_rng(0), 1.0, batch.weights, batch.boundaries)
    assert not np.isin(masked.positions, [*batch.boundaries[:-1], *(batch.boundaries[1:] - 1)]).any()
    assert len(masked.positions) == 16
    assert (masked.weights == 0.5).all()


def test_the_budget_counts_special_tokens() -> None:
    feed = Feed(STORE, 11, 0, prefix=TOKENIZER.prefix, suffix=TOKENIZER.suffix)
    sizes = [len(batch.tokens) for _, batch, _ in feed.take(6)]
    assert max(sizes) <= 11
    with pytest.raises(BadInput, match="Item 2 has 11 tokens; a batch holds 1 to 10"):
        list(validation_batches(STORE, 10, 0, prefix=TOKENIZER.prefix, suffix=TOKENIZER.suffix))


def test_own_labels_are_those_of_letters() -> None:
    """The same loss whether labels come from the corpus or are given."""
    model = new_token_classifier(new_model(shape(), TOKENIZER), ["a", "b", "c"])
    batch = gather(STORE, np.array([2, 0]), TOKENIZER.prefix, TOKENIZER.suffix)
    rng = np.random.default_rng(0)
    given = TokenClassification([STORE.labels(i) for i in range(3)])
    losses = [objective.loss(model, batch, rng) for objective in (given, TokenClassification())]
    assert losses[0].weight == losses[1].weight == 0.5 * 14
    assert losses[0].total.item() == losses[1].total.item() > 0


def test_training_and_scoring_see_the_same_input() -> None:
    classifier = new_classifier(new_model(shape(), TOKENIZER), ["a", "b"], dropout=0.0)
    batch = gather(STORE, np.array([0, 1, 2]), TOKENIZER.prefix, TOKENIZER.suffix)
    with torch.no_grad():
        logits = classifier(torch.from_numpy(batch.tokens.astype(np.int64)), torch.from_numpy(batch.boundaries))
    np.testing.assert_allclose(class_logits(classifier, ["MKVLA", "GW", "ACDEFGHIK"]), logits, atol=1e-6)


@pytest.mark.parametrize("objective", [MaskedLanguageModel(), Classification(np.array([0, 1, 1]))])
def test_fit_surrounds_by_the_models_tokenizer(objective: MaskedLanguageModel | Classification) -> None:
    model = new_model(shape(), TOKENIZER)
    model = new_classifier(model, ["a", "b"]) if isinstance(objective, Classification) else model
    seen: list[torch.Tensor] = []
    model.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][inputs[1][:-1].to(inputs[0].device)]))
    fit(model, STORE, objective, TrainConfig(steps=2, batch_tokens=40, precision="float32"))
    assert seen
    assert all((starts == TOKENIZER.bos_id).all() for starts in seen)
