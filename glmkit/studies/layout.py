"""Where things lie in a run folder. The names are here so that the job and the workflow cannot disagree."""

from pathlib import Path

WORKFLOW = ".workflow"
PLAN = f"{WORKFLOW}/plan.json"
SESSION = f"{WORKFLOW}/session.json"
SNAKEFILE = f"{WORKFLOW}/Snakefile"
SNAKEMAKE_LOG = f"{WORKFLOW}/snakemake.log"
RUN_LOCK = ".lock"
DONE = ".done"
NOTEBOOK = "notebook.ipynb"
LOG = "log.txt"


def source(stage: str) -> str:
    """The copy of a stage's notebook that a run was started with, relative to the run folder."""
    return f"{WORKFLOW}/notebooks/{stage}.ipynb"


def log_of(folder: Path) -> Path:
    """A stage's log."""
    return folder / LOG
