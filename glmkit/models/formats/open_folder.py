"""Opening of model folders; the parts are checked against each other before weights are loaded into a network."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from glmkit.errors import BadInput
from glmkit.files import read_json, recover_folder, sha256
from glmkit.models.formats._resolve import origin
from glmkit.models.formats.config_json import read_config
from glmkit.models.formats.safetensors_file import check_layout, read_weights
from glmkit.models.formats.source import Source
from glmkit.models.formats.version import check_version, convert
from glmkit.models.language_model import Config
from glmkit.tokens import load_tokenizer

PARTS = ("config.json", "model.safetensors", "tokenizer.json", "card.json")
INDEX = "model.safetensors.index.json"
LOADERS = {
    "language model": "load",
    "classifier": "load_classifier",
    "token classifier": "load_token_classifier",
    "regressor": "load_regressor",
    "gene hybrid": "load_head",
}


@dataclass(frozen=True)
class Opened:
    """The checked parts of a model folder.

    Attributes
    ----------
    source
        The folder with its parsed ``config.json``.
    config
        Shape of the network.
    tokenizer
        Tokenizer of the network's ids.
    card
        Provenance of the model.
    """

    source: Source
    config: Config
    tokenizer: Any
    card: dict[str, Any]

    def weights(self) -> dict[str, torch.Tensor]:
        """The folder's tensors, all finite, under glmkit's names.

        Returns
        -------
        dict
            Tensors by name, on the CPU, in the type that they have on disk.
        """
        state: dict[str, torch.Tensor] = {}
        for path in weight_files(self.source.folder):
            state |= read_weights(path)
        if self.source.family is not None:
            state = self.source.family.weights_from_disk(state, self.config, self.source.config)  # type: ignore[arg-type]
        return {name.removeprefix("classifier."): tensor for name, tensor in state.items()}


def open_saved(source: Source, kinds: Collection[str]) -> Opened:
    """Check the parts of a folder that `glmkit.models.save` wrote, weights excepted.

    Parameters
    ----------
    source
        Source of the folder.
    kinds
        Accepted content: ``language model`` or kinds of heads.

    Returns
    -------
    Opened
        Parts of the folder.

    Raises
    ------
    BadInput
        As for `glmkit.models.load`.
    """
    folder = source.folder
    recover_folder(folder)
    if not folder.is_dir():
        raise BadInput(f"{folder} is not a folder. Give the folder that glmkit.models.save wrote.")
    check_layout(folder / "model.safetensors")
    version = _check_manifest(source)
    config = read_config(convert(source.config, version), source.where, source.family)
    held = source.settings.get("kind")
    if held not in kinds:
        loader = f"glmkit.models.{LOADERS[held]}" if held in LOADERS else "a folder that glmkit.models.save wrote"
        raise BadInput(f"{folder} contains a {held}, expected a {' or '.join(kinds)}. Use {loader}.")
    trained_with, found = str(source.settings.get("tokenizer_hash")), str(read_json(folder / "tokenizer.json").get("hash"))
    if found != trained_with:
        raise BadInput(
            f"{folder}: tokenizer.json is not the one that the model was trained with (hash {found[:12]}, expected "
            f"{trained_with[:12]}): ids denote other letters. Restore the model's own tokenizer.json."
        )
    tokenizer = load_tokenizer(folder)
    _check_vocabulary(folder, config, tokenizer, "tokenizer.json")
    return Opened(source, config, tokenizer, read_json(folder / "card.json"))


def open_published(source: Source, tokenizer: Any = None) -> Opened:
    """Check the parts of a folder in the format of a published family, weights excepted.

    Parameters
    ----------
    source
        Source of a folder with ``config.json``, ``model.safetensors`` (or shards and their index) and a vocabulary file.
    tokenizer
        Tokenizer of the network's ids; None reads the vocabulary file.

    Returns
    -------
    Opened
        Parts of the folder; the card has the provenance and the hashes of the weights.

    Raises
    ------
    BadInput
        As for `glmkit.models.load`.
    """
    folder, disk = source.folder, source.config
    config = read_config(disk, source.where, source.family)
    files = weight_files(folder)
    for path in files:
        check_layout(path)
    if tokenizer is None:
        from glmkit.tokens import published

        tokenizer = published(folder, disk["model_type"])
    _check_vocabulary(folder, config, tokenizer, "the vocabulary file")
    card = published_card(folder, files, tokenizer) | {
        "architecture": "Transformer",
        "family": getattr(config, "family", disk["model_type"]),
        "objective": "causal" if config.causal else "masked",
    }
    if disk.get("position_embedding_type") == "rotary" and disk.get("max_position_embeddings"):
        card["context"] = int(disk["max_position_embeddings"]) - 2  # ESM's number includes two unused rows
    return Opened(source, config, tokenizer, card)


def published_card(folder: Path, files: list[Path], tokenizer: Any) -> dict[str, Any]:
    """Provenance of a published model: its source and the hashes of tokenizer and weights.

    Parameters
    ----------
    folder
        Folder of the model.
    files
        Files with its weights.
    tokenizer
        Tokenizer of the model.

    Returns
    -------
    dict
        Plain JSON values.
    """
    hashes = {"tokenizer_hash": tokenizer.hash, "weights_sha256": {path.name: sha256(path) for path in files}}
    return {"source": str(folder)} | origin(folder) | hashes


def weight_files(folder: Path) -> list[Path]:
    """Files with the weights of a folder.

    Parameters
    ----------
    folder
        Folder of the model.

    Returns
    -------
    list of pathlib.Path
        ``model.safetensors``, or the shards that the index names, in order.

    Raises
    ------
    BadInput
        The index names a file outside the folder.
    """
    if not (folder / INDEX).is_file():
        return [folder / "model.safetensors"]
    names = sorted(set(read_json(folder / INDEX)["weight_map"].values()))
    for name in names:
        if Path(name).name != name:
            raise BadInput(f"{folder / INDEX} names the file {name!r}, which is not in its own folder. Copy the folder again.")
    return [folder / name for name in names]


def fill(model: nn.Module, opened: Opened, given: dict[str, torch.Tensor]) -> None:
    """Load weights into a model; names and shapes must match exactly.

    Parameters
    ----------
    model
        Model with fresh weights; changed in place.
    opened
        Parts of the folder.
    given
        Tensors of the folder by name.

    Raises
    ------
    BadInput
        The vocabulary, the number of layers, a name or a shape differs.
    """
    config, path = opened.config, weight_files(opened.source.folder)[0]
    wanted = model.state_dict()
    vocabulary = given["network.embedding.weight"].shape[0] if "network.embedding.weight" in given else config.vocabulary_size
    if vocabulary != config.vocabulary_size:
        raise BadInput(
            f"{path} has embeddings of {vocabulary} vocabulary entries, config.json specifies {config.vocabulary_size}. "
            "The two are from different models; copy the folder again."
        )
    layers = len({name.split(".")[2] for name in given if name.startswith("network.layers.")})
    if layers != config.layers:
        raise BadInput(
            f"{path} has the weights of {layers} layers, config.json specifies {config.layers}. Copy the folder again."
        )
    for difference, what in ((wanted.keys() - given.keys(), "lacks"), (given.keys() - wanted.keys(), "has the unknown")):
        if difference:
            raise BadInput(f"{path} {what} {len(difference)} tensors, the first {min(difference)!r}. Copy the folder again.")
    for name, tensor in wanted.items():
        if given[name].shape != tensor.shape:
            raise BadInput(f"{path}: {name!r} has shape {tuple(given[name].shape)}, config.json specifies {tuple(tensor.shape)}.")
    model.load_state_dict(given)


def _check_vocabulary(folder: Path, config: Config, tokenizer: Any, what: str) -> None:
    if len(tokenizer.vocabulary) != config.vocabulary_size:
        raise BadInput(
            f"{folder}: config.json has vocabulary_size {config.vocabulary_size}, {what} has "
            f"{len(tokenizer.vocabulary)} entries. The two are from different models; copy the folder again."
        )


def _check_manifest(source: Source) -> int:
    """Format version of a folder, after comparing its files with the hashes of the manifest."""
    folder = source.folder
    manifest = read_json(folder / "manifest.json")
    version = check_version(manifest.get("format"), str(folder))
    for name in PARTS:
        path = folder / name
        if not path.is_file():
            raise BadInput(f"{path} is missing. Copy the whole folder again.")
        found = hashlib.sha256(source.text).hexdigest() if name == "config.json" else sha256(path)
        if found != manifest.get("sha256", {}).get(name):
            raise BadInput(f"{path} is not the file that was saved (its SHA-256 differs from manifest.json). Copy it again.")
    return version
