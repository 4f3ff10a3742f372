"""MLflow's model registry: every finished run of a study with a bar gives a version, and one that passes is the champion.

The weights are copied into MLflow's artifacts, because the run folder belongs to the next run. The same weights are never
registered twice. ``models:/STUDY@champion`` is what others load.
"""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glmkit.errors import BadInput
from glmkit.files import inside, sha256
from glmkit.studies.files import record
from glmkit.studies.files.csv_format import show_number
from glmkit.studies.study.acceptance import Bar
from glmkit.studies.tracking.runs import safe_name
from glmkit.studies.tracking.store import attempt

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

CHAMPION, CANDIDATE = "champion", "candidate"


def promote(study: str, run_folder: Path, bar: Bar) -> str:
    """Register the model of a finished run, give it the alias that it earned, and say so in a sentence.

    Parameters
    ----------
    study
        Under whose name models are registered.
    run_folder
        Of the run.
    bar
        The study's.

    Returns
    -------
    str
        What came of it; also where the store could not be used, which ends no run.

    Raises
    ------
    BadInput
        The number or the model that the study names is not there.
    """
    value = bar.value(run_folder)
    folder = inside(run_folder, bar.model)
    if not folder.is_dir() or not any(folder.iterdir()):
        raise BadInput(f"bar.model: {folder} holds no model. Name the folder that the stage writes.")
    passed = bar.passed(value)
    says = f"bar: {bar}: {'passed' if passed else 'not reached'} with {show_number(value)}"
    run_id = str(record.read(run_folder).get("mlflow_run") or "")
    if not run_id:
        return f"{says}; nothing was registered, for the run is not tracked."
    tags = {"glmkit.bar": str(bar), "glmkit.value": repr(value), "glmkit.run": run_folder.name}
    registered = attempt("register the model", lambda client: _register(client, safe_name(study), run_id, folder, tags, passed))
    if registered is None:
        return f"{says}; nothing was registered."
    version, alias = registered
    record.update(run_folder, registered={"name": safe_name(study), "version": version, "alias": alias, "value": value})
    return f"{says}; {bar.model} is version {version} of {safe_name(study)}, {alias}."


def _register(
    client: "MlflowClient", name: str, run_id: str, folder: Path, tags: dict[str, Any], passed: bool
) -> tuple[int, str]:
    digest = folder_hash(folder)
    version = _same(client, name, digest)
    if version is None:
        place = f"models/{digest[:12]}"  # a run that is gone on with may give another model; this one stays
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
    """The version with the same weights; the registered model is made if it is new."""
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name, tags={"glmkit": "study"})
    for version in client.search_model_versions(f"name = '{name}'", max_results=1000):
        if version.tags.get("sha256") == digest:
            return client.get_model_version(name, version.version)
    return None


def folder_hash(folder: Path) -> str:
    """SHA-256 over the names and contents of a folder's files, but for hidden ones."""
    files = sorted(path for path in folder.rglob("[!.]*") if path.is_file())
    return hashlib.sha256("".join(f"{path.relative_to(folder)}\0{sha256(path)}\n" for path in files).encode()).hexdigest()
