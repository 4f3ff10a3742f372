"""Resumable download of one file, accepted only if it is provably complete.

Received bytes are stored next to the target as ``<file>.part``, with the validator (ETag or date) of the server. The next
attempt requests the rest with ``If-Range``. If the file has changed, or the server does not support ranges, the server sends
the whole file again. A file is complete by its Content-Length, by a last chunk or by a size known beforehand. Without these,
the end of the file is a closed connection, which cannot be distinguished from a broken one. A range request after the last
byte then tests for more data; if the server cannot answer it, the file is rejected.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from glmkit.acquire.http.client import Client
from glmkit.acquire.http.progress import Meter, Watcher
from glmkit.acquire.http.redact_urls import hide_parts
from glmkit.acquire.http.request import TransientFault, pieces
from glmkit.acquire.http.response_checks import HEAD, what_is_wrong
from glmkit.errors import NetworkError
from glmkit.files import disk_errors, fault_point, read_json, sync, write_json

GAINED = 1 << 20  # bytes of progress after which a broken transfer does not count as a failed attempt


@dataclass(kw_only=True)
class _Part:
    """State of a partly downloaded file."""

    url: str
    etag: str = ""
    modified: str = ""
    total: int | None = None
    whole: bool = False

    @property
    def validator(self) -> str:
        """The value of ``If-Range``: a strong ETag, or a date if there is no ETag; else empty."""
        return self.etag if self.etag and not self.etag.startswith("W/") else ("" if self.etag else self.modified)


def download(client: Client, url: str, target: str | Path, *, size: int | None = None, watcher: Watcher | None = None) -> Path:
    """Fetch a file, resuming an earlier attempt.

    Parameters
    ----------
    client
        Client of the service, with its limits and headers.
    url
        URL of the file.
    target
        Path of the complete file; an incomplete file has another name.
    size
        Required size in bytes; None if unknown.
    watcher
        Function called with the progress; None for none.

    Returns
    -------
    Path
        `target`.

    Raises
    ------
    Refused
        The server rejected the request.
    NetworkError
        The file could not be fetched completely; the received part is kept for the next call.
    ResourceError
        The disk is full or cannot be written.
    """
    target = Path(target)
    part, notes = target.with_name(f"{target.name}.part"), target.with_name(f"{target.name}.part.json")
    with disk_errors(target, size):
        target.parent.mkdir(parents=True, exist_ok=True)
    meter = Meter(hide_parts(url), "bytes", watcher)
    host = urlsplit(url).netloc.rpartition("@")[2]
    client.retry(lambda: _once(client, url, part, notes, size, meter), host, client.patience.transfer)
    with disk_errors(target):
        sync(part)
        part.replace(target)
        notes.unlink(missing_ok=True)
    return target


def _once(client: Client, url: str, part: Path, notes: Path, size: int | None, meter: Meter) -> None:
    """One attempt; on return the file in `part` is complete."""
    known = _known(url, part, notes)
    have = part.stat().st_size if known else 0
    if known and (known.whole or (known.total is not None and have == known.total)) and _fits(have, size):
        _look(part, notes, url)
        return
    headers = {"Accept-Encoding": "identity"}
    if known and have and known.validator:
        headers |= {"Range": f"bytes={have}-", "If-Range": known.validator}
    with client.open(url, headers=headers, seconds=client.patience.deadline) as response:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise NetworkError(
                f"{client.service} sends {hide_parts(url)} with a content encoding despite 'identity', so that it cannot be "
                "resumed. Fetch the file by other means."
            )
        now = _described(response, url, size)
        start = _start(response, now, known, have, part)
        write_json(notes, vars(now))
        here = start
        try:
            with disk_errors(part, now.total), open(part, "r+b" if start else "wb") as file:
                file.seek(start)
                file.truncate()
                for chunk in pieces(response.iter_raw(), client.patience.transfer, client.patience):
                    file.write(chunk)
                    here += len(chunk)
                    fault_point("download.chunk")
                    meter.at(here, now.total)
        except TransientFault as fault:
            fault.gained = here - start >= GAINED
            raise
    if now.total is not None and here != now.total:
        if here > now.total or not now.validator:
            part.unlink()
        raise TransientFault(f"sent {here:,} of {now.total:,} bytes", gained=here - start >= GAINED and here < now.total)
    if now.total is None and response.headers.get("transfer-encoding", "").lower() != "chunked":
        _prove_end(client, url, here, now)
    write_json(notes, vars(now) | {"whole": True})
    _look(part, notes, url)


def _known(url: str, part: Path, notes: Path) -> _Part | None:
    """The state left by an earlier attempt of the same URL, or None."""
    if not (part.is_file() and notes.is_file()):
        return None
    found = _Part(**read_json(notes))
    return found if found.url == hide_parts(url) else None


def _described(response: httpx.Response, url: str, size: int | None) -> _Part:
    """The description of the whole file in the headers of a response."""
    headers = response.headers
    total = size
    if response.status_code == 206:
        last = headers.get("content-range", "").rpartition("/")[2]
        total = int(last) if last.isdigit() else size
    elif response.status_code == 200 and headers.get("content-length", "").isdigit():
        total = int(headers["content-length"])
    if size is not None and total != size:
        raise NetworkError(f"{hide_parts(url)} has {total:,} bytes, where {size:,} were published. Fetch it again later.")
    return _Part(url=hide_parts(url), etag=headers.get("etag", ""), modified=headers.get("last-modified", ""), total=total)


def _start(response: httpx.Response, now: _Part, known: _Part | None, have: int, part: Path) -> int:
    """Offset of the first byte of a response; a stored part that does not match it is deleted."""
    if response.status_code == 200:
        return 0
    span = response.headers.get("content-range", "").removeprefix("bytes ").partition("/")[0].partition("-")[0]
    same = known is not None and (not now.etag or now.etag == known.etag) and (known.total in (None, now.total))
    if response.status_code == 206 and span == str(have) and same:
        return have
    part.unlink(missing_ok=True)
    raise TransientFault(f"answered {response.status_code} with another range than requested")


def _prove_end(client: Client, url: str, here: int, now: _Part) -> None:
    """Request the bytes after the last one: a server that supports ranges reports that there are none, or sends them."""
    with client.open(
        url, headers={"Accept-Encoding": "identity", "Range": f"bytes={here}-"}, seconds=client.patience.deadline
    ) as more:
        spans = more.headers.get("content-range", "").removeprefix("bytes ")
        if more.status_code == 416 and spans == f"*/{here}":
            return
        length = more.headers.get("content-length", "")
        if more.status_code == 200 and length == str(here):
            return
    if more.status_code in (206, 416) or length:
        raise TransientFault(f"closed the connection after {here:,} bytes, before the end", gained=False)
    raise TransientFault(
        f"closed the connection after {here:,} bytes without stating the length of the file, so that its end is unknown"
    )


def _fits(have: int, size: int | None) -> bool:
    """Whether a part has the published size, if there is one."""
    return size is None or have == size


def _look(part: Path, notes: Path, url: str) -> None:
    """Delete a complete file that is not data, such as a login page, and raise a fault."""
    with open(part, "rb") as file:
        wrong = what_is_wrong(file.read(HEAD), urlsplit(url).path)
    if wrong:
        part.unlink()
        notes.unlink(missing_ok=True)
        raise TransientFault(f"answered 200 with {wrong}")
