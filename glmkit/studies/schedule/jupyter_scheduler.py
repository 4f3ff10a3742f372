"""JupyterLab's own job form on glmkit's engine: an execution manager for the extension jupyter-scheduler.

Start the server with ``--Scheduler.execution_manager_class=glmkit.studies.schedule.jupyter_scheduler.GlmkitExecutionManager`` (the extra
``scheduler``). A job's parameters are then checked against the notebook's signature as ``glmkit run`` checks them: the form's
texts become the types that the parameters cell names, and a wrong one fails the job with a sentence before anything runs. Jobs
run only while a Jupyter server is up; what has to run without one belongs to ``glmkit schedule``.
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
    """Runs a job's notebook by papermill on glmkit's engine, from the workspace that the server's folder belongs to."""

    def execute(self) -> None:
        """Run the job's notebook and write its outputs, also where a cell failed.

        Raises
        ------
        BadInput
            A parameter is unknown to the notebook, or its value is not of its type or range.
        """
        import papermill

        job, notebook = self.model, Path(self.staging_paths["input"])
        values = typed(notebook, dict(job.parameters or {}))
        os.chdir(self.root_dir)  # a job has a process of its own
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
    """Parameters as a form gives them (mostly texts), with the types of the notebook's parameters cell.

    Parameters
    ----------
    notebook
        With a cell tagged ``parameters``.
    given
        Name to value.

    Returns
    -------
    dict
        The given ones only; the notebook's defaults stay its own.

    Raises
    ------
    BadInput
        All that is wrong with them, one sentence a line.
    """
    if not given:
        return {}
    texts = {name: Text(value) if isinstance(value, str) else value for name, value in given.items()}
    checked = read_signature(notebook).check(texts)
    return {name: checked[name] for name in given}


def _literal(path: Path) -> str:
    """A path for papermill, which would read ``{name}`` in one as the place of a parameter."""
    return str(path).replace("{", "{{").replace("}", "}}")
