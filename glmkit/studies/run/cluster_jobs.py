"""Jobs of a cluster: their errors are copied into the records of the stages, and leftover jobs are cancelled.

A job can end without its stage recording an error: it is refused, exceeds its memory or time, or its node fails. Snakemake writes
the reason into a long log. This module extracts it, so that ``glmkit status`` and ``glmkit run`` can report it in one sentence.
Jobs may also outlive the process that submitted them. Before a folder is used again, its pending and running jobs are cancelled,
so that no stage is written by two jobs.
"""

import contextlib
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glmkit.errors import BadInput, ResourceError
from glmkit.studies.files import record, run_folder
from glmkit.studies.files.secrets import redact
from glmkit.studies.run.executors import Profile
from glmkit.studies.run.snakefile import rule_name
from glmkit.studies.study.plan import Plan
from glmkit.studies.study.planned_stage import PlannedStage

PATIENCE = 60.0  # seconds in which cancelled jobs must end
POLL = 0.5
_COMMAND_SECONDS = 60.0
_SUBMITTED = re.compile(r"submitted with SLURM jobid (\d+)")
_ERROR = re.compile(r"^Error in rule (\w+):\n((?:^    .*\n|^\s*\n(?=    ))*)", re.MULTILINE)
_STATE = re.compile(r"SLURM status is: '(\w+)'")
_REMEDIES = {
    "OUT_OF_MEMORY": "Raise resources.memory of the stage.",
    "TIMEOUT": "Raise resources.minutes of the stage, or call glmkit run again: a training resumes from its last checkpoint.",
    "NODE_FAIL": "The node failed; call glmkit run again to resume.",
    "CANCELLED": "The job was cancelled; call glmkit run again to resume.",
    "DEADLINE": "Raise resources.minutes of the stage.",
}


@dataclass(frozen=True, kw_only=True)
class JobError:  # numpydoc ignore=PR02
    """Error of one failed job, from Snakemake's log.

    Parameters
    ----------
    rule
        Name of the job's rule.
    job
        Id of the job in the cluster; empty if the job was not accepted.
    state
        Final state of the job in the cluster, such as ``OUT_OF_MEMORY``; empty if unknown.
    text
        Message of the executor.
    """

    rule: str
    job: str
    state: str
    text: str


def require(profile: Profile, folder: Path) -> None:
    """Check that jobs can be submitted from this machine.

    Parameters
    ----------
    profile
        Profile, as returned by :func:`glmkit.studies.run.executors.load_profile`.
    folder
        Absolute path of the run folder.

    Raises
    ------
    BadInput
        A program of Slurm is missing, or the folder's name has characters that the shell of a job would interpret.
    """
    if profile.remote and (special := sorted(set(str(folder)) & set('$`"\\\n'))):
        raise BadInput(
            f"--profile {profile.name}: the folder {folder} has {' '.join(map(repr, special))} in its name, which a job's shell would "
            "interpret. Rename it, or leave --profile out to run here."
        )
    missing = [name for name in ("sbatch", "squeue", "scancel") if profile.executor == "slurm" and shutil.which(name) is None]
    if missing:
        raise BadInput(
            f"--profile {profile.name}: {', '.join(missing)} not found. Call glmkit run where jobs are submitted, which is a "
            "cluster's login node, or leave --profile out to run here."
        )


def job_errors(log: Path) -> list[JobError]:
    """The failed jobs in Snakemake's log, with the last error of each rule.

    Parameters
    ----------
    log
        Path of the log, which may not exist.

    Returns
    -------
    list of JobError
        Errors; empty without a log.
    """
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    found: dict[str, JobError] = {}
    for rule, body in _ERROR.findall(text):
        message = _part(body, "message") or ""
        state = _STATE.search(message)
        job = _part(body, "external_jobid") or ""
        found[rule] = JobError(rule=rule, job=job.strip(), state=state[1] if state else "", text=message)
    return list(found.values())


def _part(body: str, name: str) -> str:
    """Value of ``name:`` in the indented block of an error: its line and the following lines with deeper indentation."""
    match = re.search(rf"^    {name}: (.*(?:\n(?!    \w+:).+)*)", body, re.MULTILINE)
    return match[1].strip() if match else ""


def record_failures(plan: Plan, started: str) -> None:
    """Write the errors of jobs into the records of stages that could not record them.

    Parameters
    ----------
    plan
        Plan of the run, which has just ended and whose folder this process holds.
    started
        Start of that run as ISO 8601 text; errors that a stage has recorded since then are kept.
    """
    by_rule = {rule_name(number, stage): stage for number, stage in enumerate(plan.stages)}
    for error in job_errors(plan.folder / run_folder.SNAKEMAKE_LOG):
        if stage := by_rule.get(error.rule):
            _record_failure(plan, stage, error, started)


