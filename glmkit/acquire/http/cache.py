"""Where fetched files are kept: one folder of the user's, private, in which every file is named by what it holds.

``GLMKIT_CACHE`` names the folder; else it is ``~/.cache/glmkit``. It is made readable by its owner alone (a shared cache is a
folder that somebody else has made, whose rights are left as they are). Nothing in it is trusted because it is there: whoever
reads a file from it checks its hash first, and a file that fails steps aside into ``quarantine`` where it can be looked at.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from glmkit.errors import BadInput
from glmkit.files import disk_errors, sha256


def cache_folder(*parts: str) -> Path:
    """A folder of the cache, made if missing.

    Parameters
    ----------
    *parts
        Names below the cache's root.

    Returns
    -------
    Path
        It exists. The root, if it was made here, has mode 700.

    Raises
    ------
    BadInput
        ``GLMKIT_CACHE`` is not an absolute path, or names a file.
    ResourceError
        The folder cannot be made.
    """
    named = os.environ.get("GLMKIT_CACHE")
    root = Path(named).expanduser() if named else Path.home() / ".cache" / "glmkit"
    if not root.is_absolute():
        raise BadInput(f"GLMKIT_CACHE is {named!r}, which depends on the folder one is in. Give an absolute path.")
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
    """Whether ``GLMKIT_OFFLINE`` forbids the network; what is in the cache is read all the same."""
    return os.environ.get("GLMKIT_OFFLINE", "").strip().lower() not in ("", "0", "false", "no")


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Hold a lock of the cache, waiting for whoever holds it; what they fetched meanwhile need not be fetched again.

    Parameters
    ----------
    name
        What is worked on. The lock is the kernel's and ends with the process.
    """
    path = cache_folder("locks") / name
    with disk_errors(path):
        file = open(path, "a")  # noqa: SIM115 (held until the block ends)
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def quarantine(path: str | Path) -> Path:
    """Move a file that is not what it should be out of the way.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    Path
        Where it lies now: ``quarantine/<name>.<first twelve letters of its SHA-256>`` of the cache.
    """
    path = Path(path)
    target = cache_folder("quarantine") / f"{path.name}.{sha256(path)[:12]}"
    with disk_errors(target):
        os.replace(path, target)
    return target
