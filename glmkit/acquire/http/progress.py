"""How far a fetch is: a value handed to whoever wants to show it. The rate and the time left are monotonic."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One moment of a fetch.

    Attributes
    ----------
    source
        What is fetched, as it was asked for.
    unit
        ``"bytes"`` or ``"records"``.
    done
        Units that are here, those of an earlier attempt included.
    total
        Units in all; None where the service does not say.
    seconds
        Since this attempt began.
    left
        Seconds to go at the rate so far; None where it cannot be told.
    """

    source: str
    unit: str
    done: int
    total: int | None
    seconds: float
    left: float | None


Watcher = Callable[[Progress], None]


class Meter:
    """Turns counts into :class:`Progress`, at most a few times a second.

    Parameters
    ----------
    source
        What is fetched.
    unit
        ``"bytes"`` or ``"records"``.
    watcher
        Called with each :class:`Progress`; nothing happens if None.
    every
        Seconds between two calls at least; the last one always comes.
    """

    def __init__(self, source: str, unit: str, watcher: Watcher | None, every: float = 0.2) -> None:
        self.source, self.unit, self.watcher, self.every = source, unit, watcher, every
        self.begun: float | None = None
        self.shown = 0.0
        self.start = 0

    def at(self, done: int, total: int | None) -> None:
        """Report that `done` of `total` units are here."""
        now = time.monotonic()
        if self.begun is None:
            self.begun, self.start = now, done
        if self.watcher is None or (now - self.shown < self.every and done != total):
            return
        self.shown, seconds = now, now - self.begun
        gained = done - self.start
        left = seconds * (total - done) / gained if total is not None and gained > 0 else None
        self.watcher(Progress(source=self.source, unit=self.unit, done=done, total=total, seconds=seconds, left=left))
