"""Open a model's folder with suspicion: each part is checked against the others before a weight reaches a network."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from glmkit.errors import BadInput
from glmkit.files import read_json, recover_folder, sha256
from glmkit.models.formats._resolve import origin
from glmkit.models.formats.config_json import config_from_disk, weights_from_disk
from glmkit.models.formats.safetensors_file import check_layout, read_weights
from glmkit.models.language_model import Config
from glmkit.tokens import load_tokenizer

FORMAT = 1
PARTS = ("config.json", "model.safetensors", "tokenizer.json", "card.json")
INDEX = "model.safetensors.index.json"
DOORS = {
    "language model": "load",
    "classifier": "load_classifier",
    "token classifier": "load_token_classifier",
    "regressor": "load_regressor",
    "gene hybrid": "load_head",
}


@dataclass(frozen=True)
class Opened:
    """The checked parts of a model's folder.

    Attributes
    ----------
    folder
        Where.
    config
        The network's shape.
    disk
        The parsed ``config.json``.
    settings
        What glmkit wrote into it about the head.
    tokenizer
        What makes the ids.
    card
        Where the model comes from.
    """

    folder: Path
    config: Config
    disk: dict[str, Any]
    settings: dict[str, Any]
    tokenizer: Any
    card: dict[str, Any]

    def weights(self) -> dict[str, torch.Tensor]:
        """The folder's tensors, all finite, under our names.

        Returns
        -------
        dict
            On the CPU, as they are on disk.
        """
        state: dict[str, torch.Tensor] = {}
        for path in weight_files(self.folder):
            state |= read_weights(path)
        found = weights_from_disk(state, self.config, self.disk)
        return {name.removeprefix("classifier."): tensor for name, tensor in found.items()}


def open_ours(folder: Path, kinds: tuple[str, ...]) -> Opened:
    """Check the parts of a folder that `glmkit.models.save` wrote, weights excepted.

    Parameters
    ----------
    folder
        Where.
    kinds
        What it may hold: ``language model`` or kinds of heads.

    Returns
    -------
    Opened
        Its parts.

    Raises
    ------
    BadInput
        As for `glmkit.models.load`.
    """
    recover_folder(folder)
    if not folder.is_dir():
        raise BadInput(f"{folder} is not a folder. Give the folder that glmkit.models.save wrote.")
    check_layout(folder / "model.safetensors")
    _check_manifest(folder)
    disk = read_json(folder / "config.json")
    config = config_from_disk(disk, str(folder / "config.json"))
    settings = disk.get("glmkit", {})
    if settings.get("kind") not in kinds:
        held = settings.get("kind")
        door = f"glmkit.models.{DOORS[held]}" if held in DOORS else "a folder that glmkit.models.save wrote"
        raise BadInput(f"{folder} holds a {held}, expected a {' or '.join(kinds)}. Use {door}.")
    trained_with, found = str(settings.get("tokenizer_hash")), str(read_json(folder / "tokenizer.json").get("hash"))
    if found != trained_with:
        raise BadInput(
            f"{folder}: tokenizer.json is not the one that the model was trained with (hash {found[:12]}, expected "
            f"{trained_with[:12]}): ids mean other letters now. Restore the model's own tokenizer.json."
        )
    tokenizer = load_tokenizer(folder)
    _check_vocabulary(folder, config, tokenizer, "tokenizer.json")
    return Opened(folder, config, disk, settings, tokenizer, read_json(folder / "card.json"))


def open_published(folder: Path, tokenizer: Any = None) -> Opened:
    """Check the parts of a folder in the format of a published family, weights excepted.

    Parameters
    ----------
    folder
        ``config.json``, ``model.safetensors`` (or its pieces and their index) and a vocabulary file.
    tokenizer
        What makes the ids; None reads the vocabulary file.

    Returns
    -------
    Opened
        Its parts; the card says where they lie and hashes the weights.

    Raises
    ------
    BadInput
        As for `glmkit.models.load`.
    """
    disk = read_json(folder / "config.json")
    config = config_from_disk(disk, str(folder / "config.json"))
    files = weight_files(folder)
    for path in files:
        check_layout(path)
    if tokenizer is None:
        from glmkit.tokens import published

        tokenizer = published(folder, disk["model_type"])
    _check_vocabulary(folder, config, tokenizer, "the vocabulary file")
    card = (
        {"source": str(folder)}
        | origin(folder)
        | {
            "architecture": "Transformer",
            "family": getattr(config, "family", disk["model_type"]),
            "objective": "causal" if config.causal else "masked",
            "tokenizer_hash": tokenizer.hash,
            "weights_sha256": {path.name: sha256(path) for path in files},
        }
    )
    if disk.get("position_embedding_type") == "rotary" and disk.get("max_position_embeddings"):
        card["context"] = int(disk["max_position_embeddings"]) - 2  # ESM counts two rows that it does not use
    return Opened(folder, config, disk, {}, tokenizer, card)


def weight_files(folder: Path) -> list[Path]:
    """The files that hold a folder's weights.

    Parameters
    ----------
    folder
        Where.

    Returns
    -------
    list of pathlib.Path
        ``model.safetensors``, or the pieces that the index beside it names, in order.

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
    """Put weights into a model, if they are exactly what it needs.

    Parameters
    ----------
    model
        With fresh weights.
    opened
        The folder they come from.
    given
        Its weights.

    Raises
    ------
    BadInput
        The vocabulary, the number of layers, a name or a shape differs.
    """
    config, path = opened.config, weight_files(opened.folder)[0]
    wanted = model.state_dict()
    vocabulary = given["network.embedding.weight"].shape[0] if "network.embedding.weight" in given else config.vocabulary_size
    if vocabulary != config.vocabulary_size:
        raise BadInput(
            f"{path} has embeddings of {vocabulary} vocabulary entries, config.json says {config.vocabulary_size}. "
            "The two are from different models; copy the folder again."
        )
    layers = len({name.split(".")[2] for name in given if name.startswith("network.layers.")})
    if layers != config.layers:
        raise BadInput(f"{path} has the weights of {layers} layers, config.json says {config.layers}. Copy the folder again.")
    for difference, what in ((wanted.keys() - given.keys(), "lacks"), (given.keys() - wanted.keys(), "has the unknown")):
        if difference:
            raise BadInput(f"{path} {what} {len(difference)} tensors, the first {min(difference)!r}. Copy the folder again.")
    for name, tensor in wanted.items():
        if given[name].shape != tensor.shape:
            raise BadInput(f"{path}: {name!r} has shape {tuple(given[name].shape)}, config.json asks for {tuple(tensor.shape)}.")
    model.load_state_dict(given)


def _check_vocabulary(folder: Path, config: Config, tokenizer: Any, what: str) -> None:
    if len(tokenizer.vocabulary) != config.vocabulary_size:
        raise BadInput(
            f"{folder}: config.json says vocabulary_size {config.vocabulary_size}, {what} has "
            f"{len(tokenizer.vocabulary)} entries. The two are from different models; copy the folder again."
        )


def _check_manifest(folder: Path) -> None:
    manifest = read_json(folder / "manifest.json")
    version = manifest.get("format")
    if version != FORMAT:
        raise BadInput(f"{folder} is in format version {version!r}; this glmkit reads version {FORMAT}. Install a later glmkit.")
    for name in PARTS:
        path = folder / name
        if not path.is_file():
            raise BadInput(f"{path} is missing. Copy the whole folder again.")
        if sha256(path) != manifest.get("sha256", {}).get(name):
            raise BadInput(f"{path} is not the file that was saved (its SHA-256 differs from manifest.json). Copy it again.")
