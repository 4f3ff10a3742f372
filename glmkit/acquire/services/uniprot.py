"""UniProt's REST service: a query read page by page, with the number of records verified and all pages of one release.

Examples are ``uniprot:reviewed:true AND organism_id:9606``, ``uniprot:P04637`` and
``uniprot:QUERY#format=tsv&fields=accession,cc_subcellular_location``. The service can also stream a whole result, but a stream
has no length and cannot be resumed. Each page gives the total number of results and links to the next page. The UniProt
Consortium 2025, https://doi.org/10.1093/nar/gkae1010.
"""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from glmkit.acquire.fetch_job import Fetched, Job, file_name, one_of
from glmkit.acquire.http.client import Client
from glmkit.acquire.http.progress import Meter
from glmkit.acquire.http.rate_limit import Limiter
from glmkit.acquire.http.request import Answer, Refused
from glmkit.acquire.services.record_batches import PROTEIN, fasta_id, fasta_records
from glmkit.errors import BadInput, NetworkError
from glmkit.files import atomic_path, read_json, write_json, write_text

OPTIONS = {"format": "fasta or tsv", "fields": "columns of tsv, behind the accession", "isoforms": "true for isoforms too"}
BASE = "https://rest.uniprot.org"
PER_SECOND = 20.0  # the service publishes no limit; this rate is far below the one at which it answers 429
PAGE = 500  # records per page, the maximum of the service
LICENCE = "CC BY 4.0 (UniProt)"
_ACCESSION = re.compile(r"[OPQ]\d[A-Z0-9]{3}\d|[A-NR-Z]\d(?:[A-Z][A-Z0-9]{2}\d){1,2}")
_NEXT = re.compile(r'<([^>]+)>;\s*rel="next"')


class _Changed(Exception):
    """The release differs from that of the previous pages, or the cursor has expired."""


def fetch_uniprot(job: Job) -> Fetched:
    """Fetch a source ``uniprot:…``.

    Parameters
    ----------
    job
        Job whose query is in the syntax of UniProt, or one accession.

    Returns
    -------
    Fetched
        One file with each result once.

    Raises
    ------
    BadInput
        The query is malformed or finds nothing.
    NetworkError
        The result could not be read completely from one release; complete pages are kept.
    """
    form = one_of(job.options, "format", {"fasta": "sequences", "tsv": "a table"}, "fasta")
    isoforms = one_of(job.options, "isoforms", {"true": "with isoforms", "false": "canonical"}, "false")
    if "fields" in job.options and form != "tsv":
        raise BadInput("fields= is for format=tsv, because FASTA has no columns. Add format=tsv, or remove fields=.")
    query = f"accession:{job.query}" if _ACCESSION.fullmatch(job.query) else job.query
    parameters = {"query": query, "format": form, "size": str(PAGE)}
    parameters |= {"includeIsoform": "true"} if isoforms == "true" else {}
    if fields := [name.strip() for name in job.options.get("fields", "").split(",") if name.strip()]:
        parameters["fields"] = ",".join(["accession", *(name for name in fields if name != "accession")])
    base = (job.address or os.environ.get("GLMKIT_UNIPROT_URL") or BASE).rstrip("/")
    pages = _Pages(job, f"{base}/uniprotkb/search?{urlencode(parameters)}", form)
    for _ in range(2):
        try:
            state = pages.read()
            break
        except _Changed:
            pages.begin_again()
    else:
        raise NetworkError("UniProt changed its release twice while the pages were read. Run this again later.")
    target = job.folder / file_name(job.query, f".{form}")
    with atomic_path(target) as temporary, open(temporary, "wb") as file:
        for number in range(state["pages"]):
            with open(pages.path(number), "rb") as piece:
                if number and form == "tsv":
                    piece.readline()
                shutil.copyfileobj(piece, file)
    return Fetched(
        path=target,
        source=f"UniProt release {state['release']}: {query}",
        licence=LICENCE,
        description=f"{state['total']:,} entries of UniProt in {form} format",
    )