def _record_failure(plan: Plan, stage: PlannedStage, error: JobError, started: str) -> None:
    folder = plan.folder / stage.name
    found = record.read(folder)
    begun = str(found.get("started") or "") >= started
    if begun and found.get("status") == "FAILED":
        return
    log = next(iter((plan.folder / run_folder.CLUSTER_LOGS).glob(f"**/{error.job}.log")), None) if error.job else None
    text = redact(sentence(error, log, begun=begun))
    about: dict[str, Any] = {} if begun else {"study": plan.study, "stage": stage.stage, "point": stage.point, "started": started}
    record.update(folder, **about, status="FAILED", ended=record.now(), error=text, exit_code=ResourceError.exit_code)
    if begun and found.get("mlflow_run"):
        from glmkit.studies.tracking import runs

        runs.close_run(str(found["mlflow_run"]), "FAILED", folder)
    with open(folder / run_folder.LOG, "a", encoding="utf-8") as lines:
        lines.write(f"== FAILED, {record.now()} {text}\n")


def sentence(error: JobError, log: Path | None, begun: bool) -> str:
    """Message with the end of a job and a remedy.

    Parameters
    ----------
    error
        Error, as returned by :func:`job_errors`.
    log
        Log of the job; None if there is none.
    begun
        Whether the stage had started.

    Returns
    -------
    str
        One sentence or more.
    """
    if not error.job:
        reason = re.search(r"The error message was '(.*?)'\.?$", error.text, re.MULTILINE | re.DOTALL)
        return f"The job was not accepted: {_one_line(reason[1] if reason else error.text) or 'no reason was given'}"
    when = "while the stage ran" if begun else "before the stage started"
    words = [f"Job {error.job} ended as {error.state or 'FAILED'} {when}."]
    words += [_REMEDIES[error.state]] if error.state in _REMEDIES else []
    if log is not None:
        last = _last_line(log)
        words += [f"Its last output: {last!r}."] if last and error.state not in _REMEDIES else []
        words += [f"Its log: {log}"]
    return " ".join(words)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]


def _last_line(log: Path) -> str:
    """Last line of a job's log that was not written by Snakemake itself."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()[-60:]]
    own = (
        "srun: error",
        "Error in rule",
        "Exiting because",
        "Complete log",
        "WorkflowError",
        "Storing",
        "[",
        "(command",
        "At least",
    )
    output = [line for line in lines if line and not line.startswith(own)]
    return output[-1][:300] if output else ""


def settle_jobs(folder: Path) -> int:
    """Cancel the jobs of a run that an earlier ``glmkit run`` left in the queue, and wait until they have ended.

    Parameters
    ----------
    folder
        Run folder, whose lock this process holds.

    Returns
    -------
    int
        Number of cancelled jobs.

    Raises
    ------
    ResourceError
        Some jobs have not ended after a minute, so that the folder cannot be used yet.
    """
    log = folder / run_folder.SNAKEMAKE_LOG
    jobs = _SUBMITTED.findall(log.read_text(encoding="utf-8", errors="replace")) if log.exists() else []
    left = _alive(jobs)
    if left:
        _output(["scancel", *left])
        deadline = time.monotonic() + PATIENCE
        while still := _alive(left):
            if time.monotonic() > deadline:
                raise ResourceError(
                    f"Jobs {', '.join(still)} of an earlier run are cancelled and have not ended after {PATIENCE:g} s. "
                    "Wait until squeue no longer lists them, then call glmkit run again."
                )
            time.sleep(POLL)
        print(f"Cancelled {len(left)} job(s) that the last run had left in the queue.", file=sys.stderr, flush=True)
    for place in run_folder.stage_folders(folder, record.RECORD) if jobs else ():
        found = record.read(place)
        if found.get("status") == "RUNNING" and str(found.get("job") or "") in jobs:
            record.update(place, status="KILLED", ended=record.now(), exit_code=137, error="Killed: The job was cancelled.")
    return len(left)


def _alive(jobs: Sequence[str]) -> list[str]:
    """The pending or running jobs among `jobs`; squeue lists no others."""
    if not jobs or shutil.which("squeue") is None:
        return []
    known = _output(["squeue", "--noheader", "--me", "--format=%i"]).split()
    return [job for job in jobs if job in known]


def _output(words: list[str]) -> str:
    with contextlib.suppress(subprocess.TimeoutExpired):
        return subprocess.run(words, capture_output=True, text=True, timeout=_COMMAND_SECONDS, check=False).stdout
    return ""
