"""One request and its answer, with every way in which it can fail put into words.

A library's read timeout starts anew with every byte, so that a server which sends one a minute is never done; here headers have a
deadline as a whole, bodies one too, and besides a rate that they must keep.
"""

import logging
import queue
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx

from glmkit import __version__
from glmkit.acquire.http.rate_limit import Limiter
from glmkit.acquire.http.redact_urls import Hider, hide_parts
from glmkit.acquire.http.retry_policy import Patience
from glmkit.errors import BadInput, NetworkError

logging.getLogger("httpx").addFilter(Hider())


class Passing(Exception):
    """A fault that may pass.

    Parameters
    ----------
    reason
        What the service did, as the end of a sentence that begins with its name.
    pause
        Seconds that it asks to wait.
    gained
        Whether the try brought something that the next one builds on.
    """

    def __init__(self, reason: str, pause: float | None = None, *, gained: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.pause, self.gained = reason, pause, gained


class Refused(NetworkError):
    """The service answered that it will not, which asking again does not change.

    Parameters
    ----------
    message
        The sentence for the user.
    status
        Of the answer.
    text
        The answer's beginning, without keys.
    """

    def __init__(self, message: str, status: int, text: str) -> None:
        super().__init__(message)
        self.status, self.text = status, text


@dataclass(frozen=True)
class Answer:
    """A whole answer.

    Attributes
    ----------
    status
        Of HTTP.
    headers
        Looked up without regard to case.
    content
        Bytes, decoded from any content encoding.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        """The content as UTF-8; what is not is replaced."""
        return self.content.decode("utf-8", "replace")


@contextmanager
def exchange(
    url: str, headers: Mapping[str, str], body: dict[str, Any], seconds: float, *, patience: Patience, limiter: Limiter | None
) -> Iterator[httpx.Response]:
    """Send one request; a thread of its own waits for the headers, so that even those have a deadline as a whole.

    Parameters
    ----------
    url
        Address.
    headers
        Sent with it.
    body
        ``data``, ``json`` and ``params``; it is a POST if one of the first two is there.
    seconds
        Until the headers are here, counted from when the request goes.
    patience
        Limits on time for the connection and for each byte.
    limiter
        Says when it may go.

    Yields
    ------
    httpx.Response
        Its body is still to come.

    Raises
    ------
    BadInput
        The address is none.
    Passing
        The connection broke or was too slow.
    """
    waits = httpx.Timeout(patience.silence, connect=patience.connect)
    agent = {"User-Agent": f"glmkit/{__version__}", **headers}
    with httpx.Client(timeout=waits, follow_redirects=False, verify=_certificates()) as connection, faults():
        try:
            method = "POST" if body.get("data") is not None or body.get("json") is not None else "GET"
            request = connection.build_request(method, url, headers=agent, **body)
        except httpx.InvalidURL as error:
            raise BadInput(f"{hide_parts(url)!r} is not an address ({error}).") from error
        came: queue.SimpleQueue[httpx.Response | Exception] = queue.SimpleQueue()
        if limiter:
            limiter.wait()
        threading.Thread(target=_deliver, args=(connection, request, came), daemon=True).start()
        try:
            response = came.get(timeout=seconds)
        except queue.Empty:
            raise Passing(f"had sent no whole header after {seconds:g} s") from None
        if isinstance(response, Exception):
            raise response
        with closing(response):
            yield response


def pieces(chunks: Iterator[bytes], seconds: float, patience: Patience) -> Iterator[bytes]:
    """Pass on the pieces of a body as long as they come in time and not too slowly.

    Parameters
    ----------
    chunks
        The pieces, raw or decoded.
    seconds
        For all of them.
    patience
        Limits on time and rate.

    Yields
    ------
    bytes
        One piece.

    Raises
    ------
    Passing
        The connection broke, or was too slow.
    """
    begun = mark = time.monotonic()
    got = 0
    with faults():
        for chunk in chunks:
            now, got = time.monotonic(), got + len(chunk)
            if now - begun > seconds:
                raise Passing(f"was not done after {seconds:,g} s")
            if now - mark >= patience.window:
                if got < patience.slowest * (now - mark):
                    raise Passing(f"sent {got:,} bytes in {now - mark:.1f} s, fewer than {patience.slowest:g} a second")
                mark, got = now, 0
            yield chunk


@cache
def _certificates() -> ssl.SSLContext:
    """The certificates that are trusted; reading them takes longer than a request."""
    return httpx.create_ssl_context()


def _deliver(connection: httpx.Client, request: httpx.Request, came: "queue.SimpleQueue[httpx.Response | Exception]") -> None:
    """Put the answer, or what went wrong, where the waiting thread finds it."""
    try:
        came.put(connection.send(request, stream=True))
    except (httpx.HTTPError, RuntimeError, OSError, ValueError) as error:
        came.put(error)


@contextmanager
def faults() -> Iterator[None]:
    """Turn what breaks on the way into :class:`Passing`."""
    try:
        yield
    except httpx.UnsupportedProtocol as error:
        raise BadInput(f"That is no address of http or https ({error}).") from error
    except httpx.TimeoutException as error:
        doing = "could not be reached in time" if isinstance(error, httpx.ConnectTimeout) else "fell silent"
        raise Passing(doing) from error
    except (httpx.TransportError, httpx.DecodingError, httpx.StreamError) as error:
        words = str(error).splitlines()[0] if str(error) else ""
        raise Passing(f"did not answer in full ({type(error).__name__}: {words})") from error
