"""The results card: a JSON file that records a comparison and its inputs, and a page that shows it.

``card.json`` is the record: every row with its intervals, the parameters, seeds and versions, SHA-256 of the data, of the splits and of
the weights, and the audit with its verdict. ``card.html`` is for reading: one file that opens without a network, contains no script, and
follows the reader's light or dark setting. :func:`glmkit.evaluate.reproduce` runs the comparison again and reports whether the table
came out the same.
"""

import base64
import hashlib
import io
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from glmkit.errors import BadInput
from glmkit.evaluate.card.content import model_identity, plain, records, table_hash, task_hashes, versions
from glmkit.evaluate.card.page import card_page
from glmkit.evaluate.results.split_audits import AuditLike, Auditor, audit_splits
from glmkit.evaluate.results.table import Table
from glmkit.evaluate.tasks.task import Task
from glmkit.files import read_json, write_json, write_text

SCHEMA = 1
_JSON, _HTML = "card.json", "card.html"
_IMAGES = {".svg": "image/svg+xml", ".png": "image/png"}


@dataclass(frozen=True, kw_only=True)
class ResultsCard:  # numpydoc ignore=PR02
    """A results card that was written or read.

    Parameters
    ----------
    folder
        Folder of ``card.json`` and ``card.html``.
    content
        Content of ``card.json``.
    """

    folder: Path
    content: dict[str, Any]

    @property
    def frame(self) -> pd.DataFrame:
        """Rows of the table as in :attr:`glmkit.evaluate.Table.frame`; missing numbers are NaN."""
        frame = pd.DataFrame.from_records(self.content["rows"])
        numbers = [name for name in frame.columns if name.startswith(tuple(self.content["metrics"]))]
        return frame.astype(dict.fromkeys(numbers, "float64"))

    @property
    def parameters(self) -> dict[str, Any]:
        """Parameters of the run."""
        return self.content["parameters"]

    @property
    def verdicts(self) -> list[str]:
        """One sentence for each split; none if there was no model or no baseline."""
        return self.content["verdicts"]

    @property
    def page(self) -> Path:
        """Path of the page."""
        return self.folder / _HTML


def results_card(
    table: Table,
    folder: str | Path,
    *,
    task: Task,
    parameters: Mapping[str, Any],
    models: Mapping[str, Any] | None = None,
    audit: AuditLike | Auditor | Mapping[str, AuditLike] | None = None,
    tables: Mapping[str, pd.DataFrame] | None = None,
    figures: Mapping[str, Any] | None = None,
    title: str = "",
) -> ResultsCard:
    """Write the results card of a comparison.

    Parameters
    ----------
    table
        Table of the comparison.
    folder
        Folder for ``card.json`` and ``card.html``; other files in it stay as they are.
    task
        Task of the comparison, whose data and splits are hashed.
    parameters
        Parameters of the run; :func:`glmkit.evaluate.reproduce` passes them to the repetition.
    models
        Name to the identity of a model: a hash, a card, the path of its weights, or the model.
    audit
        As for :func:`glmkit.evaluate.compare`; None for the audits that the table has.
    tables
        Caption to a further table.
    figures
        Caption to a figure (matplotlib), or the path of an SVG or PNG. The page shows them; the record has their hashes.
    title
        Title of the page; the task's name if empty.

    Returns
    -------
    ResultsCard
        The card, as :func:`read_card` reads it.

    Raises
    ------
    BadInput
        The table is of another task, or an object is not a valid model, audit or figure.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from glmkit.evaluate import Fold, Task, compare, read_card, results_card
    >>> from glmkit.evaluate.baselines import Majority
    >>> items = list(range(20))
    >>> fold = Fold(np.arange(10), np.arange(10, 20))
    >>> task = Task(name="toy", sequences=items, labels=np.arange(20) % 2, groups=items, splits={"random": fold})
    >>> table = compare(task, [], [Majority()], draws=20)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     card = results_card(table, folder, task=task, parameters={"draws": 20})
    ...     print(card.page.name, read_card(folder).parameters, read_card(folder).content["headline"])
    card.html {'draws': 20} auroc
    """
    if table.task != task.name:
        raise BadInput(f"The table is of task {table.task!r}, the task given is {task.name!r}. Give the task of the comparison.")
    compared = [split for split in task.splits if split in table.splits]
    audits = table.audits if audit is None else audit_splits(task, compared, audit)
    images = {caption: _image(caption, figure) for caption, figure in (figures or {}).items()}
    rows = records(table.frame)
    kinds = {row.kind for row in table.rows}
    content = {
        "card": "glmkit results",
        "schema": SCHEMA,
        "title": title or task.name,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "verdicts": [table.verdict(split) for split in table.splits] if kinds == {"model", "baseline"} else [],
        "metrics": list(table.metrics),
        "headline": table.headline,
        "rows": rows,
        "table_sha256": table_hash(rows),
        "seeds": {row.method: list(row.seeds) for row in table.rows},
        "parameters": plain(parameters),
        "task": task_hashes(task),
        "models": {name: model_identity(name, model) for name, model in (models or {}).items()},
        "audits": {
            split: {"verdict": str(one.verdict), "leaks": bool(one.leaks), "table": records(one.table)}
            for split, one in audits.items()
        },
        "tables": {caption: records(frame) for caption, frame in (tables or {}).items()},
        "figures": {caption: hashlib.sha256(data).hexdigest() for caption, (_, data) in images.items()},
        "versions": versions(),
        "machine": platform.platform(),
    }
    content = plain(content)
    sources = {caption: f"data:{kind};base64,{base64.b64encode(data).decode()}" for caption, (kind, data) in images.items()}
    folder = Path(folder)
    write_text(folder / _HTML, card_page(content, sources))
    write_json(folder / _JSON, content)
    return ResultsCard(folder=folder, content=content)


