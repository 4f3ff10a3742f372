"""How often a service is asked, together by all processes of this user on this machine.

A file in the cache holds when the service was last asked. Whoever wants to ask takes the file's lock, sleeps until its turn with
the lock held, writes the time and lets go: the next one counts from when this one really went, not from when it meant to, so a
late waker never makes two requests crowd. The time is the monotonic clock's, which all processes of one machine share and which
no change of date moves. Requests are spaced evenly; the trade-off is that a lone request after a rest gains nothing from it.
"""

import fcntl
import time
from typing import IO

from glmkit.acquire.http.cache import cache_folder
from glmkit.errors import BadInput
from glmkit.files import disk_errors

MARGIN = 1.25  # requests lie further apart than the limit asks, since busy machines and networks deliver some later than others
_REBOOT = 3600.0  # seconds; a hold that ends later than this was written before the machine started anew


class Limiter:
    """A rate of requests that processes share.

    Parameters
    ----------
    name
        Of the service and of the kind of access; processes that give the same name share the rate.
    per_second
        Requests a second.

    Raises
    ------
    BadInput
        The rate is not positive.
    """

    def __init__(self, name: str, per_second: float) -> None:
        if not per_second > 0:
            raise BadInput(f"per_second is {per_second}; expected a positive number of requests a second.")
        self.name, self.interval = name, MARGIN / per_second

    def wait(self) -> None:
        """Wait for this request's turn."""
        with self._open() as file:
            last, until = self._read(file)
            due = max(last + self.interval, until)
            while (left := due - time.monotonic()) > 0:
                time.sleep(left)
            self._write(file, time.monotonic(), until)

    def hold(self, seconds: float) -> None:
        """Let no process ask for so many seconds from now, as the service has requested."""
        with self._open() as file:
            last, until = self._read(file)
            self._write(file, last, max(until, time.monotonic() + seconds))

    def _open(self) -> IO[str]:
        """The file, locked until it is closed."""
        path = cache_folder("limits") / self.name
        with disk_errors(path):
            file = open(path, "a+", encoding="ascii")  # noqa: SIM115 (the callers close it)
            fcntl.flock(file, fcntl.LOCK_EX)
        return file

    def _read(self, file: IO[str]) -> tuple[float, float]:
        """When the service was last asked and until when it may not be; a file from before a restart says nothing."""
        file.seek(0)
        now, words = time.monotonic(), file.read().split()
        try:
            last, until = (float(word) for word in words)
        except ValueError:
            return -self.interval, 0.0
        return (last if last <= now else -self.interval), (until if until <= now + _REBOOT else 0.0)

    def _write(self, file: IO[str], last: float, until: float) -> None:
        """Replace what the file says."""
        file.seek(0)
        file.truncate()
        file.write(f"{last:.6f} {until:.6f}\n")
        file.flush()
