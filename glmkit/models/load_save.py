"""Saving of models as folders that `transformers` opens, and loading of such folders, glmkit's own and published ones.

A saved folder has ``config.json``, ``model.safetensors``, ``tokenizer.json``, ``card.json``, and a ``manifest.json`` with the format
version and the SHA-256 of each file. Writing is atomic: an interrupted save leaves no partial folder. A published folder has a
vocabulary file instead of a tokenizer, and neither card nor manifest. Its weights are also checked against its ``config.json``.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from glmkit.errors import BadInput
from glmkit.files import atomic_folder, sha256, write_json
from glmkit.models.adapter.adapter import open_with_transformers
from glmkit.models.adapter.network import TransformersModel
from glmkit.models.families.unirep import read_unirep
from glmkit.models.formats._resolve import resolve
from glmkit.models.formats.config_json import config_to_disk, weights_to_disk
from glmkit.models.formats.devices import choose_device, choose_dtype
from glmkit.models.formats.open_folder import PARTS, Opened, fill, open_published, open_saved
from glmkit.models.formats.safetensors_file import write_weights
from glmkit.models.formats.source import ARRAYS, Source, detect
from glmkit.models.formats.version import FORMAT
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
        Model to write; it is not changed. Weights are written as float32.
    folder
        Folder to create. An older model there is replaced once the new one is complete.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    BadInput
        The folder contains files that do not belong to a model.
    ResourceError
        The disk is full or cannot be written; an older model there is untouched.

    Examples
    --------
    >>> import tempfile
    >>> from glmkit.models import TransformerConfig, new_model, save
    >>> from glmkit.tokens import make_tokenizer
    >>> tokenizer = make_tokenizer("protein")
    >>> model = new_model(TransformerConfig(vocabulary_size=len(tokenizer.vocabulary), width=16, layers=1, heads=2), tokenizer)
    >>> sorted(path.name for path in save(model, tempfile.mkdtemp()).iterdir())
    ['card.json', 'config.json', 'manifest.json', 'model.safetensors', 'tokenizer.json']
    """
    return _save(model, folder, {"kind": "language model"})


def save_head(model: nn.Module, folder: str | Path) -> Path:
    """Write a network with a trained prediction head; `transformers` opens the network, only glmkit the head.

    Parameters
    ----------
    model
        A Classifier, TokenClassifier, Regressor or GeneHybrid.
    folder
        Folder to create, as for `save`.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    BadInput
        The folder contains files that do not belong to a model.

    Examples
    --------
    >>> import tempfile
    >>> from glmkit.models import TransformerConfig, load_head, new_classifier, new_model, save_head
    >>> from glmkit.tokens import make_tokenizer
    >>> tokenizer = make_tokenizer("base")
    >>> model = new_model(TransformerConfig(vocabulary_size=len(tokenizer.vocabulary), width=16, layers=1, heads=2), tokenizer)
    >>> folder = save_head(new_classifier(model, ["intron", "exon"]), tempfile.mkdtemp())
    >>> load_head(folder).classes
    ('intron', 'exon')
    """
    return _save(model, folder, head_settings(model))


