"""Pickle checkpoints become safetensors with equal logits, and a pickle with content other than tensors is not opened."""

import argparse
import json
import pickle  # noqa: TID251 (to make what must be refused)
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, RobertaForMaskedLM

from glmkit.errors import BadInput
from glmkit.models.formats.unpickle import convert_bert, convert_fairseq_roberta, open_pickle
from tests.fairseq_roberta import fairseq_logits, random_checkpoint

LETTERS = "ACDEFGHIKLMNPQRSTVWY"


class Payload:
    """Creates the canary when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.canary,))


@pytest.fixture
def dictionary(tmp_path: Path) -> Path:
    path = tmp_path / "dict.txt"
    path.write_text("".join(f"{letter} 1\n" for letter in LETTERS))
    return path


@pytest.mark.parametrize("zipped", [False, True])
def test_fairseq_roberta_keeps_its_logits(tmp_path: Path, dictionary: Path, zipped: bool) -> None:
    checkpoint = random_checkpoint()
    torch.save(checkpoint, tmp_path / "checkpoint.pt", _use_new_zipfile_serialization=zipped)
    folder = convert_fairseq_roberta(tmp_path / "checkpoint.pt", dictionary, tmp_path / "out", {"licence": "MIT"})
    model, loading = RobertaForMaskedLM.from_pretrained(folder, output_loading_info=True)
    assert not any(loading.values())
    tokens = torch.tensor([0, *range(4, 19), 2])
    with torch.no_grad():
        got = model.eval()(tokens[None]).logits[0]
    wanted = fairseq_logits(checkpoint["model"], checkpoint["args"], tokens)
    torch.testing.assert_close(got, wanted, atol=2e-5, rtol=1e-4)
    assert (folder / "vocab.txt").read_text().split() == ["<s>", "<pad>", "</s>", "<unk>", *LETTERS, "<mask>"]
    config, card = (json.loads((folder / name).read_text()) for name in ("config.json", "card.json"))
    assert (config["max_position_embeddings"], config["intermediate_size"], config["attention_probs_dropout_prob"]) == (
        19,
        20,
        0.2,
    )
    assert (card["licence"], card["left_out"], card["converted"]) == ("MIT", ["decoder.lm_head.weight"], "pickle to safetensors")
    assert sorted(path.name for path in folder.iterdir()) == ["card.json", "config.json", "model.safetensors", "vocab.txt"]


def test_bert_keeps_its_logits_and_loses_other_heads(tmp_path: Path) -> None:
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=25,
        hidden_size=12,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=20,
        max_position_embeddings=31,
    )
    model = BertForMaskedLM(config).eval()
    state = dict(model.state_dict()) | {"bert.pooler.dense.weight": torch.zeros(12, 12), "cls.species.bias": torch.zeros(6)}
    torch.save(state, tmp_path / "pytorch_model.bin")
    (tmp_path / "config.json").write_text(
        json.dumps(config.to_dict() | {"architectures": ["Other"], "_name_or_path": "a/private/place"})
    )
    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS]))
    folder = convert_bert(*(tmp_path / name for name in ("pytorch_model.bin", "config.json", "vocab.txt", "out")), {})
    again, loading = BertForMaskedLM.from_pretrained(folder, output_loading_info=True)
    assert not any(loading.values())
    tokens = torch.tensor([[2, *range(5, 25), 3]])
    with torch.no_grad():
        torch.testing.assert_close(again.eval()(tokens).logits, model(tokens).logits)
    assert "private" not in (folder / "config.json").read_text()
    assert json.loads((folder / "card.json").read_text())["left_out"] == ["bert.pooler.dense.weight", "cls.species.bias"]


@pytest.mark.parametrize("kind", ["zipped", "bare", "inside"])
def test_a_payload_never_runs(tmp_path: Path, dictionary: Path, kind: str) -> None:
    canary, path = tmp_path / "canary", tmp_path / "checkpoint.pt"
    if kind == "inside":
        torch.save(random_checkpoint() | {"extra_state": Payload(canary)}, path)
    elif kind == "zipped":
        torch.save(Payload(canary), path)
    else:
        path.write_bytes(pickle.dumps(Payload(canary)))
    with pytest.raises(
        BadInput, match=r"is a pickle that refers to \S+, and a pickle can run any code when it is opened: only tensors"
    ):
        convert_fairseq_roberta(path, dictionary, tmp_path / "out", {})
    assert not canary.exists()
    assert not (tmp_path / "out").exists()
    torch.load(path, weights_only=False) if kind != "bare" else pickle.loads(path.read_bytes())
    assert canary.exists(), "the payload is a real one"


def test_only_the_named_class_passes(tmp_path: Path) -> None:
    torch.save({"args": argparse.Namespace(width=3)}, tmp_path / "a.pt")
    with pytest.raises(BadInput, match=r"refers to argparse.Namespace"):
        open_pickle(tmp_path / "a.pt")
    assert open_pickle(tmp_path / "a.pt", [argparse.Namespace])["args"].width == 3
    with pytest.raises(BadInput, match=r"refers to argparse.Namespace"):
        open_pickle(tmp_path / "a.pt")


def test_what_is_no_checkpoint(tmp_path: Path, dictionary: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(BadInput, match=r"checkpoint.pt does not exist. Expected a checkpoint that torch.save wrote"):
        open_pickle(path)
    checkpoint = random_checkpoint()
    torch.save(checkpoint, path)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(BadInput, match=r"checkpoint.pt is (not a checkpoint that torch.save wrote, or it is cut|a pickle)"):
        open_pickle(path)
    torch.save({"model": checkpoint["model"]}, path)
    with pytest.raises(BadInput, match=r"is not a fairseq checkpoint: expected 'args' and 'model' in it"):
        convert_fairseq_roberta(path, dictionary, tmp_path / "out", {})
    checkpoint["model"].pop("decoder.sentence_encoder.layers.1.fc1.bias")
    torch.save(checkpoint, path)
    with pytest.raises(BadInput, match=r"does not have the tensors of a fairseq RoBERTa"):
        convert_fairseq_roberta(path, dictionary, tmp_path / "out", {})
    torch.save(random_checkpoint(), path)
    dictionary.write_text("A 1\nC 1\n")
    with pytest.raises(BadInput, match=r"The vocabulary has 7 different tokens, the network was made for 25"):
        convert_fairseq_roberta(path, dictionary, tmp_path / "out", {})
    assert not (tmp_path / "out").exists()
