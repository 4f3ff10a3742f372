"""One file by its address, resumed where it was cut, and accepted only when its end is proven.

What has come lies beside the target as ``<file>.part`` with the validator (ETag or date) that the server gave. The next try asks
for the rest ``If-Range`` the file is still that one; a server that changed it, or knows no ranges, sends all of it again. The end
is proven by a Content-Length, by a last chunk or by a size known beforehand. A server that gives none of these closes the
connection to say that it is done, which looks like a broken one: it is asked whether there is more, and if it cannot say so,
the file is refused.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from glmkit.acquire.http.client import Client
from glmkit.acquire.http.progress import Meter, Watcher
from glmkit.acquire.http.redact_urls import hide_parts
from glmkit.acquire.http.request import Passing, pieces
from glmkit.acquire.http.response_checks import HEAD, what_is_wrong
from glmkit.errors import NetworkError
from glmkit.files import disk_errors, fault_point, read_json, sync, write_json

GAINED = 1 << 20  # bytes after which a broken transfer does not count as a failed try


@dataclass(kw_only=True)
class _Part:
    """What is known of a file that is on its way."""

    url: str
    etag: str = ""
    modified: str = ""
    total: int | None = None
    whole: bool = False

    @property
    def validator(self) -> str:
        """What ``If-Range`` may be given: a strong ETag, else a date."""
        return self.etag if self.etag and not self.etag.startswith("W/") else ("" if self.etag else self.modified)


def download(client: Client, url: str, target: str | Path, *, size: int | None = None, watcher: Watcher | None = None) -> Path:
    """Fetch a file, going on where an earlier attempt ended.

    Parameters
    ----------
    client
        Of the service; its patience, pace and headers.
    url
        Address.
    target
        Where the file goes, under this name only when it is whole.
    size
        Bytes it must have, if known.
    watcher
        Called with the progress.

    Returns
    -------
    Path
        `target`.

    Raises
    ------
    Refused
        The server will not.
    NetworkError
        It could not be fetched whole; what came is kept for the next call.
    ResourceError
        The disk is full or cannot be written.
    """
    target = Path(target)
    part, notes = target.with_name(f"{target.name}.part"), target.with_name(f"{target.name}.part.json")
    with disk_errors(target, size):
        target.parent.mkdir(parents=True, exist_ok=True)
    meter = Meter(hide_parts(url), "bytes", watcher)
    host = urlsplit(url).netloc.rpartition("@")[2]
    client.persist(lambda: _once(client, url, part, notes, size, meter), host, client.patience.transfer)
    with disk_errors(target):
        sync(part)
        part.replace(target)
        notes.unlink(missing_ok=True)
    return target


def _once(client: Client, url: str, part: Path, notes: Path, size: int | None, meter: Meter) -> None:
    """One try; the file in `part` is whole when it returns."""
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
                f"{client.service} sends {hide_parts(url)} compressed for the way, though asked not to: no resuming."
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
        except Passing as fault:
            fault.gained = here - start >= GAINED
            raise
    if now.total is not None and here != now.total:
        if here > now.total or not now.validator:
            part.unlink()
        raise Passing(f"sent {here:,} of {now.total:,} bytes", gained=here - start >= GAINED and here < now.total)
    if now.total is None and response.headers.get("transfer-encoding", "").lower() != "chunked":
        _prove_end(client, url, here, now)
    write_json(notes, vars(now) | {"whole": True})
    _look(part, notes, url)


def _known(url: str, part: Path, notes: Path) -> _Part | None:
    """What an earlier try left of the same address."""
    if not (part.is_file() and notes.is_file()):
        return None
    found = _Part(**read_json(notes))
    return found if found.url == hide_parts(url) else None


def _described(response: httpx.Response, url: str, size: int | None) -> _Part:
    """What the server says of the whole file."""
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
    """The byte that this answer begins with; a part that does not go with it is thrown away."""
    if response.status_code == 200:
        return 0
    span = response.headers.get("content-range", "").removeprefix("bytes ").partition("/")[0].partition("-")[0]
    same = known is not None and (not now.etag or now.etag == known.etag) and (known.total in (None, now.total))
    if response.status_code == 206 and span == str(have) and same:
        return have
    part.unlink(missing_ok=True)
    raise Passing(f"answered {response.status_code} with another part than the one asked for")


def _prove_end(client: Client, url: str, here: int, now: _Part) -> None:
    """Ask for what comes after the last byte: a server that knows ranges says that nothing does, or sends it."""
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
        raise Passing(f"closed the connection after {here:,} bytes, before the end", gained=False)
    raise Passing(
        f"closed the connection after {here:,} bytes without having said how long the file is, so that its end cannot be told"
    )


def _fits(have: int, size: int | None) -> bool:
    """Whether a part has the size that was published, if one was."""
    return size is None or have == size


def _look(part: Path, notes: Path, url: str) -> None:
    """Throw away a whole file that is not data, such as a login page."""
    with open(part, "rb") as file:
        wrong = what_is_wrong(file.read(HEAD), urlsplit(url).path)
    if wrong:
        part.unlink()
        notes.unlink(missing_ok=True)
        raise Passing(f"answered 200 with {wrong}")
