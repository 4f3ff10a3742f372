"""Names of the files in a run folder, shared by the job and the workflow."""

from collections.abc import Iterator
from pathlib import Path

WORKFLOW = ".workflow"
PLAN = f"{WORKFLOW}/plan.json"
SESSION = f"{WORKFLOW}/session.json"
SNAKEFILE = f"{WORKFLOW}/Snakefile"
SNAKEMAKE_LOG = f"{WORKFLOW}/snakemake.log"
CLUSTER_LOGS = f"{WORKFLOW}/slurm"  # as in profiles/slurm/config.yaml
RUN_LOCK = ".lock"
DONE = ".done"
NOTEBOOK = "notebook.ipynb"
LOG = "log.txt"
JOB = "glmkit.studies.run.job"  # the module that runs one stage
SWEEP = "sweep"  # folder with one folder for each point of a sweep


def source(stage: str) -> str:
    """Path of the run's copy of a stage's notebook, relative to the run folder."""
    return f"{WORKFLOW}/notebooks/{stage}.ipynb"


def stage_folders(run_folder: Path, file: str) -> Iterator[Path]:
    """Folders of a run's stages that contain `file`, including those of a sweep's points."""
    for pattern in (f"*/{file}", f"{SWEEP}/*/*/{file}"):
        yield from (path.parent for path in sorted(run_folder.glob(pattern)))
