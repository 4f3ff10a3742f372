"""Freezing and low-rank adapters: what trains, that nothing else moves, and that they can be saved, merged and gone on with."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from glmkit.errors import BadInput
from glmkit.models import TransformerConfig, new_classifier, new_model, weights_hash
from glmkit.models.networks import pack
from glmkit.tokens import BaseTokenizer
from glmkit.train import Classification, TrainConfig, fit, freeze, load_adapters, lora, merge_adapters, save_adapters
from glmkit.train.distributed.job import read_model, write_model
from glmkit.train.freezing import trainable_count
from tests.faults.tiny_run import SETTINGS, Letters

WIDTH, LAYERS, CLASSES = 12, 3, 4


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def classifier() -> Any:
    shape = TransformerConfig(vocabulary_size=10, width=WIDTH, layers=LAYERS, heads=3, feedforward=20, dropout=0.1)
    return new_classifier(new_model(shape, BaseTokenizer(), seed=1), ["a", "b", "c", "d"], hidden=7, dropout=0.0)


LABELS = np.arange(23) % CLASSES
HEAD = WIDTH * 7 + 7 + 7 * CLASSES + CLASSES


def train(model: Any, folder: Path | None = None, **options: Any) -> Any:
    config = TrainConfig(**SETTINGS | {"learning_rate": 0.02})
    return fit(model, Letters(), Classification(LABELS), config, folder=folder, **options)


def changed(model: Any, before: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}


def test_only_what_is_trainable_moves() -> None:
    for trainable, expected in (("head", set()), (1, {"layers.2.", "norm."}), (2, {"layers.1.", "layers.2.", "norm."})):
        model = classifier()
        before = copy.deepcopy(model.state_dict())
        count = freeze(model, trainable)  # type: ignore[arg-type]
        train(model)
        moved = changed(model, before)
        assert {"dense.weight", "dense.bias", "out.weight", "out.bias"} <= moved
        inside = {name.removeprefix("network.") for name in moved if name.startswith("network.")}
        assert {part for part in expected if any(name.startswith(part) for name in inside)} == expected
        assert all(name.startswith(tuple(expected)) for name in inside) if expected else not inside
        assert count == trainable_count(model) == sum(before[name].numel() for name in moved)
    model = classifier()
    freeze(model, "head")
    assert freeze(model, "all") == sum(parameter.numel() for parameter in model.parameters())
    for wrong, words in ((4, "expected 1 to 3 last layers"), ("body", "'head', 'all' or a number"), (True, "got True")):
        with pytest.raises(BadInput, match=words):
            freeze(model, wrong)  # type: ignore[arg-type]


def test_adapters_and_head_train_and_nothing_else() -> None:
    model = classifier()
    batch = pack([np.arange(4, 8), np.array([5, 5, 7])])
    expected = model(*batch)
    rank = 2
    count = lora(model, rank, 4)
    assert torch.equal(model(*batch), expected), "B starts at zero"
    pairs = LAYERS * (rank * (WIDTH + 3 * WIDTH) + rank * (WIDTH + WIDTH))
    assert count == pairs + HEAD
    before = copy.deepcopy(model.state_dict())
    train(model)
    moved = changed(model, before)
    assert all(".lora_" in name or not name.startswith("network.") for name in moved)
    assert sum(before[name].numel() for name in moved) == count


def test_merged_adapters_compute_the_same() -> None:
    model = classifier()
    names, plain = set(model.state_dict()), weights_hash(model)
    lora(model, 3, targets=["qkv", "out", "up", "down"])
    train(model)
    batch = pack([np.arange(4, 8), np.array([5, 5, 7, 4, 4])])
    expected = model(*batch).detach()
    merge_adapters(model)
    assert set(model.state_dict()) == names
    assert weights_hash(model) != plain
    assert float(((model(*batch).detach() - expected).abs() / expected.abs()).max()) < 1e-5
    assert trainable_count(model) == sum(parameter.numel() for parameter in model.parameters())
    with pytest.raises(BadInput, match=r"no adapters. Add them with glmkit.train.lora"):
        merge_adapters(model)


def test_saved_adapters_come_back_and_peft_reads_them(tmp_path: Path) -> None:
    from peft import PeftModel

    model = classifier()
    lora(model, 3)
    train(model)
    batch = pack([np.arange(4, 8), np.array([5, 5, 7, 4, 4])])
    save_adapters(model, tmp_path / "adapters")
    assert {path.name for path in (tmp_path / "adapters").iterdir()} == {
        "adapter_model.safetensors",
        "adapter_config.json",
        "head.safetensors",
    }
    again = classifier()
    load_adapters(again, tmp_path / "adapters")
    assert torch.equal(again(*batch), model(*batch))
    theirs = PeftModel.from_pretrained(classifier().network, tmp_path / "adapters").eval()
    torch.testing.assert_close(theirs(*batch), model.network(*batch))
    other = new_classifier(classifier(), ["a", "b"])
    with pytest.raises(BadInput, match="does not fit this model"):
        load_adapters(other, tmp_path / "adapters")
    moved = classifier()
    with torch.no_grad():
        moved.network.embedding.weight.add_(1)
    with pytest.raises(BadInput, match="was trained on a network with weights"):
        load_adapters(moved, tmp_path / "adapters")


def test_a_run_with_adapters_is_resumed_bit_for_bit(tmp_path: Path) -> None:
    whole = classifier()
    lora(whole, 2, dropout=0.2)
    train(whole)
    asked: list[int] = []
    first = classifier()
    lora(first, 2, dropout=0.2)
    train(first, tmp_path, stop=lambda: asked.append(1) or len(asked) == 5)
    again = classifier()
    lora(again, 2, dropout=0.2)
    result = train(again, tmp_path)
    assert result.resumed_from == 5
    assert weights_hash(again) == weights_hash(whole)


def test_a_job_keeps_adapters_and_what_is_frozen(tmp_path: Path) -> None:
    model = classifier()
    lora(model, 2)
    train(model)
    write_model(model, tmp_path / "model")
    again = read_model(tmp_path / "model")
    assert weights_hash(again) == weights_hash(model)
    assert trainable_count(again) == trainable_count(model)
    assert again.adapter == model.adapter


def test_what_lora_refuses() -> None:
    model = classifier()
    for wrong, words in (
        ({"rank": 0}, "rank >= 1, alpha > 0"),
        ({"targets": ["query"]}, "'query' is no linear layer of the blocks; choose among qkv, out, up, down"),
        ({"targets": []}, "No target"),
    ):
        with pytest.raises(BadInput, match=words):
            lora(model, **wrong)  # type: ignore[arg-type]
    lora(model)
    with pytest.raises(BadInput, match="has adapters already"):
        lora(model)
