"""What a timer sets off: one run of a study, or a sentence why not; and whoever should know of a failure is told.

A call ends in one of five ways, kept in the schedule's ``.state`` beside it. ``RAN``; ``SKIPPED`` if nothing upstream changed;
``OVERLAP`` if the run folder is at work already, which is refused and not queued; ``FAILED``; ``KILLED``. The exit code is that
of ``glmkit run``. MLflow's run of the study carries the outcome as tags.
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

PATIENCE = 300.0  # seconds that a moment may be late before it counts as missed
_COMMAND_SECONDS = 300.0  # for the command that is told of a failure


def trigger(path: str | Path, run: Callable[[Schedule], bool], catch_up: bool = False) -> int:
    """Run the study of a schedule.

    Parameters
    ----------
    path
        The schedule's file.
    run
        Runs the study and says whether anything had to be done.
    catch_up
        Do so only if a moment was missed, or a run was cut off when the machine went down.

    Returns
    -------
    int
        0; also if nothing had to be done, or was missed.

    Raises
    ------
    GlmkitError
        What `run` raised, once it has been recorded and reported.
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
    except Exception as error:  # whatever it was, it is reported and goes on up
        _end(schedule, began, "FAILED", error)
        _tell(schedule, error)
        raise
    _end(schedule, began, outcome)
    return 0


def missed(schedule: Schedule, state: dict[str, Any], now: float, booted: float) -> bool:
    """Whether a moment has passed without a call, or the machine went down during one.

    Parameters
    ----------
    schedule
        Of which the moments are.
    state
        What is kept of its calls.
    now, booted
        The time and that of the machine's start, in seconds since 1970. A run that was ended while the machine stayed up is
        not taken up again: whoever ended it meant to.
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
    if schedule.file.exists():  # it may be removed while it runs
        write_json(schedule.state, _state(schedule) | changes)


def _end(schedule: Schedule, began: str, outcome: str, error: Exception | None = None) -> None:
    """Keep what came of a call, and put it on MLflow's run of the study."""
    code = 0 if error is None else int(getattr(error, "exit_code", 1))
    text = None if error is None else str(redact(str(error)))
    last = {"began": began, "ended": record.now(), "outcome": outcome, "exit_code": code, "error": text}
    with record.locked(schedule.state.with_suffix(".lock")):
        going = _state(schedule).get("going") or {}
        _keep(schedule, last=last, going=None if going.get("pid") == os.getpid() else going)
    print(f"== {outcome}, {last['ended']}", flush=True)
    if outcome == "OVERLAP":
        return  # the run at work has a record of its own
    from glmkit.studies.tracking import runs

    found = record.read(Path(schedule.workspace) / "runs" / schedule.name)
    run_id = str(found.get("mlflow_run") or "")
    tags = {"glmkit.schedule": schedule.name, "glmkit.schedule.outcome": outcome, "glmkit.schedule.exit_code": code}
    if outcome == "SKIPPED":  # the run keeps the outcome that it had
        tags = {"glmkit.schedule": schedule.name, "skipped": last["ended"]}
    if text:
        tags["glmkit.schedule.error"] = text
    if outcome == "FAILED" and str(found.get("started") or "") < began:  # it did not come as far as a run of its own
        folder = Path(schedule.workspace) / "runs" / schedule.name
        run_id = runs.open_parent(str(found.get("study") or schedule.name), folder, {"glmkit.run": schedule.name})
        runs.close_run(run_id, "FAILED")
    runs.tag_run(run_id, tags)


def _tell(schedule: Schedule, error: Exception) -> None:
    """Run the schedule's command for failures; one that goes wrong itself is said and changes nothing."""
    if not schedule.on_failure:
        return
    told = {
        "GLMKIT_RUN": schedule.name,
        "GLMKIT_STUDY": schedule.study,
        "GLMKIT_RUN_FOLDER": str(Path(schedule.workspace) / "runs" / schedule.name),
        "GLMKIT_EXIT_CODE": str(error.exit_code if isinstance(error, GlmkitError) else 1),
        "GLMKIT_ERROR": str(redact(str(error))),
        "GLMKIT_LOG": str(schedule.log),
    }
    try:
        process = subprocess.Popen(
            schedule.on_failure, cwd=schedule.workspace, env=os.environ | told, stdin=subprocess.DEVNULL, start_new_session=True
        )
    except OSError as problem:
        print(f"glmkit: the command for failures did not start: {problem}.", file=sys.stderr)
        return
    try:
        code: int | str = process.wait(_COMMAND_SECONDS)
    except subprocess.TimeoutExpired:
        code = f"nothing within {_COMMAND_SECONDS:g} s and was ended"
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if code:
        print(f"glmkit: the command for failures ({schedule.on_failure[0]}) returned {code}.", file=sys.stderr)
