"""HTTP client of a service, with rate limit, retries and validation of responses.

Transient faults are retried: a broken, silent or very slow connection, status 408, 425, 429 and 5xx, and status 200 with an
error as content. Permanent faults, such as 403, are raised at once. API keys are sent in headers and forms, never in a URL, and
are removed from messages that quote a server.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from glmkit.acquire.http.rate_limit import Limiter
from glmkit.acquire.http.redact_urls import hide_parts
from glmkit.acquire.http.request import Answer, Refused, TransientFault, exchange, pieces
from glmkit.acquire.http.response_checks import HEAD, what_is_wrong
from glmkit.acquire.http.retry_policy import Patience, named_pause
from glmkit.errors import NetworkError

REDIRECTS = 8
LARGEST = 1 << 30  # maximum bytes of a response that is read into memory
Value = TypeVar("Value")


@dataclass(kw_only=True)
class Client:
    """Client of one service.

    Attributes
    ----------
    service
        Name of the service, for messages.
    limiter
        Rate limit of the requests; None if the service states none.
    patience
        Limits on time and number of attempts.
    headers
        Headers sent to the service but not to other hosts after a redirect.
    secrets
        Strings that are masked in messages.
    """

    service: str
    limiter: Limiter | None = None
    patience: Patience = field(default_factory=Patience)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def request(
        self,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        params: Any = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        name: str = "",
        check: Callable[[Answer], str] | None = None,
    ) -> Answer:
        """Send a request, with retries until a valid response arrives or the limits of `patience` are reached.

        Parameters
        ----------
        url
            URL without API keys.
        form
            Fields of a form to post.
        params
            Query parameters added to the URL.
        json
            Value to post as JSON.
        headers
            Additional headers.
        name
            Suffix of the expected content, such as ``".json"`` (:func:`glmkit.acquire.http.response_checks.what_is_wrong`).
        check
            Function that returns the fault of a response, or an empty string.

        Returns
        -------
        Answer
            Response with status 2xx.

        Raises
        ------
        Refused
            The service rejected the request.
        NetworkError
            No valid response arrived.
        """
        body: dict[str, Any] = {"data": form, "json": json, "params": params}

        def once() -> Answer:
            """One request and its complete response."""
            ends = time.monotonic() + self.patience.deadline
            with self.open(url, headers=headers, body=body, seconds=self.patience.deadline) as response:
                content = self.whole(response, max(0.0, ends - time.monotonic()))
            answer = Answer(response.status_code, response.headers, content)
            reason = check(answer) if check else ""
            wrong = what_is_wrong(content[:HEAD], name) or reason
            if wrong:
                raise TransientFault(f"answered {response.status_code} with {self.hide(wrong)}")
            return answer

        return self.retry(once, urlsplit(url).netloc.rpartition("@")[2])

    def retry(self, once: Callable[[], Value], host: str, seconds: float = float("inf")) -> Value:
        """Repeat an attempt after transient faults, with pauses.

        Parameters
        ----------
        once
            One attempt; raises :class:`TransientFault` for a fault that may be temporary.
        host
            Name of the host, for messages.
        seconds
            Time in seconds after which no further attempt is made, even if attempts make progress.

        Returns
        -------
        Value
            Result of `once`.

        Raises
        ------
        NetworkError
            The number of attempts or the time is exhausted, or the service requests a pause over ``patience.longest``.
        """
        number, ends = 0, time.monotonic() + seconds
        while True:
            try:
                return once()
            except TransientFault as fault:
                number = 0 if fault.gained else number + 1
                if number >= self.patience.tries or time.monotonic() >= ends:
                    raise NetworkError(
                        f"{self.service} ({host}) {fault.reason}, {max(1, number)} times. Check the network and the service's "
                        "status page, then run this again; complete parts are kept."
                    ) from fault
                if fault.pause is not None and fault.pause > self.patience.longest:
                    raise NetworkError(
                        f"{self.service} ({host}) {fault.reason} and requests a pause of {fault.pause:,.0f} s, over the limit of "
                        f"{self.patience.longest:g} s. Run this again after that time."
                    ) from fault
                if fault.pause is not None and self.limiter:
                    self.limiter.hold(fault.pause)
                time.sleep(self.patience.back_off(max(0, number - 1)) if fault.pause is None else fault.pause)

    @contextmanager
    def open(
        self, url: str, *, headers: Mapping[str, str] | None = None, body: dict[str, Any] | None = None, seconds: float
    ) -> Iterator[httpx.Response]:
        """A response with received headers and an unread body; redirects are followed.

        Parameters
        ----------
        url
            URL of the request.
        headers
            Additional headers.
        body
            ``data``, ``json`` and ``params`` of the request; with one of the first two it is a POST.
        seconds
            Time limit in seconds for the headers.

        Yields
        ------
        httpx.Response
            Response with status 2xx, or 416 for a range request.

        Raises
        ------
        TransientFault
            A fault that may be temporary.
        Refused
            The service rejected the request.
        """
        sent, body, original = {**self.headers, **(headers or {})}, dict(body or {}), url
        for _ in range(REDIRECTS):
            with exchange(url, sent, body, seconds, patience=self.patience, limiter=self.limiter) as response:
                if not response.has_redirect_location:
                    self._check_status(response, original)
                    yield response
                    return
                target = str(response.url.join(response.headers["location"]))
            if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
                raise Refused(
                    f"{self.service} redirects from https to {urlsplit(target).scheme}, which is not followed.", 302, ""
                )
            if urlsplit(target).netloc != urlsplit(url).netloc:
                sent = {name: value for name, value in sent.items() if name not in self.headers}
            if response.status_code in (301, 302, 303):
                body = {}
            url, body = target, {**body, "params": None}
        raise Refused(f"{self.service} redirects more than {REDIRECTS} times for {hide_parts(original)}.", 302, "")

    def _check_status(self, response: httpx.Response, url: str) -> None:
        """Return for status 2xx, raise for others."""
        status = response.status_code
        if 200 <= status < 300 or (status == 416 and "range" in response.request.headers):
            if self.limiter and response.headers.get("x-ratelimit-remaining") == "0" and (pause := named_pause(response.headers)):
                self.limiter.hold(min(pause, self.patience.longest))
            return
        if status in (408, 425, 429) or status >= 500:
            raise TransientFault(f"answered {status}", named_pause(response.headers))
        text = self.hide(" ".join(self.whole(response, self.patience.silence)[:2000].decode("utf-8", "replace").split()))
        raise Refused(
            f"{self.service} answered {status} for {self.hide(hide_parts(url))}: {text[:300] or 'no reason given'}.",
            status,
            text,
        )

    def whole(self, response: httpx.Response, seconds: float) -> bytes:
        """The decoded body of a response, within a time limit and `LARGEST` bytes."""
        content = bytearray()
        for chunk in pieces(response.iter_bytes(), seconds, self.patience):
            content += chunk
            if len(content) > LARGEST:
                raise NetworkError(f"{self.service} sent more than {LARGEST:,} bytes in one response. Request less at once.")
        return bytes(content)

    def hide(self, text: str) -> str:
        """`text` with the secrets of the client masked."""
        for secret in self.secrets:
            text = text.replace(secret, "***") if secret else text
        return text
