"""What each source held when it was first fetched: trust on first use, written down.

Most services publish no hash. ``acquire.lock.json`` in the cache's root records the SHA-256 of the first fetch under the source's
name; whatever comes under that name later must be the same bytes. Copy the file beside a paper to say which data it used.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from glmkit.acquire.http.cache import alone, cache_folder
from glmkit.errors import BadInput
from glmkit.files import read_json, write_json

SCHEMA = 1


def lock_path() -> Path:
    """Where the lock lies."""
    return cache_folder() / "acquire.lock.json"


def locked() -> dict[str, dict[str, Any]]:
    """All that the lock records.

    Returns
    -------
    dict
        From a source's name to ``sha256``, ``bytes``, ``first`` (date of the first fetch, ISO 8601) and ``address``.

    Raises
    ------
    BadInput
        The lock is not JSON, or of a version that is not known here.
    """
    path = lock_path()
    if not path.exists():
        return {}
    value = read_json(path)
    if not isinstance(value, dict) or value.get("schema") != SCHEMA or not isinstance(value.get("sources"), dict):
        raise BadInput(f"{path} is not a lock of version {SCHEMA}. Move it away; the next fetch writes a new one.")
    sources: dict[str, dict[str, Any]] = value["sources"]
    return sources


def record(source: str, sha256: str, size: int, address: str) -> None:
    """Write down what a source held.

    Parameters
    ----------
    source
        Its name.
    sha256
        Hash of the file.
    size
        Its bytes.
    address
        Where it came from, without secrets.
    """
    with alone("acquire.lock"):
        first = datetime.now(UTC).date().isoformat()
        entry = {"sha256": sha256, "bytes": size, "first": first, "address": address}
        write_json(lock_path(), {"schema": SCHEMA, "sources": dict(sorted({**locked(), source: entry}.items()))})
