"""Forwarding of ``metrics.jsonl`` to MLflow in a thread, independent of the training.

The training appends lines to a file. A thread follows this file and sends new lines about once a second. The byte offset of the
sent part is kept in a file, so that memory use does not grow while the store is unavailable. A locked or unreachable store only
delays the offset. A resumed stage logs the steps since its checkpoint again. MLflow keeps one value per step, so that steps up to
the last sent step of a metric are skipped.

A new MLflow run does not send the lines of an earlier attempt at first. They belong to its history only if the stage resumes,
which is known after its first logged line; a stage that starts over renames the old file.
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
_BATCH = 1000  # maximum number of metrics in one call of MLflow
_SAVE_EVERY = 5.0  # seconds between two writes of the offset; after a kill, MLflow drops the exact repeats
STATE = ".forwarded.json"


class Forwarder:
    """Context manager that forwards the ``metrics.jsonl`` of a stage to an MLflow run.

    Parameters
    ----------
    stage_folder
        Folder of the stage, in which ``metrics.jsonl`` may not exist yet.
    mlflow_run_id
        Id of the MLflow run; "" forwards nothing.
    interval
        Seconds between two polls of the file.
    patience
        Longest wait for a locked database at the end, in seconds.
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
        """Start the thread, at the offset where an earlier forwarder of the same run stopped."""
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
        """Send the remaining lines and end the thread; wait up to `patience` seconds for a locked database."""
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
            late = f"MLflow did not accept the last metrics in time. They are in {self.path}, from byte {self._offset:,} on."
            store.warn_once(late, about=str(self.path))
        self._save()

    def _follow(self) -> None:
        pause = self.interval
        while not self._stop.wait(pause):
            pause = self.interval if self._forward() else min(2 * pause, 10.0)

    def _forward(self) -> bool:
        """Send all new lines; False if the store is unavailable, with one warning."""
        try:
            while self._send_chunk():
                if time.monotonic() - self._saved_at > _SAVE_EVERY:
                    self._save()
        except store.store_errors() as error:
            self._error = error
            store.warn_once(
                f"MLflow does not accept metrics at present ({store.in_short(error)}). Training continues; "
                f"{self.path} is complete and is sent as soon as MLflow is available.",
                about=store.in_short(error),
            )
            return False
        self._error = None
        return True

    def _send_chunk(self) -> bool:
        """Send the next part of the file; False if there are no new lines."""
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
        """Complete lines after the offset, about 1 MB, and the offset after them."""
        found = self._stat()
        if found is None or found == self._held:
            return [], self._offset
        self._held = None
        inode, size = found
        if inode != self._inode or size < self._offset:  # a new file with this name: the stage started over
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
