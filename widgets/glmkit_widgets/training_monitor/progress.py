"""What is known of one run: its curves, the latest value of every metric, the best validation, the time."""

import math
from numbers import Integral
from time import monotonic

from glmkit.errors import BadInput
from glmkit_widgets.training_monitor.curve import Curve


class Progress:
    """The record of one run that the monitor shows; it knows nothing of widgets.

    Attributes
    ----------
    train, validation : Curve
        The two losses against the step.
    step : int
        The last step.
    latest : dict
        The last value of every metric.
    best : tuple or None
        Lowest validation loss and its step.
    nonfinite_step : int or None
        The last step whose loss was NaN or infinite.
    """

    def __init__(self) -> None:
        self.train, self.validation = Curve(), Curve()
        self.step = 0
        self.latest: dict[str, float] = {}
        self.best: tuple[float, int] | None = None
        self.nonfinite_step: int | None = None
        self._started = monotonic()

    def add(self, step: int, values: dict[str, float]) -> None:
        """Take the metrics of one step.

        Parameters
        ----------
        step : int
            The optimiser's step.
        values : dict
            What `checked` has let through.
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
        """Return the latest values in a form that JSON can hold.

        Returns
        -------
        dict
            Every metric, NaN and infinity as text, and `step`, `elapsed_seconds`, `best_validation`, `best_step`,
            `nonfinite_step` (None where there is none).
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
        """Say in one line where the run stands.

        Parameters
        ----------
        total_steps : int
            Steps the run will take; 0 if unknown.

        Returns
        -------
        str
            Step, last loss, best validation.
        """
        words = [f"step {self.step:,}" + (f" of {total_steps:,}" if total_steps else "")]
        if "loss" in self.latest:
            words.append(f"loss {self.latest['loss']:.4g}")
        if self.best is not None:
            words.append(f"best validation {self.best[0]:.4g} at step {self.best[1]:,}")
        return ", ".join(words)


def checked(step: int, metrics: dict[str, float]) -> dict[str, float]:
    """Return the metrics as floats; scalars of numpy and torch are welcome.

    Parameters
    ----------
    step : int
        The step, 0 or more.
    metrics : dict
        A number for each name.

    Returns
    -------
    dict
        The same names, plain floats.

    Raises
    ------
    BadInput
        If the step is not a whole number from 0 on or a metric is not one number.
    """
    if isinstance(step, bool) or not isinstance(step, Integral) or step < 0:
        raise BadInput(f"log: expected step to be a whole number from 0 on, got {step!r} ({type(step).__name__})")
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