def read_card(path: str | Path) -> ResultsCard:
    """Read a results card.

    Parameters
    ----------
    path
        Folder of the card, or its ``card.json``.

    Returns
    -------
    ResultsCard
        The card.

    Raises
    ------
    BadInput
        Not a results card, a card of a later glmkit, or a card whose rows were changed after it was written.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from glmkit.evaluate import Fold, Task, compare, read_card
    >>> from glmkit.evaluate.baselines import Majority
    >>> items = list(range(20))
    >>> fold = Fold(np.arange(10), np.arange(10, 20))
    >>> task = Task(name="toy", sequences=items, labels=np.arange(20) % 2, groups=items, splits={"random": fold})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = compare(task, [], [Majority()], draws=20, card=folder)
    ...     read_card(folder).frame[["method", "split", "auroc"]]
         method   split  auroc
    0  majority  random    0.5
    """
    path = Path(path)
    path = path / _JSON if path.is_dir() else path
    content = read_json(path)
    if not isinstance(content, dict) or content.get("card") != "glmkit results":
        raise BadInput(f"{path} is no results card. Expected a card.json that glmkit.evaluate.results_card wrote.")
    if content.get("schema") != SCHEMA:
        raise BadInput(
            f"{path}: expected a card of schema {SCHEMA}, got {content.get('schema')}. Read it with the glmkit that wrote it."
        )
    if (got := table_hash(content["rows"])) != content["table_sha256"]:
        raise BadInput(
            f"{path}: expected rows with SHA-256 {content['table_sha256'][:12]}, got {got[:12]}: they were changed after it was written. "
            "Run the comparison again."
        )
    content.setdefault("headline", content["metrics"][0])  # cards written before it was recorded
    return ResultsCard(folder=path.parent, content=content)


def _image(caption: str, figure: Any) -> tuple[str, bytes]:
    """Media type and bytes of a figure; equal figures give equal bytes."""
    if isinstance(figure, str | Path):
        path = Path(figure)
        if path.suffix not in _IMAGES or not path.is_file():
            raise BadInput(f"figures: {caption!r}: expected the path of an SVG or PNG that exists, got {path}.")
        return _IMAGES[path.suffix], path.read_bytes()
    if not hasattr(figure, "savefig"):
        raise BadInput(f"figures: {caption!r}: expected a matplotlib figure or a path, got {type(figure).__name__}.")
    from matplotlib import rc_context

    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": caption}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return _IMAGES[".svg"], buffer.getvalue()
