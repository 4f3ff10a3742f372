"""MLflow runs: one parent run for each run of a study, with one child run for each stage.

The store is an SQLite database below ``runs/`` unless ``MLFLOW_TRACKING_URI`` gives another. Artifacts are written to an explicit
folder, not to the current one. All calls use ``MlflowClient`` with explicit run ids; no "active run" is used.

A tracking error must not end a training. If the store is unavailable, the run id is the empty string, which all functions here
treat as "not tracked". ``run.json`` and ``metrics.jsonl`` are complete in any case.
"""

import subprocess
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glmkit import __version__
from glmkit.files import workspace
from glmkit.studies.files import record
from glmkit.studies.files.secrets import redact
from glmkit.studies.tracking.store import artifacts_folder, attempt, store_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient

_LONGEST = 500  # maximum length of the value of a parameter or tag


def prepare_store() -> str:
    """Set up a new store and return its address; concurrent processes set it up only once.

    Returns
    -------
    str
        Tracking URI; the empty string, after a warning, if the store is unavailable.
    """
    uri = store_uri()
    return (
        uri if attempt("set up the tracking store", lambda client: client.search_experiments(max_results=1) is not None) else ""
    )


def open_parent(study_name: str, folder: str | Path, tags: dict[str, Any] | None = None) -> str:
    """Open the parent run of one run of a study and return its id ("" if not tracked)."""
    return _open(study_name, study_name, {"glmkit.folder": _relative(folder)} | (tags or {}), {})


def open_child(parent_id: str, stage: str, parameters: dict[str, Any], point: dict[str, Any] | None = None) -> str:
    """Open the child run of a stage and return its id ("" if not tracked); the values of a sweep's `point` become tags."""
    if not parent_id:
        return ""
    parent = attempt("find the study's run", lambda client: client.get_run(parent_id))
    if parent is None:
        return ""
    tags = {"mlflow.parentRunId": parent_id, "glmkit.stage": stage}
    swept = redact(point or {})
    tags |= {f"sweep.{axis}": value for axis, value in swept.items()}
    name = " ".join([stage, *(f"{axis.partition('.')[2]}={value}" for axis, value in swept.items())])
    return _open(None, name[:250], tags, parameters, parent.info.experiment_id)


def open_alone(study_name: str, stage: str, parameters: dict[str, Any]) -> str:
    """Open a run without a parent, for a stage run outside a study, and return its id ("" if not tracked)."""
    return _open(study_name, stage, {"glmkit.stage": stage, "glmkit.alone": "true"}, parameters)


def close_run(run_id: str, status: str, artifacts_folder: str | Path | None = None) -> None:
    """End a run: store its data hashes and artifacts, and set its status.

    Parameters
    ----------
    run_id
        Id of the run, as returned by an ``open_`` function; "" does nothing.
    status
        ``FINISHED``, ``FAILED`` or ``KILLED``.
    artifacts_folder
        Folder of the stage. Its executed notebook, ``run.json``, figures and tables are copied. Data hashes become tags and
        inputs. None stores no artifacts.
    """
    if not run_id:
        return
    ended = int(time.time() * 1000)
    if artifacts_folder is not None:
        folder = Path(artifacts_folder)
        attempt("store the stage's data hashes", lambda client: _log_data(client, run_id, folder))
        attempt("store the stage's files", lambda client: _log_files(client, run_id, folder))
    attempt(f"mark the run {status}", lambda client: client.set_terminated(run_id, status, ended))


def mark_killed(run_id: str) -> None:
    """Set the status of a run that ended abnormally to KILLED, and that of its children marked as running."""

    def mark(client: "MlflowClient") -> bool:
        """Mark the children with status RUNNING, then the run itself."""
        run = client.get_run(run_id)
        below = f"tags.`mlflow.parentRunId` = '{run_id}' and attributes.status = 'RUNNING'"
        for child in client.search_runs([run.info.experiment_id], below, max_results=1000):
            client.set_terminated(child.info.run_id, "KILLED")
        if run.info.status not in ("FINISHED", "FAILED"):
            client.set_terminated(run_id, "KILLED")
        return True

    if run_id:
        attempt("mark the run KILLED", mark)


def tag_run(run_id: str, tags: dict[str, Any]) -> None:
    """Set tags of a run, which may have ended; "" does nothing."""
    if not run_id:
        return
    from mlflow.entities import RunTag

    entries = [RunTag(name, text) for name, text in _texts(tags).items()]
    attempt("tag the run", lambda client: client.log_batch(run_id, tags=entries) or True)


def _open(study: str | None, name: str, tags: dict[str, Any], parameters: dict[str, Any], experiment: str | None = None) -> str:
    def start(client: "MlflowClient") -> str:
        where = experiment or _experiment(client, study or "glmkit")
        run = client.create_run(where, tags=_texts(_common_tags() | tags), run_name=name)
        _log_parameters(client, run.info.run_id, parameters)
        return str(run.info.run_id)

    return attempt(f"open a run for {name}", start) or ""


def _experiment(client: "MlflowClient", name: str) -> str:
    """Id of the experiment `name`, which is created with an explicit artifact folder if it does not exist."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        artifacts = artifacts_folder()
        try:
            return str(client.create_experiment(name, artifacts.joinpath(safe_name(name)).as_uri() if artifacts else None))
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
    """Names and values in the form required by MLflow: secrets are hidden; long values are cut, and their length is given."""
    shown: dict[str, str] = {}
    for name, value in redact(values).items():
        text = str(value)
        shown[safe_name(str(name))] = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 30]}… ({len(text):,} characters)"
    return shown


def safe_name(name: str) -> str:
    """Replace characters that MLflow does not allow in keys by ``_``, and cut the name to 250 characters."""
    return "".join(letter if (letter.isalnum() and letter.isascii()) or letter in "_-. " else "_" for letter in name)[:250]


def _common_tags() -> dict[str, str]:
    tags = {"glmkit.version": __version__}
    if git := git_commit():
        tags |= {"mlflow.source.git.commit": git["commit"], "glmkit.git.changed": str(git["changed"]).lower()}
    return tags


@lru_cache(maxsize=1)
def git_commit() -> dict[str, Any] | None:
    """Git commit of the workspace, and whether tracked files differ from it; None outside a repository."""
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
