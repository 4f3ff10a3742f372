"""``glmkit kernels``: Jupyter kernels for this machine, one for the CPU and one for each GPU.

``glmkit-gpu`` uses any free GPU, ``glmkit-gpu0`` GPU 0 only, and ``glmkit-cpu`` none. The kernelspecs are installed in the
environment of glmkit, because the provisioner (:mod:`glmkit.studies.kernels.provisioner`) must be importable there. In the home
folder, every Jupyter of the user would offer them, including those without glmkit.
"""

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glmkit.errors import BadInput, ResourceError
from glmkit.files import atomic_folder, disk_errors, read_json, write_json
from glmkit.studies.kernels import gpu_leases
from glmkit.studies.kernels.gpus import Gpu, list_gpus

PROVISIONER = "glmkit"
ANY, CPU = "glmkit-gpu", "glmkit-cpu"


@dataclass(frozen=True, kw_only=True)
class Settings:  # numpydoc ignore=PR02
    """Settings of the installed kernels.

    Parameters
    ----------
    if_busy
        Action of a GPU kernel if no suitable GPU is free: ``wait``, ``cpu`` or ``fail``.
    wait_seconds
        Longest wait in seconds, above 0.
    memory_gib
        Limit of a kernel's host memory in GiB, above 0; None for no limit.
    """

    if_busy: str = "wait"
    wait_seconds: float = 3600.0
    memory_gib: float | None = None


def install(settings: Settings | None = None, prefix: str | Path | None = None) -> list[str]:
    """Write kernelspecs for the CPU and each present GPU, and remove those of absent GPUs.

    Parameters
    ----------
    settings
        Settings of the kernels; None for the defaults.
    prefix
        Environment to install into; by default the one that runs glmkit.

    Returns
    -------
    list of str
        Names of the installed kernels.

    Raises
    ------
    ResourceError
        The folder cannot be written.
    """
    settings, folder, gpus = settings or Settings(), kernels_folder(prefix), list_gpus()
    wanted = {CPU: ("cpu", "CPU")}
    wanted |= {ANY: ("any", "any free GPU")} if gpus else {}
    wanted |= {f"{ANY}{gpu.label}": (gpu.uuid, str(gpu)) for gpu in gpus}
    with _writable(folder):
        for name in installed(folder):
            if name not in wanted:
                shutil.rmtree(folder / name)
        for name, (device, title) in wanted.items():
            _write(folder / name, f"Python (glmkit, {title})", device, settings)
    return list(wanted)


def remove(names: Sequence[str] = (), prefix: str | Path | None = None) -> list[str]:
    """Remove kernels written by :func:`install`.

    Parameters
    ----------
    names
        Names of the kernels; by default all of them.
    prefix
        Environment, as for :func:`install`.

    Returns
    -------
    list of str
        Names of the removed kernels.

    Raises
    ------
    BadInput
        A name is not that of a kernel of glmkit.
    ResourceError
        The folder cannot be written.
    """
    folder = kernels_folder(prefix)
    known = installed(folder)
    if unknown := [name for name in names if name not in known]:
        raise BadInput(f"{unknown[0]!r} is no kernel of glmkit in {folder}. There are: {', '.join(known) or 'none'}.")
    with _writable(folder):
        for name in names or known:
            shutil.rmtree(folder / name)
    return list(names or known)


def describe(prefix: str | Path | None = None) -> str:
    """Table of glmkit's kernels: device, action if busy, memory limit, and current holder of the GPU."""
    folder, gpus = kernels_folder(prefix), list_gpus()
    rows = [["kernel", "device", "if busy", "memory", "now"]]
    for name, spec in installed(folder).items():
        metadata = spec["metadata"]
        memory = metadata.get("glmkit_memory_gib")
        device = str(metadata.get("glmkit_device"))
        busy = "" if device == "cpu" else str(metadata.get("glmkit_gpu"))
        matching = [gpu for gpu in gpus if device in ("any", gpu.uuid)]
        shown = {"cpu": "CPU", "any": "any GPU"}.get(device) or ", ".join(map(str, matching)) or f"{device} (absent)"
        rows.append([name, shown, busy, f"{memory:g} GiB" if memory else "no limit", _now(device, matching)])
    if len(rows) == 1:
        return f"No kernels of glmkit in {folder} yet. Install them with: glmkit kernels install"
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def installed(folder: Path) -> dict[str, dict[str, Any]]:
    """The kernelspecs in `folder` that use glmkit's provisioner, by name."""
    found = {}
    for path in sorted(folder.glob("*/kernel.json")):
        spec = read_json(path)
        if spec.get("metadata", {}).get("kernel_provisioner", {}).get("provisioner_name") == PROVISIONER:
            found[path.parent.name] = spec
    return found


def kernels_folder(prefix: str | Path | None = None) -> Path:
    """Folder of the kernelspecs of an environment."""
    return Path(prefix or sys.prefix) / "share" / "jupyter" / "kernels"


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    """Add a remedy to the error raised if the environment is not writable."""
    try:
        with disk_errors(folder):
            yield
    except ResourceError as error:
        error.add_note("Choose a writable environment with --prefix, and run Jupyter with JUPYTER_PATH=PREFIX/share/jupyter.")
        raise


def _write(folder: Path, title: str, device: str, settings: Settings) -> None:
    from ipykernel.kernelspec import RESOURCES, get_kernel_dict

    spec = get_kernel_dict() | {"display_name": title}
    spec["metadata"] |= {
        "kernel_provisioner": {"provisioner_name": PROVISIONER, "config": {}},
        "glmkit_device": device,
        "glmkit_gpu": settings.if_busy,
        "glmkit_wait_seconds": settings.wait_seconds,
        "glmkit_memory_gib": settings.memory_gib,
    }
    with atomic_folder(folder) as temporary:
        write_json(temporary / "kernel.json", spec)
        for logo in Path(RESOURCES).glob("logo-*"):
            shutil.copyfile(logo, temporary / logo.name)
        for path in temporary.iterdir():
            path.chmod(0o644)  # readable by all users of a shared environment
        temporary.chmod(0o755)


def _now(device: str, gpus: list[Gpu]) -> str:
    if device == "cpu":
        return ""
    taken = gpu_leases.held(gpus)
    if len(taken) < len(gpus):
        return "free" if len(gpus) == 1 else f"{len(gpus) - len(taken)} of {len(gpus)} free"
    return "; ".join(f"kernel {lease.holder}, pid {lease.process['pid']}, since {lease.since[:16]} UTC" for lease in taken)
