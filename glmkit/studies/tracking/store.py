"""The MLflow store: where it is, setting it up once, and asking something of it without ever ending a training.

A fresh database is set up once, under a lock of ours, because processes that start together on one trip over each other's
migrations: a lock file beside sqlite, an advisory lock inside PostgreSQL, which processes of other machines see too. A database that is merely locked is waited for; one that is corrupt or out of reach is said once, in one sentence.
"""

import importlib.util
import logging
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from glmkit.files import workspace
from glmkit.studies.files import record
from glmkit.studies.files.secrets import redact

if TYPE_CHECKING:
    from mlflow import MlflowClient

logger = logging.getLogger("glmkit.tracking")
PATIENCE = 90.0  # seconds that a locked database is waited for
_ADVISORY = 0x676C6D6B  # "glmk": the number of our lock in a PostgreSQL database
_said: set[str] = set()
T = TypeVar("T")


def store_uri() -> str:
    """Where runs are recorded: ``MLFLOW_TRACKING_URI``, else ``runs/mlflow.db`` in the workspace.

    A plain ``postgresql://`` is spoken through psycopg 3 where that is what is installed (the extra ``postgres``).
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{workspace() / 'runs' / 'mlflow.db'}"
    scheme, separator, rest = uri.partition("://")
    if scheme in ("postgresql", "postgres"):
        driver = "" if importlib.util.find_spec("psycopg2") else "+psycopg"
        return f"postgresql{driver}{separator}{rest}"
    return uri


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
                    f"MLflow could not {what} ({in_short(error)}). The run goes on; run.json and metrics.jsonl are complete.",
                    about=what if is_locked(error) else in_short(error),
                )
                return None
        time.sleep(pause)
        pause = min(2 * pause, 2.0)


def store_errors() -> tuple[type[Exception], ...]:
    """What a tracking store raises when it cannot be used."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return (MlflowException, SQLAlchemyError, sqlite3.Error, OSError, ModuleNotFoundError)


def is_locked(error: Exception) -> bool:
    """Whether `error` says that another process holds the database, which passes."""
    return "database is locked" in str(error)


def in_short(error: Exception) -> str:
    """The first line of an error, without what MLflow and SQLAlchemy wrap around it."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return str(redact(lines[0][:300]))


def warn_once(message: str, about: str) -> None:
    """Log `message` unless this process has said something `about` the same thing already."""
    if about not in _said:
        _said.add(about)
        logger.warning(message)


def client() -> "MlflowClient":
    """The client of :func:`store_uri`, with the store behind it set up."""
    return _client(store_uri())


@lru_cache(maxsize=4)
def _client(uri: str) -> "MlflowClient":
    _import_mlflow()
    from mlflow import MlflowClient

    if database := sqlite_file(uri):
        _set_up(uri, database)
    elif uri.startswith("postgresql"):
        _set_up_server(uri)
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


def sqlite_file(uri: str) -> Path | None:
    """The database file that `uri` names, None if it is a server."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def _set_up(uri: str, database: Path) -> None:
    """Create the tables of a new database under a lock of ours; refuse a corrupt one at once rather than after retries."""
    with record.locked(database.with_name(".mlflow.lock")):
        if _has_tables(database):
            return
        os.close(os.open(database, os.O_RDWR | os.O_CREAT, 0o600))
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        SqlAlchemyStore(uri, artifacts_beside(database).as_uri()).engine.dispose()


def _set_up_server(uri: str) -> None:
    """Create the tables of a new PostgreSQL database under its own advisory lock, which a process that dies sets free.

    Raises
    ------
    ModuleNotFoundError
        There is no driver for it; the message says what to install.
    """
    import sqlalchemy

    try:
        engine = sqlalchemy.create_engine(uri, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 10})
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"PostgreSQL needs a driver ({error}): pip install 'glmkit[postgres]'") from error
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(:number)"), {"number": _ADVISORY})
        try:
            if not sqlalchemy.inspect(connection).has_table("latest_metrics"):
                from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

                SqlAlchemyStore(uri, artifacts_beside(workspace() / "runs" / "mlflow.db").as_uri()).engine.dispose()
        finally:
            connection.execute(sqlalchemy.text("SELECT pg_advisory_unlock(:number)"), {"number": _ADVISORY})
    engine.dispose()


def _has_tables(database: Path) -> bool:
    if not database.exists():
        return False
    with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True, timeout=20)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return {"alembic_version", "experiments", "runs", "latest_metrics"} <= tables


def artifacts_folder() -> Path | None:
    """The folder for artifacts that is named when an experiment is made: beside a database of ours; None where a server decides."""
    uri = store_uri()
    if database := sqlite_file(uri):
        return artifacts_beside(database)
    return artifacts_beside(workspace() / "runs" / "mlflow.db") if uri.startswith("postgresql") else None


def artifacts_beside(database: Path) -> Path:
    """The folder for artifacts of runs in `database`, made private."""
    folder = database.resolve().with_name("mlartifacts")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
