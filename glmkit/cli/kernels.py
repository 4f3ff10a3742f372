"""``glmkit kernels``: install, list and remove Jupyter kernels for the CPU and each GPU."""

import argparse

from glmkit.cli.options import Parents, Verbs, above_zero
from glmkit.errors import BadInput

_KERNELS = """'install' writes the kernels glmkit-cpu, glmkit-gpu (any free GPU) and one for each GPU or MIG slice. A kernel with a GPU
uses it exclusively, in JupyterLab, papermill and studies (kernel: glmkit-gpu). 'list' shows which kernel holds which GPU."""


def add(verbs: Verbs, parents: Parents) -> None:
    """Add the verb and its options."""
    kernels = verbs.add_parser(
        "kernels", parents=[parents.debug], help="manage Jupyter kernels for the CPU and each GPU", description=_KERNELS
    )
    kernels.add_argument("what", choices=["install", "list", "remove"], help="action")
    kernels.add_argument("names", nargs="*", metavar="KERNEL", help="kernels to remove (default: all kernels of glmkit)")
    kernels.add_argument(
        "--gpu", choices=["wait", "cpu", "fail"], default="wait", help="action if no GPU is free (default: wait)"
    )
    kernels.add_argument(
        "--wait", type=above_zero, default=3600.0, metavar="SECONDS", help="longest wait for a GPU (default: 3600)"
    )
    kernels.add_argument("--memory", type=above_zero, metavar="GIB", help="memory limit of a kernel (default: no limit)")
    kernels.add_argument("--prefix", metavar="FOLDER", help="environment of the kernels (default: this one)")
    kernels.set_defaults(call=_kernels)


def _kernels(chosen: argparse.Namespace) -> int:
    from glmkit.studies.kernels import kernelspecs

    if chosen.names and chosen.what != "remove":
        raise BadInput(f"glmkit kernels {chosen.what} takes no names, got {chosen.names[0]!r}.")
    if chosen.what == "remove":
        removed = kernelspecs.remove(chosen.names, chosen.prefix)
        print(f"removed: {', '.join(removed)}" if removed else "There are no kernels of glmkit to remove.")
        return 0
    if chosen.what == "install":
        settings = kernelspecs.Settings(if_busy=chosen.gpu, wait_seconds=chosen.wait, memory_gib=chosen.memory)
        kernelspecs.install(settings, chosen.prefix)
    print(kernelspecs.describe(chosen.prefix))
    return 0
