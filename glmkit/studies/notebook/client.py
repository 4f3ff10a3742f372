"""Execution of the cells of one notebook in one kernel, with a certain end.

After any failure the record names the cell in which it happened, and no process that the kernel started is left.
"""

import asyncio
import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from typing import IO, Any

import nbformat
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from glmkit.errors import GlmkitError, Interrupted, ResourceError, Terminated
from glmkit.studies.files.notebook_file import cell_number
from glmkit.studies.kernels import kernel, processes
from glmkit.studies.notebook.output_cap import CappedClient


class Client(CappedClient):
    """Runs the cells of a notebook.

    Parameters
    ----------
    manager
        Papermill's record of the execution.
    log
        Open text file for all text that the cells print; None for none.
    grace
        Seconds between the interrupt and the kill after a termination signal.
    minutes, cell_seconds
        Longest run time of the notebook, in minutes, and of one cell, in seconds; None for no limit.
    **options
        Options of ``nbclient.NotebookClient``.
    """

    def __init__(
        self,
        manager: Any,
        log: IO[str] | None,
        grace: float,
        minutes: float | None,
        cell_seconds: float | None,
        **options: Any,
    ) -> None:
        self.deadline = time.monotonic() + 60 * minutes if minutes else None
        self.cell_seconds, self.grace = cell_seconds, grace
        super().__init__(manager.nb, log_file=log, timeout_func=self._seconds_left, **options)
        self.nb_man = manager
        self.stopped_by: int | None = None
        self._pid: int | None = None
        self._idle = asyncio.Event()
        self._winding_down: asyncio.Task[None] | None = None
        self._starting: asyncio.Task[None] | None = None

    def _seconds_left(self, cell: Any) -> float | None:
        left = [self.cell_seconds] if self.cell_seconds else []
        left += [max(0.01, self.deadline - time.monotonic())] if self.deadline else []
        return min(left, default=None)

    async def run(self) -> None:
        """Start the kernel, run every cell, and end the kernel with all processes that it started.

        Raises
        ------
        Interrupted, Terminated
            A signal requested the end.
        ResourceError
            The kernel was killed or did not start, or a time limit was exceeded.
        GlmkitError
            The kernel crashed.
        """
        self.reset_execution_trackers()
        self.km, folder = kernel.make_manager(self.kernel_name)
        with open(folder / "raw.txt", "w+b") as raw, self._signals():
            try:
                await self._start(raw)
                await self._cells()
                self.set_widgets_metadata()
            finally:
                await self._end()
                raw.seek(0)
                self.write_log(raw.read(1 << 20).decode(errors="replace"))
                kernel.remove(folder)
        self._raise_if_stopped()

    async def _start(self, raw: IO[bytes]) -> None:
        try:
            self._starting = asyncio.ensure_future(self.async_start_new_kernel(**kernel.launch_options(raw)))
            await self._starting
            self._pid = self.km.provisioner.process.pid
            await self.async_start_new_kernel_client()
        except asyncio.CancelledError:
            self._raise_if_stopped()
            raise
        except (RuntimeError, OSError) as error:
            self._raise_if_stopped()
            raw.seek(0)
            said = raw.read().decode(errors="replace").strip().splitlines()[-1:]
            raise ResourceError(f"The kernel {self.kernel_name!r} did not start ({' '.join(said) or error}).") from error
        self._raise_if_stopped()
        reply = await self.async_wait_for_reply(self.kc.kernel_info())
        if reply:
            self.nb.metadata["language_info"] = reply["content"]["language_info"]

    async def _cells(self) -> None:
        for index, cell in enumerate(self.nb.cells):
            self.nb_man.cell_start(cell, index)
            try:
                await self.async_execute_cell(cell, index)
            except CellExecutionError as error:
                self.nb_man.cell_exception(cell, cell_index=index, exception=error)
                break
            except DeadKernelError as error:
                self.nb_man.cell_exception(cell, cell_index=index, exception=error)
                self._raise_if_stopped()
                self._fail(cell, "KernelDied", _how_it_died(self._returncode(), cell_number(self.nb.cells, index)))
            except CellTimeoutError as error:
                self.nb_man.cell_exception(cell, cell_index=index, exception=error)
                number = cell_number(self.nb.cells, index)
                limit = "minutes" if self.deadline and time.monotonic() >= self.deadline else "cell_minutes"
                self._fail(
                    cell,
                    "TimeLimit",
                    ResourceError(f"Cell {number} was stopped by the study's time limit ({limit}). Raise it, or do less."),
                )
            except BaseException as error:
                self.nb_man.cell_exception(cell, cell_index=index, exception=error)
                raise
            finally:
                self.end_of_cell(cell)
                if self.stopped_by is not None:
                    self.nb_man.cell_exception(cell, cell_index=index)
                self._idle.set()
                self.nb_man.cell_complete(cell, cell_index=index)
                self._idle.clear()
            self._raise_if_stopped()
        self._idle.set()

    def _fail(self, cell: Any, name: str, error: GlmkitError) -> None:
        cell.outputs.append(nbformat.v4.new_output("error", ename=name, evalue=str(error), traceback=[f"{name}: {error}"]))
        raise error

    def _returncode(self) -> int | None:
        process = getattr(self.km.provisioner, "process", None) if self.km else None
        return process.poll() if process else None

    def _raise_if_stopped(self) -> None:
        if self.stopped_by == signal.SIGTERM:
            raise Terminated("Stopped by SIGTERM.")
        if self.stopped_by is not None:
            raise Interrupted("Stopped by Ctrl-C.")

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """End the kernel in good order on SIGTERM and SIGINT; the previous handlers are restored afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        for number in before:
            loop.add_signal_handler(number, self.stop, int(number))
        try:
            yield
        finally:
            for number, handler in before.items():
                loop.remove_signal_handler(number)
                signal.signal(number, handler)

    def stop(self, number: int) -> None:
        """Request the end: with a grace period the first time, at once the second time."""
        first = self.stopped_by is None
        self.stopped_by = self.stopped_by or number
        if first and self.kc is not None:
            self._winding_down = asyncio.ensure_future(self._wind_down())
        elif self._starting is not None and not self._starting.done() and not self.km.has_kernel:
            self._starting.cancel()  # it waits for a GPU
        else:
            self._kill()

    async def _wind_down(self) -> None:
        with contextlib.suppress(RuntimeError, OSError):
            await self.km.interrupt_kernel()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), self.grace)
            return
        self._kill()

    def _kill(self) -> None:
        if self._pid is not None:
            processes.kill_all(processes.family(self._pid))

    async def _end(self) -> None:
        """Shut the kernel down, by request if nothing went wrong, and kill the processes that it left."""
        if self._winding_down:
            self._winding_down.cancel()
        try:
            if self.stopped_by is not None:
                self._kill()
            elif self.km is not None and self.km.has_kernel and await self.km.is_alive():
                await asyncio.wait_for(self.km.shutdown_kernel(now=not self._idle.is_set()), 15)
        except (RuntimeError, OSError, TimeoutError):
            pass  # the kill below ends what the request did not
        finally:
            self._kill()
            if self.kc is not None:
                self.kc.stop_channels()
            if self.km is not None:
                with contextlib.suppress(RuntimeError, OSError):
                    await self.km.cleanup_resources()


def _how_it_died(code: int | None, cell: int) -> GlmkitError:
    where = f"The kernel died in cell {cell}"
    if code == -signal.SIGKILL:
        return ResourceError(
            f"{where}: killed by signal 9. If no user killed it, the machine ran out of memory: reduce the batch size or the data."
        )
    if code is not None and code < 0:
        return GlmkitError(f"{where}: {signal.Signals(-code).name}. See the end of the stage's log.")
    return GlmkitError(f"{where} with exit code {code}. See the end of the stage's log.")
