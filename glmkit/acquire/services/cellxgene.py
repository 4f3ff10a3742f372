"""CELLxGENE Discover: the ``.h5ad`` of a data set, by the id of an immutable version or of the data set (its newest version).

Form: ``cellxgene:17616a35-1b3d-4754-9553-8ddb71267d63``. The service states the size of the file; its URL includes the
version. CZI Cell Science Program 2025, https://doi.org/10.1093/nar/gkae1142.
"""

import json
import os
import re
from typing import Any

from glmkit.acquire.fetch_job import Fetched, Job
from glmkit.acquire.http.client import Client
from glmkit.acquire.http.download import download
from glmkit.acquire.http.request import Answer, Refused
from glmkit.errors import BadInput

OPTIONS: dict[str, str] = {}
BASE = "https://api.cellxgene.cziscience.com"
LICENCE = "CC BY 4.0 (CELLxGENE Discover)"
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def fetch_cellxgene(job: Job) -> Fetched:
    """Fetch a source ``cellxgene:…``.

    Parameters
    ----------
    job
        Job whose query is the id of a data set or of one of its versions.

    Returns
    -------
    Fetched
        One ``.h5ad`` file.

    Raises
    ------
    BadInput
        There is no such data set, or it has no ``.h5ad``.
    NetworkError
        The file could not be fetched completely.
    """
    if not _UUID.fullmatch(job.query):
        raise BadInput(
            f"{job.query!r} is not an id such as 17616a35-1b3d-4754-9553-8ddb71267d63. Copy it from the URL of the data set."
        )
    client = Client(service="CELLxGENE", patience=job.patience)
    base = (job.address or os.environ.get("GLMKIT_CELLXGENE_URL") or BASE).rstrip("/")
    found = _version(client, f"{base}/curation/v1", job.query)
    assets = [asset for asset in found.get("assets", []) if asset.get("filetype") == "H5AD"]
    if len(assets) != 1:
        raise BadInput(f"CELLxGENE's data set {job.query} has {len(assets)} files of type H5AD, where one was expected.")
    version = str(found.get("dataset_version_id", job.query))
    target = job.folder / f"{version if _UUID.fullmatch(version) else job.query}.h5ad"
    download(client, str(assets[0]["url"]), target, size=int(assets[0]["filesize"]), watcher=job.watcher)
    return Fetched(
        path=target,
        source=f"CELLxGENE Discover, data set version {version}: {found.get('citation', '')}".rstrip(": "),
        licence=LICENCE,
        description=str(found.get("title", "")),
        organism=", ".join(str(entry.get("label", "")) for entry in found.get("organism", [])),
    )


def _version(client: Client, base: str, name: str) -> dict[str, Any]:
    """The service's description of a version, or of the newest version of a data set."""
    for place in (f"dataset_versions/{name}", f"datasets/{name}/versions"):
        try:
            answer = client.request(f"{base}/{place}", name=".json", check=_wrong)
        except Refused as error:
            if error.status not in (400, 404, 410):
                raise
            continue
        value = json.loads(answer.content)
        found: dict[str, Any] = value[0] if isinstance(value, list) else value
        return found
    raise BadInput(f"CELLxGENE has no data set or version {name}, or has withdrawn it. Look it up on its web site.")


def _wrong(answer: Answer) -> str:
    """The fault of a description; empty if it is valid."""
    try:
        value = json.loads(answer.content)
    except ValueError:
        return "no JSON"
    entry = value[0] if isinstance(value, list) and value else value
    return "" if isinstance(entry, dict) and isinstance(entry.get("assets"), list) else "no list of files"
