"""Rate limit of requests to a service, shared by all processes of this user on this machine.

A file in the cache stores the time of the last request. A process locks the file, sleeps until its turn while holding the
lock, writes the time and releases the lock. Intervals therefore count from actual request times, and a process that wakes
late never shortens the interval to the next request. The monotonic clock is used; it is common to all processes of a machine
and unaffected by changes of the date. Requests are evenly spaced; the trade-off is that bursts after a pause are not possible.
"""

import fcntl
import time
from typing import IO

from glmkit.acquire.http.cache import cache_folder
from glmkit.errors import BadInput
from glmkit.files import disk_errors

MARGIN = 1.25  # requests are spaced wider than the limit requires, because networks delay some requests more than others
_REBOOT = 3600.0  # seconds; a hold that ends later than this was written before a reboot, which resets the monotonic clock


class Limiter:
    """A request rate shared between processes.

    Parameters
    ----------
    name
        Name of the service and kind of access; processes that use the same name share the rate.
    per_second
        Maximum requests per second, positive.

    Raises
    ------
    BadInput
        The rate is not positive.
    """

    def __init__(self, name: str, per_second: float) -> None:
        if not per_second > 0:
            raise BadInput(f"per_second is {per_second}; expected a positive number of requests per second.")
        self.name, self.interval = name, MARGIN / per_second

    def wait(self) -> None:
        """Wait until the next request is allowed."""
        with self._open() as file:
            last, until = self._read(file)
            due = max(last + self.interval, until)
            while (left := due - time.monotonic()) > 0:
                time.sleep(left)
            self._write(file, time.monotonic(), until)

    def hold(self, seconds: float) -> None:
        """Block requests of all processes for `seconds` from now, as requested by the service."""
        with self._open() as file:
            last, until = self._read(file)
            self._write(file, last, max(until, time.monotonic() + seconds))

    def _open(self) -> IO[str]:
        """The open file, locked until it is closed."""
        path = cache_folder("limits") / self.name
        with disk_errors(path):
            file = open(path, "a+", encoding="ascii")  # noqa: SIM115 (the callers close it)
            fcntl.flock(file, fcntl.LOCK_EX)
        return file

    def _read(self, file: IO[str]) -> tuple[float, float]:
        """Times of the last request and of the end of a hold; values from before a reboot are ignored."""
        file.seek(0)
        now, words = time.monotonic(), file.read().split()
        try:
            last, until = (float(word) for word in words)
        except ValueError:
            return -self.interval, 0.0
        return (last if last <= now else -self.interval), (until if until <= now + _REBOOT else 0.0)

    def _write(self, file: IO[str], last: float, until: float) -> None:
        """Replace the content of the file."""
        file.seek(0)
        file.truncate()
        file.write(f"{last:.6f} {until:.6f}\n")
        file.flush()
