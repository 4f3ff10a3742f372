"""Save a model as a folder that `transformers` opens, and load such a folder with every part checked.

``config.json``, ``model.safetensors``, ``tokenizer.json``, ``card.json``, and ``manifest.json`` with the SHA-256 of each, which
also seals which version of this format it is. The folder appears whole or not at all.
"""

from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from glmkit.errors import BadInput
from glmkit.files import atomic_folder, read_json, recover_folder, sha256, write_json
from glmkit.models.classifier import Classifier
from glmkit.models.formats import config_from_disk, config_to_disk, weights_from_disk, weights_to_disk
from glmkit.models.language_model import Config, LanguageModel, new_network
from glmkit.models.token_classifier import TokenClassifier
from glmkit.models.weights import check_layout, read_weights, write_weights
from glmkit.tokens import load_tokenizer

FORMAT = 1
PARTS = ("config.json", "model.safetensors", "tokenizer.json", "card.json")
DTYPES = {"auto": torch.float32, "float32": torch.float32, "bf16": torch.bfloat16}


class _Opened(NamedTuple):
    config: Config
    settings: dict[str, Any]
    tokenizer: Any
    card: dict[str, Any]


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


def save_classifier(model: Classifier | TokenClassifier, folder: str | Path) -> Path:
    """Write a classifier of sequences or of tokens; its network opens in `transformers`, its head only here.

    Parameters
    ----------
    model
        What to write.
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
    settings = {"classes": list(model.classes), "dropout": model.dropout}
    if isinstance(model, Classifier):
        settings |= {"kind": "classifier", "pool": model.pool, "hidden": model.hidden}
    else:
        settings |= {"kind": "token classifier"}
    return _save(model, folder, settings)


def _save(model: LanguageModel | Classifier | TokenClassifier, folder: str | Path, settings: dict[str, Any]) -> Path:
    folder = Path(folder)
    foreign = sorted(path.name for path in folder.glob("*") if path.name not in {*PARTS, "manifest.json"})
    if foreign:
        raise BadInput(f"{folder} holds {foreign[0]!r}, which is no part of a model. Save into a folder of its own.")
    config = model.network.config
    state = {_prefixed(name): tensor.float() for name, tensor in model.state_dict().items()}
    with atomic_folder(folder) as temporary:
        disk = config_to_disk(config, model.tokenizer, settings["kind"] != "language model")
        write_json(temporary / "config.json", disk | {"glmkit": settings | {"tokenizer_hash": model.tokenizer.hash}})
        write_weights(temporary / "model.safetensors", weights_to_disk(state, config))
        model.tokenizer.save(temporary)
        write_json(temporary / "card.json", model.card)
        write_json(temporary / "manifest.json", {"format": FORMAT, "sha256": {name: sha256(temporary / name) for name in PARTS}})
    return folder


def _prefixed(name: str) -> str:
    return name if name.startswith(("network.", "head.")) else f"classifier.{name}"


def load(source: str | Path, revision: str | None = None, device: str = "auto", dtype: str = "auto") -> LanguageModel:
    """Open a language model that `save` wrote.

    Parameters
    ----------
    source
        The folder.
    revision
        None: a folder has no revisions.
    device
        ``auto`` (a GPU if there is one), ``cpu`` or ``cuda``.
    dtype
        ``auto`` or ``float32``, or ``bf16``.

    Returns
    -------
    LanguageModel
        In evaluation mode.

    Raises
    ------
    BadInput
        Anything about the folder is not as `save` wrote it: a file is missing, cut, changed or a pickle; sizes or tokenizer do not
        fit the weights; a weight is NaN; the format is of a later version; or `device` is not there.
    """
    if revision is not None:
        raise BadInput(f"revision={revision!r} was given, but a model is loaded from a folder, which has none. Leave it out.")
    folder, place, kind = Path(source), choose_device(device), _dtype(dtype)
    opened = _open(folder, "language model")
    model = LanguageModel(new_network(opened.config), opened.tokenizer, opened.card)
    _fill(model, folder, opened.config)
    return model.to(place, kind).eval()


def load_classifier(source: str | Path, device: str = "auto", dtype: str = "auto") -> Classifier:
    """Open a classifier of sequences that `save_classifier` wrote.

    Parameters
    ----------
    source
        The folder.
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
        As for `load`.
    """
    return _load_head(Classifier, "classifier", ("pool", "hidden", "dropout"), source, device, dtype)


def load_token_classifier(source: str | Path, device: str = "auto", dtype: str = "auto") -> TokenClassifier:
    """Open a classifier of tokens that `save_classifier` wrote.

    Parameters
    ----------
    source
        The folder.
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
        As for `load`.
    """
    return _load_head(TokenClassifier, "token classifier", ("dropout",), source, device, dtype)


def _load_head(make: Any, kind: str, options: tuple[str, ...], source: str | Path, device: str, dtype: str) -> Any:
    folder, place, number = Path(source), choose_device(device), _dtype(dtype)
    opened = _open(folder, kind)
    settings = {name: opened.settings[name] for name in options}
    model = make(new_network(opened.config), opened.settings["classes"], opened.tokenizer, opened.card, **settings)
    _fill(model, folder, opened.config)
    return model.to(place, number).eval()


def choose_device(device: str) -> torch.device:
    """The device that a name stands for.

    Parameters
    ----------
    device
        ``auto``, ``cpu`` or ``cuda`` (or ``cuda:N``).

    Returns
    -------
    torch.device
        ``auto`` is a GPU where there is one.

    Raises
    ------
    BadInput
        An unknown name, or a GPU where there is none.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name, _, number = device.partition(":")
    if name not in {"cpu", "cuda"} or (number and not number.isdigit()):
        raise BadInput(f"device must be 'auto', 'cpu' or 'cuda', got {device!r}.")
    if name == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise BadInput(f"device={device!r}, but this machine has {torch.cuda.device_count()} CUDA devices. Use 'auto' or 'cpu'.")
    return torch.device(device)


