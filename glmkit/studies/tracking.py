"""MLflow, kept at arm's length: one parent run a study run, one child a stage.

The store is sqlite below ``runs/`` unless ``MLFLOW_TRACKING_URI`` names another. A fresh sqlite is set up once, under a lock
of ours, because processes that start together on one trip over each other's migrations. Artifacts go to a folder that is
named, never to the current one. Everything goes through ``MlflowClient`` with run ids passed about; there is no "active run".

Tracking is an observer: it must never end a training. A store that is corrupt or out of reach is said once, in words, and
from then on the run id is the empty string, which every function here takes for "not tracked". A store that is merely
locked is waited for. ``run.json`` and ``metrics.jsonl`` hold the truth in any case.
"""

import logging
import os
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from glmkit import __version__
from glmkit.files import workspace
from glmkit.studies import record
from glmkit.studies.redact import redact

if TYPE_CHECKING:
    from mlflow import MlflowClient

logger = logging.getLogger("glmkit.tracking")
PATIENCE = 90.0  # seconds that a locked database is waited for
_LONGEST = 500  # characters of a parameter's or a tag's value
_said: set[str] = set()
T = TypeVar("T")


def store_uri() -> str:
    """Where runs are recorded: ``MLFLOW_TRACKING_URI``, else ``runs/mlflow.db`` in the workspace."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{workspace() / 'runs' / 'mlflow.db'}"


def prepare_store() -> str:
    """Set the store up if it is new, once however many processes ask together, and return its address.

    Returns
    -------
    str
        The tracking URI; the empty string if the store cannot be used, which has then been said.
    """
    uri = store_uri()
    return (
        uri if attempt("set up the tracking store", lambda client: client.search_experiments(max_results=1) is not None) else ""
    )


def open_parent(study_name: str, folder: str | Path, tags: dict[str, Any] | None = None) -> str:
    """Open the run that stands for one run of a study and return its id ("" if not tracked)."""
    return _open(study_name, study_name, {"glmkit.folder": _relative(folder)} | (tags or {}), {})


def open_child(parent_id: str, stage: str, parameters: dict[str, Any]) -> str:
    """Open the run of one stage below `parent_id` and return its id ("" if not tracked)."""
    if not parent_id:
        return ""
    parent = attempt("find the study's run", lambda client: client.get_run(parent_id))
    if parent is None:
        return ""
    tags = {"mlflow.parentRunId": parent_id, "glmkit.stage": stage}
    return _open(None, stage, tags, parameters, parent.info.experiment_id)


def open_alone(study_name: str, stage: str, parameters: dict[str, Any]) -> str:
    """Open a run of its own for a stage that no study run started, and return its id ("" if not tracked)."""
    return _open(study_name, stage, {"glmkit.stage": stage, "glmkit.alone": "true"}, parameters)


def close_run(run_id: str, status: str, artifacts_folder: str | Path | None = None) -> None:
    """End a run: its data, its artifacts if a stage folder is given, and its status.

    Parameters
    ----------
    run_id
        As the ``open_`` functions returned it; "" does nothing.
    status
        ``FINISHED``, ``FAILED`` or ``KILLED``.
    artifacts_folder
        A stage's folder: the executed notebook, ``run.json``, figures and tables are copied, data hashes become tags and
        inputs.
    """
    if not run_id:
        return
    ended = int(time.time() * 1000)
    if artifacts_folder is not None:
        folder = Path(artifacts_folder)
        attempt("store the stage's data hashes", lambda client: _log_data(client, run_id, folder))
        attempt("store the stage's files", lambda client: _log_files(client, run_id, folder))
    attempt(f"mark the run {status}", lambda client: client.set_terminated(run_id, status, ended) or True)


def mark_killed(run_id: str) -> None:
    """Mark a run that died without a word KILLED, with those of its children that still claim to be running."""

    def mark(client: "MlflowClient") -> bool:
        run = client.get_run(run_id)
        below = f"tags.`mlflow.parentRunId` = '{run_id}' and attributes.status = 'RUNNING'"
        for child in client.search_runs([run.info.experiment_id], below, max_results=1000):
            client.set_terminated(child.info.run_id, "KILLED")
        if run.info.status not in ("FINISHED", "FAILED"):
            client.set_terminated(run_id, "KILLED")
        return True

    if run_id:
        attempt("mark the dead run KILLED", mark)


def attempt(what: str, action: Callable[["MlflowClient"], T], patience: float = PATIENCE) -> T | None:
    """`action(client)`, or None after saying once why not; a locked database is waited for, up to `patience` seconds."""
    deadline = time.monotonic() + patience
    pause = 0.1
    while True:
        try:
            return action(client())
        except store_errors() as error:
            if not is_locked(error) or time.monotonic() + pause > deadline:
                warn_once(
                    f"MLflow could not {what} ({in_short(error)}). The run goes on; run.json and metrics.jsonl are complete."
                )
                return None
        time.sleep(pause)
        pause = min(2 * pause, 2.0)


def store_errors() -> tuple[type[Exception], ...]:
    """What a tracking store raises when it cannot be used."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return (MlflowException, SQLAlchemyError, sqlite3.Error, OSError)


def is_locked(error: Exception) -> bool:
    """Whether `error` says that another process holds the database, which passes."""
    return "database is locked" in str(error)


