"""``glmkit status``: the state of a run, from the files of the run alone.

MLflow and running jobs are not queried, so that the output is fast and also correct after a crash. A stage is shown as RUNNING only
while its process runs. Step, loss and remaining time are read from the end of ``metrics.jsonl``.
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
    """Print the stages of a run, or all runs below ``runs/``.

    Parameters
    ----------
    run_folder
        Folder of a run, or its name below ``runs/``; None for all runs.

    Raises
    ------
    BadInput
        There is no such run; the message lists the existing ones.
    """
    if run_folder is None:
        print(overview(workspace() / "runs"))
    else:
        print(describe(find_run(run_folder)))


def overview(runs: Path) -> str:
    """Table of the runs below the folder `runs`, one row per run."""
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
    """Table of a run's stages: status, duration, last step, last loss, remaining time, memory of a running training."""
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
        left = show_seconds(last.get("eta_seconds")) if status == "RUNNING" else ""
        memory = f"{last['memory_gb']:.1f} GB" if status == "RUNNING" and "memory_gb" in last else ""
        took = show_seconds(_seconds(stage, status))
        rows.append([name, status, took, step, "" if loss is None else f"{loss:.4g}", left, memory])
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
    """The last step, and the total number if the stage has a parameter ``steps``."""
    total = parameters.get("steps")
    of = f" of {total:,}" if isinstance(total, int) and total >= last.get("step", 0) else ""
    return f"{int(last['step']):,}{of}" if last else ""


def _point_rows(points: list[PointState]) -> list[list[str]]:
    """Rows of the table of points: values, status, and the status and duration of each stage."""
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
    """Tuples (name, record, current status) of a run's stages, in the order of the study, then of their start.

    A stage of the study that has not started has an empty record and the status WAITING.
    """
    written = {path.parent.name: record.read(path.parent) for path in folder.glob(f"*/{record.RECORD}")}
    planned = [str(item["name"] if isinstance(item, dict) else item) for item in record.read(folder).get("stages") or []]
    begun = sorted(set(written) - set(planned), key=lambda name: (str(written[name].get("started") or "~"), name))
    return [(name, written.get(name, {}), record.status_of(written.get(name, {}))) for name in planned + begun]


def stages_total(found: dict[str, Any], stages: list[tuple[str, dict[str, Any], str]]) -> float | None:
    """Computing time of a run in seconds: the sum over its stages, including stages reused from an earlier run."""
    seconds = [own for _, stage, status in stages if (own := _seconds(stage, status)) is not None]
    return sum(seconds) if seconds else _seconds(found, record.status_of(found))


def last_metrics(folder: Path) -> dict[str, float]:
    """Last value of each metric near the end of ``metrics.jsonl``, with ``step`` and ``time``; empty without the file."""
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
    """Absolute folder of a run, given by its folder or by its name below ``runs/``.

    Raises
    ------
    BadInput
        There is no such run; the message lists the existing ones.
    """
    runs = workspace() / "runs"
    for folder in (workspace() / run, runs / run, Path(run)):
        if folder.is_dir() and (stages_of(folder) or record.read(folder)):
            return folder.resolve()
    known = ", ".join(folder.name for folder in _runs(runs)) or "none yet"
    raise BadInput(f"{str(run)!r} is not a run: there is no run.json there or in {runs / str(run)}. Runs below {runs}: {known}.")


def run_status(folder: Path) -> str:
    """Current status of the run in `folder`."""
    return _run_status(record.read(folder), [status for _, _, status in [*stages_of(folder), *swept_stages(points_of(folder))]])


def _run_status(found: dict[str, Any], states: list[str]) -> str:
    """Current status of a run; for stages run without a study, the combined status of the stages."""
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
    """A duration in seconds as text; "" for None.

    Examples
    --------
    >>> [show_seconds(seconds) for seconds in (2.5, 125, 4000)]
    ['2.5 s', '2 min 05 s', '1 h 06 min']
    """
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
