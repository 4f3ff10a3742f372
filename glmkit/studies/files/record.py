"""``run.json``, the record of a run or a stage, and ``metrics.jsonl``, its history.

Each writer of ``run.json`` changes only its own keys: the job writes status and times, the kernel writes the notebook's results.
Both use :func:`update`, which holds a lock and replaces the whole file. ``RUNNING`` in the file is valid only while the process
that wrote it runs; readers therefore call :func:`status_of`.
"""

import fcntl
import hashlib
import json
import math
import os
import platform
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from glmkit import __version__
from glmkit.files import disk_errors, read_json, write_json

RECORD = "run.json"
METRICS = "metrics.jsonl"
STATUSES = ("RUNNING", "FINISHED", "FAILED", "KILLED")


def now() -> str:
    """Current time in UTC, as ISO 8601 text with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def seconds_between(start: str | None, end: str | None = None) -> float | None:
    """Seconds from `start` to `end` (now if None), both ISO 8601 text; None if `start` is missing or a text is invalid."""
    try:
        first = datetime.fromisoformat(start or "")
        last = datetime.fromisoformat(end) if end else datetime.now(UTC)
        return (last - first).total_seconds()
    except (TypeError, ValueError):
        return None


def read(folder: str | Path) -> dict[str, Any]:
    """Content of ``run.json`` in `folder`; empty if there is no such file."""
    path = Path(folder) / RECORD
    record = read_json(path) if path.exists() else {}
    return record if isinstance(record, dict) else {}


def update(folder: str | Path, **changes: Any) -> dict[str, Any]:
    """Set the given keys of ``run.json`` in `folder`, keep the others, and return the whole record.

    Raises
    ------
    ResourceError
        The disk is full or the folder cannot be written.
    """
    folder = Path(folder)
    with locked(folder / ".run.json.lock"):
        record = read(folder) | changes
        write_json(folder / RECORD, record)
    return record


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, waiting for its present holder; the lock of an ended process is free."""
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def process() -> dict[str, Any]:
    """Pid and host of this process, by which a reader can check whether it still runs."""
    return {"pid": os.getpid(), "host": socket.gethostname()}


def status_of(record: dict[str, Any]) -> str:
    """Current status: RUNNING becomes KILLED if the process has ended.

    The processes of another host cannot be checked from here, so that its status is returned unchanged.
    """
    status = str(record.get("status", "")) or "WAITING"
    if status != "RUNNING" or "pid" not in record or record.get("host", socket.gethostname()) != socket.gethostname():
        return status
    return "RUNNING" if _lives(int(record["pid"]), record.get("started")) else "KILLED"


def _lives(pid: int, started: str | None) -> bool:
    """Whether process `pid` runs and was already running at `started`; a later process may reuse the number."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        age = seconds_between(started)
        born = datetime.now(UTC).timestamp() - process.create_time()
        return age is None or born >= age - 2.0
    except psutil.NoSuchProcess:
        return False


def fingerprint(value: Any) -> str:
    """SHA-256 of `value` as canonical JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def parse_metrics(lines: Iterable[bytes]) -> Iterator[tuple[int, float, dict[str, float]]]:
    """Tuples (step, time, metrics) of each complete line; truncated lines are skipped."""
    for line in lines:
        try:
            entry = json.loads(line)
            step, time = int(entry.pop("step")), float(entry.pop("time"))
            yield step, time, {name: math.nan if value is None else float(value) for name, value in entry.items()}
        except (AttributeError, KeyError, TypeError, ValueError):
            continue


def history(folder: str | Path) -> dict[str, dict[int, float]]:
    """All metrics of a stage as ``{name: {step: value}}``; for a step logged twice by a resumed stage, the last value."""
    path = Path(folder) / METRICS
    table: dict[str, dict[int, float]] = {}
    if path.exists():
        with open(path, "rb") as file:
            for step, _, metrics in parse_metrics(file):
                for name, value in metrics.items():
                    table.setdefault(name, {})[step] = value
    return table


def versions() -> dict[str, str]:
    """Versions of glmkit, Python and the libraries that affect results, and a description of the system."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"glmkit": __version__, "python": platform.python_version()}
    for name in ("torch", "numpy", "pandas", "scikit-learn", "mlflow", "papermill", "snakemake"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found | {"system": f"{platform.system()} {platform.release()} {platform.machine()}"}
