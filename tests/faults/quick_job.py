"""A stage's job without a kernel and without MLflow: all else is the real one. Started by the workflow as ``-m tests.faults.quick_job``.

Given other words it is the command line, whose workflow then starts such jobs. What the "notebook" does: it logs, it fails at
``dropout=0.3, seed=1`` unless a file named ``mended`` lies in the workspace, and it waits while a file named ``hold`` does.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from glmkit import cli
from glmkit.studies.files import run_folder as layout
from glmkit.studies.run import job, workflow
from glmkit.studies.study.plan import Plan, PlannedStage
from glmkit.studies.tracking import runs


def execute(plan: Plan, stage: PlannedStage, run_folder: Path, child: str) -> job.Outcome:
    root, values = Path(plan.root), stage.parameters
    while values.get("dropout") == 0.1 and (root / "hold").exists():
        time.sleep(0.05)
    with open(root / "ran.txt", "a") as file:
        file.write(stage.name + "\n")
    if (values.get("dropout"), values.get("seed")) == (0.3, 1) and not (root / "mended").exists():
        return job.Outcome(status="FAILED", exit_code=2, error="BadInput: too much dropout.")
    with open(run_folder / stage.name / "metrics.jsonl", "w") as file:
        file.write(json.dumps({"step": 1, "time": 0.0, "validation_loss": values.get("dropout", 0.0) + 0.05}) + "\n")
    return job.Outcome(status="FINISHED")


def no_run(*words: Any, **more: Any) -> str:
    return ""


if __name__ == "__main__":
    layout.JOB = "tests.faults.quick_job"
    job.execute, runs.open_parent, runs.open_child, workflow._load_mlflow = execute, no_run, no_run, lambda: None
    sys.exit(cli.main() if sys.argv[1] in ("run", "check") else job.main())
