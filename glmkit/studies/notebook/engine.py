"""The papermill engine ``glmkit``, with a correct record of every cell.

The default engine marks cells that never ran as completed when a kernel dies, writes its output in place, and leaves the kernel
running on SIGTERM. This one marks the cell in which the kernel died as failed and leaves the rest pending. It writes files
atomically, and ends the kernel with all its processes. On SIGTERM or Ctrl-C the kernel is interrupted, so that a training can
write its checkpoint, and is killed after a grace period of a few seconds.

It can be used with plain papermill: ``papermill --engine glmkit in.ipynb out.ipynb -p steps 3``, through
:mod:`glmkit.studies.notebook.entry`.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from papermill import iorw
from papermill.engines import Engine, NotebookExecutionManager

from glmkit.errors import BadInput
from glmkit.files import write_text
from glmkit.studies.files.notebook_file import is_identifier
from glmkit.studies.kernels import kernel
from glmkit.studies.notebook.client import Client

GRACE = 5.0  # seconds between the interrupt and the kill


class AtomicHandler(iorw.LocalHandler):
    """Papermill's local files, written atomically."""

    def write(self, buf: str, path: str) -> None:
        """Write `buf` to `path` through a temporary file."""
        write_text(Path(self._cwd or ".") / path, buf)


class TruthfulManager(NotebookExecutionManager):
    """Papermill's record of an execution, in which cells that never ran stay pending."""

    def notebook_complete(self, **kwargs: Any) -> None:
        """Note the end of the notebook and save it; a cell that never ran stays ``pending``."""
        self.end_time = self.now()
        record = self.nb.metadata.papermill
        record["end_time"] = self.end_time.isoformat()
        record["duration"] = (self.end_time - self.start_time).total_seconds()
        whole = all(cell.metadata.papermill["status"] == self.COMPLETED for cell in self.nb.cells)
        record["exception"] = not whole
        if whole:
            self.complete_pbar()
        self.cleanup_pbar()
        self.save()


class GlmkitEngine(Engine):
    """The engine as papermill calls it."""

    @classmethod
    def execute_notebook(
        cls,
        nb: Any,
        kernel_name: str,
        output_path: str | None = None,
        progress_bar: bool | dict[str, Any] = True,
        log_output: bool = False,
        autosave_cell_every: int = 30,
        **options: Any,
    ) -> Any:
        """Execute `nb` and return it, with a correct record even after a failure.

        Parameters
        ----------
        nb
            The notebook, its parameters injected.
        kernel_name
            Name of the kernel.
        output_path
            Path to which it is saved after each cell; None saves nothing.
        progress_bar, log_output, autosave_cell_every
            As in papermill.
        **options
            ``log_path``, ``grace`` (seconds), ``minutes``, ``execution_timeout`` (seconds a cell), ``start_timeout``.
        """
        injected = nb.metadata.get("papermill", {}).get("parameters", {})
        if strange := [name for name in injected if not is_identifier(name)]:
            raise BadInput(f"{strange[0]!r} is not the name of a parameter (letters, digits and '_' only).")
        _write_atomically()
        manager = TruthfulManager(nb, output_path, log_output, progress_bar, autosave_cell_every)
        manager.notebook_start()
        try:
            cls.execute_managed_notebook(manager, kernel_name, **options)
        finally:
            manager.cleanup_pbar()
            manager.notebook_complete()
        return manager.nb

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: TruthfulManager,
        kernel_name: str,
        log_path: str | None = None,
        grace: float = GRACE,
        minutes: float | None = None,
        execution_timeout: float | None = None,
        start_timeout: int = 60,
        **unused: Any,
    ) -> None:
        """Run the cells of a notebook that papermill has prepared; the options are those of :meth:`execute_notebook`."""
        with contextlib.ExitStack() as stack:
            log = stack.enter_context(open(log_path, "a", encoding="utf-8")) if log_path else None
            _to_its_end(
                lambda: Client(
                    nb_man,
                    log,
                    grace,
                    minutes,
                    execution_timeout,
                    kernel_name=kernel_name or kernel.DEFAULT,
                    startup_timeout=start_timeout,
                ).run()
            )


def _to_its_end(make: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine here, or in a thread if a loop runs here already (papermill called from a notebook)."""

    async def made() -> None:
        await make()

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(made())
        return
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, made()).result()


def _write_atomically() -> None:
    """Replace papermill's file handler by :class:`AtomicHandler`; papermill has no option for this."""
    handlers = iorw.papermill_io._handlers
    iorw.papermill_io._handlers = [
        (scheme, AtomicHandler() if type(handler) is iorw.LocalHandler else handler) for scheme, handler in handlers
    ]