def _dtype(name: str) -> torch.dtype:
    if name not in DTYPES:
        raise BadInput(f"dtype must be one of {', '.join(DTYPES)}, got {name!r}.")
    return DTYPES[name]


def _open(folder: Path, kind: str) -> _Opened:
    """Check the parts of a model's folder against each other, weights excepted."""
    recover_folder(folder)
    if not folder.is_dir():
        raise BadInput(f"{folder} is not a folder. Give the folder that glmkit.models.save wrote.")
    check_layout(folder / "model.safetensors")
    _check_manifest(folder)
    disk = read_json(folder / "config.json")
    config = config_from_disk(disk, str(folder / "config.json"))
    settings = disk.get("glmkit", {})
    if settings.get("kind") != kind:
        doors = {"language model": "load", "classifier": "load_classifier", "token classifier": "load_token_classifier"}
        held = settings.get("kind")
        door = f"glmkit.models.{doors[held]}" if held in doors else "a folder that glmkit.models.save wrote"
        raise BadInput(f"{folder} holds a {held}, expected a {kind}. Use {door}.")
    trained_with, found = str(settings.get("tokenizer_hash")), str(read_json(folder / "tokenizer.json").get("hash"))
    if found != trained_with:
        raise BadInput(
            f"{folder}: tokenizer.json is not the one that the model was trained with (hash {found[:12]}, expected "
            f"{trained_with[:12]}): ids mean other letters now. Restore the model's own tokenizer.json."
        )
    tokenizer = load_tokenizer(folder)
    if len(tokenizer.vocabulary) != config.vocabulary_size:
        raise BadInput(
            f"{folder}: config.json says vocabulary_size {config.vocabulary_size}, tokenizer.json has "
            f"{len(tokenizer.vocabulary)} entries. The two are from different models; copy the folder again."
        )
    return _Opened(config, settings, tokenizer, read_json(folder / "card.json"))


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


def _fill(model: nn.Module, folder: Path, config: Config) -> None:
    """Put the weights of `folder` into `model`, if they are exactly what it needs."""
    path = folder / "model.safetensors"
    given = {name.removeprefix("classifier."): value for name, value in weights_from_disk(read_weights(path), config).items()}
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
