"""Save a model as a folder that `transformers` opens, and load such a folder, ours or a published one, with every part checked.

``config.json``, ``model.safetensors``, ``tokenizer.json``, ``card.json``, and ``manifest.json`` with the SHA-256 of each, which
also seals which version of this format it is. The folder appears whole or not at all. A published folder has a vocabulary file
for a tokenizer, and neither card nor manifest; its weights are checked against its ``config.json`` all the same.
"""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from glmkit.errors import BadInput
from glmkit.files import atomic_folder, read_json, sha256, write_json
from glmkit.models.adapter.adapter import open_with_transformers
from glmkit.models.adapter.network import TransformersModel
from glmkit.models.families.registry import FAMILIES
from glmkit.models.families.unirep import read_unirep
from glmkit.models.formats._resolve import resolve
from glmkit.models.formats.config_json import config_to_disk, weights_to_disk
from glmkit.models.formats.devices import choose_device, choose_dtype
from glmkit.models.formats.open_folder import FORMAT, PARTS, Opened, fill, open_ours, open_published
from glmkit.models.formats.safetensors_file import write_weights
from glmkit.models.heads.classifier import Classifier
from glmkit.models.heads.registry import HEADS, head_settings, make_head
from glmkit.models.heads.regressor import Regressor
from glmkit.models.heads.token_classifier import TokenClassifier
from glmkit.models.language_model import LanguageModel, new_network


def save(model: LanguageModel, folder: str | Path) -> Path:
    """Write a language model.

    Parameters
    ----------
    model
        What to write; it stays as it is. Weights are written as float32.
    folder
        The folder to make. An older model there is replaced once the new one is complete.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    BadInput
        The folder holds files that are not a model's.
    ResourceError
        The disk is full or cannot be written; an older model there is untouched.
    """
    return _save(model, folder, {"kind": "language model"})


def save_head(model: nn.Module, folder: str | Path) -> Path:
    """Write a network with a trained head; the network opens in `transformers`, the head only here.

    Parameters
    ----------
    model
        A Classifier, TokenClassifier, Regressor or GeneHybrid.
    folder
        The folder to make, as for `save`.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    BadInput
        The folder holds files that are not a model's.
    """
    return _save(model, folder, head_settings(model))


def _save(model: Any, folder: str | Path, settings: dict[str, Any]) -> Path:
    folder = Path(folder)
    foreign = sorted(path.name for path in folder.glob("*") if path.name not in {*PARTS, "manifest.json"})
    if foreign:
        raise BadInput(f"{folder} holds {foreign[0]!r}, which is no part of a model. Save into a folder of its own.")
    config = model.network.config
    state = {_prefixed(name): tensor.float() for name, tensor in model.state_dict().items()}
    with atomic_folder(folder) as temporary:
        disk = config_to_disk(config, model.tokenizer, settings["kind"] != "language model")
        write_json(temporary / "config.json", disk | {"glmkit": settings | {"tokenizer_hash": model.tokenizer.hash}})
        write_weights(temporary / "model.safetensors", weights_to_disk(state, config, disk))
        model.tokenizer.save(temporary)
        write_json(temporary / "card.json", model.card)
        write_json(temporary / "manifest.json", {"format": FORMAT, "sha256": {name: sha256(temporary / name) for name in PARTS}})
    return folder


def _prefixed(name: str) -> str:
    return name if name.startswith(("network.", "head.", "contact_head.")) else f"classifier.{name}"


