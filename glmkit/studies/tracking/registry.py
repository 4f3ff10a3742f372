"""MLflow's model registry: finished runs of a study with an acceptance criterion are registered as model versions.

A version that meets the criterion gets the alias ``champion`` and is loaded as ``models:/STUDY@champion``. The weights are copied
into MLflow's artifacts, because the next run overwrites the run folder. The same weights are registered only once.
"""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glmkit.errors import BadInput
from glmkit.files import inside, sha256
from glmkit.studies.files import record
from glmkit.studies.files.csv_format import show_number
from glmkit.studies.study.acceptance import Acceptance
from glmkit.studies.tracking.runs import safe_name
from glmkit.studies.tracking.store import attempt

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

CHAMPION, CANDIDATE = "champion", "candidate"


def promote(study: str, run_folder: Path, acceptance: Acceptance) -> str:
    """Register the model of a finished run and set its alias.

    Parameters
    ----------
    study
        Name of the study, which names the registered model.
    run_folder
        Folder of the finished run.
    acceptance
        Acceptance criterion of the study.

    Returns
    -------
    str
        Message with the metric's value, the version and the alias. If the store is unavailable, the message reports it.

    Raises
    ------
    BadInput
        The metric or the model named by the study does not exist.
    """
    value = acceptance.value(run_folder)
    folder = inside(run_folder, acceptance.model)
    if not folder.is_dir() or not any(folder.iterdir()):
        raise BadInput(f"acceptance.model: {folder} contains no model. Give the folder that the stage writes.")
    passed = acceptance.passed(value)
    verdict = f"acceptance: {acceptance}: {'passed' if passed else 'not reached'} with {show_number(value)}"
    run_id = str(record.read(run_folder).get("mlflow_run") or "")
    if not run_id:
        return f"{verdict}; nothing was registered, because the run is not tracked."
    tags = {"glmkit.acceptance": str(acceptance), "glmkit.value": repr(value), "glmkit.run": run_folder.name}
    registered = attempt("register the model", lambda client: _register(client, safe_name(study), run_id, folder, tags, passed))
    if registered is None:
        return f"{verdict}; nothing was registered."
    version, alias = registered
    record.update(run_folder, registered={"name": safe_name(study), "version": version, "alias": alias, "value": value})
    return f"{verdict}; {acceptance.model} is version {version} of {safe_name(study)}, {alias}."


def _register(
    client: "MlflowClient", name: str, run_id: str, folder: Path, tags: dict[str, Any], passed: bool
) -> tuple[int, str]:
    digest = folder_hash(folder)
    version = _same(client, name, digest)
    if version is None:
        place = f"models/{digest[:12]}"  # a resumed run may produce another model; both are kept
        client.log_artifacts(run_id, str(folder), place)
        source = f"{client.get_run(run_id).info.artifact_uri}/{place}"
        version = client.create_model_version(name, source, run_id, tags={**tags, "sha256": digest})
    number, aliases = str(version.version), version.aliases or []
    if passed:
        client.set_registered_model_alias(name, CHAMPION, number)
        if CANDIDATE in aliases:
            client.delete_registered_model_alias(name, CANDIDATE)
    elif CHAMPION not in aliases:
        client.set_registered_model_alias(name, CANDIDATE, number)
    return int(number), CHAMPION if passed or CHAMPION in aliases else CANDIDATE


def _same(client: "MlflowClient", name: str, digest: str) -> "ModelVersion | None":
    """The version with the same weights, or None; the registered model is created if it does not exist."""
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name, tags={"glmkit": "study"})
    for version in client.search_model_versions(f"name = '{name}'", max_results=1000):
        if version.tags.get("sha256") == digest:
            return client.get_model_version(name, version.version)
    return None


def folder_hash(folder: Path) -> str:
    """SHA-256 over the names and contents of a folder's files, hidden files excluded."""
    files = sorted(path for path in folder.rglob("[!.]*") if path.is_file())
    return hashlib.sha256("".join(f"{path.relative_to(folder)}\0{sha256(path)}\n" for path in files).encode()).hexdigest()
