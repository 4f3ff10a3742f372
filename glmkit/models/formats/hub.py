"""Download of published models from a hub: safetensors, configuration and vocabulary at one commit, never a pickle or code.

The hub's client transfers the files (resume, proxies, tokens, a shared cache). ``HF_HOME``, ``HF_ENDPOINT`` and ``HF_TOKEN`` have their
usual meaning. This module adds four guarantees:

- A branch is resolved to its commit before anything is fetched, and the commit is recorded.
- A model whose configuration requires code of its own is refused before its weights are fetched.
- Every file is compared with its hash in the hub's index.
- A model in the cache can be used while the hub is unreachable.
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
BESIDE = (  # files that are fetched with the weights, where they exist
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
SECONDS = 20.0  # time limit of one request to the hub's index


def fetch_published(source: str, revision: str | None = None) -> Path:
    """Find the folder of a hub's model at one commit; fetch it if it is not in the cache.

    Parameters
    ----------
    source
        Name of the model, ``org/name``.
    revision
        Commit, tag or branch; the main branch if None.

    Returns
    -------
    Path
        Folder in the cache of the hub's client; :func:`hub_card` gives its commit.

    Raises
    ------
    BadInput
        The name is malformed, or the model or revision does not exist. Or the model is gated, has only pickles, or requires code.
    NetworkError
        The hub cannot be reached and the cache has no copy, or a file differs from the hub's index.
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
            error.add_note(f"The cache has no copy of {source!r} at {wanted!r}.")
            raise
        warnings.warn(f"{error} The copy in the cache is used: commit {cached.name}.", stacklevel=2)
        return cached


def hub_card(folder: str | Path) -> dict[str, Any]:
    """Read the record of a folder that `fetch_published` returned.

    Parameters
    ----------
    folder
        Folder in the cache.

    Returns
    -------
    dict
        ``source``, ``revision`` (the commit), ``licence``, ``date`` of fetching and ``files`` with their SHA-256. Empty if the
        folder is not from a hub.
    """
    folder = Path(folder)
    name = folder.parent.parent.name.removeprefix("models--").replace("--", "/", 1)
    path = _record(name, folder.name) if MODEL_NAME.fullmatch(name) and COMMIT.fullmatch(folder.name) else None
    return read_json(path) if path is not None and path.is_file() else {}


def _index(source: str, revision: str) -> dict[str, Any]:
    """Commit, files with their hashes, and licence of a model, from the hub's index."""
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
    """Fetch one commit: check its configuration, fetch and verify all files, and record the commit."""
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
                f"{wrong[0]} of {source!r} differs from the index of {endpoint_now()} (SHA-256 or git hash) after two downloads. "
                "A proxy may alter the files; try another network."
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
    """Names of the files to fetch."""
    weights = [WHOLE] if WHOLE in files else sorted(name for name in files if SHARD.fullmatch(name) or name == INDEX)
    if not weights:
        pickles = sorted(name for name in files if name.endswith(PICKLES))
        if pickles:
            raise BadInput(
                f"{source!r} has {pickles[0]} but no {WHOLE}: a pickle can run any code when it is opened, so glmkit does not. "
                "Ask its author for safetensors, look for a revision or a copy that has them, or convert it where you trust it."
            )
        raise BadInput(
            f"{source!r} has no {WHOLE}: it contains {', '.join(sorted(files)[:5]) or 'no file'}. Give a model with safetensors weights."
        )
    if "config.json" not in files:
        raise BadInput(f"{source!r} has no config.json, so the shape of its network is unknown. Give a model with a config.json.")
    return [*(name for name in BESIDE if name in files), *weights]


def _refuse_code(config: Path, source: str) -> None:
    """Raise BadInput for a configuration that requires code, unless a family of glmkit implements its arithmetic."""
    value = read_json(config)
    if not isinstance(value, dict):
        raise BadInput(f"The config.json of {source!r} is not a configuration. Give another model.")
    try:
        family_of_config(value, f"The config.json of {source!r}")
    except BadInput as error:
        error.add_note("Its weights were not fetched.")
        raise


def _as_published(path: Path, expected: dict[str, Any]) -> bool:
    """Whether a file has the hash of the hub's index: SHA-256 for large files, git's object id for the others."""
    if expected["sha256"]:
        return sha256(path) == expected["sha256"]
    if expected["blob"]:
        content = path.read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest() == expected["blob"]
    return expected["size"] is None or path.stat().st_size == expected["size"]


def _record(source: str, commit: str) -> Path:
    return cache_folder("hub", source.replace("/", "--")) / f"{commit}.json"


def _remember(source: str, commits: dict[str, str]) -> None:
    """Record the commits of branches and tags, for later use without a network."""
    path = _record(source, "revisions")
    known = read_json(path) if path.is_file() else {}
    if known | commits != known:
        write_json(path, known | commits)


def _known(source: str, commit: str) -> Path | None:
    """Folder of a commit that was fetched and verified before, if all its files still exist; else None."""
    record = _record(source, commit)
    if not record.is_file():
        return None
    files = read_json(record)["files"]
    folder = _local(source, commit, list(files))
    return folder if folder is not None and all((folder / name).is_file() for name in files) else None


def _cached(source: str, revision: str) -> Path | None:
    """Copy in the cache of the hub's client, also one that another program fetched; no network is used."""
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
