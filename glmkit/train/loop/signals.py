"""Stopping on a signal between two steps, never within one: the first asks, the second means it.

A signal in mid-step would leave weights and optimiser half-updated, and nothing worth a checkpoint.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def held_signals() -> Iterator[Callable[[], bool]]:
    """Hold back the first SIGINT or SIGTERM until the block ends.

    Yields
    ------
    callable
        Whether one came. A second one acts at once, as it would have without this block. Outside the main thread, where signals do not
        arrive, nothing is held back.
    """
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, frame: FrameType | None) -> None:
        """Remember the signal, and let the next one act as it would have."""
        came.append(number)
        restore()

    def restore() -> None:
        """Put the handlers from before back."""
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
