"""``glmkit run``: one run of a study in one run folder, whatever happens to it on the way.

Snakemake chooses and orders the stages; what is added here is what a night needs: one run at a time in a folder, the remains
of a run that was killed cleared away before anything starts, an orderly end on SIGTERM and Ctrl-C, and the report.

The study file is the truth about parameters: ``--set`` holds for the one call that says it, and a plain ``glmkit run``
afterwards goes back to the study's values, running again what differs.
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

PATIENCE = 9.0  # seconds that jobs have to end after a signal


class StageFailed(GlmkitError):
    """A stage failed; the exit code is the one of its error."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.exit_code = code


def run_plan(
    plan: Plan, cores: int | None = None, until: Sequence[str] = (), force: Sequence[str] = (), profile: str = LOCAL
) -> bool:
    """Run what has to be run of a plan.

    Parameters
    ----------
    plan
        From :func:`glmkit.studies.study.plan.make_plan`.
    cores
        How many stages may run side by side; by default one for each core of this machine, or as the profile says.
    until
        Stop after these stages.
    force
        Run these again even if nothing changed.
    profile
        Where stages run: see :func:`glmkit.studies.run.executors.load_profile`.

    Returns
    -------
    bool
        Whether anything had to be done.

    Raises
    ------
    BadInput
        Another run is at work in the folder, a stage named here is none, or the profile cannot be used.
    ResourceError
        The run folder cannot be written.
    Interrupted, Terminated
        A signal stopped it.
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
        _forget_untrue(plan)
        before = _done(plan)
        session = _begin(plan)
        write_workflow(plan, where)
        started = record.now()
        number = _drive(plan, session, command(plan, cores, until, force, where), where.remote)
        if where.remote:
            cluster_jobs.settle_jobs(plan.folder)
            cluster_jobs.tell_failures(plan, started)
        settle(plan.folder, quiet=number is not None)
        return _finish(plan, session, before, number, until)


@contextlib.contextmanager
def _only_run(folder: Path) -> Iterator[None]:
    """Hold the run folder; a lock left by a dead process is taken over, and said."""
    lock = folder / run_folder.RUN_LOCK
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        left = lock.read_text(encoding="utf-8", errors="replace").strip() if lock.exists() else ""
    with exclusive(lock):
        if not os.access(folder, os.W_OK):
            raise ResourceError(f"{folder} cannot be written. Choose another run with --name, or change its permissions.")
        if left:
            _say(f"Took over {folder}, left locked by {left}, which is gone.")
        yield
        lock.write_text("", encoding="utf-8")


def settle(folder: Path, quiet: bool = False) -> None:
    """Make the records of a run true: what claims to run and does not is KILLED, and what it left running is ended.

    Parameters
    ----------
    folder
        The run folder; this process holds its lock.
    quiet
        Say nothing about it.
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
    """End a stage's job, its kernel and everything that these started; return how many processes that were."""
    if job is not None:
        with contextlib.suppress(psutil.Error):
            job.terminate()
        psutil.wait_procs([job], timeout=PATIENCE)
    return processes.kill_all([*([job] if job is not None and job.is_running() else []), *processes.marked(folder)])


def _of_this_host(found: dict[str, Any]) -> bool:
    return found.get("host") in (None, processes.host())


def _forget_untrue(plan: Plan) -> None:
    """Success is decided by ``run.json``: a ``.done`` beside anything but FINISHED does not count."""
    for stage in plan.stages:
        folder = plan.folder / stage.name
        if (folder / run_folder.DONE).exists() and record.read(folder).get("status") != "FINISHED":
            (folder / run_folder.DONE).unlink()


def _done(plan: Plan) -> dict[str, str]:
    marks = {stage.name: plan.folder / stage.name / run_folder.DONE for stage in plan.stages}
    return {name: mark.read_text(encoding="utf-8") for name, mark in marks.items() if mark.exists()}


def _begin(plan: Plan) -> str:
    """Say which run this is; a run that did not get to its end is gone on with, in MLflow too."""
    found = record.read(plan.folder)
    session = uuid.uuid4().hex
    resume = "" if found.get("complete") else str(found.get("mlflow_run") or "")
    value = {"id": session, "started": record.now(), "resume": resume, "process": processes.identity()}
    write_json(plan.folder / run_folder.SESSION, value)
    return session


def _drive(plan: Plan, session: str, words: list[str], remote: bool) -> int | None:
    """Run Snakemake to its end; return the signal that stopped it, if one did."""
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
    """Wait for Snakemake. The first signal is passed on to the jobs, which have some seconds; the second ends everything.

    Jobs of a cluster cannot be signalled from here: what is left of them once Snakemake is gone is cancelled.

    MLflow takes seconds to load, so that is done aside as soon as a stage runs: at the end, and above all after a signal, the
    truth can be told at once.
    """
    tree, told, warm, deadline = psutil.Process(process.pid), False, False, float("inf")
    while process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.2)
        if not warm and record.read(plan.folder).get("session") == session:
            warm = True
            threading.Thread(target=_load_mlflow, daemon=True).start()
        if stopped and not told:
            told, deadline = True, time.monotonic() + PATIENCE
            _say("Stopping: running stages may write their checkpoints. Once more stops at once.")
            _pass_on(tree, stopped[0], remote)
        elif len(stopped) > 1 or time.monotonic() > deadline:
            _kill_run(plan, tree)
            process.wait()


def _load_mlflow() -> None:
    from glmkit.studies.tracking import runs

    runs.prepare_store()


def _pass_on(tree: psutil.Process, number: int, remote: bool) -> None:
    jobs = [child for child in processes.descendants(tree) if _is_job(child)]
    first = signal.SIGINT if remote else signal.SIGTERM  # which cancels jobs elsewhere; jobs here get the signal themselves
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
    """Close the run's record and MLflow's, write the report, and say what came of it."""
    found = record.read(plan.folder)
    ran = found.get("session") == session
    if found and found.get("sweep") != plan.sweep_record():
        record.update(plan.folder, sweep=plan.sweep_record())  # points were taken out, and nothing had to run
    done = _done(plan)
    states = {stage.name: record.read(plan.folder / stage.name) for stage in plan.stages}
    failed = [name for name, state in states.items() if state.get("status") == "FAILED" and name not in done]
    now = [name for name in failed if str(states[name].get("started") or "") >= str(found.get("started") or "")]
    failed = now if ran and now else failed  # what failed in an earlier run, and was not reached again, is not news
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
            Terminated("Stopped by SIGTERM. The same command goes on from here.")
            if number == signal.SIGTERM
            else Interrupted("Stopped by Ctrl-C. The same command goes on from here.")
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
            return StageFailed(f"{', '.join(killed)}: the job was killed. The same command goes on from there.", 5)
        return StageFailed(f"The workflow did not run to its end; {log} says why.", 1)
    lines = []
    for name in failed:
        where = f" (cell {states[name]['cell']})" if states[name].get("cell") else ""
        lines.append(f"{name}{where}: {states[name].get('error')}\n  Log: {plan.folder / name / run_folder.LOG}")
    return StageFailed("\n".join(lines), int(states[failed[0]].get("exit_code") or 1))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
