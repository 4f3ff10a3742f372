"""State of one run: curves, latest value of each metric, best validation loss, elapsed time."""

import math
from numbers import Integral
from time import monotonic

from glmkit.errors import BadInput
from glmkit_widgets.training_monitor.curve import Curve


class Progress:
    """State of one run, independent of the widget.

    Attributes
    ----------
    train, validation : Curve
        Training and validation loss by step.
    step : int
        Last step.
    latest : dict
        Last value of each metric.
    best : tuple or None
        Lowest validation loss and its step.
    nonfinite_step : int or None
        Last step with a training loss of NaN or infinity.
    """

    def __init__(self) -> None:
        self.train, self.validation = Curve(), Curve()
        self.step = 0
        self.latest: dict[str, float] = {}
        self.best: tuple[float, int] | None = None
        self.nonfinite_step: int | None = None
        self._started = monotonic()

    def add(self, step: int, values: dict[str, float]) -> None:
        """Add the metrics of one step.

        Parameters
        ----------
        step : int
            Step of the optimiser.
        values : dict
            Metrics by name, as returned by `checked`.
        """
        self.step = int(step)
        self.latest.update(values)
        if "loss" in values:
            self.train.add(self.step, values["loss"])
            if not math.isfinite(values["loss"]):
                self.nonfinite_step = self.step
        if "validation_loss" in values:
            loss = values["validation_loss"]
            self.validation.add(self.step, loss)
            if math.isfinite(loss) and (self.best is None or loss < self.best[0]):
                self.best = (loss, self.step)

    def numbers(self) -> dict[str, float | str | None]:
        """Return the latest values in a form that JSON can represent.

        Returns
        -------
        dict
            All metrics, with NaN and infinity as text, and `step`, `elapsed_seconds`, `best_validation`, `best_step` and
            `nonfinite_step` (None if there is none).
        """
        shown: dict[str, float | str | None] = {
            name: value if math.isfinite(value) else str(value) for name, value in self.latest.items()
        }
        best, best_step = self.best or (None, None)
        return shown | {
            "step": self.step,
            "elapsed_seconds": round(monotonic() - self._started, 2),
            "best_validation": best,
            "best_step": best_step,
            "nonfinite_step": self.nonfinite_step,
        }

    def words(self, total_steps: int) -> str:
        """Return the state of the run as one line.

        Parameters
        ----------
        total_steps : int
            Number of steps of the run; 0 if unknown.

        Returns
        -------
        str
            Step, last loss and best validation loss.
        """
        words = [f"step {self.step:,}" + (f" of {total_steps:,}" if total_steps else "")]
        if "loss" in self.latest:
            words.append(f"loss {self.latest['loss']:.4g}")
        if self.best is not None:
            words.append(f"best validation {self.best[0]:.4g} at step {self.best[1]:,}")
        return ", ".join(words)


def checked(step: int, metrics: dict[str, float]) -> dict[str, float]:
    """Check a step and its metrics; scalars of numpy and torch are converted to floats.

    Parameters
    ----------
    step : int
        Step, 0 or more.
    metrics : dict
        Numbers by name.

    Returns
    -------
    dict
        Floats by name.

    Raises
    ------
    BadInput
        If `step` is not a whole number of 0 or more, or a metric is not a single number.
    """
    if isinstance(step, bool) or not isinstance(step, Integral) or step < 0:
        raise BadInput(f"log: expected step to be a whole number of 0 or more, got {step!r} ({type(step).__name__})")
    values = {}
    for name, value in metrics.items():
        try:
            if isinstance(value, str):
                raise TypeError("text")
            values[name] = float(value)
        except (TypeError, ValueError) as error:
            raise BadInput(
                f"log at step {step}: expected {name} to be one number, got {value!r} ({type(value).__name__})"
            ) from error
    return values
