"""A Jupyter kernel provisioner that gives each kernel exclusive use of its GPUs.

JupyterLab, papermill and ``glmkit run`` start kernels through ``jupyter_client``, which calls the provisioner of the kernelspec.
This provisioner leases a free GPU before the kernel starts, makes only that GPU visible to it, and returns the lease when the
kernel ends. A kernel started from within such a kernel shares its GPU. The metadata of the kernelspec determine what happens if
no GPU is free::

    glmkit_device: any          # any GPU; or "0", "0-mig1", a UUID; or cpu
    glmkit_gpus: 1              # number of GPUs
    glmkit_gpu: wait            # if they are not free: wait, cpu or fail
    glmkit_wait_seconds: 3600   # longest wait
    glmkit_memory_gib: 16       # limit of the kernel's host memory; null for no limit

The memory limit is set by Linux's ``RLIMIT_DATA``. ``RLIMIT_AS`` is not used, because it counts address space, and memory-mapped
corpora and CUDA reserve far more address space than memory. When the limit is exceeded, Python raises ``MemoryError`` in the cell
and the kernel keeps running. The limit applies to each process that the kernel starts separately.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from subprocess import Popen
from typing import Any, Literal, cast, get_args

import psutil
from jupyter_client.provisioning import LocalProvisioner

from glmkit.errors import BadInput, ResourceError
from glmkit.studies.kernels import gpu_leases
from glmkit.studies.kernels.gpus import Gpu, list_gpus

IfBusy = Literal["wait", "cpu", "fail"]
WAIT = 3600.0  # seconds
_PAUSE = 0.5  # seconds between two polls of the leases
_GIB = 1024**3


@dataclass(frozen=True, kw_only=True)
class Wanted:  # numpydoc ignore=PR02
    """Resources requested by a kernelspec.

    Parameters
    ----------
    device
        ``cpu``, ``any``, or the label or UUID of a GPU.
    count
        Number of GPUs, 1 or more.
    if_busy
        Action if they are not free: ``wait``, ``cpu`` or ``fail``.
    seconds
        Longest wait in seconds.
    memory
        Limit of the kernel's host memory in bytes; None for no limit.
    """

    device: str = "any"
    count: int = 1
    if_busy: IfBusy = "wait"
    seconds: float = WAIT
    memory: int | None = None

    @classmethod
    def read(cls, metadata: dict[str, Any], where: str) -> "Wanted":
        """Read the metadata of a kernelspec.

        Parameters
        ----------
        metadata
            Content of ``metadata`` in ``kernel.json``.
        where
            Path of the file, for messages.

        Returns
        -------
        Wanted
            Requested resources.

        Raises
        ------
        BadInput
            A value has the wrong type or is out of range.
        """
        if_busy = metadata.get("glmkit_gpu", "wait")
        if if_busy not in get_args(IfBusy):
            raise BadInput(f"{where}: glmkit_gpu is {if_busy!r}, expected one of {', '.join(get_args(IfBusy))}.")
        seconds = _number(metadata.get("glmkit_wait_seconds", WAIT), "glmkit_wait_seconds", where)
        count = metadata.get("glmkit_gpus", 1)
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise BadInput(f"{where}: glmkit_gpus is {count!r}, expected a whole number above 0.")
        gib = metadata.get("glmkit_memory_gib")
        memory = None if gib is None else int(_number(gib, "glmkit_memory_gib", where) * _GIB)
        device = str(metadata.get("glmkit_device", "any"))
        return cls(device=device, count=count, if_busy=if_busy, seconds=seconds, memory=memory)


def _number(value: Any, name: str, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise BadInput(f"{where}: {name} is {value!r}, expected a number above 0.")
    return float(value)


class GpuProvisioner(LocalProvisioner):
    """Provisioner of local kernels with leased GPUs; its name in a kernelspec is ``glmkit``."""

    held: Sequence[gpu_leases.Lease] = ()
    wanted = Wanted()

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Lease the requested GPUs and make only them visible to the kernel.

        Parameters
        ----------
        **kwargs
            Arguments with which ``jupyter_client`` launches the kernel.

        Returns
        -------
        dict
            `kwargs` with ``CUDA_VISIBLE_DEVICES`` and the lease's token added to ``env``.

        Raises
        ------
        ResourceError
            The GPUs do not exist or did not become free in time.
        BadInput
            The metadata of the kernelspec are invalid.
        """
        self.wanted = Wanted.read(self.kernel_spec.metadata, f"{self.kernel_spec.resource_dir}/kernel.json")
        shares = bool(os.environ.get(gpu_leases.TOKEN)) and self.wanted.device != "cpu"
        self.held = () if shares else await self._lease()
        try:
            kwargs = await super().pre_launch(**kwargs)
        except BaseException:
            self._release()
            raise
        if not shares:
            kwargs["env"] |= {
                "CUDA_VISIBLE_DEVICES": ",".join(lease.gpu.uuid for lease in self.held),
                gpu_leases.TOKEN: self.held[0].token if self.held else "",
            }
        return kwargs

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Launch the kernel, set its memory limit and make it the holder of the lease.

        Parameters
        ----------
        cmd
            Argument list of the kernel.
        **kwargs
            Arguments for ``Popen``.

        Returns
        -------
        dict
            Connection information of the kernel.

        Raises
        ------
        ResourceError
            The memory limit could not be set.
        """
        try:
            connection = await super().launch_kernel(cmd, **kwargs)
            pid = cast("Popen[bytes]", self.process).pid
            if self.wanted.memory is not None:
                _limit(pid, self.wanted.memory)
            self._hold(pid)
        except BaseException:
            await self.kill()
            self._release()
            raise
        return connection

    async def cleanup(self, restart: bool = False) -> None:
        """Return the lease; before a restart, hold it until the new kernel has started.

        Parameters
        ----------
        restart
            Whether the kernel is started again.
        """
        if restart:
            self._hold()
        else:
            self._release()
        await super().cleanup(restart)

    def _forget(self) -> None:
        """Remove this kernel from a Jupyter server's pending kernels; a pending kernel that never starts blocks its shutdown."""
        pending = getattr(getattr(self.parent, "parent", None), "_pending_kernels", None)
        if pending is not None:
            pending.pop(self.kernel_id, None)

    def _hold(self, pid: int | None = None) -> bool:
        """Make process `pid`, or this process, the holder of the leases; if one is lost, release the others."""
        handed = gpu_leases.hand_over(self.held, pid)
        if not handed:
            gpu_leases.release(self.held)
        self.held = handed
        return bool(handed)

    def _release(self) -> None:
        gpu_leases.release(self.held)
        self.held = ()

    async def _lease(self) -> Sequence[gpu_leases.Lease]:
        """Leases on the requested GPUs; none for the CPU."""
        wanted, name = self.wanted, getattr(self.parent, "kernel_name", "") or self.kernel_spec.display_name
        if wanted.device == "cpu":
            return ()
        if self._hold():
            return self.held
        gpus = _matching(await asyncio.to_thread(list_gpus), wanted.device)
        deadline, warned = time.monotonic() + wanted.seconds, False
        while len(gpus) >= wanted.count:
            if taken := gpu_leases.take(gpus, name, wanted.count):
                return taken
            if wanted.if_busy != "wait" or time.monotonic() > deadline:
                break
            if not warned:
                self.log.warning("The kernel %s waits for a GPU: %s.", name, _obstacle(gpus))
                warned = True
            await asyncio.sleep(min(_PAUSE, wanted.seconds))
        if wanted.if_busy == "cpu":
            self.log.warning("The kernel %s runs on the CPU: %s.", name, _obstacle(gpus, wanted.count))
            return ()
        self._forget()
        waited = f" after {wanted.seconds:g} s of waiting" if warned else ""
        raise ResourceError(
            f"The kernel {name} got no GPU{waited}: {_obstacle(gpus, wanted.count)}. Shut that kernel down, choose glmkit-cpu, or reinstall the "
            "kernels with 'glmkit kernels install --gpu cpu' to use the CPU instead."
        )


def _matching(gpus: list[Gpu], device: str) -> list[Gpu]:
    return [gpu for gpu in gpus if device in ("any", gpu.label, gpu.uuid)]


def _obstacle(gpus: list[Gpu], count: int = 1) -> str:
    """Reason why `count` of `gpus` are not available."""
    if len(gpus) < count:
        found = f"has {len(gpus)}, and {count} are requested" if gpus else "has no such GPU"
        return f"this machine {found} (nvidia-smi -L lists the present GPUs; CUDA_VISIBLE_DEVICES may hide some)"
    return "; ".join(map(str, gpu_leases.held(gpus))) or "another kernel was first"


def _limit(pid: int, memory: int) -> None:
    """Limit the memory of process `pid` to `memory` bytes."""
    if not hasattr(psutil.Process, "rlimit"):
        raise ResourceError("A kernel's memory can only be limited on Linux. Reinstall the kernels without --memory.")
    try:
        psutil.Process(pid).rlimit(psutil.RLIMIT_DATA, (memory, memory))
    except (psutil.Error, OSError, ValueError) as error:
        raise ResourceError(f"The kernel's memory could not be limited to {memory / _GIB:g} GiB: {error}.") from error
