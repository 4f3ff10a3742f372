"""``glmkit run``: one run of a study in one run folder, with recovery after interruptions.

Snakemake selects and orders the stages. This module makes unattended runs safe. It admits one run at a time to a folder, and cleans
up after a killed run. On SIGTERM and Ctrl-C it ends the stages in an orderly way.

The study file determines the parameters. ``--set`` applies to one call only; a later ``glmkit run`` without it uses the study's values
again and repeats the stages that differ.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil

from glmkit.errors import GlmkitError, Interrupted, ResourceError, Terminated
from glmkit.files import disk_errors, exclusive, write_json
from glmkit.studies.files import record, run_folder
from glmkit.studies.kernels import processes
from glmkit.studies.run import cluster_jobs
from glmkit.studies.run.executors import LOCAL, load_profile
from glmkit.studies.run.snakefile import command, write_workflow
from glmkit.studies.study.plan import Plan

PATIENCE = 9.0  # seconds in which jobs must end after a signal


class StageFailed(GlmkitError):
    """A stage failed; the exit code is that of its error."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.exit_code = code


def run_plan(
    plan: Plan, cores: int | None = None, until: Sequence[str] = (), force: Sequence[str] = (), profile: str = LOCAL
) -> bool:
    """Run the stages of a plan that are not up to date.

    Parameters
    ----------
    plan
        Plan, as returned by :func:`glmkit.studies.study.plan.make_plan`.
    cores
        Number of cores on this machine, or of concurrent jobs on a cluster. The default is all cores, or the number of jobs of
        the profile.
    until
        Names of stages after which the run ends; by default all stages run.
    force
        Names of stages that are run even if they are up to date.
    profile
        Name or folder of the profile; see :func:`glmkit.studies.run.executors.load_profile`.

    Returns
    -------
    bool
        Whether any stage was run.

    Raises
    ------
    BadInput
        Another run uses the folder, a stage does not exist, or the profile cannot be used.
    ResourceError
        The run folder cannot be written.
    Interrupted, Terminated
        A signal stopped the run.
    StageFailed
        A stage failed.
    """
    for name in (*until, *force):
        plan.named(name)
    where = load_profile(profile)
    cluster_jobs.require(where, plan.folder)
    cores = cores or (None if where.remote else len(os.sched_getaffinity(0)))
    with _only_run(plan.folder):
        cluster_jobs.settle_jobs(plan.folder)
        settle(plan.folder)
        _remove_invalid_marks(plan)
        before = _done(plan)
        session = _begin(plan)
        write_workflow(plan, where)
        started = record.now()
        number = _drive(plan, session, command(plan, cores, until, force, where), where.remote)
        if where.remote:
            cluster_jobs.settle_jobs(plan.folder)
            cluster_jobs.record_failures(plan, started)
        settle(plan.folder, quiet=number is not None)
        return _finish(plan, session, before, number, until)


@contextlib.contextmanager
def _only_run(folder: Path) -> Iterator[None]:
    """Hold the lock of the run folder; if an ended process left its lock, report that it is taken over."""
    lock = folder / run_folder.RUN_LOCK
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        left = lock.read_text(encoding="utf-8", errors="replace").strip() if lock.exists() else ""
    with exclusive(lock):
        if not os.access(folder, os.W_OK):
            raise ResourceError(f"{folder} cannot be written. Choose another run with --name, or change its permissions.")
        if left:
            _say(f"Took over {folder}, which was left locked by {left}; that process has ended.")
        yield
        lock.write_text("", encoding="utf-8")


