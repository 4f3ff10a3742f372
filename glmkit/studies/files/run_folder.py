"""Where things lie in a run folder. The names are here so that the job and the workflow cannot disagree."""

from collections.abc import Iterator
from pathlib import Path

WORKFLOW = ".workflow"
PLAN = f"{WORKFLOW}/plan.json"
SESSION = f"{WORKFLOW}/session.json"
SNAKEFILE = f"{WORKFLOW}/Snakefile"
SNAKEMAKE_LOG = f"{WORKFLOW}/snakemake.log"
CLUSTER_LOGS = f"{WORKFLOW}/slurm"  # as the profile says
RUN_LOCK = ".lock"
DONE = ".done"
NOTEBOOK = "notebook.ipynb"
LOG = "log.txt"
JOB = "glmkit.studies.run.job"  # the module that runs one stage
SWEEP = "sweep"  # a sweep's points are folders in it


def source(stage: str) -> str:
    """The copy of a stage's notebook that a run was started with, relative to the run folder."""
    return f"{WORKFLOW}/notebooks/{stage}.ipynb"


def stage_folders(run_folder: Path, file: str) -> Iterator[Path]:
    """The folders of a run's stages, those of a sweep's points included, that hold `file`."""
    for pattern in (f"*/{file}", f"{SWEEP}/*/*/{file}"):
        yield from (path.parent for path in sorted(run_folder.glob(pattern)))


def log_of(folder: Path) -> Path:
    """A stage's log."""
    return folder / LOG
