"""The training monitor: what the loop logs goes out to every browser that watches, one click comes back.

A cell that trains keeps the kernel's main thread busy, yet the click on *Stop* has to reach it. JupyterLab sends the
messages of widgets to a *subshell* of the kernel, a thread of its own (JupyterLab 4.4 with ipykernel 7, on by
default). That thread does one thing here: it sets a flag. Everything else happens on the thread of the loop, when it calls
`log` or `stop_requested`, so no trait is ever written by two threads, and the button says "stopping" only once the
loop itself has seen the request. Where a front end has no subshells, the click arrives when the cell has ended; the
view then says that nobody answered and points to the interrupt button.

Where nobody watches (papermill, nbconvert, a notebook on a web page) the same cell output holds a picture, refreshed now
and then and at the end, so that a run that was killed still shows how far it came.
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
# How a run can end, as `fit` names it, and the status that each one becomes.
ENDINGS = {"finished": "finished", "early stopping": "finished", "minutes": "finished", "stopped": "stopped", "failed": "failed"}
RUNNING = ("training", "stopping")
_MESSAGES_EVERY = 0.2  # seconds between two messages while somebody watches
_UNWATCHED_EVERY = 1.0  # ... and while nobody has said so
_PICTURE_EVERY = 30.0  # seconds between two pictures while nobody watches


class TrainingMonitor(anywidget.AnyWidget):
    """Watch a training loop and stop it at its next checkpoint.

    Parameters
    ----------
    total_steps : int
        Steps the run will take, for the axis and the progress bar; 0 if unknown.
    title : str
        Heading.
    height : int
        Height of the chart in CSS pixels, 120 to 1200.

    Examples
    --------
    >>> with TrainingMonitor(total_steps=400) as monitor:
    ...     result = fit(model, store, objective, config, log=monitor.log, stop=monitor.stop_requested)
    ...     monitor.finish(result.reason)

    Raises
    ------
    traitlets.TraitError
        If a parameter has a wrong type or is out of its range.
    """

    _esm = join_modules(_HERE, "geometry.js", "format.js", "chart.js", "view.js")
    _css = _HERE / "view.css"

    title = traitlets.Unicode("Training").tag(sync=True)
    total_steps = traitlets.Int(0).tag(sync=True)
    height = traitlets.Int(240).tag(sync=True)
    status = traitlets.Enum(["waiting", "training", "stopping", "stopped", "finished", "failed"], "waiting").tag(sync=True)
    detail = traitlets.Unicode("").tag(sync=True)  # why the run ended, in words
    numbers = traitlets.Dict().tag(sync=True)  # latest value of every metric; NaN and infinity as text
    train = traitlets.Bytes(b"").tag(sync=True)  # Curve.table() as little-endian float64, row after row
    validation = traitlets.Bytes(b"").tag(sync=True)
    run = traitlets.Int(0).tag(sync=True)  # counts runs, so that a click that comes late cannot stop the next one
    watched = traitlets.Bool(False).tag(sync=True)  # tells the view that its greeting has arrived

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

    # --- what the loop calls -------------------------------------------------------------------------------------

    def log(self, step: int, **metrics: float) -> None:
        """Take the metrics of one step; cheap enough for every step.

        Parameters
        ----------
        step : int
            The optimiser's step. A step at or before the last one winds the curves back, as a resumed run does.
        **metrics : float
            `loss` (training) and `validation_loss` are drawn, in nats a scored position; `tokens_per_second`,
            `memory_gb`, `eta_seconds`, `learning_rate` and `gradient_norm` are shown as numbers, and so is any other
            name. NaN and infinity are drawn as marked gaps.

        Raises
        ------
        BadInput
            If `step` is not a whole number or a metric is not a number.
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
        """Make one `log` out of this monitor's and another.

        Parameters
        ----------
        log : Callable
            Another `log(step, **metrics)`, such as a stage's; it is called first, so that what is recorded does not
            depend on what is shown.

        Returns
        -------
        Callable
            Calls both.
        """

        def both(step: int, **metrics: float) -> None:
            """Record first, then show."""
            log(step, **metrics)
            self.log(step, **metrics)

        return both

    def stop_requested(self) -> bool:
        """Say whether somebody pressed *Stop*; asked by the loop at every step.

        Returns
        -------
        bool
            True from the click until the run has ended.
        """
        self._see_click()
        return self._clicked.is_set()

    def finish(self, reason: str = "finished", detail: str = "") -> None:
        """Show that the run has ended and leave a picture in the cell's output.

        Parameters
        ----------
        reason : str
            "finished", "early stopping", "minutes", "stopped" or "failed", as `FitResult.reason` has it.
        detail : str
            More words, such as an error's.

        Raises
        ------
        BadInput
            If the reason is another word.
        """
        if reason not in ENDINGS:
            raise BadInput(f"finish: expected a reason in {sorted(ENDINGS)}, got {reason!r}; put other words into detail=")
        self.status = ENDINGS[reason]
        self.detail = detail or {"early stopping": "no further improvement", "minutes": "time limit reached"}.get(reason, "")
        self._clicked.clear()
        self._publish()
        self._refresh_output(alone=not self._greeted.is_set())

    def __enter__(self) -> Self:
        """Open a run: show the monitor here unless it is shown already; leaving the block ends it, whatever happens inside."""
        if not self._displayed and get_ipython() is not None:
            display(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Show the end: failed with an error, stopped after an interrupt or a click, finished else."""
        if isinstance(error, KeyboardInterrupt):
            self.finish("stopped", "interrupted")
        elif kind is not None:
            self.finish("failed", f"{kind.__name__}: {error}")
        elif self.status in ("waiting", *RUNNING):
            self.finish("stopped" if self._clicked.is_set() else "finished")

    # --- what others see -----------------------------------------------------------------------------------------

    def picture(self) -> "Figure":
        """Draw the curves as they stand.

        Returns
        -------
        matplotlib.figure.Figure
            For a report or a file; takes no part in pyplot's state.
        """
        from glmkit_widgets.training_monitor.picture import draw  # matplotlib takes its time: only when a picture is wanted

        last = self.total_steps if self.status in ("waiting", *RUNNING) else 0
        tables = self._progress.train.table(), self._progress.validation.table()
        return draw(*tables, title=self.title, subtitle=self.summary(), last_step=last)

    def summary(self) -> str:
        """Say in one line where the run stands.

        Returns
        -------
        str
            Status, step, last and best losses.
        """
        words = f"{self.status}, {self._progress.words(self.total_steps)}"
        return words + (f" ({self.detail})" if self.detail else "")

    def __repr__(self) -> str:
        """Return the summary between brackets."""
        return f"TrainingMonitor({self.summary()})"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        """Hold the live view, and the picture and the summary for front ends that have no widgets."""
        data, metadata = self._still()
        data[_WIDGET_VIEW] = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        return data, metadata

    def _ipython_display_(self, **kwargs: Any) -> None:
        """Display under one id, so that the end of the run can put its picture into every output that shows it."""
        self._displayed = True
        data, metadata = self._repr_mimebundle_()
        display(data, metadata=metadata, raw=True, display_id=self._display_id)

    def _still(self) -> tuple[dict, dict]:
        """The picture and the summary as a MIME bundle and its metadata; before the first step only the summary."""
        if not len(self._progress.train) and not len(self._progress.validation):
            return {"text/plain": repr(self)}, {}
        from glmkit_widgets.training_monitor.picture import png

        image, width, height = png(self.picture())
        data = {"text/plain": repr(self), "image/png": base64.b64encode(image).decode("ascii")}
        return data, {"image/png": {"width": width, "height": height}}

    def _refresh_output(self, *, alone: bool) -> None:
        """Put the present picture into the outputs that show this monitor, if there are any: `alone` or beside the live view.

        A run that has ended unwatched leaves the picture alone: nbconvert prefers a widget whose state it finds to any
        picture, and shows nothing if it is offline. Before the end the live view stays, because a front end without
        subshells cannot say that it watches.
        """
        if self._displayed:
            data, metadata = self._still() if alone else self._repr_mimebundle_()
            update_display(data, metadata=metadata, raw=True, display_id=self._display_id)

    # --- inside --------------------------------------------------------------------------------------------------

    def _start_afresh(self) -> None:
        """Forget the run before."""
        self._progress = Progress()
        self.run += 1
        self._clicked.clear()
        self._messages, self._pictures = Throttle(_UNWATCHED_EVERY), Throttle(_PICTURE_EVERY)
        self._pictures.restart()
        self.detail = ""

    def _receive(self, _widget: Any, content: Any, _buffers: Any) -> None:
        """Take a message of the view; runs on a subshell's thread, so it sets flags and nothing else."""
        kind = content.get("type") if isinstance(content, dict) else None
        if kind == "stop" and content.get("run") == self.run and self.status in RUNNING:
            self._clicked.set()
        elif kind == "watching":
            self._greeted.set()

    def _see_click(self) -> None:
        """On the loop's thread: turn a click into the status that confirms it."""
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
