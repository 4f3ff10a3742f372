"""A run as a folder: what is written comes back as it was."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from glmkit.errors import BadInput
from glmkit.models import LSTMConfig, TransformerConfig, new_classifier, new_model, new_regressor, weights_hash
from glmkit.tokens import BaseTokenizer, LetterTokenizer, TokenStore
from glmkit.train import Classification, MaskedLanguageModel, Ranking, Regression, TokenClassification
from glmkit.train.distributed.job import WrittenCorpus, fill, read_model, read_task, tensors_of, write_model, write_task
from glmkit.train.objectives.batches import gather
from tests.faults.tiny_run import Letters


def language_model(**shape: Any) -> Any:
    sizes = {"vocabulary_size": 33, "width": 12, "layers": 3, "heads": 2, "feedforward": 20, "mixing": ("local", "global")}
    return new_model(TransformerConfig(**sizes | shape), LetterTokenizer(), seed=4)


def test_models_come_back(tmp_path: Path) -> None:
    base = language_model()
    base.contact_head = torch.nn.Linear(6, 1)
    recurrent = new_model(LSTMConfig(vocabulary_size=10, width=8, layers=1), BaseTokenizer(), seed=2)
    regressor = new_regressor(language_model(), ["a", "b"], targets=np.arange(8.0).reshape(4, 2), hidden=5)
    regressor.network.requires_grad_(False)
    for number, model in enumerate((base, recurrent, regressor, new_classifier(language_model(), ["x", "y"], pool="last"))):
        write_model(model, tmp_path / str(number))
        again = read_model(tmp_path / str(number))
        assert type(again) is type(model)
        assert repr(again.network.config) == repr(model.network.config)
        assert again.tokenizer.hash == model.tokenizer.hash
        assert again.card == model.card
        found, wanted = tensors_of(again), tensors_of(model)
        assert found.keys() == wanted.keys()
        assert all(torch.equal(found[name], wanted[name]) for name in wanted)
        frozen = [not p.requires_grad for n, p in again.named_parameters()]
        assert frozen == [not p.requires_grad for n, p in model.named_parameters() if not n.startswith("contact_head.")]
    assert not any(name.startswith("contact_head.") for name in tensors_of(base))
    kept = base.contact_head.weight.clone()
    fill(base, tensors_of(read_model(tmp_path / "0")))
    assert torch.equal(base.contact_head.weight, kept)
    with pytest.raises(BadInput, match=r"do not match the model: 'network.embedding.weight' is missing or unknown"):
        fill(base, {})


def test_a_corpus_of_our_own_becomes_arrays(tmp_path: Path) -> None:
    class Labelled(Letters):
        """With classes of tokens."""

        tokenizer_hash = BaseTokenizer().hash

        def labels(self, index: int) -> np.ndarray:
            return self.items[index].astype(np.int16) % 3 - 1

    store = Labelled()
    again, objective = read_task(write_task(store, TokenClassification(), tmp_path))
    assert isinstance(again, WrittenCorpus)
    assert (again.hash, again.tokenizer_hash, len(again)) == (store.hash, store.tokenizer_hash, 23)
    assert again.lengths.tolist() == store.lengths.tolist()
    items = np.array([22, 0, 7])
    for name in ("tokens", "weights", "labels", "boundaries"):
        found, wanted = getattr(gather(again, items), name), getattr(gather(store, items), name)
        assert found.tolist() == wanted.tolist()
        assert found.dtype == wanted.dtype
    assert objective.describe() == TokenClassification().describe()
    assert not hasattr(read_task(write_task(Letters(), MaskedLanguageModel(), tmp_path))[0], "labels")


def test_a_store_is_named_by_its_folder(tmp_path: Path) -> None:
    tokenizer = BaseTokenizer()
    TokenStore.write(tmp_path / "store", [("r", tokenizer.encode("ACGTACG"), None)], tokenizer)
    store = TokenStore.open(tmp_path / "store")
    task = write_task(store, MaskedLanguageModel(0.2, span=3), tmp_path)
    assert not (tmp_path / "corpus").exists()
    again, objective = read_task(task)
    assert again.hash == store.hash
    assert objective.describe() == {"objective": "masked", "rate": 0.2, "span": 3, "reverse_complement": False}
    labels = [np.array([0, 1, 2, 0, 1, -1, 0])]
    own, _ = read_task(write_task(store, TokenClassification(labels, reverse_complement=(0, 2, 1)), tmp_path))
    assert own.labels(0).tolist() == labels[0].tolist()


@pytest.mark.parametrize(
    "objective",
    [
        Classification(np.arange(23) % 2, [1.0, 0.5]),
        Regression(np.arange(46.0).reshape(23, 2), np.ones(23), normalise=False),
        Ranking(np.arange(23.0), np.arange(23) % 4, reverse_complement=True),
    ],
)
def test_objectives_come_back(tmp_path: Path, objective: Any) -> None:
    _, again = read_task(write_task(Letters(), objective, tmp_path))
    assert type(again) is type(objective)
    assert again.describe() == objective.describe()


def test_an_unknown_network_is_refused(tmp_path: Path) -> None:
    model = language_model()
    model.network.config = "mine"
    with pytest.raises(BadInput, match="A Transformer cannot be transferred to other processes; expected the network of one of"):
        write_model(model, tmp_path / "model")
    assert weights_hash(model)
