"""``glmkit kernels``: the kernels that JupyterLab and studies offer for this machine, one for the CPU and one for each GPU.

``glmkit-gpu`` takes any GPU that is free, ``glmkit-gpu0`` that one only, ``glmkit-cpu`` none. They lie in the environment that
glmkit runs in, because the provisioner that hands out GPUs (:mod:`glmkit.studies.kernels.provisioner`) must be importable there; in the
home folder they would be offered by every Jupyter of the user, also by those without glmkit.
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
    """What the installed kernels are given.

    Parameters
    ----------
    if_busy
        What a GPU kernel does if its GPU is not free: ``wait``, ``cpu`` or ``fail``.
    wait_seconds
        How long it waits.
    memory_gib
        The most memory of the machine a kernel may use, in GiB; None for no limit.
    """

    if_busy: str = "wait"
    wait_seconds: float = 3600.0
    memory_gib: float | None = None


def install(settings: Settings | None = None, prefix: str | Path | None = None) -> list[str]:
    """Write a kernelspec for the CPU and for each GPU there is, and remove those of GPUs that are gone.

    Parameters
    ----------
    settings
        What the kernels are given.
    prefix
        The environment to install into; by default the one that runs glmkit.

    Returns
    -------
    list of str
        The names of the kernels that are installed now.

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
        for name in ours(folder):
            if name not in wanted:
                shutil.rmtree(folder / name)
        for name, (device, title) in wanted.items():
            _write(folder / name, f"Python (glmkit, {title})", device, settings)
    return list(wanted)


def remove(names: Sequence[str] = (), prefix: str | Path | None = None) -> list[str]:
    """Remove the kernels that :func:`install` wrote.

    Parameters
    ----------
    names
        Which; all of them by default.
    prefix
        As for :func:`install`.

    Returns
    -------
    list of str
        The names that were removed.

    Raises
    ------
    BadInput
        There is no kernel of glmkit with that name.
    ResourceError
        The folder cannot be written.
    """
    folder = kernels_folder(prefix)
    known = ours(folder)
    if strange := [name for name in names if name not in known]:
        raise BadInput(f"{strange[0]!r} is no kernel of glmkit in {folder}. There are: {', '.join(known) or 'none'}.")
    with _writable(folder):
        for name in names or known:
            shutil.rmtree(folder / name)
    return list(names or known)


def describe(prefix: str | Path | None = None) -> str:
    """A table of glmkit's kernels: which device, what if it is busy, the memory limit, and who has the GPU now."""
    folder, gpus = kernels_folder(prefix), list_gpus()
    rows = [["kernel", "device", "if busy", "memory", "now"]]
    for name, spec in ours(folder).items():
        metadata = spec["metadata"]
        memory = metadata.get("glmkit_memory_gib")
        device = str(metadata.get("glmkit_device"))
        busy = "" if device == "cpu" else str(metadata.get("glmkit_gpu"))
        matching = [gpu for gpu in gpus if device in ("any", gpu.uuid)]
        shown = {"cpu": "CPU", "any": "any GPU"}.get(device) or ", ".join(map(str, matching)) or f"{device} (gone)"
        rows.append([name, shown, busy, f"{memory:g} GiB" if memory else "no limit", _now(device, matching)])
    if len(rows) == 1:
        return f"No kernels of glmkit in {folder} yet. Make them with: glmkit kernels install"
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def ours(folder: Path) -> dict[str, dict[str, Any]]:
    """The kernelspecs in `folder` that name glmkit's provisioner, by name."""
    found = {}
    for path in sorted(folder.glob("*/kernel.json")):
        spec = read_json(path)
        if spec.get("metadata", {}).get("kernel_provisioner", {}).get("provisioner_name") == PROVISIONER:
            found[path.parent.name] = spec
    return found


def kernels_folder(prefix: str | Path | None = None) -> Path:
    """Where an environment keeps its kernelspecs."""
    return Path(prefix or sys.prefix) / "share" / "jupyter" / "kernels"


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    """Say what to do where an environment belongs to somebody else."""
    try:
        with disk_errors(folder):
            yield
    except ResourceError as error:
        error.add_note("Give an environment of your own with --prefix, and run Jupyter with JUPYTER_PATH=PREFIX/share/jupyter.")
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
            path.chmod(0o644)  # an environment may be shared
        temporary.chmod(0o755)


def _now(device: str, gpus: list[Gpu]) -> str:
    if device == "cpu":
        return ""
    taken = gpu_leases.held(gpus)
    if len(taken) < len(gpus):
        return "free" if len(gpus) == 1 else f"{len(gpus) - len(taken)} of {len(gpus)} free"
    return "; ".join(f"kernel {lease.holder}, pid {lease.process['pid']}, since {lease.since[:16]} UTC" for lease in taken)
