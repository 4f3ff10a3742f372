"""Questions to a service over HTTP: paced, patient, and suspicious of what comes back.

What may pass is asked again: a connection that breaks or falls silent, an answer that trickles, 408, 429 and 5xx, a 200 that holds
an error. What will not pass by itself stops at once: 403 and the other refusals. Keys travel in headers and forms, never in an
address, and are cut out of every sentence that quotes a server.
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
from glmkit.acquire.http.request import Answer, Passing, Refused, exchange, pieces
from glmkit.acquire.http.response_checks import HEAD, what_is_wrong
from glmkit.acquire.http.retry_policy import Patience, named_pause
from glmkit.errors import NetworkError

REDIRECTS = 8
LARGEST = 1 << 30  # bytes of one answer that is read into memory
Value = TypeVar("Value")


@dataclass(kw_only=True)
class Client:
    """One service.

    Attributes
    ----------
    service
        Its name, for messages.
    limiter
        Paces the requests; None where the service states no limit.
    patience
        Limits on time.
    headers
        Sent to the service and to nobody it redirects to.
    secrets
        Words that no message may hold.
    """

    service: str
    limiter: Limiter | None = None
    patience: Patience = field(default_factory=Patience)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def ask(
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
        """Ask until a sound answer comes or patience ends.

        Parameters
        ----------
        url
            Address without keys.
        form
            Fields to post.
        params
            Added to the address.
        json
            Value to post as JSON.
        headers
            Sent as well.
        name
            Ending that says what is expected, such as ``".json"`` (:func:`glmkit.acquire.http.response_checks.what_is_wrong`).
        check
            Says what is wrong with an answer, or nothing.

        Returns
        -------
        Answer
            Its status is 2xx.

        Raises
        ------
        Refused
            The service will not.
        NetworkError
            No sound answer came.
        """
        body: dict[str, Any] = {"data": form, "json": json, "params": params}

        def once() -> Answer:
            """One question and its whole answer."""
            ends = time.monotonic() + self.patience.deadline
            with self.open(url, headers=headers, body=body, seconds=self.patience.deadline) as response:
                content = self.whole(response, max(0.0, ends - time.monotonic()))
            answer = Answer(response.status_code, response.headers, content)
            reason = check(answer) if check else ""
            wrong = what_is_wrong(content[:HEAD], name) or reason
            if wrong:
                raise Passing(f"answered {response.status_code} with {self.hide(wrong)}")
            return answer

        return self.persist(once, urlsplit(url).netloc.rpartition("@")[2])

    def persist(self, once: Callable[[], Value], host: str, seconds: float = float("inf")) -> Value:
        """Try, pause and try again.

        Parameters
        ----------
        once
            One try; raises :class:`Passing` for a fault that may pass.
        host
            For the message.
        seconds
            After which no further try is made, however much each of them gains.

        Returns
        -------
        Value
            What `once` returned.

        Raises
        ------
        NetworkError
            Patience ended, or the service asks for a longer pause than is kept.
        """
        number, ends = 0, time.monotonic() + seconds
        while True:
            try:
                return once()
            except Passing as fault:
                number = 0 if fault.gained else number + 1
                if number >= self.patience.tries or time.monotonic() >= ends:
                    raise NetworkError(
                        f"{self.service} ({host}) {fault.reason}, {max(1, number)} times. Check the network and the service's status "
                        "page, then run this again; what has come whole is kept."
                    ) from fault
                if fault.pause is not None and fault.pause > self.patience.longest:
                    raise NetworkError(
                        f"{self.service} ({host}) {fault.reason} and asks to wait {fault.pause:,.0f} s, longer than the "
                        f"{self.patience.longest:g} s that are waited. Run this again then."
                    ) from fault
                if fault.pause is not None and self.limiter:
                    self.limiter.hold(fault.pause)
                time.sleep(self.patience.back_off(max(0, number - 1)) if fault.pause is None else fault.pause)

    @contextmanager
    def open(
        self, url: str, *, headers: Mapping[str, str] | None = None, body: dict[str, Any] | None = None, seconds: float
    ) -> Iterator[httpx.Response]:
        """An answer whose headers are here and whose body is still to come; redirects are followed.

        Parameters
        ----------
        url
            Address.
        headers
            Sent with the request.
        body
            ``data``, ``json`` and ``params`` of the request; it is a POST if one of the first two is there.
        seconds
            Until the headers are here.

        Yields
        ------
        httpx.Response
            Its status is 2xx, or 416 where a part was asked for.

        Raises
        ------
        Passing
            A fault that may pass.
        Refused
            The service will not.
        """
        sent, body, asked = {**self.headers, **(headers or {})}, dict(body or {}), url
        for _ in range(REDIRECTS):
            with exchange(url, sent, body, seconds, patience=self.patience, limiter=self.limiter) as response:
                if not response.has_redirect_location:
                    self._judge(response, asked)
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
        raise Refused(f"{self.service} redirects more than {REDIRECTS} times when asked for {hide_parts(asked)}.", 302, "")

    def _judge(self, response: httpx.Response, url: str) -> None:
        """Let a good answer through and raise for the others."""
        status = response.status_code
        if 200 <= status < 300 or (status == 416 and "range" in response.request.headers):
            if self.limiter and response.headers.get("x-ratelimit-remaining") == "0" and (pause := named_pause(response.headers)):
                self.limiter.hold(min(pause, self.patience.longest))
            return
        if status in (408, 425, 429) or status >= 500:
            raise Passing(f"answered {status}", named_pause(response.headers))
        text = self.hide(" ".join(self.whole(response, self.patience.silence)[:2000].decode("utf-8", "replace").split()))
        raise Refused(
            f"{self.service} answered {status} when asked for {self.hide(hide_parts(url))}: {text[:300] or 'no reason given'}.",
            status,
            text,
        )

    def whole(self, response: httpx.Response, seconds: float) -> bytes:
        """A body read into memory, decoded, within a time and `LARGEST` bytes."""
        content = bytearray()
        for chunk in pieces(response.iter_bytes(), seconds, self.patience):
            content += chunk
            if len(content) > LARGEST:
                raise NetworkError(f"{self.service} sent more than {LARGEST:,} bytes in one answer. Ask for less at once.")
        return bytes(content)

    def hide(self, text: str) -> str:
        """`text` without the client's secrets."""
        for secret in self.secrets:
            text = text.replace(secret, "***") if secret else text
        return text
