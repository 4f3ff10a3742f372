"""Progress of a download, measured with the monotonic clock and passed to a callback."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Progress:
    """State of a download at one moment.

    Attributes
    ----------
    source
        Requested source.
    unit
        ``"bytes"`` or ``"records"``.
    done
        Units received, including those of an earlier attempt.
    total
        Total number of units; None if the service does not state it.
    seconds
        Seconds since the start of this attempt.
    left
        Estimated remaining seconds at the mean rate; None if unknown.
    """

    source: str
    unit: str
    done: int
    total: int | None
    seconds: float
    left: float | None


Watcher = Callable[[Progress], None]


class Meter:
    """Conversion of counts into :class:`Progress`, at most a few times a second.

    Parameters
    ----------
    source
        Requested source.
    unit
        ``"bytes"`` or ``"records"``.
    watcher
        Function called with each :class:`Progress`; None for none.
    every
        Minimum interval between two calls in seconds; the last call is always made.
    """

    def __init__(self, source: str, unit: str, watcher: Watcher | None, every: float = 0.2) -> None:
        self.source, self.unit, self.watcher, self.every = source, unit, watcher, every
        self.begun: float | None = None
        self.shown = 0.0
        self.start = 0

    def at(self, done: int, total: int | None) -> None:
        """Report `done` of `total` units received."""
        now = time.monotonic()
        if self.begun is None:
            self.begun, self.start = now, done
        if self.watcher is None or (now - self.shown < self.every and done != total):
            return
        self.shown, seconds = now, now - self.begun
        gained = done - self.start
        left = seconds * (total - done) / gained if total is not None and gained > 0 else None
        self.watcher(Progress(source=self.source, unit=self.unit, done=done, total=total, seconds=seconds, left=left))
