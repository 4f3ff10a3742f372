"""The interface of a stage notebook: ``run = open_stage(out)``, then ``run.log``, ``run.table``, ``run.figure``, ``run.finish()``.

The same calls work in every environment. Under ``glmkit run`` a job has opened the MLflow run already; the stage attaches to it,
and the job sets the final status. Alone (JupyterLab, plain papermill) the stage opens a run of its own and forwards its metrics
from a thread, and ``finish`` closes the run. If the kernel ends before that, the status is FAILED after an error and KILLED
otherwise.

The training only appends to ``metrics.jsonl``, and never waits for a database.
"""

import atexit
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glmkit.errors import BadInput
from glmkit.files import atomic_path, inside, workspace, write_text
from glmkit.studies.files import record
from glmkit.studies.files.metrics_log import Journal
from glmkit.studies.files.run_folder import DONE
from glmkit.studies.files.secrets import redact
from glmkit.studies.notebook.display import Picture, show
from glmkit.studies.notebook.inputs import data_entry, finished_input, refuse_if_busy, shown_path
from glmkit.studies.notebook.manifest import Manifest, StageFiles, Value, stage_files

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from glmkit.studies.tracking.forwarder import Forwarder

STAGE_FOLDER = "GLMKIT_STAGE_FOLDER"
MLFLOW_RUN = "GLMKIT_MLFLOW_RUN"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_open_here: dict[Path, "StageRun"] = {}


def open_stage(
    out: str | Path, parameters: dict[str, Any] | None = None, inputs: Sequence[str | Path] = (), *, title: str = ""
) -> "StageRun":
    """Open the folder that this notebook writes, and record in ``run.json`` that the stage runs.

    Parameters
    ----------
    out
        The stage's folder, relative to the workspace (see :func:`glmkit.files.workspace`).
    parameters
        Parameters of the stage, by name. None takes those of the job, or, alone, those of the notebook: the names that its
        parameters cell annotates (``steps: int = 400``) with their current values.
    inputs
        Folders of the stages this one reads; each must be finished.
    title
        Purpose of the stage in one sentence, for the report.

    Returns
    -------
    StageRun
        Takes the metrics, tables, figures and files of the notebook, until ``finish`` is called.

    Raises
    ------
    BadInput
        `out` lies outside the workspace, is not the folder of the job, or is being written by another process. Or a stage in
        `inputs` is not finished; the message names the notebook to run first.
    ResourceError
        The folder cannot be written.

    Examples
    --------
    In a notebook the first line is ``run = open_stage(out)``. Here a temporary workspace takes the place of a job.

    >>> import os, tempfile
    >>> from unittest.mock import patch
    >>> with tempfile.TemporaryDirectory() as home:
    ...     job = {"GLMKIT_WORKSPACE": home, "GLMKIT_STAGE_FOLDER": f"{home}/runs/demo/preprocess"}
    ...     with patch.dict(os.environ, job):
    ...         run = open_stage("runs/demo/preprocess", {"seed": 0})
    ...         _ = run.path("split.csv").write_text("item,part")
    ...         run.made("split", "split.csv")
    ...         run.note("One file was written.")
    ...         run.finish()
    ...         print(record.read(run.folder)["results"]["notes"])
    ['One file was written.']
    """
    folder = inside(workspace(), out)
    if folder == workspace():
        raise BadInput(
            f"out={str(out)!r} is the workspace itself. Give the stage a folder of its own, such as runs/my_study/stage."
        )
    expected = os.environ.get(STAGE_FOLDER)
    if expected and Path(expected).resolve() != folder:
        raise BadInput(f"This job prepared {expected}, but the notebook opens {folder}. Leave the parameter out to glmkit run.")
    read = [finished_input(item) for item in inputs]
    if again := _open_here.get(folder):
        again._close("KILLED", "The notebook opened this stage again.")
    if not expected:
        refuse_if_busy(folder)
    if parameters is None:
        parameters = record.read(folder).get("parameters") if expected else None
    if parameters is None:
        parameters = _annotated(sys._getframe(1).f_globals)
    return StageRun(folder, parameters, read, attached=expected is not None, title=title)


