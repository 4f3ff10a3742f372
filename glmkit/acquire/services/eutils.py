"""NCBI's E-utilities: a search stored in the history of the server, fetched in batches that are verified.

Terms of use: three requests per second without an API key, ten with one (``NCBI_API_KEY``), for all processes together. The
fields ``tool`` and ``email`` (from ``NCBI_EMAIL``) identify the client. All requests are POST, so that no URL contains the key.
The history expires after some hours. The search is then repeated, and batches are compared with the ids of the first search.
Sayers 2022, https://doi.org/10.1093/nar/gkab1112.
"""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from glmkit.acquire.fetch_job import Job
from glmkit.acquire.http.client import Client
from glmkit.acquire.http.progress import Meter
from glmkit.acquire.http.rate_limit import Limiter
from glmkit.acquire.http.request import Answer, Refused
from glmkit.acquire.http.response_checks import HEAD
from glmkit.acquire.services.record_batches import DNA, PROTEIN, complete, fasta_records, genbank_records
from glmkit.errors import BadInput, NetworkError
from glmkit.files import read_json, write_json, write_text

BASE = "https://eutils.ncbi.nlm.nih.gov/entrez/eutils"
PER_SECOND, PER_SECOND_WITH_KEY = 3.0, 10.0
PAGE = 10_000  # ids per page of a search
BATCH = 200  # records per fetch
MOST = 100_000  # default maximum of records of a search, changed by #most=
_EXPIRED = ("unable to obtain query", "cannot retrieve history data", "webenv parameter", "history is expired")
_FORMATS = {
    ("nuccore", "fasta"): ("fasta", fasta_records, DNA),
    ("protein", "fasta"): ("fasta", fasta_records, PROTEIN),
    ("nuccore", "genbank"): ("gbwithparts", genbank_records, DNA),
    ("protein", "genbank"): ("gp", genbank_records, PROTEIN),
}


class _Expired(Exception):
    """The search is no longer in the history of the server."""


@dataclass(frozen=True)
class History:
    """A search stored in the history of the server.

    Attributes
    ----------
    webenv
        Identifier of the session.
    key
        Identifier of the search in the session.
    ids
        Accessions with versions, in the order of the server.
    """

    webenv: str
    key: str
    ids: list[str]


def ncbi_client(job: Job) -> Client:
    """A client that respects the rate limits of NCBI.

    Parameters
    ----------
    job
        Job whose `patience` is used.

    Returns
    -------
    Client
        Client that shares its rate limit with other processes: those with an API key, or those without.
    """
    key = os.environ.get("NCBI_API_KEY", "")
    name, rate = ("ncbi-with-key", PER_SECOND_WITH_KEY) if key else ("ncbi", PER_SECOND)
    return Client(service="NCBI", limiter=Limiter(name, rate), patience=job.patience, secrets=(key,))


