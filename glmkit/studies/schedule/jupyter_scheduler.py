"""Jobs of JupyterLab run with glmkit's engine: an execution manager for the extension jupyter-scheduler.

Install the extra ``scheduler``, and start the server with
``--Scheduler.execution_manager_class=glmkit.studies.schedule.jupyter_scheduler.GlmkitExecutionManager``. The parameters of a job are
checked against the notebook's signature as in ``glmkit run``. Texts of the form are converted to the types of the parameters cell,
and an invalid value fails the job before anything runs. Jobs run only while a Jupyter server runs; use ``glmkit schedule`` for runs
without one.
"""

import os
from pathlib import Path
from typing import Any

import nbformat

from glmkit.files import workspace
from glmkit.studies.kernels.kernel import DEFAULT
from glmkit.studies.study.parameter_types import Text
from glmkit.studies.study.signature import read_signature

try:
    from jupyter_scheduler.executors import DefaultExecutionManager
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"glmkit.studies.schedule.jupyter_scheduler needs jupyter-scheduler ({error}): pip install 'glmkit[scheduler]'",
        name=error.name,
    ) from error


class GlmkitExecutionManager(DefaultExecutionManager):
    """Execution manager that runs a job's notebook with papermill and glmkit's engine, in the workspace of the server's folder."""

    def execute(self) -> None:
        """Run the job's notebook and write its outputs, also if a cell failed.

        Raises
        ------
        BadInput
            The notebook has no such parameter, or a value has the wrong type or is out of range.
        """
        import papermill

        job, notebook = self.model, Path(self.staging_paths["input"])
        values = typed(notebook, dict(job.parameters or {}))
        os.chdir(self.root_dir)  # safe, because each job has its own process
        os.environ["GLMKIT_WORKSPACE"] = str(workspace())
        executed = notebook.with_name(f".executed-{self.job_id}.ipynb")
        try:
            papermill.execute_notebook(
                _literal(notebook),
                _literal(executed),
                parameters=values,
                engine_name="glmkit",
                kernel_name=nbformat.read(notebook, as_version=4).metadata.kernelspec.get("name", DEFAULT),
                cwd=os.environ["GLMKIT_WORKSPACE"],
                progress_bar=False,
            )
        finally:
            if executed.exists():
                self.create_output_files(job, nbformat.read(executed, as_version=4))
                executed.unlink()


def typed(notebook: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Convert parameters from a form, which are mostly texts, to the types of the notebook's parameters cell.

    Parameters
    ----------
    notebook
        Notebook with a cell tagged ``parameters``.
    given
        Values by name.

    Returns
    -------
    dict
        Converted values of the given parameters only.

    Raises
    ------
    BadInput
        Some values are invalid; the message lists all errors, one a line.
    """
    if not given:
        return {}
    texts = {name: Text(value) if isinstance(value, str) else value for name, value in given.items()}
    checked = read_signature(notebook).check(texts)
    return {name: checked[name] for name in given}


def _literal(path: Path) -> str:
    """Escape a path for papermill, which replaces ``{name}`` in paths by parameters."""
    return str(path).replace("{", "{{").replace("}", "}}")
