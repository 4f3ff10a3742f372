"""A model that was made to memorise is found out; one that read nothing is not."""

from typing import Any

import numpy as np
import pytest
import torch

from glmkit.data import EncodedWindows
from glmkit.errors import BadInput
from glmkit.evaluate import memorisation
from glmkit.models import TransformerConfig, new_model
from glmkit.tokens import BaseTokenizer
from glmkit.train import CausalLanguageModel, TrainConfig, fit

RNG = np.random.default_rng(0)
# Training sequences are rich in A, held-out ones are not: an easier composition, which is no memory.
TRAIN = ["".join(RNG.choice(list("ACGT"), 20 + i % 3, p=[0.55, 0.15, 0.15, 0.15])) for i in range(14)]
HELD = ["".join(RNG.choice(list("ACGT"), 24)) for _ in range(11)]


@pytest.fixture(scope="module")
def model() -> Any:
    """A causal model that has read the training sequences until it knows them."""
    shape = TransformerConfig(vocabulary_size=10, width=48, layers=1, heads=2, feedforward=64, causal=True)
    made = new_model(shape, BaseTokenizer(), seed=1)
    corpus = EncodedWindows(TRAIN, made.tokenizer)
    settings = {"steps": 60, "learning_rate": 1e-2, "batch_tokens": 400, "device": "cpu", "precision": "float32"}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums this small only lose by a second thread
    fit(made, corpus, CausalLanguageModel(), TrainConfig(**settings))
    torch.set_num_threads(threads)
    return made


def test_a_model_that_memorised_is_found_out(model: Any) -> None:
    found = memorisation(model, TRAIN, HELD, seed=3, draws=300)
    table = found.table.set_index("set")["nats_per_letter"]
    assert list(table.index) == ["training", "training, shuffled", "held-out", "held-out, shuffled"]
    assert table["training"] > -1.1 > table["training, shuffled"] > table["held-out"]
    assert found.table["sequences"].tolist() == [14, 14, 11, 11]
    assert found.table["letters"].tolist()[::2] == [sum(map(len, TRAIN)), sum(map(len, HELD))]
    assert found.excess.low > 0.3
    assert found.membership.value > 0.9
    assert found.sentence.startswith("Training sequences are memorised beyond what held-out ones show: over their shuffles")
    assert "held-out, shuffled" in str(found)
    again = memorisation(model, TRAIN, HELD, seed=3, draws=300)
    assert again.table.equals(found.table)
    assert again.excess == found.excess


def test_composition_alone_is_no_memory() -> None:
    shape = TransformerConfig(vocabulary_size=10, width=16, layers=1, heads=2, feedforward=24)
    found = memorisation(new_model(shape, BaseTokenizer(), seed=2), TRAIN, HELD, draws=200, most=9)
    assert abs(found.excess.value) < 0.05
    assert found.excess.low < 0 < found.excess.high
    assert found.sentence.startswith("No memorisation of training sequences is detectable: ")
    assert found.table["sequences"].tolist() == [9, 9, 9, 9]


def test_groups_widen_the_interval_and_a_shuffle_can_be_given(model: Any) -> None:
    alone = memorisation(model, TRAIN, HELD, draws=300, shuffle=lambda sequence, rng: sequence[::-1], copies=1)
    families = memorisation(
        model, TRAIN + TRAIN, HELD, draws=300, shuffle=lambda sequence, rng: sequence[::-1], copies=1,
        train_groups=[*range(14), *range(14)],
    )  # fmt: skip
    assert families.excess.value == pytest.approx(alone.excess.value)
    assert families.table["nats_per_letter_low"][0] == pytest.approx(alone.table["nats_per_letter_low"][0])


def test_what_says_nothing_is_refused(model: Any) -> None:
    with pytest.raises(
        BadInput, match=r"held_out: 2 of its sequences are exact copies of training sequences, such as '[ACGT]+'. Take"
    ):
        memorisation(model, TRAIN, [*HELD, *TRAIN[:2]])
    with pytest.raises(BadInput, match="held_out: expected at least 2 sequences, none of them empty, got 1"):
        memorisation(model, TRAIN, HELD[:1])
    with pytest.raises(BadInput, match="train_sequences: expected a group for each of 14 sequences, got 3"):
        memorisation(model, TRAIN, HELD, train_groups=[1, 2, 3])
    with pytest.raises(BadInput, match="copies and most: expected at least 1 and 2, got 0 and 200"):
        memorisation(model, TRAIN, HELD, copies=0)