class StageRun:
    """A stage while it runs; made by :func:`open_stage`.

    Attributes
    ----------
    folder : Path
        Folder of all files of the stage.
    parameters : dict
        Parameters of the stage, without secrets.
    """

    def __init__(
        self, folder: Path, parameters: dict[str, Any], inputs: list[dict[str, Any]], attached: bool, title: str = ""
    ) -> None:
        self.folder = folder
        self._attached = attached
        self._open = True
        self._pid = os.getpid()
        self._results: dict[str, list[Any]] = {"tables": [], "figures": [], "notes": []}
        self._data: dict[str, dict[str, Any]] = {}
        self._error_before = getattr(sys, "last_value", None)
        self._forwarder: Forwarder | None = None
        shown = self.parameters = redact(parameters)
        self._inputs = [item["folder"] for item in inputs]
        mark = record.fingerprint({"parameters": shown, "inputs": inputs})
        self._journal = Journal(folder / record.METRICS, fresh=record.read(folder).get("fingerprint") != mark)
        changes: dict[str, Any] = {
            "parameters": shown,
            "inputs": inputs,
            "fingerprint": mark,
            "data": {},
            "results": self._results,
        }
        changes |= {"title": redact(title)} if title else {}
        self._run_id = os.environ.get(MLFLOW_RUN, "") if attached else ""
        if not attached:
            changes |= self._start_alone(shown)
        record.update(folder, **changes, opened=record.now())
        self._manifest = Manifest(folder, mark)
        _open_here[folder] = self
        atexit.register(self._closed_early)

    def _start_alone(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Open an MLflow run for this stage and forward its metrics; the entries for ``run.json``."""
        from glmkit.studies.tracking import runs
        from glmkit.studies.tracking.forwarder import Forwarder

        (self.folder / DONE).unlink(missing_ok=True)  # the result of an earlier glmkit run is about to be replaced
        study, stage = self.folder.parent.name, self.folder.name
        self._run_id = runs.open_alone(study, stage, parameters)
        self._forwarder = Forwarder(self.folder, self._run_id)
        self._forwarder.start()
        who = record.process() | {"study": study, "stage": stage, "mlflow_run": self._run_id}
        return who | {
            "status": "RUNNING",
            "started": record.now(),
            "ended": None,
            "seconds": None,
            "error": None,
            "versions": record.versions(),
            "git": runs.git_commit(),
        }

    def path(self, name: str) -> Path:
        """``folder / name``, which must stay inside the folder."""
        return inside(self.folder, name)

    def log(self, step: int, **metrics: float) -> None:
        """Append one line of metrics, in some microseconds and without waiting for the tracking store.

        Parameters
        ----------
        step
            Optimiser step, or another x value; at or above 0.
        **metrics
            Numbers by name; may be NaN.
        """
        self._journal.log(step, metrics)

    def input(self, folder: str | Path) -> StageFiles:
        """Files that an input of this stage has made, by role.

        Parameters
        ----------
        folder
            One of the `inputs` of :func:`open_stage`.

        Returns
        -------
        StageFiles
            ``one(role, **attributes)`` is a path, ``all(role, **attributes)`` a list of entries, and
            ``values(attribute, role=role)`` the sorted values of an attribute.

        Raises
        ------
        BadInput
            `folder` is not an input of this stage, or it has no manifest.
        """
        place = shown_path(inside(workspace(), folder))
        if place not in self._inputs:
            raise BadInput(f"{place} is not an input of this stage. Add it to open_stage(inputs=[...]).")
        return stage_files(folder)

    def made(self, role: str, path: str | Path, **attributes: Value) -> None:
        """Enter a file or folder into the manifest of this stage, for the stages that read it.

        Parameters
        ----------
        role
            Use of the file, such as ``model``; letters, digits and ``_``.
        path
            The file or folder, inside the stage's folder and already written.
        **attributes
            Further description, such as ``seed=0``; text, numbers, booleans or None.
        """
        self._manifest.add(role, self.folder / path, attributes)

    def table(self, table: "pd.DataFrame", name: str, caption: str = "", headline: bool = False) -> None:
        """Write ``tables/<name>.csv``, enter it into the report, and show it in the notebook.

        Parameters
        ----------
        table
            Columns ``x``, ``x_low`` and ``x_high`` (or ``value``, ``low``, ``high``) are drawn as an interval.
        name
            Letters, digits, ``-`` and ``_``.
        caption
            One sentence: what a row is, what the interval is over.
        headline
            Put it at the top of the report.
        """
        file = f"tables/{_checked(name)}.csv"
        counted = table.index.name is None and table.index.dtype.kind in "iu"  # row numbers carry no information
        write_text(self.folder / file, table.to_csv(index=not counted))
        entry = {"name": name, "file": file, "caption": caption, "headline": bool(headline), "rows": len(table)}
        self._record("tables", entry)
        show(table, caption)

    def figure(self, figure: "Figure", name: str, caption: str = "") -> None:
        """Write ``figures/<name>.svg`` and ``.png``, enter the figure into the report, and show it in the notebook."""
        files = [f"figures/{_checked(name)}.{kind}" for kind in ("svg", "png")]
        for file in files:
            with atomic_path(self.folder / file) as temporary:
                kind = file[-3:]
                figure.savefig(
                    temporary, format=kind, dpi=160, bbox_inches="tight", metadata={"Date": None} if kind == "svg" else None
                )
        self._record("figures", {"name": name, "files": files, "caption": caption})
        show(Picture(self.folder / files[1], inches=figure.get_figwidth()), caption)

    def note(self, text: str) -> None:
        """Enter a sentence into the report, such as a verdict or a caveat, and print it in the notebook."""
        self._record("notes", str(text))
        show(None, str(text))

    def data(self, name: str, source: str | Path) -> str:
        """Record data that the stage used: the SHA-256 of a file or folder, or a hash that was computed before.

        Returns
        -------
        str
            The hash.
        """
        entry = data_entry(name, source)
        self._data[name] = entry
        record.update(self.folder, data=self._data)
        return str(entry["sha256"])

    def finish(self) -> None:
        """End the stage. Alone, it is marked FINISHED and its MLflow run closed; under ``glmkit run`` the job does this."""
        self._close("FINISHED", None)

    def _record(self, kind: str, entry: Any) -> None:
        """Add to the results; an entry of the same name is replaced, as when a cell is run twice."""
        entries = self._results[kind]
        entry = redact(entry)
        same = [i for i, old in enumerate(entries) if old == entry or (isinstance(old, dict) and old["name"] == entry["name"])]
        if same:
            entries[same[0]] = entry
        else:
            entries.append(entry)
        record.update(self.folder, results=self._results)

    def _close(self, status: str, error: str | None) -> None:
        if not self._open:
            return
        self._open = False
        _open_here.pop(self.folder, None)
        atexit.unregister(self._closed_early)
        self._journal.close()
        if status == "FINISHED":
            self._manifest.finish()
        if self._attached:
            record.update(self.folder, complete=status == "FINISHED")
            return
        from glmkit.studies.tracking import runs

        if self._forwarder:
            self._forwarder.stop()
        ended = record.now()
        started = record.read(self.folder).get("started")
        seconds = record.seconds_between(started, ended)
        record.update(self.folder, status=status, ended=ended, seconds=seconds, error=redact(error))
        runs.close_run(self._run_id, status, self.folder)

    def _closed_early(self) -> None:
        """Close the stage when the kernel ends without ``finish``: FAILED if a cell raised, else KILLED."""
        if os.getpid() != self._pid:  # a forked child inherits the hook, not the stage
            return
        error = getattr(sys, "last_value", None)
        if error is not None and error is not self._error_before:
            self._close("FAILED", f"{type(error).__name__}: {error}")
        else:
            self._close("KILLED", "The kernel was shut down before run.finish().")


def _annotated(names: dict[str, Any]) -> dict[str, Any]:
    """Parameters of the notebook: the annotated names of its parameters cell."""
    simple = (str, int, float, bool, list, tuple, type(None))
    return {name: names[name] for name in names.get("__annotations__", {}) if isinstance(names.get(name, ...), simple)}


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise BadInput(f"{name!r} cannot name a table or figure. Use letters, digits, '-' and '_', 64 at most.")
    return name
