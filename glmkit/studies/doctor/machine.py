"""Checks of ``glmkit doctor`` on the machine: processor, memory, disk, GPUs, and the model sizes that fit."""

import importlib.util
import os
import platform
import re
import shutil
from pathlib import Path

import psutil

from glmkit.errors import ResourceError
from glmkit.files import disk_errors, workspace
from glmkit.studies.doctor.findings import Finding
from glmkit.studies.kernels import devices, gpus, memory_fit
from glmkit.studies.kernels.memory_fit import GIB

_CGROUP = Path("/sys/fs/cgroup")


def examine_machine() -> list[Finding]:
    """All findings on the machine."""
    own, found = memory(), gpus.list_gpus()
    smi = gpus.nvidia_smi("--query-gpu=uuid,memory.total,driver_version", "--format=csv,noheader,nounits") if found else ""
    lines = [processor(), memory_finding(*own), disk(workspace() / "runs")]
    lines += graphics(found, smi)
    lines.append(Finding(about="sizes: CPU", text=memory_fit.fits(own[0])))
    for gpu in found:
        if (size := gpu_memory(gpu, smi)) is not None:
            lines.append(Finding(about=f"sizes: GPU {gpu.label}", text=f"{memory_fit.fits(size)} ({size / GIB:.0f} GiB)"))
    return lines


def processor() -> Finding:
    """Finding on the operating system and the number of cores available to this process."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    text = f"{cores} core{'s' if cores > 1 else ''}, {platform.system()} {platform.release()} {platform.machine()}"
    remedy = "Studies will run slowly. With two or more cores, stages can run concurrently." if cores < 2 else ""
    return Finding(about="processor", state="warn" if cores < 2 else "ok", text=text, remedy=remedy)


def memory(cgroup: Path = _CGROUP) -> tuple[int, int]:
    """Total and currently available memory of this process in bytes, including the limit of a container."""
    system = psutil.virtual_memory()
    total, available = int(system.total), int(system.available)
    with_limit = ("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes")
    for most, used in with_limit:
        if (cgroup / most).is_file() and (text := (cgroup / most).read_text().strip()).isdecimal() and int(text) < total:
            total = int(text)
            available = min(available, total - int((cgroup / used).read_text()))
    return total, available


def memory_finding(total: int, available: int) -> Finding:
    """Finding on the total and available memory, both in bytes."""
    state, remedy = "ok", ""
    if available < 4 * GIB:
        state = "fail" if total < GIB else "warn"
        remedy = "The studies shipped with glmkit need about 4 GiB. End other programs, or raise the container's memory limit."
    text = f"{total / GIB:.1f} GiB, {available / GIB:.1f} GiB of it available"
    return Finding(about="memory", state=state, text=text, remedy=remedy)  # type: ignore[arg-type]


def disk(folder: Path) -> Finding:
    """Finding on write permission and free space in `folder`."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with disk_errors(folder):
            if not os.access(there, os.W_OK):
                raise PermissionError(13, "Permission denied")
            free = shutil.disk_usage(there).free
    except ResourceError as error:
        return Finding(about="disk", state="fail", text=str(error), remedy="Set GLMKIT_WORKSPACE to a writable folder.")
    text = f"{free / GIB:.1f} GiB free in {folder}"
    if free < 10 * GIB:
        remedy = "Runs keep checkpoints and tables. Delete old folders there, or set GLMKIT_WORKSPACE to another disk."
        return Finding(about="disk", state="fail" if free < GIB // 2 else "warn", text=text, remedy=remedy)
    return Finding(about="disk", text=text)


def graphics(found: list[gpus.Gpu], smi: str) -> list[Finding]:
    """Findings on the GPUs, their driver and the installed torch.

    Parameters
    ----------
    found
        GPUs, as returned by :func:`glmkit.studies.kernels.gpus.list_gpus`.
    smi
        Output of ``nvidia-smi``: lines of UUID, memory in MiB and driver version, separated by commas.

    Returns
    -------
    list of Finding
        One finding or more.
    """
    if not found and not devices.cuda_count():
        return [Finding(about="GPUs", text="none; everything runs on the CPU")]
    if not found:
        remedy = "Install the NVIDIA driver with its tools; in a container, start it with --gpus all."
        if "CUDA_VISIBLE_DEVICES" in os.environ:
            remedy = f"CUDA_VISIBLE_DEVICES is {os.environ['CUDA_VISIBLE_DEVICES']!r} and may hide them: unset it. {remedy}"
        text = "a device is present, but nvidia-smi lists no usable GPU"
        return [Finding(about="GPUs", state="warn", text=text, remedy=remedy)]
    drivers = sorted({line.rsplit(",", 1)[1].strip() for line in smi.splitlines() if line.count(",") == 2})
    driver = f"; driver {', '.join(drivers)}" if drivers else ""
    lines = [Finding(about="GPUs", text="; ".join(map(str, found)) + driver)]
    if (build := torch_build()) == "cpu":
        remedy = "Reinstall torch from the index for your CUDA version, as pytorch.org/get-started lists them."
        lines.append(Finding(about="torch", state="warn", text="built without CUDA: the GPUs stay idle", remedy=remedy))
    elif build:
        lines.append(Finding(about="torch", text=f"built for {build}"))
    return lines


def torch_build() -> str:
    """Build of the installed torch: ``CUDA 13.0``, ``ROCm 6.2``, ``cpu``; empty without torch. torch is not imported."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return ""
    text = (Path(spec.origin).parent / "version.py").read_text(encoding="utf-8")
    for name, title in (("cuda", "CUDA"), ("hip", "ROCm")):
        if match := re.search(rf"^{name}\b[^=]*= '([^']+)'", text, re.MULTILINE):
            return f"{title} {match[1]}"
    return "cpu"


def gpu_memory(gpu: gpus.Gpu, smi: str) -> int | None:
    """Memory of a GPU in bytes, for a MIG slice taken from its profile's name (``1g.10gb``); None if unknown."""
    if gpu.slice is not None:
        match = re.search(r"\.(\d+)gb", gpu.name)
        return int(match[1]) * GIB if match else None
    for line in smi.splitlines():
        uuid, _, rest = line.partition(",")
        size = rest.split(",")[0].strip()
        if uuid.strip() == gpu.uuid and size.isdecimal():
            return int(size) * 1024**2
    return None
