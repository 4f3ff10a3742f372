"""The training monitor: it shows the metrics of a loop in the browser, and passes a stop request back to the loop.

A training cell occupies the kernel's main thread, but a click on *Stop* must reach Python. JupyterLab sends the messages of widgets
to a *subshell*, a separate thread of the kernel (JupyterLab 4.4 with ipykernel 7, on by default). This thread only sets a flag.
Everything else happens on the loop's thread, in calls of `log` and `stop_requested`. No trait is therefore written by two threads,
and the button shows "stopping" only after the loop has received the request. In a front end without subshells, the click arrives
after the end of the cell. The view then reports that there was no reply and refers to the interrupt button.

Without a live front end (papermill, nbconvert, a static web page) the cell output is a picture. It is refreshed regularly and at the
end, so that a killed run still shows its progress.
"""

import base64
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import anywidget
import traitlets
from IPython import get_ipython
from IPython.display import display, update_display

from glmkit.errors import BadInput
from glmkit_widgets.assets import join_modules
from glmkit_widgets.subshell import listen_on_subshell
from glmkit_widgets.throttle import Throttle
from glmkit_widgets.training_monitor.progress import Progress, checked

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_HERE = Path(__file__).parent
_WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
# Reasons for the end of a run, as in `FitResult.reason`, and the resulting status.
ENDINGS = {"finished": "finished", "early stopping": "finished", "minutes": "finished", "stopped": "stopped", "failed": "failed"}
RUNNING = ("training", "stopping")
_MESSAGES_EVERY = 0.2  # seconds between two messages while a view is connected
_UNWATCHED_EVERY = 1.0  # seconds between two messages before a view has connected
_PICTURE_EVERY = 30.0  # seconds between two pictures without a connected view


