"""One stage, from RUNNING to the truth: ``python -m glmkit.studies.run.job RUNFOLDER STAGE``.

Snakemake starts this for every stage. The job owns what the notebook cannot decide about itself: the MLflow child run, the
stage's status in ``run.json``, and ``.done``, which is written last and only if everything before it went well.
"""

import contextlib
import os
import signal
import sys
import time
import traceback
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from glmkit import errors
from glmkit.errors import GlmkitError, Interrupted, Terminated
from glmkit.files import disk_errors, read_json, write_json
from glmkit.studies.files import notebook_file, record
from glmkit.studies.files import run_folder as layout
from glmkit.studies.files.secrets import redact
from glmkit.studies.kernels import gpus, kernel, processes
from glmkit.studies.notebook.stage import MLFLOW_RUN, STAGE_FOLDER
from glmkit.studies.report.status import show_seconds
from glmkit.studies.study.plan import Plan
from glmkit.studies.study.planned_stage import PlannedStage
from glmkit.studies.study.resources import gpus_a_node
from glmkit.studies.tracking import runs, store
from glmkit.studies.tracking.system_metrics import SystemMetrics

if TYPE_CHECKING:
    from mlflow import MlflowClient

_CODES = {"MemoryError": 5, "KeyboardInterrupt": 130}


@dataclass(frozen=True, kw_only=True)
class Outcome:  # numpydoc ignore=PR02
    """How a stage ended.

    Parameters
    ----------
    status
        ``FINISHED``, ``FAILED`` or ``KILLED``.
    exit_code
        What the job returns.
    error
        One line, ``Name: what``; empty if it finished.
    """

    status: str
    exit_code: int = 0
    error: str = ""


def main(arguments: list[str] | None = None) -> int:
    """Run the stage that the command line names and return its exit code."""
    run_folder, name = (arguments or sys.argv[1:])[:2]
    processes.die_with_parent(signal.SIGTERM)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stopped)
    folder = Path(run_folder).resolve()
    plan = Plan.from_dict(read_json(folder / layout.PLAN))
    os.environ["GLMKIT_WORKSPACE"] = plan.root
    return run_stage(plan, folder, plan.stage(name))


def run_stage(plan: Plan, run_folder: Path, stage: PlannedStage) -> int:
    """Run one stage of a plan, record how it ended, and return the exit code."""
    folder = run_folder / stage.name
    print(f"{stage.name} …", flush=True)
    begun = time.monotonic()
    _begin(plan, folder, stage)
    outcome = Outcome(status="KILLED", exit_code=143, error="Terminated: Stopped before it began.")
    child = ""
    try:
        from glmkit.studies.tracking.forwarder import Forwarder

        parent = ensure_parent(plan, run_folder)
        child = runs.open_child(parent, stage.stage, stage.parameters, stage.point)
        record.update(folder, mlflow_run=child)
        with Forwarder(folder, child) as forwarder, SystemMetrics(child):
            outcome = execute(plan, stage, run_folder, child)
            if outcome.status == "KILLED":
                forwarder.patience = 1.0
            _end(folder, outcome, begun)
    except Exception as error:  # whatever it was, the stage failed, and says so
        outcome = _from_exception(error)
        if not isinstance(error, GlmkitError):
            with open(folder / layout.LOG, "a", encoding="utf-8") as log:
                traceback.print_exc(file=log)
        _end(folder, outcome, begun)
    finally:
        _ignore_signals()
        runs.close_run(child, outcome.status, folder)
    seconds = show_seconds(time.monotonic() - begun)
    if outcome.status == "FINISHED":
        write_json(folder / layout.DONE, {"ended": record.now(), "id": uuid.uuid4().hex})
        print(f"{stage.name} … {seconds}", flush=True)
    else:
        print(f"{stage.name} … {outcome.status} after {seconds}", flush=True)
    return outcome.exit_code


def execute(plan: Plan, stage: PlannedStage, run_folder: Path, child: str) -> Outcome:
    """Run the notebook by papermill with our engine; an error is an outcome here, not an exception."""
    import papermill
    from papermill.exceptions import PapermillExecutionError

    folder = run_folder / stage.name
    wanted = gpus_a_node(stage.resources)
    gpus_there = wanted > 0 and bool(gpus.list_gpus())  # elsewhere such a stage runs on the CPU
    variables = {kernel.STAGE_GPUS: str(wanted)} if gpus_there else {}
    with _environment({STAGE_FOLDER: str(folder), MLFLOW_RUN: child} | variables):
        try:
            papermill.execute_notebook(
                _literal(run_folder / layout.source(stage.stage)),
                _literal(folder / layout.NOTEBOOK),
                parameters=stage.parameters,
                engine_name="glmkit",
                kernel_name=plan.kernel,
                language="python" if plan.kernel == kernel.DEFAULT else None,
                cwd=plan.root,
                progress_bar=False,
                log_path=str(folder / layout.LOG),
                minutes=stage.minutes,
                execution_timeout=60 * stage.cell_minutes if stage.cell_minutes else None,
            )
        except PapermillExecutionError as error:
            return _from_cell(error)
        except (GlmkitError, OSError) as error:
            return _from_exception(error)
    return Outcome(status="FINISHED")


