"""What a cluster did with a run's jobs, told where a person looks: in the stage's own record.

A job can end without its stage having a say: it is refused, killed for its memory, out of time, or its node goes away. Snakemake
learns why and writes it into a long log; here that is read back, so that ``glmkit status`` and the end of ``glmkit run`` can say
it in one sentence. The other way round, jobs outlive the process that submitted them: before a folder is used again, those that
still wait or run are cancelled, so that no stage is ever written by two.
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

PATIENCE = 60.0  # seconds that cancelled jobs have to be gone
POLL = 0.5
_COMMAND_SECONDS = 60.0
_SUBMITTED = re.compile(r"submitted with SLURM jobid (\d+)")
_ERROR = re.compile(r"^Error in rule (\w+):\n((?:^    .*\n|^\s*\n(?=    ))*)", re.MULTILINE)
_STATE = re.compile(r"SLURM status is: '(\w+)'")
_REMEDIES = {
    "OUT_OF_MEMORY": "Raise resources.memory of the stage.",
    "TIMEOUT": "Raise resources.minutes of the stage, or call glmkit run again: a training goes on from its last checkpoint.",
    "NODE_FAIL": "The node went away; glmkit run goes on from there.",
    "CANCELLED": "Somebody cancelled it; glmkit run goes on from there.",
    "DEADLINE": "Raise resources.minutes of the stage.",
}


@dataclass(frozen=True, kw_only=True)
class JobError:  # numpydoc ignore=PR02
    """What Snakemake's log says of one failed job.

    Parameters
    ----------
    rule
        The name of its rule.
    job
        Its number in the cluster; empty if it was never accepted.
    state
        The cluster's word for how it ended, such as ``OUT_OF_MEMORY``; empty if there is none.
    text
        The executor's message.
    """

    rule: str
    job: str
    state: str
    text: str


def require(profile: Profile, folder: Path) -> None:
    """Check that jobs can be submitted from here.

    Parameters
    ----------
    profile
        From :func:`glmkit.studies.run.executors.load_profile`.
    folder
        The run folder.

    Raises
    ------
    BadInput
        A program of Slurm is missing, or a shell on the other side would not take the folder's name as it stands.
    """
    if profile.remote and (odd := sorted(set(str(folder)) & set('$`"\\\n'))):
        raise BadInput(
            f"--profile {profile.name}: the folder {folder} has {' '.join(map(repr, odd))} in its name, which a job's shell would "
            "not take as it stands. Rename it, or leave --profile out to run here."
        )
    missing = [name for name in ("sbatch", "squeue", "scancel") if profile.executor == "slurm" and shutil.which(name) is None]
    if missing:
        raise BadInput(
            f"--profile {profile.name}: {', '.join(missing)} not found. Call glmkit run where jobs are submitted, which is a "
            "cluster's login node, or leave --profile out to run here."
        )


def job_errors(log: Path) -> list[JobError]:
    """The failed jobs in Snakemake's log, the last word on each rule.

    Parameters
    ----------
    log
        The file; there is nothing in one that does not exist.
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
    """The value of ``name:`` in an error's indented block: its line, and those indented further."""
    match = re.search(rf"^    {name}: (.*(?:\n(?!    \w+:).+)*)", body, re.MULTILINE)
    return match[1].strip() if match else ""


def tell_failures(plan: Plan, started: str) -> None:
    """Write how jobs ended into the records of the stages that could not do it themselves.

    Parameters
    ----------
    plan
        Its run has just ended, and this process holds the folder.
    started
        When that run began; what a stage has said of itself since then stands.
    """
    by_rule = {rule_name(number, stage): stage for number, stage in enumerate(plan.stages)}
    for error in job_errors(plan.folder / run_folder.SNAKEMAKE_LOG):
        if stage := by_rule.get(error.rule):
            _tell(plan, stage, error, started)


