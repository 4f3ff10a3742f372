"""Time limits and retry policy of requests to a service.

All durations are measured with the monotonic clock, which is unaffected by changes of the wall clock. A pause named by the
server is respected. Otherwise pauses double from attempt to attempt (exponential back-off). A random factor prevents that
clients which failed at the same time retry at the same time.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, kw_only=True)
class Patience:
    """Limits on time and attempts; times are in seconds.

    Attributes
    ----------
    tries
        Maximum number of attempts; after a mebibyte of progress, a download counts from zero again.
    pause
        Pause before the second attempt; doubled for each further one, times a random factor between 0.5 and 1.5.
    longest
        Longest pause; if a server requests a longer one, an error is raised.
    connect
        Time limit to connect to the server.
    silence
        Maximum time without a received byte.
    deadline
        Time limit of one complete response of an API, including its headers.
    transfer
        Time limit of one complete file.
    window
        Interval over which the rate of a transfer is measured.
    slowest
        Minimum rate of a transfer over each `window`, in bytes per second.
    """

    tries: int = 5
    pause: float = 1.0
    longest: float = 120.0
    connect: float = 15.0
    silence: float = 120.0
    deadline: float = 600.0
    transfer: float = 86_400.0
    window: float = 60.0
    slowest: float = 100.0

    def back_off(self, number: int) -> float:
        """Pause in seconds after the failed attempt `number` (from 0) if the server names none."""
        return min(self.longest, self.pause * 2**number * (0.5 + secrets.randbelow(1000) / 1000))


def named_pause(headers: Mapping[str, str]) -> float | None:
    """The pause named in the response of a server.

    Parameters
    ----------
    headers
        Headers of the response, with case-insensitive lookup.

    Returns
    -------
    float or None
        Pause in seconds, at least 0; None if the response names none.

    Notes
    -----
    ``Retry-After`` is a number of seconds (some services give fractions) or a date. A date is compared with the server's own
    ``Date``, because the local clock may be wrong. Without ``Retry-After``, ``X-RateLimit-Reset`` applies if
    ``X-RateLimit-Remaining`` is 0.
    """
    named = headers.get("retry-after", "")
    if not named and _number(headers.get("x-ratelimit-remaining", "")) == 0:
        named = headers.get("x-ratelimit-reset", "")
    seconds = _number(named)
    if seconds is None and named:
        try:
            seconds = (parsedate_to_datetime(named) - parsedate_to_datetime(headers.get("date", ""))).total_seconds()
        except (ValueError, TypeError):
            return None
    return None if seconds is None else max(0.0, seconds)


def _number(text: str) -> float | None:
    """A finite number of seconds, or None."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if seconds == seconds and abs(seconds) != float("inf") else None
