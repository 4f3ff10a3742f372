"""Bring a source into a folder: a sample by name, or a file by path. The copy is verified and gets a card."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

from glmkit.acquire.card import Card
from glmkit.acquire.shipped import card_of
from glmkit.errors import BadInput, ResourceError
from glmkit.files import atomic_path, sha256

_SAMPLE = "sample:"


def acquire(source: str | Path, folder: str | Path) -> Card:
    """Copy a source into `folder`, verify the copy, and write its card beside it.

    A copy that is already there with the right bytes is kept as it is.

    Parameters
    ----------
    source
        ``"sample:NAME"``, or the path of a file.
    folder
        Where the file and its ``<file>.card.json`` go; made if missing.

    Returns
    -------
    Card
        The card of the copy.

    Raises
    ------
    BadInput
        There is no such sample or file, or another file of that name is already in `folder`.
    ResourceError
        The copy differs from its source, the disk is full, or the folder cannot be written.
    """
    card = card_of(str(source).removeprefix(_SAMPLE)) if str(source).startswith(_SAMPLE) else _own(Path(source))
    target = Path(folder) / card.path.name
    if target.resolve() != card.path.resolve() and not _same(target, card.sha256):
        with atomic_path(target, card.path.stat().st_size) as temporary:
            shutil.copyfile(card.path, temporary)
            if sha256(temporary) != card.sha256:
                raise ResourceError(
                    f"The copy of {card.path} to {target} differs from its source. Check the disk, then run this again."
                )
    copy = Card(**{**vars(card), "path": target})
    copy.write()
    return copy


def _own(path: Path) -> Card:
    """The card of a user's own file, about which only its bytes are known."""
    if not path.is_file():
        raise BadInput(f"{path} is not a file. Give the path of a file, or 'sample:NAME' for a sample that ships with glmkit.")
    return Card(
        name=path.name.split(".")[0],
        path=path,
        source=str(path.resolve()),
        licence="not stated",
        sha256=sha256(path),
        date=datetime.now(UTC).date().isoformat(),
    )


def _same(target: Path, expected: str) -> bool:
    """Whether `target` is already there as expected."""
    if not target.exists():
        return False
    if target.is_file() and sha256(target) == expected:
        return True
    raise BadInput(f"{target} exists and is another file (SHA-256 differs). Remove it, or choose another folder.")
