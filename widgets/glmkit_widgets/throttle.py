"""At most so many messages a second: a loop may call a thousand times a second, a browser redraws a few."""

import time
from collections.abc import Callable


class Throttle:
    """Says whether enough time has passed since it last said yes.

    Parameters
    ----------
    interval : float
        Seconds between two yeses; may be changed later.
    clock : Callable
        Seconds on a clock that never runs backwards.

    Attributes
    ----------
    interval : float
        Seconds between two yeses.
    """

    def __init__(self, interval: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.interval = interval
        self._clock = clock
        self._last: float | None = None

    def ready(self) -> bool:
        """Take the next turn if it is due.

        Returns
        -------
        bool
            True the first time, and then once an interval.
        """
        now = self._clock()
        if self._last is not None and now - self._last < self.interval:
            return False
        self._last = now
        return True

    def restart(self) -> None:
        """Count the interval from now on, as if the turn had just been taken."""
        self._last = self._clock()
