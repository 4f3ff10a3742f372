"""Who has which GPU: one small file a lease, changed under one lock, free again when its holder is gone.

A lease names its holder by pid *and* start time (see :mod:`glmkit.studies.processes`), so one whose kernel was killed, or that
was held when the machine went down, counts for nothing and needs nobody to clean up. The kernel also carries the lease's token
in its environment: as long as something that it started lives on, and may still hold memory of the GPU, the lease stands.

Leases bind the kernels of one user on one machine, wherever these were started from (JupyterLab, papermill, ``glmkit run``).
They say nothing of programs that never asked, nor of other users, unless ``GLMKIT_LEASES`` names one folder for all.
"""

import contextlib
import os
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from glmkit.errors import BadInput
from glmkit.files import read_json, write_json
from glmkit.studies import processes, record
from glmkit.studies.gpus import Gpu

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


def take(gpus: Sequence[Gpu], holder: str) -> Lease | None:
    """Lease the first of `gpus` that is free, for this process; None if none is.

    Parameters
    ----------
    gpus
        Those that would do, the most wanted first.
    holder
        Name of the kernel that it is for.

    Raises
    ------
    ResourceError
        The folder of leases cannot be written.
    """
    with record.locked(folder() / ".lock"):
        for gpu in gpus:
            if _read(gpu) is None:
                lease = Lease(gpu=gpu, token=uuid.uuid4().hex, process=processes.identity(), holder=holder, since=record.now())
                _write(lease)
                return lease
    return None


def hand_over(lease: Lease, pid: int | None = None) -> Lease | None:
    """Make process `pid` (None: this one) the holder of `lease`; None if somebody else has taken the GPU meanwhile."""
    with record.locked(folder() / ".lock"):
        found = _read(lease.gpu, alive=False)
        if found is not None and found.token != lease.token:
            return None
        lease = Lease(**vars(lease) | {"process": processes.identity(pid)})
        _write(lease)
        return lease


def release(lease: Lease) -> None:
    """Give `lease` back. Something that its kernel started and that lives on holds it until it ends."""
    with record.locked(folder() / ".lock"):
        found = _read(lease.gpu, alive=False)
        if found is None or found.token != lease.token:
            return
        _file(lease.gpu).unlink(missing_ok=True)
        for process in left(lease.token):
            with contextlib.suppress(psutil.NoSuchProcess):
                _write(Lease(**vars(lease) | {"process": processes.identity(process.pid)}))
                return


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