class Eutils:
    """One database of Entrez in one format.

    Parameters
    ----------
    job
        Job to fetch.
    database
        ``nuccore`` or ``protein``.
    form
        ``fasta`` or ``genbank``.
    """

    def __init__(self, job: Job, database: str, form: str) -> None:
        self.job, self.database = job, database
        self.rettype, self.split, self.letters = _FORMATS[database, form]
        self.client = ncbi_client(job)
        self.base = (job.address or os.environ.get("GLMKIT_NCBI_URL") or BASE).rstrip("/")

    def search(self, term: str, most: int = MOST) -> History:
        """Search, store the result in the history of the server, and read all ids.

        Parameters
        ----------
        term
            Query in the syntax of Entrez.
        most
            Maximum number of records.

        Returns
        -------
        History
            Stored search with its unique ids.

        Raises
        ------
        BadInput
            The term finds nothing, or more than `most` records.
        NetworkError
            The service gave no valid response.
        """
        fields = {"term": term, "usehistory": "y", "retmode": "json", "idtype": "acc", "retmax": str(PAGE)}
        first = self._search_page(fields | {"retstart": "0"})
        count, ids = int(first["count"]), list(first["idlist"])
        if not count:
            raise BadInput(
                f"NCBI's {self.database} has nothing for {term!r}. Try the term on its web site; #db=protein is for proteins."
            )
        if unknown := _not_understood(first):
            raise BadInput(f"NCBI does not recognise {unknown} in {term!r}, and would search without it. Correct the term.")
        if count > most:
            raise BadInput(f"{term!r} finds {count:,} records, more than {most:,}. Narrow it, or append #most={count}.")
        while len(ids) < count and (more := self._search_page(fields | {"retstart": str(len(ids))})["idlist"]):
            ids += more
        if len(set(ids)) != count or len(ids) != count:
            raise NetworkError(f"NCBI found {count:,} records for {term!r} but named {len(set(ids)):,}. Run this again.")
        return History(first["webenv"], first["querykey"], ids)

    def records(self, term: str, most: int = MOST) -> list[str]:
        """Fetch all records of a search into files in the folder of the job.

        Parameters
        ----------
        term
            Query in the syntax of Entrez.
        most
            Maximum number of records.

        Returns
        -------
        list of str
            Names of the files, in order; together they have each record once. Files of an earlier attempt are reused.

        Raises
        ------
        BadInput
            The term finds nothing or too much.
        NetworkError
            The attempts are exhausted; complete files are kept.
        """
        kept = self.job.folder / "ids.json"
        history: History | None = None
        if kept.exists():
            ids = read_json(kept)
        else:
            history = self.search(term, most)
            ids = history.ids
            write_json(kept, ids)

        def by_history(start: int, number: int) -> list[tuple[str, str]]:
            """One batch of the search, which is repeated if it has expired."""
            nonlocal history
            for _ in range(self.job.patience.tries):
                history = history or self.search(term, most)
                where = {"WebEnv": history.webenv, "query_key": history.key}
                try:
                    return self._fetch(where | {"retstart": str(start), "retmax": str(number)})
                except _Expired:
                    history = None
            raise NetworkError(
                f"The search {term!r} expired at NCBI {self.job.patience.tries} times. Run this again; complete batches are kept."
            )

        return self._in_batches(ids, by_history)

    def named(self, ids: Sequence[str]) -> list[str]:
        """Fetch records by accession, as :meth:`records` does."""
        return self._in_batches(ids, lambda start, number: self._by_id(ids[start : start + number]))

    def _in_batches(self, ids: Sequence[str], fetch: Callable[[int, int], list[tuple[str, str]]]) -> list[str]:
        """Fetch batch by batch; each complete batch is written to a file."""
        meter, names = Meter(self.job.name, "records", self.job.watcher), []
        meter.at(0, len(ids))
        for start in range(0, len(ids), BATCH):
            batch = ids[start : start + BATCH]
            path = self.job.folder / f"records-{start:08d}-{len(batch)}"
            if not path.exists():
                first = partial(fetch, start, len(batch))
                records = complete(batch, first, self._by_id, service="NCBI", patience=self.job.patience)
                write_text(path, "".join(text for _, text in records))
            names.append(path.name)
            meter.at(start + len(batch), len(ids))
        return names

    def _by_id(self, ids: Sequence[str]) -> list[tuple[str, str]]:
        """Fetch by accession."""
        return self._fetch({"id": ",".join(ids)})

    def _fetch(self, where: dict[str, str]) -> list[tuple[str, str]]:
        """The valid records of one response."""
        fields = {"rettype": self.rettype, "retmode": "text", "idtype": "acc"}
        try:
            answer = self._post("efetch.fcgi", where | fields, check=_not_forgotten if "WebEnv" in where else None)
        except Refused as error:
            if "WebEnv" in where and any(words in error.text.lower() for words in _EXPIRED):
                raise _Expired from error
            if error.status in (400, 404) and "id" in where:
                raise BadInput(
                    f"{error} Check that each of {where['id'][:200]} is an accession of NCBI's {self.database}."
                ) from error
            raise
        return self.split(answer.text, self.letters)

    def _search_page(self, fields: dict[str, str]) -> dict[str, Any]:
        """One page of a search."""
        result: dict[str, Any] = json.loads(self._post("esearch.fcgi", fields, name=".json", check=_wrong_search).content)
        return result["esearchresult"]

    def _post(self, program: str, fields: dict[str, str], **how: Any) -> Answer:
        """POST to one of the utilities."""
        who = {"tool": "glmkit", "email": os.environ.get("NCBI_EMAIL", ""), "api_key": self.client.secrets[0]}
        form = {"db": self.database, **fields, **{name: value for name, value in who.items() if value}}
        return self.client.request(f"{self.base}/{program}", form=form, **how)


def _not_forgotten(answer: Answer) -> str:
    """Raise `_Expired` for a response that reports an expired search; accept all others."""
    if any(words in answer.content[:HEAD].decode("utf-8", "replace").lower() for words in _EXPIRED):
        raise _Expired
    return ""


def _not_understood(found: dict[str, Any]) -> str:
    """Phrases and fields of a term that NCBI ignored in the search."""
    lists = {**(found.get("errorlist") or {}), **(found.get("warninglist") or {})}
    kinds = ("phrasesnotfound", "fieldsnotfound", "quotedphrasesnotfound")
    return ", ".join(repr(word) for kind in kinds for word in lists.get(kind) or [])


def _wrong_search(answer: Answer) -> str:
    """The fault of the response to a search; empty if it is valid."""
    try:
        result = json.loads(answer.content)["esearchresult"]
        if "ERROR" in result:
            return f"an error ({str(result['ERROR'])[:120]})"
        complete = int(result["count"]) == 0 or (result["webenv"] and result["querykey"])
        return "" if complete and isinstance(result["idlist"], list) else "no search result"
    except (ValueError, KeyError, TypeError):
        return "no search result in JSON"
