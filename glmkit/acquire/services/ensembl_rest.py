"""Ensembl's REST service: sequences by stable id, fifty per request.

The service allows 55,000 requests an hour and reports the remaining number in each response; with status 429 it gives the
pause in fractions of a second. It serves the current release only, which the card records.
"""

import json
import os
from collections.abc import Sequence
from typing import Any

from glmkit.acquire.fetch_job import Fetched, Job, file_name, one_of
from glmkit.acquire.http.client import Client
from glmkit.acquire.http.progress import Meter
from glmkit.acquire.http.rate_limit import Limiter
from glmkit.acquire.http.request import Answer, Refused
from glmkit.acquire.services.record_batches import DNA, PROTEIN, complete
from glmkit.errors import BadInput
from glmkit.files import write_text

BASE = "https://rest.ensembl.org"
PER_SECOND = 15.0
BATCH = 50  # maximum ids per request
LICENCE = "no restriction by Ensembl (see its legal page); the assembly's providers may hold rights"
_TYPES = {"genomic": "as on the chromosome", "cdna": "spliced", "cds": "coding part", "protein": "translated"}


def fetch_ids(job: Job) -> Fetched:
    """Fetch the sequences of stable ids.

    Parameters
    ----------
    job
        Job whose query is ids separated by commas; options ``type`` and ``release``.

    Returns
    -------
    Fetched
        One FASTA file with one record per id, in the order of the query.

    Raises
    ------
    BadInput
        An id is unknown or repeated, the type does not apply to it, or the release is another.
    NetworkError
        The sequences could not be fetched completely.
    """
    kind = one_of(job.options, "type", _TYPES, "genomic")
    ids = [word.strip() for word in job.query.split(",")]
    if len(set(ids)) < len(ids):
        raise BadInput(f"An id is repeated in {job.query[:200]!r}. Name each once.")
    client = Client(service="Ensembl REST", limiter=Limiter("ensembl-rest", PER_SECOND), patience=job.patience)
    base = (job.address or os.environ.get("GLMKIT_ENSEMBL_REST_URL") or BASE).rstrip("/")
    release = _release(client, base)
    if job.options.get("release", release) != release:
        raise BadInput(
            f"Ensembl REST has release {release} now, not {job.options['release']}. Use the files of that release instead."
        )
    known = _look_up(client, base, ids)
    meter, texts = Meter(job.name, "records", job.watcher), []
    meter.at(0, len(ids))
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        texts += _sequences(client, base, batch, kind)
        meter.at(start + len(batch), len(ids))
    target = job.folder / file_name(job.query, f".{kind}.fasta")
    write_text(target, "".join(texts))
    species = sorted({str(entry.get("species", "")) for entry in known.values()} - {""})
    return Fetched(
        path=target,
        source=f"Ensembl REST, release {release}: {', '.join(ids[:5])}",
        licence=LICENCE,
        description=f"{kind} sequences of {len(ids)} stable ids",
        organism=", ".join(name.replace("_", " ").capitalize() for name in species),
    )


def _release(client: Client, base: str) -> str:
    """The current release of the service."""

    def wrong(answer: Answer) -> str:
        value = _json(answer)
        return "" if isinstance(value, dict) and value.get("releases") else "no release"

    answer = client.request(f"{base}/info/data", headers={"Accept": "application/json"}, name=".json", check=wrong)
    return str(json.loads(answer.content)["releases"][0])


def _look_up(client: Client, base: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The service's entry of each id."""
    known: dict[str, Any] = {}
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]

        def wrong(answer: Answer, batch: Sequence[str] = batch) -> str:
            value = _json(answer)
            return "" if isinstance(value, dict) and set(batch) <= set(value) else "not all requested ids"

        answer = client.request(
            f"{base}/lookup/id", json={"ids": batch}, headers={"Accept": "application/json"}, name=".json", check=wrong
        )
        known |= json.loads(answer.content)
    if absent := [name for name in ids if not known[name]]:
        raise BadInput(f"Ensembl has no {', '.join(absent[:5])}. Look up retired ids in its id history.")
    return known


def _sequences(client: Client, base: str, ids: Sequence[str], kind: str) -> list[str]:
    """FASTA records of up to fifty ids."""
    letters = PROTEIN if kind == "protein" else DNA

    def fetch(batch: Sequence[str]) -> list[tuple[str, str]]:
        try:
            answer = client.request(
                f"{base}/sequence/id",
                json={"ids": list(batch)},
                params={"type": kind},
                headers={"Accept": "application/json"},
                name=".json",
                check=lambda answer: "" if isinstance(_json(answer), list) else "no list of sequences",
            )
        except Refused as error:
            if error.status == 400:
                raise BadInput(
                    f"{error} Check that type={kind} applies to these ids: a gene has no cds, its transcripts have."
                ) from error
            raise
        found = []
        for entry in json.loads(answer.content):
            if isinstance(entry, dict) and letters.fullmatch(str(entry.get("seq", ""))):
                version = f".{entry['version']}" if entry.get("version") else ""
                header = f">{entry.get('query')} {entry.get('id')}{version} {entry.get('desc') or ''}".rstrip()
                lines = (entry["seq"][start : start + 60] for start in range(0, len(entry["seq"]), 60))
                found.append((str(entry.get("query")), f"{header}\n" + "".join(f"{line}\n" for line in lines)))
        return found

    return [text for _, text in complete(ids, lambda: fetch(ids), fetch, service="Ensembl REST", patience=client.patience)]


def _json(answer: Answer) -> Any:
    """The JSON value of a response, or None if it is not JSON."""
    try:
        return json.loads(answer.content)
    except ValueError:
        return None
