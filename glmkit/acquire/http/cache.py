"""The cache of fetched files: a private folder of the user.

The folder is ``GLMKIT_CACHE``, or ``~/.cache/glmkit`` if unset. It is created with access for its owner only; the permissions
of an existing folder, such as a shared cache, are not changed. Cached files are not trusted: the hash is checked before each
use, and a file with a wrong hash is moved to ``quarantine`` for inspection.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from glmkit.errors import BadInput
from glmkit.files import disk_errors, sha256


def cache_folder(*parts: str) -> Path:
    """A folder of the cache, created if missing.

    Parameters
    ----------
    *parts
        Names of nested folders below the root of the cache.

    Returns
    -------
    Path
        Path of the existing folder. A newly created root has mode 700.

    Raises
    ------
    BadInput
        ``GLMKIT_CACHE`` is not an absolute path, or is the path of a file.
    ResourceError
        The folder cannot be created.
    """
    named = os.environ.get("GLMKIT_CACHE")
    root = Path(named).expanduser() if named else Path.home() / ".cache" / "glmkit"
    if not root.is_absolute():
        raise BadInput(f"GLMKIT_CACHE is {named!r}, which depends on the current folder. Give an absolute path.")
    if root.exists() and not root.is_dir():
        raise BadInput(f"The cache {root} is a file. Set GLMKIT_CACHE to a folder.")
    folder = root.joinpath(*parts)
    with disk_errors(root):
        if not root.exists():
            root.parent.mkdir(parents=True, exist_ok=True)
            root.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def offline() -> bool:
    """Whether ``GLMKIT_OFFLINE`` disables the network; files in the cache can still be read."""
    return os.environ.get("GLMKIT_OFFLINE", "").strip().lower() not in ("", "0", "false", "no")


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Hold a lock of the cache; wait while another process holds it.

    Parameters
    ----------
    name
        Name of the lock, one per source or wheel. The lock is the kernel's (``flock``) and ends with the process.
    """
    path = cache_folder("locks") / name
    with disk_errors(path):
        file = open(path, "a")  # noqa: SIM115 (held until the block ends)
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def quarantine(path: str | Path) -> Path:
    """Move a file with an unexpected hash to the quarantine of the cache.

    Parameters
    ----------
    path
        Path of the file.

    Returns
    -------
    Path
        New path: ``quarantine/<name>.<first twelve digits of its SHA-256>`` in the cache.
    """
    path = Path(path)
    target = cache_folder("quarantine") / f"{path.name}.{sha256(path)[:12]}"
    with disk_errors(target):
        os.replace(path, target)
    return target
