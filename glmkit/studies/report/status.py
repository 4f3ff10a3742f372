"""``glmkit status``: how a run stands, from its files alone.

Nothing is asked of MLflow or of a running job, so the answer comes at once and is true after a crash too: a stage is shown
RUNNING only while its process lives. Step, loss and the time still to go are read from the end of ``metrics.jsonl``.
"""

import os
from pathlib import Path
from typing import Any

from glmkit.errors import BadInput
from glmkit.files import workspace
from glmkit.studies.files import record
from glmkit.studies.report.sweep_state import PointState, points_of, shown_values, swept_stages
from glmkit.studies.study.signature_table import columns

_TAIL = 64 * 1024  # bytes read from the end of metrics.jsonl
_LOSSES = ("loss", "train_loss", "validation_loss")


def print_status(run_folder: str | Path | None = None) -> None:
    """Print the stages of a run, or, without one, every run below ``runs/``.

    Parameters
    ----------
    run_folder
        A run's folder, or its name below ``runs/``.

    Raises
    ------
    BadInput
        There is no such run; the runs there are, are listed.
    """
    if run_folder is None:
        print(overview(workspace() / "runs"))
    else:
        print(describe(find_run(run_folder)))


def overview(runs: Path) -> str:
    """One line a run below the folder `runs`."""
    rows = [["run", "status", "stages", "started", "took"]]
    for folder in _runs(runs):
        found, stages = record.read(folder), stages_of(folder)
        states = [status for _, _, status in [*stages, *swept_stages(points_of(folder))]]
        row = [folder.name, _run_status(found, states), f"{states.count('FINISHED')} of {len(states)}"]
        rows.append([*row, _clock(_started(found, stages)), show_seconds(_seconds(found, _run_status(found, states)))])
    if len(rows) == 1:
        return f"No runs below {runs} yet. Start one with: glmkit run notebooks/studies/bacterial_genes.yaml"
    return columns(rows)


def describe(folder: Path) -> str:
    """A run's stages: status, time taken, last step, last loss, time still to go, memory that its training last took."""
    found, stages = record.read(folder), stages_of(folder)
    points = points_of(folder)
    states = [status for _, _, status in [*stages, *swept_stages(points)]]
    head = f"{folder.name}  {_run_status(found, states)}"
    rows = [["stage", "status", "took", "step", "loss", "to go", "memory"]]
    notes = []
    for name, stage, status in stages:
        last = last_metrics(folder / name) if stage else {}
        loss = next((last[key] for key in _LOSSES if key in last), None)
        step = _progress(last, stage.get("parameters") or {})
        going = show_seconds(last.get("eta_seconds")) if status == "RUNNING" else ""
        memory = f"{last['memory_gb']:.1f} GB" if status == "RUNNING" and "memory_gb" in last else ""
        took = show_seconds(_seconds(stage, status))
        rows.append([name, status, took, step, "" if loss is None else f"{loss:.4g}", going, memory])
        if status in ("FAILED", "KILLED") and stage.get("error"):
            notes.append(f"{name}: {_first_line(stage['error'])}")
    if not any(row[-1] for row in rows[1:]):
        rows = [row[:-1] for row in rows]
    for point in points:
        notes += [f"{point.name}: {_first_line(point.error)}"] if point.error else []
    report = folder / "report.html"
    notes += [f"report: {report}"] if report.exists() else []
    swept = ["", f"sweep: {sum(p.status == 'FINISHED' for p in points)} of {len(points)} points finished"] if points else []
    swept += [columns(_point_rows(points))] if points else []
    return "\n".join([head, columns(rows), *swept, *notes])


def _progress(last: dict[str, float], parameters: dict[str, Any]) -> str:
    """The last step, and of how many, where the stage's parameter ``steps`` says so."""
    total = parameters.get("steps")
    of = f" of {total:,}" if isinstance(total, int) and total >= last.get("step", 0) else ""
    return f"{int(last['step']):,}{of}" if last else ""


