"""The registry of services: a name with a prefix is resolved to a verified file in the cache.

A file in the cache with the recorded hash is never fetched again. A fetched file whose hash differs from the stated or
recorded one is moved to quarantine and fetched once more; a second mismatch is an error. With ``GLMKIT_OFFLINE=1`` nothing
is fetched, and a file missing from the cache is an error. One process at a time fetches a source; others wait and use its file.
"""

import importlib
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256 as hash_text
from pathlib import Path
from urllib.parse import urlsplit

from glmkit.acquire.card import Card
from glmkit.acquire.fetch_job import Fetched, Job, split_options
from glmkit.acquire.http.cache import alone, cache_folder, offline, quarantine
from glmkit.acquire.http.lockfile import lock_path, locked, record
from glmkit.acquire.http.progress import Watcher
from glmkit.acquire.http.redact_urls import hide_parts
from glmkit.acquire.http.retry_policy import Patience
from glmkit.acquire.packages.wheels import NotAsPublished
from glmkit.errors import BadInput, NetworkError
from glmkit.files import read_json
from glmkit.files import sha256 as hash_of

# Prefix: module, fetch function, and an example for messages.
SERVICES = {
    "ncbi": ("ncbi", "fetch_ncbi", "ncbi:NC_000913.3"),
    "ensembl": ("ensembl", "fetch_ensembl", "ensembl:homo_sapiens/115/pep"),
    "uniprot": ("uniprot", "fetch_uniprot", "uniprot:reviewed:true AND organism_id:9606"),
    "cellxgene": ("cellxgene", "fetch_cellxgene", "cellxgene:17616a35-1b3d-4754-9553-8ddb71267d63"),
    "url": ("url", "fetch_address", "url:https://host/file#sha256=…"),
}


def fetch_service(
    source: str, *, renew: bool = False, watcher: Watcher | None = None, patience: Patience | None = None, address: str = ""
) -> Card:
    """The cached file of a source, fetched from its service if absent.

    Parameters
    ----------
    source
        Source of the form ``PREFIX:NAME``, with options after ``#``.
    renew
        Whether to fetch the source again and to replace its recorded hash.
    watcher
        Function called with a :class:`glmkit.acquire.http.progress.Progress` during the download.
    patience
        Limits on time and number of attempts.
    address
        Base URL that replaces that of the service.

    Returns
    -------
    Card
        Card of the file in the cache.

    Raises
    ------
    BadInput
        The name is malformed or unknown to the service.
    NetworkError
        The source could not be fetched, its hash is not the stated or recorded one, or the network is disabled.
    ResourceError
        The disk is full, or the cache cannot be written.
    """
    prefix, _, rest = source.partition(":")
    module = importlib.import_module(f"glmkit.acquire.services.{SERVICES[prefix][0]}")
    fetch: Callable[[Job], Fetched] = getattr(module, SERVICES[prefix][1])
    query, options = split_options(rest, module.OPTIONS)
    name = _public(prefix, query, {key: value for key, value in options.items() if key != "sha256"})
    digest = hash_text(f"{name}\n{hash_text(query.encode()).hexdigest()}".encode()).hexdigest()[:20]
    folder = cache_folder("sources", prefix, digest)
    with alone(f"source-{digest}"):
        known = "" if renew else locked().get(name, {}).get("sha256", "")
        stated = options.get("sha256", "").lower()
        if stated and known and stated != known:
            raise BadInput(
                f"{name} has SHA-256 {known} recorded in {lock_path()}, but {stated} is given after #sha256=. Correct the wrong "
                "one; renew=True fetches the source again and records its new hash."
            )
        if not renew and (card := _kept(folder, stated or known)):
            return card
        if offline():
            raise NetworkError(
                f"GLMKIT_OFFLINE is set and {name} is not in the cache: {folder} has no such file with the recorded hash. "
                "Unset it, or fetch the source on a machine with a network and copy its cache here."
            )
        work = folder / "work"
        if renew:
            shutil.rmtree(work, ignore_errors=True)
        work.mkdir(exist_ok=True)
        job = Job(
            name=name,
            query=query,
            options=options,
            folder=work,
            address=address,
            patience=patience or Patience(),
            watcher=watcher,
        )
        expected = (stated, "given after #sha256=") if stated else (known, f"recorded in {lock_path()}")
        return _keep(name, folder, _trusted(fetch, job, *expected), record_it=not known)


def _public(prefix: str, query: str, options: dict[str, str]) -> str:
    """The name of a source for files and messages; a hash distinguishes URLs that differ in hidden parts only."""
    if prefix == "url" and (shown := hide_parts(query)) != query:
        query = f"{shown} ({hash_text(urlsplit(query).query.encode()).hexdigest()[:12]})"
    words = "&".join(f"{key}={value}" for key, value in sorted(options.items()))
    return f"{prefix}:{query}" + (f"#{words}" if words else "")


def _kept(folder: Path, expected: str) -> Card | None:
    """The card of the cached file if its hash is as recorded; a file with another hash is moved to quarantine."""
    cards = sorted(folder.glob("*.card.json"))
    if len(cards) != 1:
        return None
    entry = read_json(cards[0])
    card = Card(**{**entry, "path": folder / Path(entry["path"]).name})
    if not card.path.is_file():
        return None
    if (got := hash_of(card.path)) != card.sha256 or (expected and got != expected):
        quarantine(card.path)
        return None
    return card


def _trusted(fetch: Callable[[Job], Fetched], job: Job, expected: str, where: str) -> Fetched:
    """Fetch a source, and once more if its hash is not the expected one."""
    fault = NetworkError(f"{job.name} could not be fetched.")
    for _ in range(2):
        try:
            fetched = fetch(job)
        except NotAsPublished as error:
            fault = error
            continue
        got = hash_of(fetched.path)
        if not expected or got == expected:
            return fetched
        moved = quarantine(fetched.path)
        shutil.rmtree(job.folder)
        job.folder.mkdir()
        fault = NetworkError(
            f"{job.name} is not as expected: SHA-256 {expected} {where}, got {got}, twice. The file received is in {moved}. If "
            "the source has changed on purpose, fetch it with renew=True (or another hash), which records the new one."
        )
    raise fault


def _keep(name: str, folder: Path, fetched: Fetched, *, record_it: bool) -> Card:
    """Move a fetched file to its place in the cache, write its card, and record its hash if none is recorded."""
    for old in folder.iterdir():
        if old.is_file():
            old.unlink()
    target = folder / fetched.path.name
    digest, size = hash_of(fetched.path), fetched.path.stat().st_size
    fetched.path.replace(target)
    if record_it:
        record(name, digest, size, fetched.source)
    card = Card(
        name=fetched.path.name.split(".")[0],
        path=target,
        source=fetched.source,
        licence=fetched.licence,
        sha256=digest,
        date=datetime.now(UTC).date().isoformat(),
        organism=fetched.organism,
        description=fetched.description,
    )
    card.write()
    shutil.rmtree(fetched.path.parent)
    return card


def check_prefix(text: str) -> None:
    """Reject a name that has the form of a prefixed source with an unknown prefix.

    Parameters
    ----------
    text
        Name that is not the path of a file.

    Raises
    ------
    BadInput
        The name has an unknown prefix.
    """
    prefix, mark, _ = text.partition(":")
    if mark and prefix.replace("-", "").isalnum() and len(prefix) > 1:
        examples = ", ".join(example for _, _, example in SERVICES.values())
        raise BadInput(
            f"{text[:120]!r} is not a file, and {prefix!r} is not a source. Sources: sample:NAME, package:NAME, {examples}."
        )
