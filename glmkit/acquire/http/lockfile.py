"""Lock file of the hashes of fetched sources (trust on first use).

Most services publish no hash. ``acquire.lock.json`` in the root of the cache records the SHA-256 of the first fetch of each
source; later fetches must have the same hash. The file documents the data of a publication.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from glmkit.acquire.http.cache import alone, cache_folder
from glmkit.errors import BadInput
from glmkit.files import read_json, write_json

SCHEMA = 1


def lock_path() -> Path:
    """Path of the lock file."""
    return cache_folder() / "acquire.lock.json"


def locked() -> dict[str, dict[str, Any]]:
    """The entries of the lock file.

    Returns
    -------
    dict
        Map of source name to ``sha256``, ``bytes``, ``first`` (date of the first fetch, ISO 8601) and ``address``.

    Raises
    ------
    BadInput
        The lock file is not JSON, or has an unsupported version.
    """
    path = lock_path()
    if not path.exists():
        return {}
    value = read_json(path)
    if not isinstance(value, dict) or value.get("schema") != SCHEMA or not isinstance(value.get("sources"), dict):
        raise BadInput(f"{path} is not a lock file of version {SCHEMA}. Move it away; the next fetch writes a new one.")
    sources: dict[str, dict[str, Any]] = value["sources"]
    return sources


def record(source: str, sha256: str, size: int, address: str) -> None:
    """Record the hash of a fetched source.

    Parameters
    ----------
    source
        Name of the source.
    sha256
        SHA-256 of the file, hexadecimal.
    size
        Size of the file in bytes.
    address
        Origin of the file, without secrets.
    """
    with alone("acquire.lock"):
        first = datetime.now(UTC).date().isoformat()
        entry = {"sha256": sha256, "bytes": size, "first": first, "address": address}
        write_json(lock_path(), {"schema": SCHEMA, "sources": dict(sorted({**locked(), source: entry}.items()))})