def _literal(path: Path) -> str:
    """A path for papermill, which would read ``{name}`` in one as the place of a parameter."""
    return str(path).replace("{", "{{").replace("}", "}}")


def ensure_parent(plan: Plan, run_folder: Path) -> str:
    """The MLflow run of this run of the study; the first stage to run opens it, or opens the unfinished one again.

    A run in which nothing has to be done therefore opens none.
    """
    session = read_json(run_folder / layout.SESSION)
    with record.locked(run_folder / layout.WORKFLOW / ".parent.lock"):
        found = record.read(run_folder)
        if found.get("session") == session["id"]:
            return str(found.get("mlflow_run") or "")
        parent = str(session.get("resume") or "")
        if parent and not store.attempt("open the study's run again", lambda client: _reopen(client, parent)):
            parent = ""
        if not parent:
            parent = runs.open_parent(plan.study, run_folder, {"glmkit.run": plan.name})
        record.update(
            run_folder,
            session=session["id"],
            status="RUNNING",
            complete=False,
            study=plan.study,
            name=plan.name,
            source=plan.source,
            stages=[stage.name for stage in plan.stages if not stage.point],
            sweep=plan.sweep_record(),
            started=session["started"],
            ended=None,
            seconds=None,
            error=None,
            mlflow_run=parent,
            process=session["process"],
            pid=session["process"]["pid"],
            host=session["process"]["host"],
            versions=record.versions(),
            git=runs.git_commit(),
        )
        return parent


def _reopen(client: "MlflowClient", run_id: str) -> bool:
    client.update_run(run_id, status="RUNNING")
    return True


def _begin(plan: Plan, folder: Path, stage: PlannedStage) -> None:
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    (folder / layout.DONE).unlink(missing_ok=True)
    started = record.now()
    record.update(
        folder,
        status="RUNNING",
        study=plan.study,
        stage=stage.stage,
        point=stage.point,
        parameters=redact(stage.parameters),
        notebook=stage.notebook,
        code=stage.code,
        kernel=plan.kernel,
        started=started,
        ended=None,
        seconds=None,
        error=None,
        cell=None,
        exit_code=None,
        complete=None,
        mlflow_run="",
        process=processes.identity(),
        pid=os.getpid(),
        host=processes.identity()["host"],
        job=os.environ.get("SLURM_JOB_ID", ""),
        versions=record.versions(),
        git=runs.git_commit(),
    )
    with disk_errors(folder), open(folder / layout.LOG, "a", encoding="utf-8") as log:
        log.write(f"== {stage.name}, {started}\n")


def _end(folder: Path, outcome: Outcome, begun: float) -> None:
    with open(folder / layout.LOG, "a", encoding="utf-8") as log:
        log.write(f"== {outcome.status}, {record.now()} {redact(outcome.error)}\n")
    record.update(
        folder,
        status=outcome.status,
        ended=record.now(),
        seconds=round(time.monotonic() - begun, 1),
        error=redact(outcome.error) or None,
        cell=notebook_file.failed_cell(folder / layout.NOTEBOOK) if outcome.error else None,
        exit_code=outcome.exit_code,
    )


def exit_code(name: str, text: str = "") -> int:
    """The exit code of an exception raised in a kernel, by its class's name."""
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, GlmkitError):
        return kind.exit_code
    return 5 if name == "OSError" and "[Errno 28]" in text else _CODES.get(name, 1)


def _from_cell(error: Any) -> Outcome:
    code = exit_code(error.ename, error.evalue)
    status = "KILLED" if code in (130, 143) else "FAILED"
    return Outcome(status=status, exit_code=code, error=f"{error.ename}: {error.evalue}")


def _from_exception(error: Exception) -> Outcome:
    code = error.exit_code if isinstance(error, GlmkitError) else 1
    status = "KILLED" if isinstance(error, Interrupted) else "FAILED"
    return Outcome(status=status, exit_code=code, error=f"{type(error).__name__}: {error}")


def _stopped(number: int, frame: Any) -> NoReturn:
    raise Terminated("Stopped by SIGTERM.") if number == signal.SIGTERM else Interrupted("Stopped by Ctrl-C.")


def _ignore_signals() -> None:
    """From here on only the truth is written down, which takes a moment."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables for a block, so that the kernel inherits them."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


if __name__ == "__main__":
    sys.exit(main())
