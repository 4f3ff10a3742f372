"""Bring a source into a folder: a sample, a package's file or a service's data by name, or a file by path.

The copy is verified and gets a card.
"""

import shutil
from datetime import UTC, datetime
from pathlib import Path

from glmkit.acquire.card import Card
from glmkit.acquire.http.progress import Watcher
from glmkit.acquire.http.retry_policy import Patience
from glmkit.acquire.packages._samples import card_of
from glmkit.acquire.packages.catalogue import fetch_packaged
from glmkit.acquire.registry import SERVICES, check_prefix, fetch_service
from glmkit.errors import BadInput, ResourceError
from glmkit.files import atomic_path, sha256

_SAMPLE, _PACKAGE = "sample:", "package:"


def acquire(
    source: str | Path,
    folder: str | Path,
    *,
    renew: bool = False,
    watcher: Watcher | None = None,
    patience: Patience | None = None,
    address: str = "",
) -> Card:
    """Copy a source into `folder`, verify the copy, and write its card beside it.

    A copy that is already there with the right bytes is kept as it is.

    Parameters
    ----------
    source
        ``"sample:NAME"`` for what ships with glmkit (:func:`glmkit.acquire.samples`), ``"package:NAME"`` for what a published
        package carries (:func:`glmkit.acquire.packages.packaged`), the path of a file, or what a service has:
        ``"ncbi:NC_000913.3"``, ``"ncbi:GCF_000005845.2#format=gff"``, ``"ensembl:homo_sapiens/115/pep"``,
        ``"uniprot:reviewed:true AND organism_id:9606"``, ``"cellxgene:DATASET_VERSION"``, ``"url:https://host/file#sha256=…"``.
    folder
        Where the file and its ``<file>.card.json`` go; made if missing.
    renew
        Fetch from a service afresh, and record what comes now in place of what came first.
    watcher
        Called with a :class:`glmkit.acquire.Progress` while a service is read.
    patience
        Limits on time and tries for a service.
    address
        Base address that takes the place of a service's own, such as a mirror's.

    Returns
    -------
    Card
        The card of the copy. Where a package's name stands for several files, all are copied and this is the first.

    Raises
    ------
    BadInput
        There is no such sample, package or file, or another file of that name is already in `folder`.
    NetworkError
        A package or a service's data could not be fetched, or is not as published or as it came first.
    ResourceError
        The copy differs from its source, the disk is full, or the folder cannot be written.
    """
    text = f"url:{source}" if str(source).startswith(("https://", "http://", "file://")) else str(source)
    if text.startswith(_SAMPLE):
        cards = [card_of(text.removeprefix(_SAMPLE))]
    elif text.startswith(_PACKAGE):
        cards = fetch_packaged(text.removeprefix(_PACKAGE))
    elif text.partition(":")[0] in SERVICES and ":" in text:
        cards = [fetch_service(text, renew=renew, watcher=watcher, patience=patience, address=address)]
    else:
        cards = [_own(Path(source))]
    copies = [_copy(card, Path(folder)) for card in cards]
    return copies[0]


def _copy(card: Card, folder: Path) -> Card:
    """Copy a card's file into `folder`, verify it there, and write its card beside it."""
    target = folder / card.path.name
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
        check_prefix(str(path))
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
