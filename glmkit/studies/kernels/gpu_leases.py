"""Who has which GPU: one small file a lease, changed under one lock, free again when its holder is gone.

A lease names its holder by pid *and* start time (see :mod:`glmkit.studies.kernels.processes`), so one whose kernel was killed, or that
was held when the machine went down, counts for nothing and needs nobody to clean up. The kernel also carries the lease's token
in its environment: as long as something that it started lives on, and may still hold memory of the GPU, the lease stands.

Leases bind the kernels of one user on one machine, wherever these were started from (JupyterLab, papermill, ``glmkit run``).
They say nothing of programs that never asked, nor of other users.
"""

import contextlib
import os
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from glmkit.errors import BadInput
from glmkit.files import read_json, write_json
from glmkit.studies.files import record
from glmkit.studies.kernels import processes
from glmkit.studies.kernels.gpus import Gpu

TOKEN = "GLMKIT_GPU_LEASE"  # noqa: S105 (a name in the environment, no secret)


@dataclass(frozen=True, kw_only=True)
class Lease:  # numpydoc ignore=PR02
    """A GPU that somebody holds.

    Parameters
    ----------
    gpu
        The device.
    token
        What the processes of the holder carry in their environment.
    process
        Who holds it: pid, start time, host.
    holder
        Name of the kernel, for people.
    since
        When it was taken, as ISO 8601 text.
    """

    gpu: Gpu
    token: str
    process: dict[str, Any]
    holder: str
    since: str

    def __str__(self) -> str:
        """As a sentence names it."""
        return f"{self.gpu} is held by the kernel {self.holder}, pid {self.process['pid']}, since {self.since[:16]} UTC"


def folder() -> Path:
    """Where the leases of this machine are kept: ``GLMKIT_LEASES``, else below the home folder, by the machine's name."""
    if named := os.environ.get("GLMKIT_LEASES"):
        return Path(named)
    return Path.home() / ".local" / "state" / "glmkit" / "gpus" / processes.host()


def take(gpus: Sequence[Gpu], holder: str, count: int = 1) -> list[Lease]:
    """Lease the first `count` of `gpus` that are free, for this process; all or none.

    Parameters
    ----------
    gpus
        Those that would do, the most wanted first.
    holder
        Name of the kernel that they are for.
    count
        How many.

    Returns
    -------
    list of Lease
        `count` leases with one token; none if fewer GPUs are free.

    Raises
    ------
    ResourceError
        The folder of leases cannot be written.
    """
    token, who, since = uuid.uuid4().hex, processes.identity(), record.now()
    with record.locked(folder() / ".lock"):
        free = [gpu for gpu in gpus if _read(gpu) is None][:count]
        if len(free) < count:
            return []
        taken = [Lease(gpu=gpu, token=token, process=who, holder=holder, since=since) for gpu in free]
        for lease in taken:
            _write(lease)
        return taken


def hand_over(mine: Sequence[Lease], pid: int | None = None) -> list[Lease]:
    """Make a process the holder of leases; all or none.

    Parameters
    ----------
    mine
        The leases.
    pid
        The process; None for this one.

    Returns
    -------
    list of Lease
        The same leases with their new holder; none if somebody else has taken one of the GPUs meanwhile.
    """
    if not mine:
        return []
    who = processes.identity(pid)
    with record.locked(folder() / ".lock"):
        found = [_read(lease.gpu, alive=False) for lease in mine]
        if any(now is not None and now.token != lease.token for now, lease in zip(found, mine, strict=True)):
            return []
        handed = [replace(lease, process=who) for lease in mine]
        for lease in handed:
            _write(lease)
        return handed


def release(mine: Sequence[Lease]) -> None:
    """Give leases back. Something that their kernel started and that lives on holds them until it ends."""
    if not mine:
        return
    with record.locked(folder() / ".lock"):
        for lease in mine:
            found = _read(lease.gpu, alive=False)
            if found is None or found.token != lease.token:
                continue
            _file(lease.gpu).unlink(missing_ok=True)
            if heir := next(_identities(left(lease.token)), None):
                _write(replace(lease, process=heir))


def _identities(living: Sequence[psutil.Process]) -> Iterator[dict[str, Any]]:
    for process in living:
        with contextlib.suppress(psutil.NoSuchProcess):
            yield processes.identity(process.pid)


def held(gpus: Sequence[Gpu]) -> list[Lease]:
    """The leases on any of `gpus` whose holders live."""
    return [lease for gpu in gpus if (lease := _read(gpu)) is not None]


def left(token: str) -> list[psutil.Process]:
    """The processes that were started under the lease with that token and live."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(TOKEN) == token and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _file(gpu: Gpu) -> Path:
    return folder() / f"{re.sub(r'[^A-Za-z0-9-]', '_', gpu.uuid)}.json"


def _write(lease: Lease) -> None:
    content = {name: value for name, value in vars(lease).items() if name != "gpu"}
    write_json(_file(lease.gpu), {"gpu": str(lease.gpu)} | content)


def _read(gpu: Gpu, alive: bool = True) -> Lease | None:
    """The lease on `gpu`; None if there is none, or, where it has to be `alive`, its holder and all that this started are gone."""
    path = _file(gpu)
    if not path.exists():
        return None
    try:
        content = read_json(path)
        content.pop("gpu")
        lease = Lease(gpu=gpu, **content)
    except (BadInput, AttributeError, KeyError, TypeError):
        raise BadInput(f"{path} is not a lease of glmkit. Delete it if no kernel is using {gpu}.") from None
    if alive and processes.find(lease.process) is None and not left(lease.token):
        return None
    return lease
