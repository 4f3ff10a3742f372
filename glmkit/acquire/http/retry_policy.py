"""How long a service is waited for, and how often it is asked again.

Every duration is measured with the monotonic clock, so a wall clock that jumps changes nothing. A pause that a server names is
kept to the tenth of a second and more; one it does not name grows twofold from try to try, with a random part, so that many
clients which failed together do not come back together.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, kw_only=True)
class Patience:
    """Limits on time, in seconds unless said otherwise.

    Attributes
    ----------
    tries
        How often a question is asked in all; a download that has gained a mebibyte since starts counting anew.
    pause
        Before the second try; doubled for each further one, times a random factor between a half and one and a half.
    longest
        A pause that a server names is kept up to this; a longer one is an error that says so.
    connect
        To reach the server.
    silence
        In which at least one byte comes.
    deadline
        For one whole answer of an interface, its headers included.
    transfer
        For one whole file.
    window
        After which the rate of a transfer is looked at, again and again.
    slowest
        Bytes a second that a transfer brings at least, over a `window`.
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
        """Seconds to wait after the failed try `number` (the first is 0) where the server names none."""
        return min(self.longest, self.pause * 2**number * (0.5 + secrets.randbelow(1000) / 1000))


def named_pause(headers: Mapping[str, str]) -> float | None:
    """The pause that a server's answer names.

    Parameters
    ----------
    headers
        Of the answer, looked up without regard to case. ``Retry-After`` is a number of seconds, of which some services give
        fractions, or a date; a date is counted from the server's own ``Date``, since this machine's clock may be wrong. Without
        it, an exhausted ``X-RateLimit-Remaining`` refers to ``X-RateLimit-Reset``.

    Returns
    -------
    float or None
        Seconds, at least 0; None if the answer names no pause.
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
