"""Published models of a hub: safetensors, configuration and vocabulary at one commit, never a pickle and never code.

The hub's own client moves the bytes (resume, proxies, tokens, a cache that other programs share; ``HF_HOME``, ``HF_ENDPOINT``
and ``HF_TOKEN`` mean what they mean elsewhere). What is added here: a branch is resolved to its commit before anything is
fetched, and the commit is recorded; a model whose configuration asks for code of its own is refused before its weights are
fetched; every file is held against the hash that the hub's index has for it; a hub that is down is no obstacle to a model
that is in the cache.
"""

import hashlib
import re
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError

from glmkit.acquire.http import cache_folder
from glmkit.errors import BadInput, NetworkError
from glmkit.files import read_json, sha256, write_json
from glmkit.models.families.registry import family_of_config
from glmkit.models.formats.hub_calls import Unreachable, ask, endpoint_now
from glmkit.models.formats.safetensors_file import PICKLES

MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")
BESIDE = (  # what is fetched beside the weights, where it exists
    "config.json",
    "vocab.txt",
    "vocab.json",
    "dict.txt",
    "merges.txt",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "card.json",
    "manifest.json",
)
WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
SHARD = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")
COMMIT = re.compile(r"[0-9a-f]{40}")
SECONDS = 20.0  # for one answer of the hub's index


def fetch_published(source: str, revision: str | None = None) -> Path:
    """The folder of a hub's model at one commit, fetched if it is not in the cache.

    Parameters
    ----------
    source
        ``org/name``.
    revision
        A commit, tag or branch; the main branch if None.

    Returns
    -------
    Path
        A folder of the hub client's cache; :func:`hub_card` says which commit it is.

    Raises
    ------
    BadInput
        The name is malformed, there is no such model or revision, it is gated, has only pickles, or asks for code of its own.
    NetworkError
        The hub cannot be reached and the cache has no copy, or what came is not what the hub's index says.
    ResourceError
        The cache cannot be written.
    """
    if not MODEL_NAME.fullmatch(source) or ".." in source or "--" in source:
        raise BadInput(f"{source!r} is not the name of a hub's model, such as 'facebook/esm2_t6_8M_UR50D'.")
    wanted = revision or "main"
    if COMMIT.fullmatch(wanted) and (known := _known(source, wanted)) is not None:
        return known
    try:
        info = ask(lambda: _index(source, wanted), source, wanted)
        if (known := _known(source, info["commit"])) is None:
            known = _fetch(source, info)
        _remember(source, {wanted: info["commit"]})
        return known
    except Unreachable as error:
        cached = _cached(source, wanted)
        if cached is None:
            error.add_note(f"Nothing of {source!r} at {wanted!r} is in the cache.")
            raise
        warnings.warn(f"{error} The copy in the cache is used: commit {cached.name}.", stacklevel=2)
        return cached


def hub_card(folder: str | Path) -> dict[str, Any]:
    """What is known of a folder that `fetch_published` returned.

    Parameters
    ----------
    folder
        The folder.

    Returns
    -------
    dict
        ``source``, ``revision`` (the commit), ``licence``, ``date`` of fetching and ``files`` with their SHA-256; empty if the
        folder is not from a hub.
    """
    folder = Path(folder)
    name = folder.parent.parent.name.removeprefix("models--").replace("--", "/", 1)
    path = _record(name, folder.name) if MODEL_NAME.fullmatch(name) and COMMIT.fullmatch(folder.name) else None
    return read_json(path) if path is not None and path.is_file() else {}


def _index(source: str, revision: str) -> dict[str, Any]:
    """What the hub says of a model: its commit, its files with their hashes, its licence."""
    info = HfApi(endpoint=endpoint_now()).model_info(source, revision=revision, files_metadata=True, timeout=SECONDS)
    if info.sha is None or not COMMIT.fullmatch(info.sha) or info.siblings is None:
        raise ValueError("an index without commit or files")
    licences = [tag.removeprefix("license:") for tag in info.tags or [] if tag.startswith("license:")]
    files = {
        entry.rfilename: {"size": entry.size, "sha256": entry.lfs.sha256 if entry.lfs else None, "blob": entry.blob_id}
        for entry in info.siblings
    }
    return {"commit": info.sha, "files": files, "licence": licences[0] if licences else "not stated"}