def load(
    source: str | Path, revision: str | None = None, device: str = "auto", dtype: str = "auto", *, tokenizer: Any = None
) -> LanguageModel | TransformersModel:
    """Open a language model: one that `save` wrote, or a published one.

    Published models of the families of `glmkit.models.families` run in the packed network; those of other families run through
    `transformers`, slower, with the same face (see `glmkit.models.adapter.adapter`).

    Parameters
    ----------
    source
        The folder; the name of weights that a package ships, such as ``sapiens-vh``; or ``org/name`` of a model hub.
    revision
        For a hub: a commit, tag or branch. None takes the newest.
    device
        ``auto`` (a GPU if there is one), ``cpu`` or ``cuda``.
    dtype
        ``auto`` or ``float32``, or ``bf16``.
    tokenizer
        For a published model without a vocabulary file: what makes its ids. None reads it from the folder.

    Returns
    -------
    LanguageModel or TransformersModel
        In evaluation mode.

    Raises
    ------
    BadInput
        Anything about the folder is not as it should be: a file is missing, cut, changed or a pickle; sizes or tokenizer do not
        fit the weights; a weight is NaN; the format is of a later version; the model wants to run code of its own; or `device`
        is not there.
    NetworkError
        The weights could not be fetched.
    """
    place, kind = choose_device(device), choose_dtype(dtype)
    folder = resolve(source, revision)
    if (arrays := folder / "model_weights.npz").is_file():
        return read_unirep(arrays).to(place, kind)
    if is_published(folder) and not is_known(folder):
        return open_with_transformers(folder, device, dtype, tokenizer=tokenizer)
    opened = open_published(folder, tokenizer) if is_published(folder) else open_ours(folder, ("language model",))
    return language_model(opened).to(place, kind).eval()


def is_published(folder: Path) -> bool:
    """Whether a folder holds a model of the world's and not one that `save` wrote."""
    config = folder / "config.json"
    return config.is_file() and not (folder / "manifest.json").exists() and '"glmkit"' not in config.read_text("utf-8", "replace")


def is_known(folder: Path) -> bool:
    """Whether a published model's architecture is one of the packed network's, or its refusal is for the network to word."""
    value = read_json(folder / "config.json")
    return "auto_map" in value or value.get("model_type") in {family.model_type for family in FAMILIES.values()}


def language_model(opened: Opened) -> LanguageModel:
    """A language model with the weights of an opened folder."""
    model = LanguageModel(new_network(opened.config), opened.tokenizer, opened.card)
    weights = opened.weights()
    if "contact_head.weight" in weights:
        model.contact_head = torch.nn.Linear(weights["contact_head.weight"].shape[-1], 1)
    fill(model, opened, weights)
    return model


def load_head(source: str | Path, kind: str | None = None, device: str = "auto", dtype: str = "auto") -> Any:
    """Open a network with a trained head that `save_head` wrote.

    Parameters
    ----------
    source
        The folder.
    kind
        ``classifier``, ``token classifier``, ``regressor`` or ``gene hybrid``: another is refused. None takes what is there.
    device
        ``auto``, ``cpu`` or ``cuda``.
    dtype
        ``auto`` or ``float32``, or ``bf16``.

    Returns
    -------
    Classifier, TokenClassifier, Regressor or GeneHybrid
        In evaluation mode.

    Raises
    ------
    BadInput
        As for `load`, or the folder holds another kind.
    """
    place, number = choose_device(device), choose_dtype(dtype)
    opened = open_ours(Path(source), tuple(HEADS) if kind is None else (kind,))
    model = make_head(opened.settings, new_network(opened.config), opened.tokenizer, opened.card)
    fill(model, opened, opened.weights())
    return model.to(place, number).eval()


def load_classifier(source: str | Path, device: str = "auto", dtype: str = "auto") -> Classifier:
    """`load_head` for a classifier of sequences."""
    return load_head(source, "classifier", device, dtype)


def load_token_classifier(source: str | Path, device: str = "auto", dtype: str = "auto") -> TokenClassifier:
    """`load_head` for a classifier of tokens."""
    return load_head(source, "token classifier", device, dtype)


def load_regressor(source: str | Path, device: str = "auto", dtype: str = "auto") -> Regressor:
    """`load_head` for a regressor."""
    return load_head(source, "regressor", device, dtype)