def settle(folder: Path, quiet: bool = False) -> None:
    """Correct the records of a run: stages marked as RUNNING become KILLED, and their remaining processes are ended.

    Parameters
    ----------
    folder
        Run folder, whose lock this process holds.
    quiet
        Whether to print nothing.
    """
    killed: list[str] = []
    for place in run_folder.stage_folders(folder, record.RECORD):
        found = record.read(place)
        if found.get("status") != "RUNNING" or not _of_this_host(found):
            continue
        orphans = reap(place, processes.find(found.get("process")))
        if not quiet:
            _say(
                f"{place.relative_to(folder)}: its last run was killed{f'; ended {orphans} process(es) that it left' if orphans else ''}."
            )
        if record.read(place).get("status") == "RUNNING":
            record.update(place, status="KILLED", ended=record.now(), exit_code=137, error="Killed: The job was killed.")
            killed.append(str(found.get("mlflow_run") or ""))
    found = record.read(folder)
    if found.get("status") == "RUNNING" and _of_this_host(found) and not processes.find(found.get("process")):
        record.update(folder, status="KILLED", ended=record.now(), error="Killed: The run was killed.")
        killed.append(str(found.get("mlflow_run") or ""))
    if any(killed):
        from glmkit.studies.tracking import runs

        for run_id in filter(None, killed):
            runs.mark_killed(run_id)


def reap(folder: Path, job: psutil.Process | None) -> int:
    """End the job of a stage, its kernel and all their descendants; return the number of killed processes."""
    if job is not None:
        with contextlib.suppress(psutil.Error):
            job.terminate()
        psutil.wait_procs([job], timeout=PATIENCE)
    return processes.kill_all([*([job] if job is not None and job.is_running() else []), *processes.marked(folder)])


def _of_this_host(found: dict[str, Any]) -> bool:
    return found.get("host") in (None, processes.host())


def _remove_invalid_marks(plan: Plan) -> None:
    """Remove ``.done`` from stages whose status in ``run.json`` is not FINISHED."""
    for stage in plan.stages:
        folder = plan.folder / stage.name
        if (folder / run_folder.DONE).exists() and record.read(folder).get("status") != "FINISHED":
            (folder / run_folder.DONE).unlink()


def _done(plan: Plan) -> dict[str, str]:
    marks = {stage.name: plan.folder / stage.name / run_folder.DONE for stage in plan.stages}
    return {name: mark.read_text(encoding="utf-8") for name, mark in marks.items() if mark.exists()}


def _begin(plan: Plan) -> str:
    """Write the session file and return the session's id; an incomplete run is resumed, also in MLflow."""
    found = record.read(plan.folder)
    session = uuid.uuid4().hex
    resume = "" if found.get("complete") else str(found.get("mlflow_run") or "")
    value = {"id": session, "started": record.now(), "resume": resume, "process": processes.identity()}
    write_json(plan.folder / run_folder.SESSION, value)
    return session


def _drive(plan: Plan, session: str, words: list[str], remote: bool) -> int | None:
    """Run Snakemake to its end; return the signal that stopped it, or None."""
    stopped: list[int] = []
    before = {number: signal.signal(number, lambda n, _: stopped.append(n)) for number in (signal.SIGTERM, signal.SIGINT)}
    environment = {**os.environ, "GLMKIT_WORKSPACE": plan.root, "PYTHONUNBUFFERED": "1"}
    try:
        with open(plan.folder / run_folder.SNAKEMAKE_LOG, "w", encoding="utf-8") as log:
            process = subprocess.Popen(
                words,
                cwd=plan.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
                preexec_fn=processes.dying_with_parent(),
            )
        _watch(plan, session, process, stopped, remote)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return stopped[0] if stopped else None


def _watch(plan: Plan, session: str, process: "subprocess.Popen[bytes]", stopped: list[int], remote: bool) -> None:
    """Wait for Snakemake. The first signal is passed on to the jobs, which have some seconds to end; the second kills them.

    Jobs of a cluster cannot receive signals from here; the remaining ones are cancelled after Snakemake has ended.

    MLflow takes seconds to import. It is imported in a thread as soon as a stage runs, so that the outcome can be recorded at once.
    """
    tree, passed_on, warm, deadline = psutil.Process(process.pid), False, False, float("inf")
    while process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.2)
        if not warm and record.read(plan.folder).get("session") == session:
            warm = True
            threading.Thread(target=_load_mlflow, daemon=True).start()
        if stopped and not passed_on:
            passed_on, deadline = True, time.monotonic() + PATIENCE
            _say("Stopping: running stages can still write their checkpoints. A second signal stops at once.")
            _pass_on(tree, stopped[0], remote)
        elif len(stopped) > 1 or time.monotonic() > deadline:
            _kill_run(plan, tree)
            process.wait()