def _save(model: Any, folder: str | Path, settings: dict[str, Any]) -> Path:
    folder = Path(folder)
    foreign = sorted(path.name for path in folder.glob("*") if path.name not in {*PARTS, "manifest.json"})
    if foreign:
        raise BadInput(f"{folder} contains {foreign[0]!r}, which is not part of a model. Save into an empty or new folder.")
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
    """Load a language model that `save` wrote, or a published one.

    Published models of the families of `glmkit.models.families` run in the packed network; those of other families run through
    `transformers`, slower, with the same methods (see `glmkit.models.adapter.adapter`).

    Parameters
    ----------
    source
        Folder of the model; name of weights that a package ships, such as ``sapiens-vh``; or ``org/name`` of a model hub.
    revision
        Commit, tag or branch of a model on a hub. None selects the newest commit of the main branch.
    device
        ``auto`` (a GPU if there is one), ``cpu`` or ``cuda``.
    dtype
        ``auto`` or ``float32``, or ``bf16``.
    tokenizer
        Tokenizer of a published model without a vocabulary file. None reads it from the folder.

    Returns
    -------
    LanguageModel or TransformersModel
        In evaluation mode.

    Raises
    ------
    BadInput
        A file is missing, truncated, changed or a pickle; sizes or tokenizer do not fit the weights; a weight is NaN; the format
        version is later than this glmkit; the model requires code of its own; or `device` is not available.
    NetworkError
        The weights could not be fetched.

    Examples
    --------
    >>> import tempfile
    >>> from glmkit.models import TransformerConfig, load, new_model, save, weights_hash
    >>> from glmkit.tokens import make_tokenizer
    >>> tokenizer = make_tokenizer("protein")
    >>> model = new_model(TransformerConfig(vocabulary_size=len(tokenizer.vocabulary), width=16, layers=1, heads=2), tokenizer)
    >>> again = load(save(model, tempfile.mkdtemp()), device="cpu")
    >>> weights_hash(again) == weights_hash(model), again.network.config.width
    (True, 16)
    """
    place, number = choose_device(device), choose_dtype(dtype)
    found = detect(resolve(source, revision))
    return _OPENERS[found.kind](found, tokenizer).to(place, number).eval()


def _open_saved(source: Source, tokenizer: Any) -> LanguageModel:
    return language_model(open_saved(source, ("language model",)))


def _open_published(source: Source, tokenizer: Any) -> LanguageModel:
    return language_model(open_published(source, tokenizer))


def _open_arrays(source: Source, tokenizer: Any) -> LanguageModel:
    return read_unirep(source.folder / ARRAYS)


def _open_with_transformers(source: Source, tokenizer: Any) -> TransformersModel:
    return open_with_transformers(source, "cpu", tokenizer=tokenizer)


# Every format that `load` opens: the kind that `detect` finds, and the function that opens it on the CPU.
_OPENERS: dict[str, Callable[[Source, Any], LanguageModel | TransformersModel]] = {
    "saved": _open_saved,
    "published": _open_published,
    "arrays": _open_arrays,
    "transformers": _open_with_transformers,
}


def language_model(opened: Opened) -> LanguageModel:
    """Language model with the weights of an opened folder."""
    model = LanguageModel(new_network(opened.config), opened.tokenizer, opened.card)
    weights = opened.weights()
    if "contact_head.weight" in weights:
        model.contact_head = torch.nn.Linear(weights["contact_head.weight"].shape[-1], 1)
    fill(model, opened, weights)
    return model


def load_head(source: str | Path, kind: str | None = None, device: str = "auto", dtype: str = "auto") -> Any:
    """Load a network with a trained prediction head that `save_head` wrote.

    Parameters
    ----------
    source
        The folder.
    kind
        Expected kind: ``classifier``, ``token classifier``, ``regressor`` or ``gene hybrid``. None accepts any.
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
        As for `load`, or the folder has a head of another kind.

    Examples
    --------
    >>> import tempfile
    >>> from glmkit.models import TransformerConfig, load_head, new_model, new_regressor, save_head
    >>> from glmkit.tokens import make_tokenizer
    >>> tokenizer = make_tokenizer("protein")
    >>> model = new_model(TransformerConfig(vocabulary_size=len(tokenizer.vocabulary), width=16, layers=1, heads=2), tokenizer)
    >>> folder = save_head(new_regressor(model, ["melting point"]), tempfile.mkdtemp())
    >>> type(load_head(folder)).__name__, load_head(folder, "regressor", "cpu").outputs
    ('Regressor', ('melting point',))
    """
    place, number = choose_device(device), choose_dtype(dtype)
    opened = open_saved(detect(source), tuple(HEADS) if kind is None else (kind,))
    model = make_head(opened.source.settings, new_network(opened.config), opened.tokenizer, opened.card)
    fill(model, opened, opened.weights())
    return model.to(place, number).eval()