def in_short(error: Exception) -> str:
    """The first line of an error, without what MLflow and SQLAlchemy wrap around it."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return str(redact(lines[0][:300]))


def warn_once(message: str) -> None:
    """Log `message` unless this process has said it already."""
    if message not in _said:
        _said.add(message)
        logger.warning(message)


def client() -> "MlflowClient":
    """The client of :func:`store_uri`, with the store behind it set up."""
    return _client(store_uri())


@lru_cache(maxsize=4)
def _client(uri: str) -> "MlflowClient":
    _import_mlflow()
    from mlflow import MlflowClient

    if database := _sqlite_file(uri):
        _set_up(uri, database)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _import_mlflow() -> None:
    """Import MLflow without telemetry and chatter; the one place where that is decided.

    Its database logger is silenced altogether because each error it logs is also raised, and reaches the reader as one
    sentence of ours instead of a traceback.
    """
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # its default waits minutes for a server that is gone
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    import mlflow  # noqa: F401

    for name, level in (("mlflow", logging.WARNING), ("alembic", logging.WARNING), ("mlflow.store.db.utils", logging.CRITICAL)):
        logging.getLogger(name).setLevel(level)


def _sqlite_file(uri: str) -> Path | None:
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def _set_up(uri: str, database: Path) -> None:
    """Create the tables of a new database under a lock of ours; refuse a corrupt one at once rather than after retries."""
    with record.locked(database.with_name(".mlflow.lock")):
        if _has_tables(database):
            return
        os.close(os.open(database, os.O_RDWR | os.O_CREAT, 0o600))
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        SqlAlchemyStore(uri, _artifacts(database).as_uri()).engine.dispose()


def _has_tables(database: Path) -> bool:
    if not database.exists():
        return False
    with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True, timeout=20)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return {"alembic_version", "experiments", "runs", "latest_metrics"} <= tables


def _artifacts(database: Path) -> Path:
    folder = database.resolve().with_name("mlartifacts")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _open(study: str | None, name: str, tags: dict[str, Any], parameters: dict[str, Any], experiment: str | None = None) -> str:
    def start(client: "MlflowClient") -> str:
        where = experiment or _experiment(client, study or "glmkit")
        run = client.create_run(where, tags=_texts(_common_tags() | tags), run_name=name)
        _log_parameters(client, run.info.run_id, parameters)
        return str(run.info.run_id)

    return attempt(f"open a run for {name}", start) or ""


def _experiment(client: "MlflowClient", name: str) -> str:
    """The id of the experiment `name`, made with an explicit artifact folder if it is new."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        database = _sqlite_file(store_uri())
        try:
            return str(
                client.create_experiment(name, _artifacts(database).joinpath(safe_name(name)).as_uri() if database else None)
            )
        except MlflowException as error:
            found = client.get_experiment_by_name(name)  # another process was first
            if found is None:
                raise error
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def _log_parameters(client: "MlflowClient", run_id: str, parameters: dict[str, Any]) -> None:
    from mlflow.entities import Param

    params = [Param(name, value) for name, value in _texts(parameters).items()]
    for first in range(0, len(params), 100):
        client.log_batch(run_id, params=params[first : first + 100])


def _log_data(client: "MlflowClient", run_id: str, folder: Path) -> bool:
    from mlflow.entities import Dataset, DatasetInput, RunTag

    data: dict[str, dict[str, Any]] = record.read(folder).get("data") or {}
    if data:
        client.log_batch(run_id, tags=[RunTag(f"data.{safe_name(name)}", str(entry["sha256"])) for name, entry in data.items()])
        sets = [
            Dataset(name=name[:500], digest=str(entry["sha256"])[:36], source_type="local", source=str(entry.get("path") or name))
            for name, entry in data.items()
        ]
        client.log_inputs(run_id, [DatasetInput(dataset) for dataset in sets])
    return True


def _log_files(client: "MlflowClient", run_id: str, folder: Path) -> bool:
    for name in ("notebook.ipynb", record.RECORD):
        if (folder / name).is_file():
            client.log_artifact(run_id, str(folder / name))
    for name in ("figures", "tables"):
        for path in sorted((folder / name).glob("[!.]*")):
            client.log_artifact(run_id, str(path), name)
    return True


def _texts(values: dict[str, Any]) -> dict[str, str]:
    """Names and values as MLflow takes them: secrets hidden, long values cut with their length said."""
    shown: dict[str, str] = {}
    for name, value in redact(values).items():
        text = str(value)
        shown[safe_name(str(name))] = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 30]}… ({len(text):,} characters)"
    return shown


def safe_name(name: str) -> str:
    """`name` with the characters that MLflow refuses in keys replaced by ``_``."""
    return "".join(letter if (letter.isalnum() and letter.isascii()) or letter in "_-. " else "_" for letter in name)[:250]


def _common_tags() -> dict[str, str]:
    tags = {"glmkit.version": __version__}
    if git := git_commit():
        tags |= {"mlflow.source.git.commit": git["commit"], "glmkit.git.changed": str(git["changed"]).lower()}
    return tags


@lru_cache(maxsize=1)
def git_commit() -> dict[str, Any] | None:
    """The workspace's git commit and whether tracked files differ from it; None outside a repository."""
    try:
        head, changed = (
            subprocess.run(["git", "-C", str(workspace()), *words], capture_output=True, text=True, timeout=10, check=True).stdout
            for words in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": head.strip(), "changed": bool(changed.strip())}


def _relative(folder: str | Path) -> str:
    full = Path(folder).resolve()
    return str(full.relative_to(workspace())) if workspace() in full.parents else str(full)
