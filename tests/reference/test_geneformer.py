"""A BERT of Geneformer's shape and vocabulary that `transformers` saved: equal logits and embeddings here, and back again."""

import gzip
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from glmkit.models import LanguageModel, load, pack, save
from glmkit.score import embed

transformers = pytest.importorskip("transformers")

ENTRIES = 25_426  # of the first version's vocabulary
SHAPE = {
    "vocab_size": ENTRIES,
    "hidden_size": 256,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 512,
    "hidden_act": "relu",
    "max_position_embeddings": 2048,
    "hidden_dropout_prob": 0.02,
    "attention_probs_dropout_prob": 0.02,
    "pad_token_id": 0,
}
LENGTHS = (57, 1, 211, 57)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("geneformer") / "published"
    torch.manual_seed(7)
    model = transformers.BertForMaskedLM(transformers.BertConfig(**SHAPE)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape))
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def theirs(folder: Path) -> Any:
    return transformers.BertForMaskedLM.from_pretrained(folder).eval()


@pytest.fixture(scope="module")
def tokenizer(shared_data: Callable[[str], Path]) -> Any:
    with gzip.open(shared_data("geneformer_v1_genes.tsv.gz"), "rt") as file:
        names = [line.split("\t")[0] for line in file][1:]
    save = lambda folder: (folder / "tokenizer.json").write_text('{"hash": "geneformer"}')  # noqa: E731
    ids = {"pad_id": 0, "mask_id": 1, "bos_id": 0, "eos_id": 0, "unk_id": 0}
    return SimpleNamespace(vocabulary=tuple(names), hash="geneformer", prefix=(), suffix=(), save=save, **ids)


@pytest.fixture(scope="module")
def ours(folder: Path, tokenizer: Any) -> LanguageModel:
    model = load(folder, device="cpu", tokenizer=tokenizer)
    assert isinstance(model, LanguageModel)
    return model


def cells() -> list[np.ndarray]:
    """Ranks as Geneformer has them: no gene twice, masks among them."""
    rng = np.random.default_rng(3)
    found = [rng.permutation(np.arange(2, ENTRIES))[:length] for length in LENGTHS]
    found[0][[0, 9, 10]] = 1
    return found


def run(model: Any, ids: np.ndarray) -> Any:
    with torch.no_grad():
        return model(torch.from_numpy(ids)[None], attention_mask=torch.ones(1, len(ids)), output_hidden_states=True)


def test_the_shape_is_read(ours: LanguageModel) -> None:
    config = ours.network.config
    assert (config.vocabulary_size, config.activation, config.maximum_positions) == (25_426, "relu", 2048)
    assert (config.family, config.segments, config.segment_starts) == ("bert", 2, ())
    assert ours.context == 2048


def test_logits_and_every_layer(ours: LanguageModel, theirs: Any, differs: Any) -> None:
    given = cells()
    answers = [run(theirs, ids) for ids in given]
    with torch.no_grad():
        logits, states = ours.logits(*pack(given)), ours.network.hidden_states(*pack(given))
    expected = torch.cat([answer.logits[0] for answer in answers])
    assert expected.std() > 0.1
    assert differs("Geneformer V1", "logits", logits, expected) <= 1e-5
    for depth, state in enumerate(states):
        found = differs("Geneformer V1", "hidden states", state, torch.cat([a.hidden_states[depth][0] for a in answers]))
        assert found <= 1e-5


@pytest.mark.parametrize("layer", [-1, -2])
def test_embeddings_are_the_mean_of_its_states(ours: LanguageModel, theirs: Any, layer: int, differs: Any) -> None:
    expected = torch.stack([run(theirs, ids).hidden_states[layer][0].mean(0) for ids in cells()])
    found = torch.from_numpy(embed(ours, cells(), layer))
    assert differs("Geneformer V1", f"embedding of layer {layer}", found, expected) <= 1e-5


def test_saved_again_it_opens_in_transformers(ours: LanguageModel, theirs: Any, tmp_path: Path, differs: Any) -> None:
    save(ours, tmp_path / "saved")
    again, report = transformers.AutoModelForMaskedLM.from_pretrained(tmp_path / "saved", output_loading_info=True)
    assert type(again) is type(theirs)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    for ids in cells():
        found = differs("Geneformer V1", "saved, then transformers", run(again.eval(), ids).logits, run(theirs, ids).logits)
        assert found <= 1e-6
