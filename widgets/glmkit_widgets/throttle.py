"""Rate limit for messages: a loop may log a thousand times a second, but a browser redraws only a few times."""

import time
from collections.abc import Callable


class Throttle:
    """Rate limiter: `ready` returns True at most once per interval.

    Parameters
    ----------
    interval : float
        Minimum time between two True results in seconds; may be changed later.
    clock : Callable
        Function that returns the time of a monotonic clock in seconds.

    Attributes
    ----------
    interval : float
        Minimum time between two True results in seconds.
    """

    def __init__(self, interval: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.interval = interval
        self._clock = clock
        self._last: float | None = None

    def ready(self) -> bool:
        """Return whether the interval has passed since the last True result, and restart it if so.

        Returns
        -------
        bool
            True at the first call, and then once per interval.
        """
        now = self._clock()
        if self._last is not None and now - self._last < self.interval:
            return False
        self._last = now
        return True

    def restart(self) -> None:
        """Start the interval at the present time."""
        self._last = self._clock()
