"""Several trainings of one stage, one after another: one log, one table, one history."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from glmkit.errors import BadInput
from glmkit.train.loop._fit import FitResult

Log = Callable[..., None]


class TrainingSeries:
    """Collects the metrics and results of several trainings.

    Parameters
    ----------
    run_log
        ``StageRun.log`` or a function of the same form. Names of metrics are prefixed by the training they belong to.
    monitor
        A ``TrainingMonitor``, which draws all trainings along one axis; None for none.

    Examples
    --------
    A training of three steps is made up here; a notebook has it from `fit`.

    >>> lines = []
    >>> series = TrainingSeries(lambda step, **metrics: lines.append((step, metrics)))
    >>> for seed in (0, 1):
    ...     log = series.log(network="pretrained", seed=seed)
    ...     log(3, loss=0.5)
    ...     history = pd.DataFrame({"step": [3], "loss": [0.5], "validation_loss": [0.6]})
    ...     result = FitResult(3, "finished", 0.6, 3, 1.0, 300, "float32", history, None)
    ...     series.add(result)
    >>> lines[1]
    (6, {'pretrained_seed1/loss': 0.5})
    >>> series.table[["network", "seed", "steps", "validation loss"]]
          network  seed  steps  validation loss
    0  pretrained     0      3              0.6
    1  pretrained     1      3              0.6
    """

    def __init__(self, run_log: Log, monitor: Any = None) -> None:
        self._run_log, self._monitor = run_log, monitor
        self._labels: dict[str, Any] = {}
        self._offset = 0
        self._rows: list[dict[str, Any]] = []
        self._histories: list[pd.DataFrame] = []

    def log(self, **labels: str | int) -> Log:
        """Log function of the next training, for ``fit(log=...)``.

        Parameters
        ----------
        **labels
            What distinguishes this training, such as ``network`` and ``seed``; columns of `table` and `history`.

        Returns
        -------
        callable
            Takes a step and metrics by name.
        """
        self._labels, offset = labels, self._offset
        prefix = "_".join(f"seed{value}" if name == "seed" else str(value) for name, value in labels.items())

        def log(step: int, **metrics: float) -> None:
            """Log at the step counted from the start of the series."""
            if self._monitor is not None:
                self._monitor.log(offset + step, **metrics)
            self._run_log(offset + step, **{f"{prefix}/{name}": value for name, value in metrics.items()})

        return log

    def add(self, result: FitResult) -> None:
        """Add the result of the training whose log was made last.

        Parameters
        ----------
        result
            What `fit` returned.

        Raises
        ------
        KeyboardInterrupt
            The training was stopped on request, so the trainings after it shall not run.
        """
        if result.reason == "stopped":
            self.finish("stopped")
            raise KeyboardInterrupt("Stopped on request. Run this cell again to continue from the last checkpoint.")
        last = result.history.dropna(subset="validation_loss").iloc[-1]
        scores = {name.replace("_", " "): last[name] for name in ("validation_loss", "validation_accuracy") if name in last}
        self._rows.append(self._labels | {"steps": result.steps, "seconds": result.seconds} | scores)
        self._histories.append(result.history.assign(**self._labels))
        self._offset += result.steps

    def finish(self, reason: str = "finished") -> None:
        """Tell the monitor that no training follows.

        Parameters
        ----------
        reason
            Word shown by the monitor.
        """
        if self._monitor is not None:
            self._monitor.finish(reason)

    @property
    def table(self) -> pd.DataFrame:
        """One row a training: its labels, steps, seconds, and last validation metrics."""
        return pd.DataFrame(self._rows)

    @property
    def history(self) -> pd.DataFrame:
        """Histories of all trainings, one row a log line, with the labels as columns."""
        if not self._histories:
            raise BadInput("No training has been added yet.")
        return pd.concat(self._histories)
