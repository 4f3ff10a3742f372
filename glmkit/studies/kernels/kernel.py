"""Jupyter kernels: lookup, and a safe start.

The default kernel, ``python3``, is always the interpreter that runs glmkit. A kernelspec of that name in the home folder would
otherwise run the notebooks in another environment. Sockets are Unix sockets in a private folder if the path is short enough, so
that no port is open on the network. A stage that requests GPUs (``resources: {gpu: 1}``) gets them leased to its kernel (see
:mod:`glmkit.studies.kernels.provisioner`).
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
    """Check that a kernel with this name exists.

    Raises
    ------
    BadInput
        There is no such kernel; the message lists the existing ones.
    """
    if name == DEFAULT:
        return
    from jupyter_client.kernelspec import KernelSpecManager

    known = sorted({*KernelSpecManager().find_kernel_specs(), DEFAULT})
    if name not in known:
        raise BadInput(f"the kernel {name!r} is unknown. Known: {', '.join(known)}.")


def make_manager(name: str) -> "tuple[AsyncKernelManager, Path]":
    """Manager of a kernel that is not started yet, and the private folder of its connection file and sockets."""
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

    class OwnInterpreter(KernelSpecManager):
        """Kernelspecs in which the default kernel is this interpreter."""

        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            """The kernelspec with this name; the default one starts this interpreter."""
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
    """Arguments of ``Popen`` for a kernel: it ends with its parent, and its direct output goes to the file `log`."""
    return {"preexec_fn": processes.dying_with_parent(), "stdout": log, "stderr": log}


def remove(folder: Path) -> None:
    """Remove the private folder of a kernel."""
    shutil.rmtree(folder, ignore_errors=True)
