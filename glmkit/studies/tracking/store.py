"""The MLflow store: its address, its setup, and calls whose failure does not end a training.

A new database is set up under a lock, because the migrations of processes that start at the same time would interfere. The lock
is a file beside an SQLite database, or an advisory lock in PostgreSQL, which also covers other machines. Calls wait for a locked
database. A corrupt or unreachable database gives one warning.
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
PATIENCE = 90.0  # longest wait for a locked database in seconds
_ADVISORY = 0x676C6D6B  # "glmk": number of glmkit's advisory lock in a PostgreSQL database
_warned: set[str] = set()
T = TypeVar("T")


def store_uri() -> str:
    """Address of the tracking store: ``MLFLOW_TRACKING_URI``, else ``runs/mlflow.db`` in the workspace.

    A plain ``postgresql://`` uses psycopg 3 (the extra ``postgres``) unless psycopg2 is installed.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{workspace() / 'runs' / 'mlflow.db'}"
    scheme, separator, rest = uri.partition("://")
    if scheme in ("postgresql", "postgres"):
        driver = "" if importlib.util.find_spec("psycopg2") else "+psycopg"
        return f"postgresql{driver}{separator}{rest}"
    return uri


def attempt(what: str, action: Callable[["MlflowClient"], T], patience: float = PATIENCE) -> T | None:
    """Return `action(client)`, or None after a warning; wait up to `patience` seconds for a locked database."""
    deadline = time.monotonic() + patience
    pause = 0.1
    while True:
        try:
            return action(client())
        except store_errors() as error:
            if not is_locked(error) or time.monotonic() + pause > deadline:
                warn_once(
                    f"MLflow could not {what} ({in_short(error)}). The run continues; run.json and metrics.jsonl are complete.",
                    about=what if is_locked(error) else in_short(error),
                )
                return None
        time.sleep(pause)
        pause = min(2 * pause, 2.0)


def store_errors() -> tuple[type[Exception], ...]:
    """Exceptions raised by an unavailable tracking store."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return (MlflowException, SQLAlchemyError, sqlite3.Error, OSError, ModuleNotFoundError)


def is_locked(error: Exception) -> bool:
    """Whether `error` reports that another process has locked the database, which is temporary."""
    return "database is locked" in str(error)


def in_short(error: Exception) -> str:
    """First line of an error message, without the details added by MLflow and SQLAlchemy, secrets hidden."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return str(redact(lines[0][:300]))


def warn_once(message: str, about: str) -> None:
    """Log `message` unless this process has already logged a message with the same `about`."""
    if about not in _warned:
        _warned.add(about)
        logger.warning(message)


def client() -> "MlflowClient":
    """Client of the store at :func:`store_uri`, which is set up if it is new."""
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
    """Import MLflow without telemetry and with less logging. These settings are made only here.

    Its database logger is silenced, because each error that it logs is also raised. The user then gets one short warning
    instead of a traceback.
    """
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # the default retries an absent server for minutes
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    import mlflow  # noqa: F401

    for name, level in (("mlflow", logging.WARNING), ("alembic", logging.WARNING), ("mlflow.store.db.utils", logging.CRITICAL)):
        logging.getLogger(name).setLevel(level)


def sqlite_file(uri: str) -> Path | None:
    """Path of the database file given by `uri`; None if `uri` is that of a server."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def _set_up(uri: str, database: Path) -> None:
    """Create the tables of a new database under a lock; a corrupt database raises an error at once, without retries."""
    with record.locked(database.with_name(".mlflow.lock")):
        if _has_tables(database):
            return
        os.close(os.open(database, os.O_RDWR | os.O_CREAT, 0o600))
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        SqlAlchemyStore(uri, artifacts_beside(database).as_uri()).engine.dispose()


def _set_up_server(uri: str) -> None:
    """Create the tables of a new PostgreSQL database under an advisory lock, which is released if the process ends.

    Raises
    ------
    ModuleNotFoundError
        No driver is installed; the message names the package.
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
    """Artifact folder of a new experiment, beside glmkit's database; None if a server chooses the folder."""
    uri = store_uri()
    if database := sqlite_file(uri):
        return artifacts_beside(database)
    return artifacts_beside(workspace() / "runs" / "mlflow.db") if uri.startswith("postgresql") else None


def artifacts_beside(database: Path) -> Path:
    """Artifact folder of the runs in `database`; it is created with access for the user only."""
    folder = database.resolve().with_name("mlartifacts")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
