"""Kernels: which there are, and how one is started so that it cannot be mistaken for another or outlive its starter.

The default kernel, ``python3``, always means the interpreter that runs glmkit: a kernelspec of that name in somebody's home
folder would otherwise run the notebooks in another environment. Sockets are Unix ones in a private folder wherever a path
is short enough for them, so that nothing listens on the network. A stage that asks for GPUs (``resources: {gpu: 1}``) has them
leased to its kernel, as :mod:`glmkit.studies.kernels.provisioner` does it.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glmkit.errors import BadInput
from glmkit.studies.kernels import processes

if TYPE_CHECKING:
    from jupyter_client import AsyncKernelManager

DEFAULT = "python3"
STAGE_GPUS = "GLMKIT_STAGE_GPUS"
_LONGEST_SOCKET = 100  # bytes; Linux allows 107 and jupyter_client adds a number


def check_kernel(name: str) -> None:
    """See that a kernel of that name exists.

    Raises
    ------
    BadInput
        It does not; the message lists those that do.
    """
    if name == DEFAULT:
        return
    from jupyter_client.kernelspec import KernelSpecManager

    known = sorted({*KernelSpecManager().find_kernel_specs(), DEFAULT})
    if name not in known:
        raise BadInput(f"the kernel {name!r} is unknown. Known: {', '.join(known)}.")


def make_manager(name: str) -> "tuple[AsyncKernelManager, Path]":
    """A manager for a kernel that has not been started, and the private folder of its connection file and sockets."""
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

    class OwnInterpreter(KernelSpecManager):
        """Kernelspecs, of which the default one is this interpreter."""

        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            """The kernelspec of that name; the default one starts this interpreter."""
            spec = super().get_kernel_spec(kernel_name)
            if kernel_name == DEFAULT:
                spec.argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
                if gpus := int(os.environ.get(STAGE_GPUS) or 0):
                    spec.metadata |= {"kernel_provisioner": {"provisioner_name": "glmkit", "config": {}}, "glmkit_gpus": gpus}
            return spec

    folder = Path(tempfile.mkdtemp(prefix="glmkit-"))
    manager = AsyncKernelManager(kernel_name=name or DEFAULT, kernel_spec_manager=OwnInterpreter())
    manager.connection_file = str(folder / "kernel.json")
    if len(str(folder / "socket").encode()) <= _LONGEST_SOCKET and sys.platform != "win32":
        manager.transport = "ipc"
        manager.ip = str(folder / "socket")
    return manager, folder


def launch_options(log: Any) -> dict[str, Any]:
    """What ``Popen`` is told about a kernel: it dies with its starter, and what it prints past Jupyter goes to `log`."""
    return {"preexec_fn": processes.dying_with_parent(), "stdout": log, "stderr": log}


def remove(folder: Path) -> None:
    """Remove a kernel's private folder."""
    shutil.rmtree(folder, ignore_errors=True)
