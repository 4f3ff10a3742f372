"""Atomic writes, hashes, file locks, and paths confined to a root folder.

All files that glmkit writes go through :func:`atomic_path`: a temporary file in the same folder, fsync, rename. A partial
file never appears under the final name. A failed write leaves the previous file unchanged.
"""

import errno
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from glmkit.errors import BadInput, InUse, ResourceError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def disk_errors(path: Path, needed: int | None = None) -> Iterator[None]:
    """Convert the OSError of a full disk or a read-only target into a :class:`ResourceError` that names `path`."""
    try:
        yield
    except OSError as error:
        size = f" ({needed:,} bytes needed)" if needed else ""
        if error.errno in _FULL:
            raise ResourceError(
                f"No space left to write {path}{size}. Free disk space, or choose another folder with out=."
            ) from error
        if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
            raise ResourceError(
                f"{path} cannot be written ({error.strerror}). Choose a folder you may write to with out=."
            ) from error
        raise


@contextmanager
def atomic_path(path: str | Path, needed: int | None = None) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; on success it is flushed to disk and renamed to `path`.

    Parameters
    ----------
    path
        Final path of the file; its folder is created if missing.
    needed
        Expected size of the file in bytes, for the error message of a full disk; None if unknown.

    Raises
    ------
    ResourceError
        The disk is full or the target cannot be written. The temporary file is removed and an older `path` is unchanged.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> target = Path(folder.name) / "scores.txt"
    >>> with atomic_path(target) as temporary:
    ...     _ = temporary.write_text("0.5")
    ...     print(target.exists())
    False
    >>> target.read_text()
    '0.5'
    >>> folder.cleanup()
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        with disk_errors(path, needed):
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = _beside(path)
            temporary.touch(exist_ok=False)
            yield temporary
            fault_point("atomic.fsync")
            sync(temporary)
            fault_point("atomic.rename")
            os.replace(temporary, path)
            sync(path.parent)
    except BaseException:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise


@contextmanager
def atomic_folder(path: str | Path, needed: int | None = None) -> Iterator[Path]:
    """Yield a temporary folder next to `path`; on success its files are flushed to disk and it replaces `path`.

    A folder cannot be renamed over a folder that holds files. An older `path` is therefore renamed to ``.NAME.previous``
    first. If the process dies between the two renames, :func:`recover_folder` restores it.

    Raises
    ------
    ResourceError
        The disk is full or the target cannot be written. The temporary folder is removed and an older `path` is unchanged.
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        with disk_errors(path, needed):
            path.parent.mkdir(parents=True, exist_ok=True)
            recover_folder(path)
            temporary = _beside(path)
            temporary.mkdir()
            yield temporary
            fault_point("folder.fsync")
            for file in (*temporary.rglob("*"), temporary):
                sync(file)
            fault_point("folder.rename")
            previous = path.with_name(f".{path.name}.previous")
            if path.exists():
                os.rename(path, previous)
            os.rename(temporary, path)
            sync(path.parent)
            shutil.rmtree(previous, ignore_errors=True)
    except BaseException:
        recover_folder(path)
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
        raise


def _beside(path: Path) -> Path:
    """A unique temporary path in the folder of `path`; unlike `tempfile`, files there get the permissions of the umask."""
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}.partial")


def recover_folder(path: str | Path) -> None:
    """Restore the folder that an interrupted :func:`atomic_folder` had renamed; without one, do nothing."""
    path = Path(path)
    previous = path.with_name(f".{path.name}.previous")
    if previous.exists():
        if path.exists():
            shutil.rmtree(previous, ignore_errors=True)
        else:
            os.rename(previous, path)


def fault_point(name: str) -> None:
    """Fault injection for tests: at the n-th pass of `name`, send this process the signal of ``GLMKIT_FAULT=name:n:SIGNAL``.

    Without ``GLMKIT_TESTING=1`` the variable has no effect.
    """
    if os.environ.get("GLMKIT_TESTING") != "1" or not (setting := os.environ.get("GLMKIT_FAULT")):
        return
    point, number, name_of_signal = setting.split(":")
    if point == name:
        _passed[name] = _passed.get(name, 0) + 1
        if _passed[name] == int(number):
            os.kill(os.getpid(), signal.Signals[name_of_signal])


_passed: dict[str, int] = {}


def sync(path: Path) -> None:
    """Flush a file or a folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    with atomic_path(path, len(text)) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically; NaN is written as NaN."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def read_json(path: str | Path) -> Any:
    """Read a JSON file; the error of a broken one names file and line."""
    path = Path(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput(f"{path} does not exist. Has the stage before it been run?") from None
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}, line {error.lineno}: not JSON ({error.msg}). Delete it and run the stage again.") from error


def sha256(path: str | Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def inside(root: str | Path, path: str | Path) -> Path:
    """`path` resolved below `root`; an error if it leaves `root` (``..``, an absolute path, a symbolic link)."""
    base = Path(root).resolve()
    full = (base / path).resolve()
    if full != base and base not in full.parents:
        raise BadInput(f"{str(path)!r} points outside {base}. Give a path below that folder, without '..'.")
    return full


def workspace() -> Path:
    """The base folder of relative paths in parameters.

    The first that applies: ``GLMKIT_WORKSPACE``; the nearest folder, from the current one upwards, that contains
    ``notebooks`` and one of ``pyproject.toml``, ``glmkit.toml``; the current folder. The kernel of a notebook in JupyterLab
    starts in the folder of the notebook. With this rule it uses the same ``runs/`` as ``glmkit run``.

    Examples
    --------
    >>> from unittest import mock
    >>> with mock.patch.dict(os.environ, GLMKIT_WORKSPACE="/data/project"):
    ...     print(workspace())
    /data/project
    """
    if named := os.environ.get("GLMKIT_WORKSPACE"):
        return Path(named).resolve()
    here = Path.cwd().resolve()
    for folder in (here, *here.parents):
        if (folder / "notebooks").is_dir() and any((folder / mark).exists() for mark in ("pyproject.toml", "glmkit.toml")):
            return folder
    return here


@contextmanager
def exclusive(path: str | Path) -> Iterator[None]:
    """Hold an exclusive lock on the file `path`; if it is taken, the error names the process that holds it.

    The lock is the kernel's (``flock``), which ends with the process. The content of the file only identifies the holder.

    Raises
    ------
    InUse
        Another live process holds the lock; its pid and host are in the message.
    """
    path = Path(path)
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "a+", encoding="utf-8")  # noqa: SIM115 (held until the block ends)
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise InUse(
                f"{path.parent} is in use by {file.read().strip() or 'another process'}. Wait for it, or stop it."
            ) from None
        file.truncate(0)
        file.write(f"pid {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)  # so that a process id in an unlocked file identifies a process that died
