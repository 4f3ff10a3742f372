"""Deferral of signals to the end of a training step.

A signal within a step would leave weights and optimiser partially updated, without a valid checkpoint. The first signal is
therefore deferred; a second one acts immediately.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def held_signals() -> Iterator[Callable[[], bool]]:
    """Context that defers the first SIGINT or SIGTERM to its end.

    Yields
    ------
    callable
        Function that returns whether a signal was received. A second signal acts immediately. Outside the main thread, which
        receives no signals, nothing is deferred.
    """
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, frame: FrameType | None) -> None:
        """Record the signal, and restore the handlers for the next one."""
        came.append(number)
        restore()

    def restore() -> None:
        """Restore the previous handlers."""
        for number, handler in before.items():
            signal.signal(number, handler)

    for number, handler in before.items():
        if handler not in {signal.SIG_IGN, None}:
            signal.signal(number, note)
    try:
        yield lambda: bool(came)
    finally:
        restore()
    if came:
        signal.raise_signal(came[0])