def _fetch(source: str, info: dict[str, Any]) -> Path:
    """Fetch one commit, look at its configuration before the weights, verify all, record it."""
    names, commit = _chosen(source, info["files"]), info["commit"]
    where = {"revision": commit, "endpoint": endpoint_now()}
    config = ask(lambda: hf_hub_download(source, "config.json", **where), source, commit)
    _refuse_code(Path(config), source)
    folder = Path()
    for again in (False, True):
        folder = Path(
            ask(
                lambda again=again: snapshot_download(source, allow_patterns=names, force_download=again, **where),  # type: ignore[misc]
                source,
                commit,
            )
        )
        wrong = [name for name in names if not _as_published(folder / name, info["files"][name])]
        if not wrong:
            break
        if again:
            raise NetworkError(
                f"{wrong[0]} of {source!r} is not what the index of {endpoint_now()} says (its hash differs), twice. "
                "Something between here and there changes files; try another network."
            )
    card = {
        "source": f"{endpoint_now()}/{source}",
        "revision": commit,
        "licence": info["licence"],
        "date": datetime.now(UTC).date().isoformat(),
        "files": {name: sha256(folder / name) for name in names},
    }
    write_json(_record(source, commit), card)
    return folder


def _chosen(source: str, files: dict[str, Any]) -> list[str]:
    """The files to fetch."""
    weights = [WHOLE] if WHOLE in files else sorted(name for name in files if SHARD.fullmatch(name) or name == INDEX)
    if not weights:
        pickles = sorted(name for name in files if name.endswith(PICKLES))
        if pickles:
            raise BadInput(
                f"{source!r} has {pickles[0]} but no {WHOLE}: a pickle can run any code when it is opened, so glmkit does not. "
                "Ask its author for safetensors, look for a revision or a copy that has them, or convert it where you trust it."
            )
        raise BadInput(
            f"{source!r} has no {WHOLE}: it holds {', '.join(sorted(files)[:5]) or 'nothing'}. Give a model of weights."
        )
    if "config.json" not in files:
        raise BadInput(
            f"{source!r} has no config.json, so what its weights mean is unknown. Give a model in the hub's usual form."
        )
    return [*(name for name in BESIDE if name in files), *weights]


def _refuse_code(config: Path, source: str) -> None:
    """Refuse a configuration that asks for code of its own, unless its arithmetic is known here without that code."""
    value = read_json(config)
    if not isinstance(value, dict):
        raise BadInput(f"The config.json of {source!r} is not a configuration. Give another model.")
    try:
        family_of_config(value, f"The config.json of {source!r}")
    except BadInput as error:
        error.add_note("Its weights were not fetched.")
        raise


def _as_published(path: Path, expected: dict[str, Any]) -> bool:
    """Whether a file has the hash that the hub's index gives: SHA-256 for large files, git's object id for the others."""
    if expected["sha256"]:
        return sha256(path) == expected["sha256"]
    if expected["blob"]:
        content = path.read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest() == expected["blob"]
    return expected["size"] is None or path.stat().st_size == expected["size"]


def _record(source: str, commit: str) -> Path:
    return cache_folder("hub", source.replace("/", "--")) / f"{commit}.json"


def _remember(source: str, commits: dict[str, str]) -> None:
    """Keep which commit a branch or tag was at, for a day without a network."""
    path = _record(source, "revisions")
    known = read_json(path) if path.is_file() else {}
    if known | commits != known:
        write_json(path, known | commits)


def _known(source: str, commit: str) -> Path | None:
    """The folder of a commit that was fetched and verified before, if all its files are still there."""
    record = _record(source, commit)
    if not record.is_file():
        return None
    files = read_json(record)["files"]
    folder = _local(source, commit, list(files))
    return folder if folder is not None and all((folder / name).is_file() for name in files) else None


def _cached(source: str, revision: str) -> Path | None:
    """A copy in the client's cache, whoever fetched it; looked at without a network."""
    path = _record(source, "revisions")
    commit = (read_json(path) if path.is_file() else {}).get(revision, revision)
    if (known := _known(source, commit)) is not None:
        return known
    folder = _local(source, commit, [*BESIDE, WHOLE, INDEX, "model-*.safetensors"])
    if folder is None or not (folder / "config.json").is_file() or not any(folder.glob("model*.safetensors")):
        return None
    _refuse_code(folder / "config.json", source)
    return folder


def _local(source: str, revision: str, names: list[str]) -> Path | None:
    try:
        return Path(snapshot_download(source, revision=revision, allow_patterns=names, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
