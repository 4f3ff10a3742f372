"""Any file by its URL: ``url:https://…#sha256=…``, ``https://…``, ``url:file:///…``.

Without a hash, the first download is trusted and its hash is required of later ones. Plain http is accepted only with a hash
or from this machine, because its content can be altered in transit.
"""

import re
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

from glmkit.acquire.fetch_job import Fetched, Job, file_name
from glmkit.acquire.http.client import Client
from glmkit.acquire.http.download import download
from glmkit.acquire.http.redact_urls import hide_parts
from glmkit.acquire.http.request import Refused
from glmkit.errors import BadInput
from glmkit.files import atomic_path

OPTIONS = {"sha256": "hash of the file", "licence": "its terms of use, for the card"}
_LICENCES = {"10xgenomics.com": "CC BY 4.0 (10x Genomics data sets)", "cellxgene.cziscience.com": "CC BY 4.0"}
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def fetch_address(job: Job) -> Fetched:
    """Fetch a source ``url:…``.

    Parameters
    ----------
    job
        Job whose query is a URL of https, http or file.

    Returns
    -------
    Fetched
        One file, named after the last part of the URL's path.

    Raises
    ------
    BadInput
        The URL is invalid, or there is nothing at it.
    NetworkError
        The file could not be fetched completely.
    """
    parts = urlsplit(job.query)
    if not re.fullmatch(r"[0-9a-f]{64}|", job.options.get("sha256", "").lower()):
        raise BadInput(f"sha256={job.options['sha256']} is not 64 hexadecimal digits. Copy the hash again.")
    target = job.folder / file_name(unquote(parts.path.rstrip("/").rpartition("/")[2]), "")
    if parts.scheme == "file":
        origin = Path(unquote(parts.path))
        if parts.netloc not in ("", "localhost") or not origin.is_file():
            raise BadInput(f"{job.query} is not a file of this machine. Write file:///absolute/path.")
        with atomic_path(target, origin.stat().st_size) as temporary:
            shutil.copyfile(origin, temporary)
    elif parts.scheme in ("http", "https") and parts.hostname:
        if parts.scheme == "http" and "sha256" not in job.options and parts.hostname not in _LOOPBACK:
            raise BadInput(
                f"{hide_parts(job.query)} is plain http, which can be altered in transit. Use https, or add #sha256=…."
            )
        try:
            download(Client(service=parts.hostname, patience=job.patience), job.query, target, watcher=job.watcher)
        except Refused as error:
            if error.status in (400, 404, 410):
                raise BadInput(
                    f"There is nothing at {hide_parts(job.query)} (status {error.status}). Check the address."
                ) from error
            raise
    else:
        raise BadInput(f"{hide_parts(job.query)!r} is not an address such as https://host/file or file:///path.")
    host = parts.hostname or ""
    licence = next((terms for name, terms in _LICENCES.items() if host == name or host.endswith(f".{name}")), "not stated")
    return Fetched(
        path=target,
        source=hide_parts(job.query),
        licence=job.options.get("licence", licence),
        description=f"{target.name} of {host or 'this machine'}",
    )
