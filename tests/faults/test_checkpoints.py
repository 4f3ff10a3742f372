"""FAULTS, bad inputs, "Checkpoints": a model's folder that is not as it was saved is refused in one clear sentence.

Covers ``glmkit.models.formats.devices``.
"""

import io
import json
import pickle  # noqa: TID251 (to make the file that must never be opened)
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from glmkit.errors import BadInput
from glmkit.files import sha256
from glmkit.models import (
    LSTMConfig,
    TransformerConfig,
    load,
    load_classifier,
    load_regressor,
    new_classifier,
    new_model,
    new_regressor,
    save,
    save_head,
    weights_hash,
)
from glmkit.models.formats.safetensors_file import check_layout
from glmkit.tokens import BaseTokenizer, make_tokenizer

WEIGHTS = "model.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shape = TransformerConfig(vocabulary_size=10, width=12, layers=3, heads=2, feedforward=20, dropout=0.1)
    return save(new_model(shape, BaseTokenizer(), seed=7), tmp_path / "a model")


def seal(folder: Path) -> None:
    """Make the manifest fit the files, as one who meddles with care would."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["sha256"] = {name: sha256(folder / name) for name in manifest["sha256"]}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def edit_json(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def edit_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file(tensors, folder / WEIGHTS)
    seal(folder)


class Payload:
    """Creates the canary when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.canary,))


def test_a_whole_folder_opens(folder: Path) -> None:
    model = load(folder, device="cpu")
    assert weights_hash(model) == weights_hash(new_model(model.network.config, BaseTokenizer(), seed=7))
    assert model.network.config.dropout == 0.1
    assert model.card["seed"] == 7
    assert not model.training


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", WEIGHTS])
def test_pickle_is_never_opened(folder: Path, tmp_path: Path, name: str, zipped: bool) -> None:
    canary = tmp_path / "canary"
    (folder / WEIGHTS).unlink()
    if zipped:
        torch.save(Payload(canary), folder / name)
    else:
        (folder / name).write_bytes(pickle.dumps(Payload(canary)))
    seal(folder) if name == WEIGHTS else None
    with pytest.raises(BadInput, match=r"pickle.*can run any code when it is opened, so glmkit does"):
        load(folder)
    assert not canary.exists()
    data = (folder / name).read_bytes()
    torch.load(io.BytesIO(data), weights_only=False) if zipped else pickle.loads(data)
    assert canary.exists(), "the payload is a real one"


def test_safetensors_cut(folder: Path) -> None:
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[:-100])
    with pytest.raises(BadInput, match=rf"is cut: expected {len(whole):,} bytes, got {len(whole) - 100:,}. Copy it again"):
        load(folder)
    (folder / WEIGHTS).write_bytes(whole[:200])
    with pytest.raises(BadInput, match=r"is cut: its header alone takes"):
        load(folder)


def test_safetensors_trailing_bytes(folder: Path) -> None:
    with open(folder / WEIGHTS, "ab") as file:
        file.write(b"MZ more")
    with pytest.raises(BadInput, match=r"has 7 bytes after its last tensor"):
        load(folder)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (struct.pack("<Q", 2**63) + b"{}", "its header has a stated length of 9,223,372,036,854,775,808 bytes"),
        (struct.pack("<Q", 40) + b"not json" * 5, "its header is not that of a safetensors file"),
        (struct.pack("<Q", 7) + b'{"a":1}', "its header is not that of a safetensors file"),
        (b"\0\0", "its header has a stated length of 0 bytes in a file of 2"),
    ],
)
def test_safetensors_absurd_header(folder: Path, head: bytes, words: str) -> None:
    (folder / WEIGHTS).write_bytes(head)
    with pytest.raises(BadInput, match=words):
        load(folder)


