"""Files that are whole or absent: atomic writes, hashes, locks, and paths that stay inside their root.

Everything glmkit leaves on disk goes through :func:`atomic_path`: a temporary file in the same folder, fsync, rename. A
reader never sees half a file under its final name, and a failed write leaves the previous one byte for byte as it was.
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
    """Turn a full disk or a read-only target at `path` into a :class:`ResourceError` that names it."""
    try:
        yield
    except OSError as error:
        size = f" ({needed:,} bytes needed)" if needed else ""
        if error.errno in _FULL:
            raise ResourceError(f"No space left to write {path}{size}. Free some, or choose another folder with out=.") from error
        if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
            raise ResourceError(
                f"{path} cannot be written ({error.strerror}). Choose a folder you may write to with out=."
            ) from error
        raise


@contextmanager
def atomic_path(path: str | Path, needed: int | None = None) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is flushed to disk and renamed to `path`.

    Parameters
    ----------
    path
        The final name. Its folder is made if missing.
    needed
        Bytes the file will take, if known, for the message when the disk is full.

    Raises
    ------
    ResourceError
        The disk is full or the target cannot be written; nothing is left behind and an older `path` is untouched.
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
    """Yield a temporary folder beside `path`; on success its files are flushed and it takes the place of `path` whole.

    A folder cannot be renamed over one that holds files, so an older `path` steps aside to ``.NAME.previous`` for the moment
    between two renames; :func:`recover_folder` puts it back if the process died exactly there.

    Raises
    ------
    ResourceError
        The disk is full or the target cannot be written; nothing is left behind and an older `path` is untouched.
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
    """A new name in the folder of `path`; what is made there has the user's usual permissions, unlike a private temporary file."""
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}.partial")


def recover_folder(path: str | Path) -> None:
    """Put back the folder that a process which died inside :func:`atomic_folder` had moved aside; else do nothing."""
    path = Path(path)
    previous = path.with_name(f".{path.name}.previous")
    if previous.exists():
        if path.exists():
            shutil.rmtree(previous, ignore_errors=True)
        else:
            os.rename(previous, path)


def fault_point(name: str) -> None:
    """Send this process the signal that ``GLMKIT_FAULT=point:n:SIGNAL`` asks for at the n-th pass of `name`; tests only.

    Nothing happens unless ``GLMKIT_TESTING=1`` is set too.
    """
    if os.environ.get("GLMKIT_TESTING") != "1" or not (asked := os.environ.get("GLMKIT_FAULT")):
        return
    point, number, name_of_signal = asked.split(":")
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
    """Write `text` as UTF-8, whole or not at all."""
    with atomic_path(path, len(text)) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as readable JSON, whole or not at all; NaN is written as NaN."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def read_json(path: str | Path) -> Any:
    """Read JSON, or say which file and line is broken."""
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
    """`path` resolved below `root`, or an error if it points out of it (``..``, an absolute path, a link)."""
    base = Path(root).resolve()
    full = (base / path).resolve()
    if full != base and base not in full.parents:
        raise BadInput(f"{str(path)!r} points outside {base}. Give a path below that folder, without '..'.")
    return full


def workspace() -> Path:
    """The folder that relative paths of parameters start from.

    ``GLMKIT_WORKSPACE`` if it is set; else the nearest folder, from the current one upwards, that holds both ``notebooks`` and
    one of ``pyproject.toml``, ``glmkit.toml``; else the current folder. A notebook opened in JupyterLab (whose kernel starts
    in the notebook's own folder) therefore reads and writes the same ``runs/`` as ``glmkit run`` does.
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
    """Hold the lock file `path`; whoever else holds it is named in the error.

    The lock is the kernel's (``flock``), so one left by a dead process is free at once; the file only says who holds it.

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
            file.truncate(0)  # a name found in a free lock is that of a process which died
