"""``metrics.jsonl`` into MLflow, beside the training and never in its way.

The training appends lines to a file; a thread follows that file and sends what is new about once a second. What was sent is
known by the byte offset, kept next to the file, so nothing is held in memory however long the store is away: a store that is
locked or unreachable only lets the offset lag. A stage that resumes re-logs the steps since its checkpoint; one value a step
is kept, so a step at or below the last one sent of a metric is passed over.

A new MLflow run first holds back the lines that an earlier attempt left: they are the history of this run only if the
stage goes on from them, which is known when it logs its first line (a stage that starts over sets the old file aside).
"""

import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from glmkit.files import read_json, write_json
from glmkit.studies.files import record
from glmkit.studies.tracking import store
from glmkit.studies.tracking.runs import safe_name

_CHUNK = 1 << 20  # bytes read at a time
_BATCH = 1000  # metrics MLflow takes in one call
_SAVE_EVERY = 5.0  # seconds between two notes of the offset; MLflow itself drops the exact repeats a kill can cause
STATE = ".forwarded.json"


class Forwarder:
    """Follow a stage's ``metrics.jsonl`` into an MLflow run, from ``with`` to the end of its block.

    Parameters
    ----------
    stage_folder
        The folder that holds (or will hold) ``metrics.jsonl``.
    mlflow_run_id
        The run that takes the metrics; "" forwards nothing.
    interval
        Seconds between two looks at the file.
    patience
        Seconds that a locked database is waited for at the end.
    """

    def __init__(
        self, stage_folder: str | Path, mlflow_run_id: str, *, interval: float = 1.0, patience: float = store.PATIENCE
    ) -> None:
        self.path = Path(stage_folder) / record.METRICS
        self.run_id = mlflow_run_id
        self.interval = interval
        self.patience = patience
        self._state_path = self.path.with_name(STATE)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._offset, self._inode = 0, 0
        self._last_step: dict[str, int] = {}
        self._saved_at = 0.0
        self._error: Exception | None = None
        self._held: tuple[int, int] | None = None

    def __enter__(self) -> "Forwarder":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to follow the file, from where an earlier forwarder of the same run stopped."""
        if not self.run_id:
            return
        state = read_json(self._state_path) if self._state_path.exists() else {}
        if state.get("run") == self.run_id:
            self._offset, self._inode, self._last_step = state["offset"], state["inode"], state["last_step"]
        else:
            self._held = self._stat()
        self._thread = threading.Thread(target=self._follow, name="glmkit-forwarder", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Send what is left and end; a database locked by another process is waited for, up to `patience` seconds."""
        if self._thread is None:
            return
        self._stop.set()
        self._thread.join()
        self._thread = None
        self._held = None
        deadline = time.monotonic() + self.patience
        while not self._forward() and store.is_locked(self._error or OSError()) and time.monotonic() < deadline:
            time.sleep(0.5)
        if self._error is not None:
            late = f"MLflow did not take the last metrics in time. They are in {self.path}, from byte {self._offset:,} on."
            store.warn_once(late, about=str(self.path))
        self._save()

    def _follow(self) -> None:
        pause = self.interval
        while not self._stop.wait(pause):
            pause = self.interval if self._forward() else min(2 * pause, 10.0)

    def _forward(self) -> bool:
        """Send everything new; False if the store did not take it (said once)."""
        try:
            while self._send_chunk():
                if time.monotonic() - self._saved_at > _SAVE_EVERY:
                    self._save()
        except store.store_errors() as error:
            self._error = error
            store.warn_once(
                f"MLflow does not take metrics just now ({store.in_short(error)}). Training goes on; "
                f"{self.path} is complete and is sent as soon as MLflow answers.",
                about=store.in_short(error),
            )
            return False
        self._error = None
        return True

    def _send_chunk(self) -> bool:
        """Send the next piece of the file; False if there is none."""
        lines, offset = self._read()
        if not lines:
            return False
        last_step = dict(self._last_step)
        values: dict[tuple[str, int], tuple[float, float]] = {}
        for step, moment, metrics in record.parse_metrics(lines):
            for name, value in metrics.items():
                if step > last_step.get(name, -1):
                    values[name, step] = (value, moment)
        for name, step in values:
            last_step[name] = max(step, last_step.get(name, -1))
        self._log(values)
        self._offset, self._last_step = offset, last_step
        return True

    def _log(self, values: dict[tuple[str, int], tuple[float, float]]) -> None:
        from mlflow.entities import Metric

        metrics = [Metric(safe_name(name), value, int(moment * 1000), step) for (name, step), (value, moment) in values.items()]
        client = store.client()
        for first in range(0, len(metrics), _BATCH):
            client.log_batch(self.run_id, metrics=metrics[first : first + _BATCH])

    def _read(self) -> tuple[list[bytes], int]:
        """Whole lines after the offset, about 1 MB of them, and the offset after them."""
        found = self._stat()
        if found is None or found == self._held:
            return [], self._offset
        self._held = None
        inode, size = found
        if inode != self._inode or size < self._offset:  # another file under this name: the stage started over
            self._inode, self._offset = inode, 0
        with open(self.path, "rb") as file:
            file.seek(self._offset)
            lines = file.readlines(_CHUNK)
        if lines and not lines[-1].endswith(b"\n"):
            lines.pop()
        return lines, self._offset + sum(map(len, lines))

    def _stat(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_size

    def _save(self) -> None:
        state: dict[str, Any] = {"run": self.run_id, "offset": self._offset, "inode": self._inode, "last_step": self._last_step}
        write_json(self._state_path, state)
        self._saved_at = time.monotonic()
