"""Leases of GPUs: one small file for each leased GPU, changed under one lock, and void when the holder has ended.

A lease identifies its holder by pid *and* start time (see :mod:`glmkit.studies.kernels.processes`). A lease whose kernel was
killed, or that was held when the machine went down, is therefore void and needs no cleaning up. The kernel also has the lease's
token in its environment. The lease stays valid while a process that the kernel started runs, which may still use the GPU's memory.

Leases apply to the kernels of one user on one machine, whether started by JupyterLab, papermill or ``glmkit run``. They do not
cover other programs or other users.
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

TOKEN = "GLMKIT_GPU_LEASE"  # noqa: S105 (the name of an environment variable, not a secret)


@dataclass(frozen=True, kw_only=True)
class Lease:  # numpydoc ignore=PR02
    """Lease of one GPU.

    Parameters
    ----------
    gpu
        Leased device.
    token
        Random identifier, set in the environment of the holder's processes.
    process
        Holder's pid, start time (seconds since 1970) and host.
    holder
        Name of the kernel, used in messages.
    since
        Start of the lease in UTC, as ISO 8601 text.
    """

    gpu: Gpu
    token: str
    process: dict[str, Any]
    holder: str
    since: str

    def __str__(self) -> str:
        """Device and holder, as used in messages."""
        return f"{self.gpu} is held by the kernel {self.holder}, pid {self.process['pid']}, since {self.since[:16]} UTC"


def folder() -> Path:
    """Folder of this machine's leases: ``GLMKIT_LEASES``, or a folder below the home folder named after the machine."""
    if named := os.environ.get("GLMKIT_LEASES"):
        return Path(named)
    return Path.home() / ".local" / "state" / "glmkit" / "gpus" / processes.host()


def take(gpus: Sequence[Gpu], holder: str, count: int = 1) -> list[Lease]:
    """Lease the first `count` free devices of `gpus` for this process, or none.

    Parameters
    ----------
    gpus
        Suitable devices, in order of preference.
    holder
        Name of the kernel that will use them.
    count
        Number of devices, 1 or more.

    Returns
    -------
    list of Lease
        `count` leases with a common token; empty if fewer GPUs are free.

    Raises
    ------
    ResourceError
        The folder of leases cannot be written.
    """
    token, identity, since = uuid.uuid4().hex, processes.identity(), record.now()
    with record.locked(folder() / ".lock"):
        free = [gpu for gpu in gpus if _read(gpu) is None][:count]
        if len(free) < count:
            return []
        taken = [Lease(gpu=gpu, token=token, process=identity, holder=holder, since=since) for gpu in free]
        for lease in taken:
            _write(lease)
        return taken


def hand_over(leases: Sequence[Lease], pid: int | None = None) -> list[Lease]:
    """Make a process the holder of all given leases, or of none.

    Parameters
    ----------
    leases
        Leases to transfer.
    pid
        Process id of the new holder; None for this process.

    Returns
    -------
    list of Lease
        The leases with their new holder; empty if another process has leased one of the GPUs meanwhile.
    """
    if not leases:
        return []
    identity = processes.identity(pid)
    with record.locked(folder() / ".lock"):
        found = [_read(lease.gpu, alive=False) for lease in leases]
        if any(now is not None and now.token != lease.token for now, lease in zip(found, leases, strict=True)):
            return []
        handed = [replace(lease, process=identity) for lease in leases]
        for lease in handed:
            _write(lease)
        return handed


def release(leases: Sequence[Lease]) -> None:
    """Give leases back. If a process that the kernel started still runs, the lease passes to it until it ends."""
    if not leases:
        return
    with record.locked(folder() / ".lock"):
        for lease in leases:
            found = _read(lease.gpu, alive=False)
            if found is None or found.token != lease.token:
                continue
            _file(lease.gpu).unlink(missing_ok=True)
            if successor := next(_identities(left(lease.token)), None):
                _write(replace(lease, process=successor))


def _identities(living: Sequence[psutil.Process]) -> Iterator[dict[str, Any]]:
    for process in living:
        with contextlib.suppress(psutil.NoSuchProcess):
            yield processes.identity(process.pid)


def held(gpus: Sequence[Gpu]) -> list[Lease]:
    """The valid leases on any of `gpus`."""
    return [lease for gpu in gpus if (lease := _read(gpu)) is not None]


def left(token: str) -> list[psutil.Process]:
    """The running processes that were started under the lease with this token."""
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
    """The lease on `gpu`, or None. With `alive`, a lease whose holder and its child processes have ended counts as none."""
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