@pytest.mark.parametrize("name", [WEIGHTS, "config.json", "tokenizer.json", "card.json"])
def test_a_flipped_bit(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[-3] ^= 1
    (folder / name).write_bytes(bytes(data))
    with pytest.raises(BadInput, match=rf"{name} is not the file that was saved .its SHA-256 differs"):
        load(folder)


def test_vocabulary_size(folder: Path) -> None:
    edit_json(folder / "config.json", lambda config: config.update(vocab_size=12))
    seal(folder)
    with pytest.raises(BadInput, match=r"config.json has vocabulary_size 12, tokenizer.json has 10 entries"):
        load(folder)


def test_vocabulary_size_of_the_weights(folder: Path) -> None:
    name = "esm.embeddings.word_embeddings.weight"
    edit_weights(folder, lambda tensors: tensors.update({name: tensors[name][:8].clone()}))
    with pytest.raises(BadInput, match=r"embeddings of 8 vocabulary entries, config.json specifies 10"):
        load(folder)


def test_fewer_layers_than_configured(folder: Path) -> None:
    def drop(tensors: dict[str, torch.Tensor]) -> None:
        for name in [name for name in tensors if ".layer.2." in name]:
            del tensors[name]

    edit_weights(folder, drop)
    with pytest.raises(BadInput, match=r"has the weights of 2 layers, config.json specifies 3"):
        load(folder)


def test_a_tensor_missing_or_too_many_or_of_another_shape(folder: Path) -> None:
    whole = (folder / WEIGHTS).read_bytes()
    edit_weights(folder, lambda tensors: tensors.pop("lm_head.bias"))
    with pytest.raises(BadInput, match=r"lacks 1 tensors, the first 'head.bias'"):
        load(folder)
    (folder / WEIGHTS).write_bytes(whole)
    edit_weights(folder, lambda tensors: tensors.update(extra=torch.zeros(2)))
    with pytest.raises(BadInput, match=r"has the unknown 1 tensors, the first 'extra'"):
        load(folder)
    (folder / WEIGHTS).write_bytes(whole)
    edit_weights(folder, lambda tensors: tensors.update({"lm_head.dense.bias": torch.zeros(5)}))
    with pytest.raises(BadInput, match=r"'head.dense.bias' has shape \(5,\), config.json specifies \(12,\)"):
        load(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_NaN_weight(folder: Path, value: float) -> None:
    edit_weights(folder, lambda tensors: tensors["lm_head.dense.bias"].__setitem__(3, value))
    with pytest.raises(BadInput, match=r"1 of 12 values of 'lm_head.dense.bias' are NaN or infinite"):
        load(folder)


def test_tokenizer_ids_permuted(folder: Path) -> None:
    class Permuted(BaseTokenizer):
        vocabulary = ("<cls>", "<pad>", "<eos>", "<unk>", "C", "A", "G", "T", "N", "<mask>")

    Permuted().save(folder)
    seal(folder)
    with pytest.raises(
        BadInput, match=r"tokenizer.json is not the one that the model was trained with .*ids denote other letters. Restore"
    ):
        load(folder)


def test_tokenizer_of_the_same_size_but_another_rule(tmp_path: Path) -> None:
    class Renamed(BaseTokenizer):
        kind = "base"

        def _description(self) -> dict[str, Any]:
            return super()._description() | {"note": "written by somebody else"}

    shape = TransformerConfig(vocabulary_size=10, width=12, layers=1, heads=2, feedforward=20)
    folder = save(new_model(shape, Renamed()), tmp_path / "model")
    BaseTokenizer().save(folder)
    seal(folder)
    with pytest.raises(
        BadInput, match=r"tokenizer.json is not the one that the model was trained with .*ids denote other letters"
    ):
        load(folder)


def test_auto_map(folder: Path) -> None:
    edit_json(folder / "config.json", lambda config: config.update(auto_map={"AutoModel": "modeling.Trojan"}))
    seal(folder)
    with pytest.raises(BadInput, match=r"'auto_map': the model needs Python code that came with it"):
        load(folder)


def test_a_future_format_version(folder: Path) -> None:
    edit_json(folder / "manifest.json", lambda manifest: manifest.update(format=2))
    with pytest.raises(BadInput, match=r"is in format version 2; this glmkit reads versions up to 1. Install a later glmkit"):
        load(folder)


def test_a_config_of_another_network(folder: Path) -> None:
    for change, words in [
        (
            {"model_type": "xlnet"},
            "model_type 'xlnet'; expected esm, bert, roberta, gpt_neox, or one that glmkit.models.save writes",
        ),
        ({"model_type": "esm", "hidden_act": "relu"}, "hidden_act = 'relu', but the network implements 'gelu' only"),
        ({"hidden_act": "gelu", "is_decoder": True}, "is_decoder = True, but the network implements False only"),
        ({"is_decoder": False, "hidden_size": None}, "lacks 'hidden_size', without which the network's shape is unknown"),
    ]:
        edit_json(folder / "config.json", lambda config, change=change: config.update(change))
        seal(folder)
        with pytest.raises(BadInput, match=words):
            load(folder)


def test_not_a_model_folder(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(BadInput, match=r"is no folder, no packaged model .* and no .org/name. of a hub"):
        load(tmp_path / "nowhere")
    with pytest.raises(BadInput, match=r"contains a language model, expected a classifier. Use glmkit.models.load."):
        load_classifier(folder)
    (folder / "card.json").unlink()
    with pytest.raises(BadInput, match=r"card.json is missing"):
        load(folder)


def test_device_and_dtype(folder: Path) -> None:
    assert load(folder, device="cpu", dtype="bf16").head.bias.dtype == torch.bfloat16
    with pytest.raises(BadInput, match=r"dtype must be one of auto, float32, bf16, got 'int8'"):
        load(folder, dtype="int8")
    with pytest.raises(BadInput, match=r"device must be 'auto', 'cpu' or 'cuda', got 'tpu'"):
        load(folder, device="tpu")
    with pytest.raises(BadInput, match=r"this machine has [0-9]+ CUDA devices"):
        load(folder, device="cuda:99")
    with pytest.raises(BadInput, match=r"revision=.main. is for models of a hub"):
        load(folder, revision="main")


def test_save_spares_what_is_not_a_model(folder: Path, tmp_path: Path) -> None:
    model = load(folder, device="cpu")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{}")
    with pytest.raises(BadInput, match=r"contains 'run.json', which is not part of a model"):
        save(model, tmp_path / "run")
    assert (tmp_path / "run" / "run.json").read_text() == "{}"
    before = weights_hash(model)
    with torch.no_grad():
        model.head.bias += 1
    assert weights_hash(load(save(model, folder), device="cpu")) != before
    assert sorted(path.name for path in folder.parent.iterdir()) == ["a model", "run"]


@pytest.mark.parametrize("causal", [False, True])
def test_lstm_and_classifier_come_back(tmp_path: Path, causal: bool) -> None:
    tokenizer = make_tokenizer("base")
    model = new_model(LSTMConfig(vocabulary_size=10, width=6, layers=2, causal=causal), tokenizer, seed=3)
    again = load(save(model, tmp_path / "lstm"), device="cpu")
    assert weights_hash(again) == weights_hash(model)
    assert again.network.config == model.network.config
    shape = TransformerConfig(vocabulary_size=10, width=12, layers=1, heads=2, feedforward=20, causal=causal)
    classifier = new_classifier(new_model(shape, tokenizer), ["coding", "not"], pool="last", dropout=0.3)
    back = load_classifier(save_head(classifier, tmp_path / "classifier"), device="cpu")
    assert weights_hash(back) == weights_hash(classifier)
    assert (back.classes, back.pool, back.dropout) == (("coding", "not"), "last", 0.3)
    shutil.rmtree(tmp_path / "classifier")


def test_a_regressor_comes_back_with_its_units(tmp_path: Path) -> None:
    shape = TransformerConfig(vocabulary_size=10, width=12, layers=1, heads=2, feedforward=20)
    targets = np.array([3.0, 7.0, 11.0])
    regressor = new_regressor(new_model(shape, make_tokenizer("base")), ["melting"], targets=targets, pool="last")
    back = load_regressor(save_head(regressor, tmp_path / "regressor"), device="cpu")
    assert weights_hash(back) == weights_hash(regressor)
    assert (back.outputs, back.pool) == (("melting",), "last")
    assert back.shift.item() == pytest.approx(7.0)
    with pytest.raises(BadInput, match=r"contains a regressor, expected a classifier. Use glmkit.models.load_regressor"):
        load_classifier(tmp_path / "regressor")


@pytest.mark.parametrize("length", [0x80 + 256 * 2, 0x4B50])
def test_a_header_as_long_as_a_pickle_begins_is_no_pickle(tmp_path: Path, length: int) -> None:
    """A safetensors file begins with its header's length: some lengths have the first bytes of a pickle, or of a zip file."""
    header = json.dumps({"w": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}}).encode()
    path = tmp_path / "model.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + header.ljust(length) + np.ones(3, np.float32).tobytes())
    check_layout(path)
    assert load_file(path)["w"].tolist() == [1, 1, 1]