def _point_rows(points: list[PointState]) -> list[list[str]]:
    """A row a point: its values, its status, the status and time of each of its stages."""
    stages = list(points[0].stages)
    rows = [[*shown_values(points)[0], "status", *stages]]
    for point, values in zip(points, shown_values(points), strict=True):
        cells = []
        for stage in stages:
            folder, found, status = point.stages[stage]
            last = last_metrics(folder) if status == "RUNNING" else {}
            at = f"step {_progress(last, found.get('parameters') or {})}" if last else ""
            cells.append(" ".join(filter(None, [status, at, show_seconds(_seconds(found, status)) if found else ""])))
        rows.append([*values.values(), point.status, *cells])
    return rows


def stages_of(folder: Path) -> list[tuple[str, dict[str, Any], str]]:
    """``(name, record, true status)`` of a run's stages, in the order of the study, else of their start.

    A stage that the study names and that has not begun has an empty record and the status WAITING.
    """
    written = {path.parent.name: record.read(path.parent) for path in folder.glob(f"*/{record.RECORD}")}
    planned = [str(item["name"] if isinstance(item, dict) else item) for item in record.read(folder).get("stages") or []]
    begun = sorted(set(written) - set(planned), key=lambda name: (str(written[name].get("started") or "~"), name))
    return [(name, written.get(name, {}), record.status_of(written.get(name, {}))) for name in planned + begun]


def stages_total(found: dict[str, Any], stages: list[tuple[str, dict[str, Any], str]]) -> float | None:
    """Seconds of computing behind a run: its stages' own, which a later run that reused them did not spend again."""
    seconds = [own for _, stage, status in stages if (own := _seconds(stage, status)) is not None]
    return sum(seconds) if seconds else _seconds(found, record.status_of(found))


def last_metrics(folder: Path) -> dict[str, float]:
    """The last value of every metric near the end of ``metrics.jsonl``, with ``step`` and ``time``; empty if there is none."""
    path = folder / record.METRICS
    if not path.exists():
        return {}
    with open(path, "rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
        lines = file.read().split(b"\n")
    last: dict[str, float] = {}
    for step, moment, metrics in record.parse_metrics(lines):
        last |= metrics | {"step": step, "time": moment}
    return last


def _runs(runs: Path) -> list[Path]:
    folders = {path.parent for path in runs.glob(f"*/{record.RECORD}")} | {
        path.parent.parent for path in runs.glob(f"*/*/{record.RECORD}")
    }
    return sorted(folders, key=lambda folder: folder.stat().st_mtime, reverse=True)


def find_run(run: str | Path) -> Path:
    """The folder of a run that is named by it, or by its name below ``runs/``.

    Raises
    ------
    BadInput
        There is no such run; the runs there are, are listed.
    """
    runs = workspace() / "runs"
    for folder in (workspace() / run, runs / run, Path(run)):
        if folder.is_dir() and (stages_of(folder) or record.read(folder)):
            return folder.resolve()
    known = ", ".join(folder.name for folder in _runs(runs)) or "none yet"
    raise BadInput(f"{str(run)!r} is not a run: no run.json there or in {runs / str(run)}. Runs below {runs}: {known}.")


def run_status(folder: Path) -> str:
    """The true status of the run in `folder`."""
    return _run_status(record.read(folder), [status for _, _, status in [*stages_of(folder), *swept_stages(points_of(folder))]])


def _run_status(found: dict[str, Any], states: list[str]) -> str:
    """The run's own true status; for stages that were run alone, what they add up to."""
    if found.get("status"):
        return record.status_of(found)
    return next((status for status in ("RUNNING", "FAILED", "KILLED", "WAITING") if status in states), "FINISHED")


def _started(found: dict[str, Any], stages: list[tuple[str, dict[str, Any], str]]) -> str | None:
    return found.get("started") or min((str(stage["started"]) for _, stage, _ in stages if stage.get("started")), default=None)


def _seconds(found: dict[str, Any], status: str) -> float | None:
    if status == "RUNNING":
        return record.seconds_between(found.get("started"))
    if found.get("seconds") is not None:
        return float(found["seconds"])
    return record.seconds_between(found.get("started"), found["ended"]) if found.get("ended") else None


def show_seconds(seconds: float | None) -> str:
    """A length of time as a person says it; "" for None."""
    if seconds is None or not 0 <= seconds < 1e9:
        return ""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60:02} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60:02} min"


def _clock(text: str | None) -> str:
    return (text or "")[:16].replace("T", " ")


def _first_line(text: Any) -> str:
    return (str(text).strip().splitlines() or [""])[0][:200]