def _tell(plan: Plan, stage: PlannedStage, error: JobError, started: str) -> None:
    folder = plan.folder / stage.name
    found = record.read(folder)
    said = str(found.get("started") or "") >= started
    if said and found.get("status") == "FAILED":
        return
    log = next(iter((plan.folder / run_folder.CLUSTER_LOGS).glob(f"**/{error.job}.log")), None) if error.job else None
    text = redact(sentence(error, log, begun=said))
    about: dict[str, Any] = {} if said else {"study": plan.study, "stage": stage.stage, "point": stage.point, "started": started}
    record.update(folder, **about, status="FAILED", ended=record.now(), error=text, exit_code=ResourceError.exit_code)
    if said and found.get("mlflow_run"):
        from glmkit.studies.tracking import runs

        runs.close_run(str(found["mlflow_run"]), "FAILED", folder)
    with open(folder / run_folder.LOG, "a", encoding="utf-8") as lines:
        lines.write(f"== FAILED, {record.now()} {text}\n")


def sentence(error: JobError, log: Path | None, begun: bool) -> str:
    """How a job ended and what to do, for a person.

    Parameters
    ----------
    error
        From :func:`job_errors`.
    log
        The job's own log; None if there is none.
    begun
        Whether the stage had begun.
    """
    if not error.job:
        said = re.search(r"The error message was '(.*?)'\.?$", error.text, re.MULTILINE | re.DOTALL)
        return f"The job was not accepted: {_one_line(said[1] if said else error.text) or 'no reason was given'}"
    when = "while the stage ran" if begun else "before the stage began"
    words = [f"Job {error.job} ended as {error.state or 'FAILED'} {when}."]
    words += [_REMEDIES[error.state]] if error.state in _REMEDIES else []
    if log is not None:
        last = _last_line(log)
        words += [f"Its last words: {last!r}."] if last and error.state not in _REMEDIES else []
        words += [f"Its log: {log}"]
    return " ".join(words)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]


def _last_line(log: Path) -> str:
    """The last line of a job's log that Snakemake did not write about itself."""
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
    said = [line for line in lines if line and not line.startswith(own)]
    return said[-1][:300] if said else ""


def settle_jobs(folder: Path) -> int:
    """Cancel the jobs of a run that an earlier ``glmkit run`` left in the queue, and wait until they are gone.

    Parameters
    ----------
    folder
        The run folder; this process holds its lock.

    Returns
    -------
    int
        How many there were.

    Raises
    ------
    ResourceError
        Some are still there after a minute, so that the folder cannot be used yet.
    """
    log = folder / run_folder.SNAKEMAKE_LOG
    jobs = _SUBMITTED.findall(log.read_text(encoding="utf-8", errors="replace")) if log.exists() else []
    left = _alive(jobs)
    if left:
        _ask(["scancel", *left])
        deadline = time.monotonic() + PATIENCE
        while still := _alive(left):
            if time.monotonic() > deadline:
                raise ResourceError(
                    f"Jobs {', '.join(still)} of an earlier run are cancelled and have not ended after {PATIENCE:g} s. "
                    "Wait until squeue shows them no more, then call glmkit run again."
                )
            time.sleep(POLL)
        print(f"Cancelled {len(left)} job(s) that the last run had left in the queue.", file=sys.stderr, flush=True)
    for place in run_folder.stage_folders(folder, record.RECORD) if jobs else ():
        found = record.read(place)
        if found.get("status") == "RUNNING" and str(found.get("job") or "") in jobs:
            record.update(place, status="KILLED", ended=record.now(), exit_code=137, error="Killed: The job was cancelled.")
    return len(left)


def _alive(jobs: Sequence[str]) -> list[str]:
    """Those of the jobs that wait or run; squeue knows no other."""
    if not jobs or shutil.which("squeue") is None:
        return []
    known = _ask(["squeue", "--noheader", "--me", "--format=%i"]).split()
    return [job for job in jobs if job in known]


def _ask(words: list[str]) -> str:
    with contextlib.suppress(subprocess.TimeoutExpired):
        return subprocess.run(words, capture_output=True, text=True, timeout=_COMMAND_SECONDS, check=False).stdout
    return ""