class _Pages:
    """The pages of one query, each a file in the folder of the job."""

    def __init__(self, job: Job, first: str, form: str) -> None:
        self.job, self.first, self.form = job, first, form
        self.client = Client(service="UniProt", limiter=Limiter("uniprot", PER_SECOND), patience=job.patience)
        self.notes = job.folder / "pages.json"

    def path(self, number: int) -> Path:
        """Path of a page."""
        return self.job.folder / f"page-{number:06d}"

    def begin_again(self) -> None:
        """Discard the pages read so far."""
        self.notes.unlink(missing_ok=True)

    def read(self) -> dict[str, Any]:
        """Read the missing pages; the result has the numbers of pages and records, and the release."""
        state: dict[str, Any] = {"first": self.first, "next": self.first, "pages": 0, "records": 0, "total": None, "release": ""}
        if self.notes.exists() and (kept := read_json(self.notes))["first"] == self.first:
            state = kept
        meter = Meter(self.job.name, "records", self.job.watcher)
        meter.at(state["records"], state["total"])
        while state["next"]:
            answer = self._page(state)
            records = self._records(answer)
            follows = _NEXT.search(answer.headers.get("link", ""))
            write_text(self.path(state["pages"]), "".join(records) if self.form == "fasta" else answer.text)
            state |= {
                "pages": state["pages"] + 1,
                "records": state["records"] + len(records),
                "total": int(answer.headers["x-total-results"]),
                "release": answer.headers.get("x-uniprot-release", "not stated"),
                "next": self._same_place(follows[1]) if follows else "",
            }
            write_json(self.notes, state)
            meter.at(state["records"], state["total"])
        different = len({name for number in range(state["pages"]) for name in self._ids(self.path(number).read_text("utf-8"))})
        if different != state["records"] or state["records"] != state["total"]:
            self.begin_again()
            raise NetworkError(
                f"UniProt has {state['total']:,} results but its pages had {state['records']:,}, {different:,} of them "
                "different. Run this again."
            )
        return state

    def _page(self, state: dict[str, Any]) -> Answer:
        """The next page, complete and of the same release as the others."""
        first = state["pages"] == 0
        try:
            answer = self.client.request(state["next"], check=self._check(state["records"]))
        except Refused as error:
            if error.status in (400, 404) and first:
                raise BadInput(f"UniProt rejects this query: {error}") from error
            if error.status in (400, 404, 410):
                raise _Changed from error
            raise
        total, release = int(answer.headers["x-total-results"]), answer.headers.get("x-uniprot-release", "not stated")
        if not first and (total, release) != (state["total"], state["release"]):
            raise _Changed
        return answer

    def _check(self, before: int) -> Callable[[Answer], str]:
        """A function that returns the fault of a page that follows `before` records."""

        def wrong(answer: Answer) -> str:
            total = answer.headers.get("x-total-results", "")
            if not total.isdigit():
                return "no number of results"
            if int(total) == 0:
                raise BadInput(f"UniProt has nothing for {self.job.query!r}. Try the query on its web site.")
            expected = min(PAGE, int(total) - before)
            got, different = len(self._records(answer)), len(set(self._ids(answer.text)))
            if got != expected or different != expected:
                return f"{different} valid records of {expected}"
            last = before + expected == int(total)
            return "" if last or _NEXT.search(answer.headers.get("link", "")) else "no link to the next page"

        return wrong

    def _records(self, answer: Answer) -> list[str]:
        """The valid records of a page."""
        if self.form == "fasta":
            return [text for _, text in fasta_records(answer.text, PROTEIN)]
        header, *rows = answer.text.splitlines() or [""]
        return [row for row in rows if row.count("\t") == header.count("\t")]

    def _ids(self, text: str) -> list[str]:
        """The accessions of a page: from its headers, or from the first column of its table."""
        if self.form == "fasta":
            return [fasta_id(line[1:]) for line in text.splitlines() if line.startswith(">") and line[1:].split()]
        return [row.partition("\t")[0] for row in text.splitlines()[1:]]

    def _same_place(self, address: str) -> str:
        """The URL of the next page on the host of the first page, because a mirror may link to the original host."""
        there, here = urlsplit(urljoin(self.first, address)), urlsplit(self.first)
        return there._replace(scheme=here.scheme, netloc=here.netloc).geturl()