def _load_mlflow() -> None:
    from glmkit.studies.tracking import runs

    runs.prepare_store()


def _pass_on(tree: psutil.Process, number: int, remote: bool) -> None:
    jobs = [child for child in processes.descendants(tree) if _is_job(child)]
    first = (
        signal.SIGINT if remote else signal.SIGTERM
    )  # SIGINT makes Snakemake cancel remote jobs; local jobs get the signal directly
    for each, what in [(tree, first), *((job, number) for job in jobs)]:
        with contextlib.suppress(psutil.Error):
            each.send_signal(what)


def _is_job(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return run_folder.JOB in process.cmdline()
    return False


def _kill_run(plan: Plan, tree: psutil.Process) -> None:
    left = [process for stage in plan.stages for process in processes.marked(plan.folder / stage.name)]
    processes.kill_all([tree, *left])


def _finish(plan: Plan, session: str, before: dict[str, str], number: int | None, until: Sequence[str]) -> bool:
    """Close the run's record and its MLflow run; return whether any stage was run, or raise the error."""
    found = record.read(plan.folder)
    ran = found.get("session") == session
    if found and found.get("sweep") != plan.sweep_record():
        record.update(plan.folder, sweep=plan.sweep_record())  # points were removed and no stage had to run
    done = _done(plan)
    states = {stage.name: record.read(plan.folder / stage.name) for stage in plan.stages}
    failed = [name for name, state in states.items() if state.get("status") == "FAILED" and name not in done]
    now = [name for name in failed if str(states[name].get("started") or "") >= str(found.get("started") or "")]
    failed = now if ran and now else failed  # failures of an earlier run are reported only if there are no new ones
    wanted = _wanted(plan, until)
    status = "KILLED" if number is not None else "FINISHED" if wanted <= set(done) else "FAILED"
    if ran:
        from glmkit.studies.tracking import runs

        ended = record.now()
        record.update(
            plan.folder,
            status=status,
            complete=status == "FINISHED" and len(done) == len(plan.stages),
            ended=ended,
            seconds=record.seconds_between(found.get("started"), ended),
            error="; ".join(f"{name}: {states[name].get('error')}" for name in failed) or None,
        )
        runs.close_run(str(found.get("mlflow_run") or ""), status)
    if number is not None:
        raise (
            Terminated("Stopped by SIGTERM. The same command resumes the run.")
            if number == signal.SIGTERM
            else Interrupted("Stopped by Ctrl-C. The same command resumes the run.")
        )
    if status == "FAILED":
        raise _failure(plan, states, failed)
    return ran


def _wanted(plan: Plan, until: Sequence[str]) -> set[str]:
    wanted = {stage.name for name in until for stage in plan.named(name)} or {stage.name for stage in plan.stages}
    while more := {name for stage in plan.stages if stage.name in wanted for name in stage.after} - wanted:
        wanted |= more
    return wanted


def _failure(plan: Plan, states: dict[str, dict[str, Any]], failed: list[str]) -> StageFailed:
    if not failed:
        log = plan.folder / run_folder.SNAKEMAKE_LOG
        killed = [name for name, state in states.items() if state.get("status") == "KILLED"]
        if killed:
            return StageFailed(f"{', '.join(killed)}: the job was killed. The same command resumes the run.", 5)
        return StageFailed(f"The workflow did not run to its end. The reason is in {log}.", 1)
    lines = []
    for name in failed:
        where = f" (cell {states[name]['cell']})" if states[name].get("cell") else ""
        lines.append(f"{name}{where}: {states[name].get('error')}\n  Log: {plan.folder / name / run_folder.LOG}")
    return StageFailed("\n".join(lines), int(states[failed[0]].get("exit_code") or 1))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