class TrainingMonitor(anywidget.AnyWidget):
    """Live view of a training loop, with a button that stops the loop at its next checkpoint.

    Parameters
    ----------
    total_steps : int
        Number of steps of the run, for the axis and the progress bar; 0 if unknown.
    title : str
        Heading of the view.
    height : int
        Height of the chart in CSS pixels, 120 to 1200.

    Raises
    ------
    traitlets.TraitError
        If a parameter has a wrong type or is out of range.

    Examples
    --------
    >>> with TrainingMonitor(total_steps=3) as monitor:
    ...     for step, loss in enumerate([2.0, 1.5, 1.25], start=1):
    ...         monitor.log(step, loss=loss)
    ...         if monitor.stop_requested():
    ...             break
    >>> monitor.summary()
    'finished, step 3 of 3, loss 1.25'

    `fit` calls both functions by itself: ``fit(..., log=monitor.log, stop=monitor.stop_requested)``.
    """

    _esm = join_modules(_HERE, "geometry.js", "format.js", "chart.js", "view.js")
    _css = _HERE / "view.css"

    title = traitlets.Unicode("Training").tag(sync=True)
    total_steps = traitlets.Int(0).tag(sync=True)
    height = traitlets.Int(240).tag(sync=True)
    status = traitlets.Enum(["waiting", "training", "stopping", "stopped", "finished", "failed"], "waiting").tag(sync=True)
    detail = traitlets.Unicode("").tag(sync=True)  # reason for the end of the run
    numbers = traitlets.Dict().tag(sync=True)  # latest value of every metric; NaN and infinity as text
    train = traitlets.Bytes(b"").tag(sync=True)  # Curve.table() as little-endian float64, row after row
    validation = traitlets.Bytes(b"").tag(sync=True)
    run = traitlets.Int(0).tag(sync=True)  # number of the run, so that a late click cannot stop the next run
    watched = traitlets.Bool(False).tag(sync=True)  # confirms the view's first message

    def __init__(self, *, total_steps: int = 0, title: str = "Training", height: int = 240) -> None:
        super().__init__(total_steps=total_steps, title=title, height=height)
        self._clicked, self._greeted = threading.Event(), threading.Event()
        self._display_id = uuid.uuid4().hex
        self._displayed = False
        self._start_afresh()
        self.on_msg(self._receive)
        listen_on_subshell(self)

    @traitlets.validate("total_steps")
    def _check_total_steps(self, proposal: Any) -> int:
        if proposal["value"] < 0:
            raise traitlets.TraitError(f"total_steps: expected 0 (unknown) or more, got {proposal['value']}")
        return proposal["value"]

    @traitlets.validate("height")
    def _check_height(self, proposal: Any) -> int:
        if not 120 <= proposal["value"] <= 1200:
            raise traitlets.TraitError(f"height: expected 120 to 1200 CSS pixels, got {proposal['value']}")
        return proposal["value"]

    # --- called by the loop --------------------------------------------------------------------------------------

    def log(self, step: int, **metrics: float) -> None:
        """Record the metrics of one step; the cost is low enough for every step.

        Parameters
        ----------
        step : int
            Step of the optimiser. A step at or before the last one removes later points first, as in a resumed run.
        **metrics : float
            Metrics by name. `loss` (training) and `validation_loss`, in nats per scored position, are drawn. All others are shown
            as numbers, such as `tokens_per_second`, `memory_gb`, `eta_seconds`, `learning_rate` and `gradient_norm`. NaN and
            infinity are drawn as marked gaps.

        Raises
        ------
        BadInput
            If `step` is not a whole number of 0 or more, or a metric is not a number.
        """
        values = checked(step, metrics)
        if self.status not in RUNNING:
            self._start_afresh()
            self.status = "training"
        self._progress.add(step, values)
        self._see_click()
        if self._messages.ready():
            self._publish()

    def tee(self, log: Callable[..., None]) -> Callable[..., None]:
        """Combine the monitor's `log` with another function.

        Parameters
        ----------
        log : Callable
            Function `log(step, **metrics)`, such as that of a stage. It is called first, so that the record does not depend on
            the display.

        Returns
        -------
        Callable
            Function that calls both.
        """

        def both(step: int, **metrics: float) -> None:
            """Call the other function, then update the display."""
            log(step, **metrics)
            self.log(step, **metrics)

        return both

    def stop_requested(self) -> bool:
        """Return whether *Stop* was clicked; the loop calls it at every step.

        Returns
        -------
        bool
            True from the click until the end of the run.
        """
        self._see_click()
        return self._clicked.is_set()

    def finish(self, reason: str = "finished", detail: str = "") -> None:
        """Show that the run has ended and leave a picture in the cell's output.

        Parameters
        ----------
        reason : str
            "finished", "early stopping", "minutes", "stopped" or "failed", as in `FitResult.reason`.
        detail : str
            Additional text, such as the message of an error.

        Raises
        ------
        BadInput
            If `reason` has another value.
        """
        if reason not in ENDINGS:
            raise BadInput(f"finish: expected a reason in {sorted(ENDINGS)}, got {reason!r}; put other text into detail=")
        self.status = ENDINGS[reason]
        self.detail = detail or {"early stopping": "no further improvement", "minutes": "time limit reached"}.get(reason, "")
        self._clicked.clear()
        self._publish()
        self._refresh_output(alone=not self._greeted.is_set())

    def __enter__(self) -> Self:
        """Show the monitor, unless it is displayed already; the end of the block ends the run."""
        if not self._displayed and get_ipython() is not None:
            display(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End the run: failed after an error, stopped after an interrupt or a click, else finished."""
        if isinstance(error, KeyboardInterrupt):
            self.finish("stopped", "interrupted")
        elif kind is not None:
            self.finish("failed", f"{kind.__name__}: {error}")
        elif self.status in ("waiting", *RUNNING):
            self.finish("stopped" if self._clicked.is_set() else "finished")

    # --- output --------------------------------------------------------------------------------------------------

    def picture(self) -> "Figure":
        """Draw the present curves.

        Returns
        -------
        matplotlib.figure.Figure
            Figure for a report or a file; it is not registered in pyplot.
        """
        from glmkit_widgets.training_monitor.picture import draw  # here, because matplotlib is slow to import

        last = self.total_steps if self.status in ("waiting", *RUNNING) else 0
        tables = self._progress.train.table(), self._progress.validation.table()
        return draw(*tables, title=self.title, subtitle=self.summary(), last_step=last)

    def summary(self) -> str:
        """Return the state of the run as one line.

        Returns
        -------
        str
            Status, step, last loss and best validation loss.
        """
        words = f"{self.status}, {self._progress.words(self.total_steps)}"
        return words + (f" ({self.detail})" if self.detail else "")

    def __repr__(self) -> str:
        """Return the class name and the summary."""
        return f"TrainingMonitor({self.summary()})"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        """Return the live view, and the picture and the summary for front ends without widgets."""
        data, metadata = self._still()
        data[_WIDGET_VIEW] = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        return data, metadata

    def _ipython_display_(self, **kwargs: Any) -> None:
        """Display under a fixed id, so that the end of the run can update every output that shows the monitor."""
        self._displayed = True
        data, metadata = self._repr_mimebundle_()
        display(data, metadata=metadata, raw=True, display_id=self._display_id)

    def _still(self) -> tuple[dict, dict]:
        """Return the picture and the summary as a MIME bundle with metadata; before the first step only the summary."""
        if not len(self._progress.train) and not len(self._progress.validation):
            return {"text/plain": repr(self)}, {}
        from glmkit_widgets.training_monitor.picture import png

        image, width, height = png(self.picture())
        data = {"text/plain": repr(self), "image/png": base64.b64encode(image).decode("ascii")}
        return data, {"image/png": {"width": width, "height": height}}

    def _refresh_output(self, *, alone: bool) -> None:
        """Write the present picture into the outputs that show this monitor, `alone` or with the live view.

        After a run without a connected view, only the picture is kept. nbconvert would prefer a widget with a saved state to the
        picture, and would show nothing offline. Before the end the live view is kept, because a front end without subshells
        cannot report that it is connected.
        """
        if self._displayed:
            data, metadata = self._still() if alone else self._repr_mimebundle_()
            update_display(data, metadata=metadata, raw=True, display_id=self._display_id)

    # --- internal ------------------------------------------------------------------------------------------------

    def _start_afresh(self) -> None:
        """Reset the state for a new run."""
        self._progress = Progress()
        self.run += 1
        self._clicked.clear()
        self._messages, self._pictures = Throttle(_UNWATCHED_EVERY), Throttle(_PICTURE_EVERY)
        self._pictures.restart()
        self.detail = ""

    def _receive(self, _widget: Any, content: Any, _buffers: Any) -> None:
        """Handle a message of the view; it runs on a subshell's thread and therefore only sets flags."""
        kind = content.get("type") if isinstance(content, dict) else None
        if kind == "stop" and content.get("run") == self.run and self.status in RUNNING:
            self._clicked.set()
        elif kind == "watching":
            self._greeted.set()

    def _see_click(self) -> None:
        """Set the status that confirms a click; it runs on the loop's thread."""
        if self._clicked.is_set() and self.status == "training":
            self.status = "stopping"

    def _publish(self) -> None:
        """Send the numbers and the curves to the browser."""
        self.watched = watched = self._greeted.is_set()
        self._messages.interval = _MESSAGES_EVERY if watched else _UNWATCHED_EVERY
        with self.hold_sync():
            self.numbers = self._progress.numbers()
            self.train = self._progress.train.table().astype("<f8").tobytes()
            self.validation = self._progress.validation.table().astype("<f8").tobytes()
        if not watched and self._pictures.ready():
            self._refresh_output(alone=False)