def load_classifier(source: str | Path, device: str = "auto", dtype: str = "auto") -> Classifier:
    """Load a classifier of sequences, as `load_head` does.

    Parameters
    ----------
    source
        Folder that `save_head` wrote.
    device
        ``auto``, ``cpu`` or ``cuda``.
    dtype
        ``auto`` or ``float32``, or ``bf16``.

    Returns
    -------
    Classifier
        In evaluation mode.

    Raises
    ------
    BadInput
        As for `load_head`.

    Examples
    --------
    >>> import tempfile
    >>> from glmkit.models import TransformerConfig, load_classifier, new_classifier, new_model, save_head
    >>> from glmkit.tokens import make_tokenizer
    >>> tokenizer = make_tokenizer("base")
    >>> model = new_model(TransformerConfig(vocabulary_size=len(tokenizer.vocabulary), width=16, layers=1, heads=2), tokenizer)
    >>> folder = save_head(new_classifier(model, ["intron", "exon"], pool="centre"), tempfile.mkdtemp())
    >>> head = load_classifier(folder)
    >>> head.classes, head.pool
    (('intron', 'exon'), 'centre')
    """
    return load_head(source, "classifier", device, dtype)


def load_token_classifier(source: str | Path, device: str = "auto", dtype: str = "auto") -> TokenClassifier:
    """Load a classifier of tokens, as `load_head` does.

    Parameters
    ----------
    source
        Folder that `save_head` wrote.
    device
        ``auto``, ``cpu`` or ``cuda``.
    dtype
        ``auto`` or ``float32``, or ``bf16``.

    Returns
    -------
    TokenClassifier
        In evaluation mode.

    Raises
    ------
    BadInput
        As for `load_head`.

    Examples
    --------
    >>> import tempfile
    >>> from glmkit.models import TransformerConfig, load_token_classifier, new_model, new_token_classifier, save_head
    >>> from glmkit.tokens import make_tokenizer
    >>> tokenizer = make_tokenizer("base")
    >>> model = new_model(TransformerConfig(vocabulary_size=len(tokenizer.vocabulary), width=16, layers=1, heads=2), tokenizer)
    >>> folder = save_head(new_token_classifier(model, ["outside", "frame 1", "frame 2"]), tempfile.mkdtemp())
    >>> load_token_classifier(folder).classes
    ('outside', 'frame 1', 'frame 2')
    """
    return load_head(source, "token classifier", device, dtype)


def load_regressor(source: str | Path, device: str = "auto", dtype: str = "auto") -> Regressor:
    """Load a regressor, as `load_head` does.

    Parameters
    ----------
    source
        Folder that `save_head` wrote.
    device
        ``auto``, ``cpu`` or ``cuda``.
    dtype
        ``auto`` or ``float32``, or ``bf16``.

    Returns
    -------
    Regressor
        In evaluation mode.

    Raises
    ------
    BadInput
        As for `load_head`.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from glmkit.models import TransformerConfig, load_regressor, new_model, new_regressor, save_head
    >>> from glmkit.tokens import make_tokenizer
    >>> tokenizer = make_tokenizer("protein")
    >>> model = new_model(TransformerConfig(vocabulary_size=len(tokenizer.vocabulary), width=16, layers=1, heads=2), tokenizer)
    >>> folder = save_head(new_regressor(model, ["melting point"], targets=np.array([40.0, 50.0, 60.0])), tempfile.mkdtemp())
    >>> head = load_regressor(folder)
    >>> head.outputs, round(float(head.shift), 1), round(float(head.scale), 2)
    (('melting point',), 50.0, 8.16)
    """
    return load_head(source, "regressor", device, dtype)
