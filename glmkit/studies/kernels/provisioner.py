"""How a kernel gets a GPU of its own: a kernel provisioner, the place that Jupyter made for it.

JupyterLab, papermill and ``glmkit run`` all start kernels through ``jupyter_client``, which asks the provisioner that the
kernelspec names. This one leases a free GPU before the kernel is launched, lets the kernel see that GPU and no other, and gives
the lease back when the kernel ends. A kernel that is started from within such a kernel shares its GPU. If no GPU is free, it waits, takes the CPU, or fails, as the kernelspec's metadata says::

    glmkit_device: any          # any GPU; or "0", "0-mig1", a UUID; or cpu
    glmkit_gpus: 1              # how many
    glmkit_gpu: wait            # if they are not free: wait, cpu or fail
    glmkit_wait_seconds: 3600   # how long to wait
    glmkit_memory_gib: 16       # the most memory of the machine the kernel may use; null for no limit

The memory limit is Linux's ``RLIMIT_DATA`` and not ``RLIMIT_AS``: the latter counts address space, of which a memory-mapped
corpus and CUDA both take far more than memory. Python then raises ``MemoryError`` in the cell, and the kernel lives on. Each
process that the kernel starts has the limit to itself.
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
_PAUSE = 0.5  # seconds between two looks at the leases
_GIB = 1024**3


@dataclass(frozen=True, kw_only=True)
class Wanted:  # numpydoc ignore=PR02
    """What a kernelspec asks of the provisioner.

    Parameters
    ----------
    device
        ``cpu``, ``any``, or which GPU: its label or UUID.
    count
        How many GPUs.
    if_busy
        What happens if they are not free.
    seconds
        How long to wait for it.
    memory
        The most bytes of the machine's memory the kernel may use; None for no limit.
    """

    device: str = "any"
    count: int = 1
    if_busy: IfBusy = "wait"
    seconds: float = WAIT
    memory: int | None = None

    @classmethod
    def read(cls, metadata: dict[str, Any], where: str) -> "Wanted":
        """Read a kernelspec's metadata.

        Parameters
        ----------
        metadata
            The ``metadata`` of ``kernel.json``.
        where
            The file, for the message.

        Raises
        ------
        BadInput
            A value that cannot be meant.
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
    """Local kernels with a leased GPU each; the name in a kernelspec is ``glmkit``."""

    held: Sequence[gpu_leases.Lease] = ()
    wanted = Wanted()

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Lease a GPU, if one is wanted, and let the kernel see that one only.

        Parameters
        ----------
        **kwargs
            What ``jupyter_client`` is going to launch the kernel with.

        Returns
        -------
        dict
            The same with ``CUDA_VISIBLE_DEVICES`` and the lease's token in its ``env``.

        Raises
        ------
        ResourceError
            No GPU was free, in time or at all.
        BadInput
            The kernelspec asks for what cannot be meant.
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
            The argument list.
        **kwargs
            For ``Popen``.

        Returns
        -------
        dict
            How to connect to the kernel.

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
        """Give the GPU back, or, before a restart, hold it until the new kernel is there.

        Parameters
        ----------
        restart
            Whether another kernel is launched next.
        """
        if restart:
            self._hold()
        else:
            self._release()
        await super().cleanup(restart)

    def _forget(self) -> None:
        """Let a Jupyter server forget this kernel, which never ran: it keeps it as pending for ever, and then cannot end."""
        pending = getattr(getattr(self.parent, "parent", None), "_pending_kernels", None)
        if pending is not None:
            pending.pop(self.kernel_id, None)

    def _hold(self, pid: int | None = None) -> bool:
        """Make process `pid`, or this one, the holder of the leases; if any is lost, the others go too."""
        handed = gpu_leases.hand_over(self.held, pid)
        if not handed:
            gpu_leases.release(self.held)
        self.held = handed
        return bool(handed)

    def _release(self) -> None:
        gpu_leases.release(self.held)
        self.held = ()

    async def _lease(self) -> Sequence[gpu_leases.Lease]:
        """Leases on the GPUs that are wanted; none for the CPU."""
        wanted, name = self.wanted, getattr(self.parent, "kernel_name", "") or self.kernel_spec.display_name
        if wanted.device == "cpu":
            return ()
        if self._hold():
            return self.held
        gpus = _matching(await asyncio.to_thread(list_gpus), wanted.device)
        deadline, said = time.monotonic() + wanted.seconds, False
        while len(gpus) >= wanted.count:
            if taken := gpu_leases.take(gpus, name, wanted.count):
                return taken
            if wanted.if_busy != "wait" or time.monotonic() > deadline:
                break
            if not said:
                self.log.warning("The kernel %s waits for a GPU: %s.", name, _who(gpus))
                said = True
            await asyncio.sleep(min(_PAUSE, wanted.seconds))
        if wanted.if_busy == "cpu":
            self.log.warning("The kernel %s runs on the CPU: %s.", name, _who(gpus, wanted.count))
            return ()
        self._forget()
        waited = f" after {wanted.seconds:g} s of waiting" if said else ""
        raise ResourceError(
            f"The kernel {name} got no GPU{waited}: {_who(gpus, wanted.count)}. Shut that kernel down, choose glmkit-cpu, or install the "
            "kernels again with 'glmkit kernels install --gpu cpu' to go on without one."
        )


def _matching(gpus: list[Gpu], device: str) -> list[Gpu]:
    return [gpu for gpu in gpus if device in ("any", gpu.label, gpu.uuid)]


def _who(gpus: list[Gpu], count: int = 1) -> str:
    """Why `count` of `gpus` cannot be had."""
    if len(gpus) < count:
        found = f"has {len(gpus)}, and {count} are asked for" if gpus else "has no such GPU"
        return f"this machine {found} (nvidia-smi -L lists those there are; CUDA_VISIBLE_DEVICES may hide some)"
    return "; ".join(map(str, gpu_leases.held(gpus))) or "others were quicker"


def _limit(pid: int, memory: int) -> None:
    """Let process `pid` use at most `memory` bytes."""
    if not hasattr(psutil.Process, "rlimit"):
        raise ResourceError("A kernel's memory can only be limited on Linux. Install the kernels again without --memory.")
    try:
        psutil.Process(pid).rlimit(psutil.RLIMIT_DATA, (memory, memory))
    except (psutil.Error, OSError, ValueError) as error:
        raise ResourceError(f"The kernel's memory could not be limited to {memory / _GIB:g} GiB: {error}.") from error
