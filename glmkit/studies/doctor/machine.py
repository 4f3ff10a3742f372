"""What ``glmkit doctor`` finds out about the machine: processor, memory, disk, GPUs, and what fits into them."""

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
    """Everything about the machine, from the processor to what fits."""
    own, found = memory(), gpus.list_gpus()
    asked = gpus.ask("--query-gpu=uuid,memory.total,driver_version", "--format=csv,noheader,nounits") if found else ""
    lines = [processor(), memory_finding(*own), disk(workspace() / "runs")]
    lines += graphics(found, asked)
    lines.append(Finding(about="sizes: CPU", says=memory_fit.fits(own[0])))
    for gpu in found:
        if (size := gpu_memory(gpu, asked)) is not None:
            lines.append(Finding(about=f"sizes: GPU {gpu.label}", says=f"{memory_fit.fits(size)} ({size / GIB:.0f} GiB)"))
    return lines


def processor() -> Finding:
    """The system and how many cores this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    says = f"{cores} core{'s' if cores > 1 else ''}, {platform.system()} {platform.release()} {platform.machine()}"
    remedy = "Studies run, slowly. Two cores or more let stages run side by side." if cores < 2 else ""
    return Finding(about="processor", state="warn" if cores < 2 else "ok", says=says, remedy=remedy)


def memory(cgroup: Path = _CGROUP) -> tuple[int, int]:
    """Bytes of memory that this process may use: in all, and at present; a container's limit counts."""
    system = psutil.virtual_memory()
    total, available = int(system.total), int(system.available)
    with_limit = ("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes")
    for most, used in with_limit:
        if (cgroup / most).is_file() and (text := (cgroup / most).read_text().strip()).isdecimal() and int(text) < total:
            total = int(text)
            available = min(available, total - int((cgroup / used).read_text()))
    return total, available


def memory_finding(total: int, available: int) -> Finding:
    """Whether there is enough of it."""
    state, remedy = "ok", ""
    if available < 4 * GIB:
        state = "fail" if total < GIB else "warn"
        remedy = "The studies that come with glmkit need about 4 GiB. End other programs, or give the container more."
    says = f"{total / GIB:.1f} GiB, {available / GIB:.1f} GiB of it available"
    return Finding(about="memory", state=state, says=says, remedy=remedy)  # type: ignore[arg-type]


def disk(folder: Path) -> Finding:
    """Whether `folder` can be written and how much space is left there."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with disk_errors(folder):
            if not os.access(there, os.W_OK):
                raise PermissionError(13, "Permission denied")
            free = shutil.disk_usage(there).free
    except ResourceError as error:
        return Finding(about="disk", state="fail", says=str(error), remedy="Set GLMKIT_WORKSPACE to a folder you may write to.")
    says = f"{free / GIB:.1f} GiB free in {folder}"
    if free < 10 * GIB:
        remedy = "Runs keep checkpoints and tables. Delete old folders there, or set GLMKIT_WORKSPACE to another disk."
        return Finding(about="disk", state="fail" if free < GIB // 2 else "warn", says=says, remedy=remedy)
    return Finding(about="disk", says=says)


def graphics(found: list[gpus.Gpu], asked: str) -> list[Finding]:
    """The GPUs and their driver, and whether the installed torch can use them.

    Parameters
    ----------
    found
        As :func:`glmkit.studies.kernels.gpus.list_gpus` lists them.
    asked
        Lines of UUID, MiB and driver, separated by commas, as ``nvidia-smi`` writes them.

    Returns
    -------
    list of Finding
        One or more.
    """
    if not found and not devices.cuda_count():
        return [Finding(about="GPUs", says="none; everything runs on the CPU")]
    if not found:
        remedy = "Install the NVIDIA driver with its tools; in a container, start it with --gpus all."
        if "CUDA_VISIBLE_DEVICES" in os.environ:
            remedy = f"CUDA_VISIBLE_DEVICES is {os.environ['CUDA_VISIBLE_DEVICES']!r} and may hide them: unset it. {remedy}"
        says = "there is a device, but nvidia-smi lists none that can be used"
        return [Finding(about="GPUs", state="warn", says=says, remedy=remedy)]
    drivers = sorted({line.rsplit(",", 1)[1].strip() for line in asked.splitlines() if line.count(",") == 2})
    driver = f"; driver {', '.join(drivers)}" if drivers else ""
    lines = [Finding(about="GPUs", says="; ".join(map(str, found)) + driver)]
    if (build := torch_build()) == "cpu":
        remedy = "Reinstall torch from the index for your CUDA version, as pytorch.org/get-started lists them."
        lines.append(Finding(about="torch", state="warn", says="built without CUDA: the GPUs stay idle", remedy=remedy))
    elif build:
        lines.append(Finding(about="torch", says=f"built for {build}"))
    return lines


def torch_build() -> str:
    """What the installed torch was built for: ``CUDA 13.0``, ``ROCm 6.2``, ``cpu``; empty without torch. It is not imported."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return ""
    text = (Path(spec.origin).parent / "version.py").read_text(encoding="utf-8")
    for name, said in (("cuda", "CUDA"), ("hip", "ROCm")):
        if match := re.search(rf"^{name}\b[^=]*= '([^']+)'", text, re.MULTILINE):
            return f"{said} {match[1]}"
    return "cpu"


def gpu_memory(gpu: gpus.Gpu, asked: str) -> int | None:
    """Bytes of memory of a GPU; of a slice, what its profile's name says (``1g.10gb``); None if it is not known."""
    if gpu.slice is not None:
        match = re.search(r"\.(\d+)gb", gpu.name)
        return int(match[1]) * GIB if match else None
    for line in asked.splitlines():
        uuid, _, rest = line.partition(",")
        size = rest.split(",")[0].strip()
        if uuid.strip() == gpu.uuid and size.isdecimal():
            return int(size) * 1024**2
    return None
