"""One HTTP request and its response, with all failures described for messages.

The read timeout of HTTP libraries restarts with every byte, so that a server which sends one byte a minute never times out.
Here headers and bodies have total deadlines, and bodies a minimum rate.
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


class TransientFault(Exception):
    """A fault that may be temporary.

    Parameters
    ----------
    reason
        Description of the fault, as the end of a sentence that begins with the name of the service.
    pause
        Pause in seconds requested by the service; None if none.
    gained
        Whether the attempt made progress on which the next one can build.
    """

    def __init__(self, reason: str, pause: float | None = None, *, gained: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.pause, self.gained = reason, pause, gained


class Refused(NetworkError):
    """The service rejected the request permanently.

    Parameters
    ----------
    message
        Text of the error.
    status
        HTTP status of the response.
    text
        Beginning of the response, without secrets.
    """

    def __init__(self, message: str, status: int, text: str) -> None:
        super().__init__(message)
        self.status, self.text = status, text


@dataclass(frozen=True)
class Answer:
    """A complete response.

    Attributes
    ----------
    status
        HTTP status.
    headers
        Headers, with case-insensitive lookup.
    content
        Body in bytes, with any content encoding decoded.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        """The content decoded as UTF-8; invalid bytes are replaced."""
        return self.content.decode("utf-8", "replace")


@contextmanager
def exchange(
    url: str, headers: Mapping[str, str], body: dict[str, Any], seconds: float, *, patience: Patience, limiter: Limiter | None
) -> Iterator[httpx.Response]:
    """Send one request; a separate thread waits for the headers, so that they have a total deadline.

    Parameters
    ----------
    url
        URL of the request.
    headers
        Headers of the request.
    body
        ``data``, ``json`` and ``params`` of the request; with one of the first two it is a POST.
    seconds
        Time limit in seconds from sending to the complete headers.
    patience
        Time limits of the connection and of each read.
    limiter
        Rate limit; None for none.

    Yields
    ------
    httpx.Response
        Response with an unread body.

    Raises
    ------
    BadInput
        The URL is invalid.
    TransientFault
        The connection broke or was too slow.
    """
    waits = httpx.Timeout(patience.silence, connect=patience.connect)
    agent = {"User-Agent": f"glmkit/{__version__}", **headers}
    with httpx.Client(timeout=waits, follow_redirects=False, verify=_certificates()) as connection, faults():
        try:
            method = "POST" if body.get("data") is not None or body.get("json") is not None else "GET"
            request = connection.build_request(method, url, headers=agent, **body)
        except httpx.InvalidURL as error:
            raise BadInput(f"{hide_parts(url)!r} is not a URL ({error}). Check it.") from error
        came: queue.SimpleQueue[httpx.Response | Exception] = queue.SimpleQueue()
        if limiter:
            limiter.wait()
        threading.Thread(target=_deliver, args=(connection, request, came), daemon=True).start()
        try:
            response = came.get(timeout=seconds)
        except queue.Empty:
            raise TransientFault(f"had sent no complete header after {seconds:g} s") from None
        if isinstance(response, Exception):
            raise response
        with closing(response):
            yield response


def pieces(chunks: Iterator[bytes], seconds: float, patience: Patience) -> Iterator[bytes]:
    """Yield the chunks of a body, within a time limit and above a minimum rate.

    Parameters
    ----------
    chunks
        Chunks of the body, raw or decoded.
    seconds
        Time limit in seconds for the whole body.
    patience
        Limits on the rate.

    Yields
    ------
    bytes
        Next chunk.

    Raises
    ------
    TransientFault
        The connection broke or was too slow.
    """
    begun = mark = time.monotonic()
    got = 0
    with faults():
        for chunk in chunks:
            now, got = time.monotonic(), got + len(chunk)
            if now - begun > seconds:
                raise TransientFault(f"was not done after {seconds:,g} s")
            if now - mark >= patience.window:
                if got < patience.slowest * (now - mark):
                    raise TransientFault(f"sent {got:,} bytes in {now - mark:.1f} s, fewer than {patience.slowest:g} a second")
                mark, got = now, 0
            yield chunk


@cache
def _certificates() -> ssl.SSLContext:
    """The trusted certificates; cached, because loading them takes longer than a request."""
    return httpx.create_ssl_context()


def _deliver(connection: httpx.Client, request: httpx.Request, came: "queue.SimpleQueue[httpx.Response | Exception]") -> None:
    """Put the response, or the exception, into the queue of the waiting thread."""
    try:
        came.put(connection.send(request, stream=True))
    except (httpx.HTTPError, RuntimeError, OSError, ValueError) as error:
        came.put(error)


@contextmanager
def faults() -> Iterator[None]:
    """Convert transport errors into :class:`TransientFault`."""
    try:
        yield
    except httpx.UnsupportedProtocol as error:
        raise BadInput(f"This is not a URL of http or https ({error}). Check it.") from error
    except httpx.TimeoutException as error:
        reason = "could not be reached in time" if isinstance(error, httpx.ConnectTimeout) else "stopped sending data"
        raise TransientFault(reason) from error
    except (httpx.TransportError, httpx.DecodingError, httpx.StreamError) as error:
        words = str(error).splitlines()[0] if str(error) else ""
        raise TransientFault(f"did not respond completely ({type(error).__name__}: {words})") from error
