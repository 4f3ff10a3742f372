"""Load of the machine during a stage, as MLflow's system metrics: processor, memory, GPUs.

A thread samples the values every ten seconds and sends them under the names used by MLflow's interface (``system/…``). They are not
stored elsewhere, and values that the store does not accept at once are dropped.
"""

import contextlib
import re
import shutil
import threading
import time
from types import TracebackType

import psutil

from glmkit.studies.kernels import gpus
from glmkit.studies.tracking import store

INTERVAL = 10.0  # seconds
_FIRST = 2.0  # seconds until the first sample, so that short stages have one
_GPU = ("--query-gpu=index,memory.used,utilization.gpu", "--format=csv,noheader,nounits")


class SystemMetrics:
    """Context manager that sends system metrics to an MLflow run.

    Parameters
    ----------
    run_id
        Id of the MLflow run; "" sends none.
    interval
        Seconds between two samples.
    """

    def __init__(self, run_id: str, interval: float = INTERVAL) -> None:
        self.run_id, self.interval = run_id, interval
        self._stop = threading.Event()

    def __enter__(self) -> "SystemMetrics":
        if self.run_id:
            psutil.cpu_percent()  # each call measures the load since the previous call
            threading.Thread(target=self._follow, name="glmkit-system", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()

    def _follow(self) -> None:
        pause = min(_FIRST, self.interval)
        while not self._stop.wait(pause):
            pause = self.interval
            with contextlib.suppress(*store.store_errors()):
                self._send(sample())

    def _send(self, values: dict[str, float]) -> None:
        from mlflow.entities import Metric

        now = time.time()
        metrics = [Metric(f"system/{name}", value, int(1000 * now), int(now)) for name, value in values.items()]
        if not self._stop.is_set():
            store.client().log_batch(self.run_id, metrics=metrics)


def sample() -> dict[str, float]:
    """Sample processor load, memory of the machine, of this process and its descendants, and of the GPUs; percent and MB."""
    memory = psutil.virtual_memory()
    values = {
        "cpu_utilization_percentage": psutil.cpu_percent(),
        "system_memory_usage_percentage": memory.percent,
        "system_memory_usage_megabytes": memory.used / 1e6,
        "stage_memory_usage_megabytes": _own_memory() / 1e6,
    }
    output = gpus.nvidia_smi(*_GPU) if shutil.which("nvidia-smi") else ""
    for index, used, load in re.findall(r"^(\d+), (\d+), (\d+)", output, re.MULTILINE):
        values |= {
            f"gpu_{index}_memory_usage_megabytes": int(used) * 1.048576,
            f"gpu_{index}_utilization_percentage": float(load),
        }
    return values


def _own_memory() -> int:
    total, me = 0, psutil.Process()
    for process in (me, *me.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            total += process.memory_info().rss
    return total
