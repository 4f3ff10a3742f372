"""Entry point of scheduled runs: run the study, record the outcome, and run a command after a failure.

A call has one of five outcomes, which are kept in the schedule's ``.state`` file: ``RAN``; ``SKIPPED`` if nothing changed;
``OVERLAP`` if another run uses the run folder; ``FAILED``; ``KILLED``. An overlapping call ends with an error and is not queued. The
exit code is that of ``glmkit run``. The outcome is also set as tags of the study's MLflow run.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from glmkit.errors import GlmkitError, Interrupted, InUse
from glmkit.files import read_json, write_json
from glmkit.studies.files import record
from glmkit.studies.files.secrets import redact
from glmkit.studies.schedule.schedule import Schedule

PATIENCE = 300.0  # seconds of delay after which a scheduled time counts as missed
_COMMAND_SECONDS = 300.0  # time limit of the command that runs after a failure


def trigger(path: str | Path, run: Callable[[Schedule], bool], catch_up: bool = False) -> int:
    """Run the study of a schedule.

    Parameters
    ----------
    path
        File of the schedule.
    run
        Function that runs the study and returns whether any stage was run.
    catch_up
        Whether to run only if a scheduled time was missed, or if a shutdown of the machine interrupted a run.

    Returns
    -------
    int
        Exit code 0, also if there was nothing to run.

    Raises
    ------
    GlmkitError
        An error of `run`, which is raised again after it was recorded and reported.
    """
    schedule = Schedule.load(path)
    os.environ.update(schedule.variables)
    with record.locked(schedule.state.with_suffix(".lock")):
        if catch_up and not missed(schedule, _state(schedule), time.time(), psutil.boot_time()):
            return 0
        began = record.now()
        _keep(schedule, stamp=time.time(), going={"began": began, "pid": os.getpid()})
    print(f"== {schedule.name}, {began}{', catching up' if catch_up else ''}", flush=True)
    try:
        outcome = "RAN" if run(schedule) else "SKIPPED"
    except InUse as error:
        _end(schedule, began, "OVERLAP", error)
        raise
    except Interrupted as error:
        _end(schedule, began, "KILLED", error)
        raise
    except Exception as error:  # any error is reported before it is raised again
        _end(schedule, began, "FAILED", error)
        _report_failure(schedule, error)
        raise
    _end(schedule, began, outcome)
    return 0


def missed(schedule: Schedule, state: dict[str, Any], now: float, booted: float) -> bool:
    """Whether a scheduled time passed without a call, or the machine went down during a call.

    Parameters
    ----------
    schedule
        Schedule to check.
    state
        Content of its ``.state`` file.
    now, booted
        Current time, and time of the machine's start, in seconds since 1970. A run that ended while the machine stayed up is
        not resumed, because it was ended on purpose.
    """
    due = schedule.when.before(datetime.fromtimestamp(now - PATIENCE))
    if due is not None and due.timestamp() > float(state.get("stamp") or schedule.made):
        return True
    going, last = state.get("going") or {}, state.get("last") or {}
    cut = going or (last if last.get("outcome") == "KILLED" else {})
    return bool(cut) and datetime.fromisoformat(str(cut["began"])).timestamp() < booted


def _state(schedule: Schedule) -> dict[str, Any]:
    return dict(read_json(schedule.state)) if schedule.state.exists() else {}


def _keep(schedule: Schedule, **changes: Any) -> None:
    if schedule.file.exists():  # a schedule may be removed during its run
        write_json(schedule.state, _state(schedule) | changes)


def _end(schedule: Schedule, began: str, outcome: str, error: Exception | None = None) -> None:
    """Record the outcome of a call in the state file and in MLflow's run of the study."""
    code = 0 if error is None else int(getattr(error, "exit_code", 1))
    text = None if error is None else str(redact(str(error)))
    last = {"began": began, "ended": record.now(), "outcome": outcome, "exit_code": code, "error": text}
    with record.locked(schedule.state.with_suffix(".lock")):
        going = _state(schedule).get("going") or {}
        _keep(schedule, last=last, going=None if going.get("pid") == os.getpid() else going)
    print(f"== {outcome}, {last['ended']}", flush=True)
    if outcome == "OVERLAP":
        return  # the other run keeps its own record
    from glmkit.studies.tracking import runs

    found = record.read(Path(schedule.workspace) / "runs" / schedule.name)
    run_id = str(found.get("mlflow_run") or "")
    tags = {"glmkit.schedule": schedule.name, "glmkit.schedule.outcome": outcome, "glmkit.schedule.exit_code": code}
    if outcome == "SKIPPED":  # the run keeps its previous outcome
        tags = {"glmkit.schedule": schedule.name, "skipped": last["ended"]}
    if text:
        tags["glmkit.schedule.error"] = text
    if outcome == "FAILED" and str(found.get("started") or "") < began:  # it failed before an MLflow run was opened
        folder = Path(schedule.workspace) / "runs" / schedule.name
        run_id = runs.open_parent(str(found.get("study") or schedule.name), folder, {"glmkit.run": schedule.name})
        runs.close_run(run_id, "FAILED")
    runs.tag_run(run_id, tags)


def _report_failure(schedule: Schedule, error: Exception) -> None:
    """Run the schedule's command for failures; an error of that command is printed and has no other effect."""
    if not schedule.on_failure:
        return
    variables = {
        "GLMKIT_RUN": schedule.name,
        "GLMKIT_STUDY": schedule.study,
        "GLMKIT_RUN_FOLDER": str(Path(schedule.workspace) / "runs" / schedule.name),
        "GLMKIT_EXIT_CODE": str(error.exit_code if isinstance(error, GlmkitError) else 1),
        "GLMKIT_ERROR": str(redact(str(error))),
        "GLMKIT_LOG": str(schedule.log),
    }
    try:
        process = subprocess.Popen(
            schedule.on_failure,
            cwd=schedule.workspace,
            env=os.environ | variables,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as problem:
        print(f"glmkit: the command of --on-failure did not start: {problem}.", file=sys.stderr)
        return
    try:
        code = process.wait(_COMMAND_SECONDS)
        failure = f"ended with status {code}" if code else ""
    except subprocess.TimeoutExpired:
        failure = f"did not end within {_COMMAND_SECONDS:g} s and was killed"
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if failure:
        print(f"glmkit: the command of --on-failure ({schedule.on_failure[0]}) {failure}.", file=sys.stderr)
