"""``report.html``: results, their uncertainty and their provenance in one file.

The file can be sent to a colleague: it needs no network and contains its figures. It has no script, and its content policy forbids
any request. Every string from data is escaped, so that markup in a FASTA header stays text. Figures are embedded as images, so that
an SVG cannot run scripts.
"""

import base64
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from glmkit.files import read_json, write_text
from glmkit.studies.files import record
from glmkit.studies.files.csv_format import show_number, view
from glmkit.studies.files.run_folder import NOTEBOOK
from glmkit.studies.notebook.inputs import shown_path
from glmkit.studies.report.loss_curves import loss_curves
from glmkit.studies.report.status import show_seconds, stages_of, stages_total
from glmkit.studies.report.sweep_state import points_of, swept_stages
from glmkit.studies.report.sweep_table import TABLE, write_sweep
from glmkit.templates import render

REPORT = "report.html"
_HEADLINE_ROWS, _ROWS, _SWEEP_ROWS = 40, 15, 200
_LARGEST_SVG = 1_500_000  # bytes; above this size the PNG is shown, which a browser draws faster
_KINDS = {"svg": "image/svg+xml", "png": "image/png"}


def write_report(run_folder: str | Path) -> Path:
    """Write ``report.html`` of a run from the files in its folder.

    Parameters
    ----------
    run_folder
        Folder of a run, which may be unfinished or failed. For a study with a sweep, ``sweep.csv`` is written too, and a report
        for each point in the folder of the point.

    Returns
    -------
    Path
        Path of the report.
    """
    folder = Path(run_folder).resolve()
    run = record.read(folder)
    stages = [_stage(folder / name, name, found, status) for name, found, status in stages_of(folder)]
    points = swept_stages(points_of(folder))
    html = render(
        Path(__file__).with_name("report.html.j2"),
        title=_words(str(run.get("study") or run.get("name") or folder.name)),
        run=folder.name if run.get("study") not in (None, folder.name) else "",
        status=_overall(run, [stage["status"] for stage in stages] + [status for _, _, status in points]),
        description=str(run.get("description") or ""),
        date=str(run.get("started") or min((stage["started"] for stage in stages), default=""))[:10],
        took=show_seconds(stages_total(run, [(stage["name"], stage["record"], stage["status"]) for stage in stages] + points)),
        sweep=_sweep(folder, run) if points else None,
        headlines=[table | {"stage": stage["name"]} for stage in stages for table in stage["tables"] if table["headline"]],
        verdicts=[note for stage in stages if stage["has_headline"] for note in stage["notes"]],
        stages=stages,
        provenance=_provenance(run, stages),
    )
    write_text(folder / REPORT, html)
    return folder / REPORT


def _stage(folder: Path, name: str, found: dict[str, Any], status: str) -> dict[str, Any]:
    """Values of the template for one stage."""
    current = str(found.get("opened") or "~") >= str(found.get("started") or "")  # else the results are from an earlier attempt
    results = (found.get("results") or {}) if current else {}
    inputs = [str(item["folder"] if isinstance(item, dict) else item) for item in found.get("inputs") or []]
    parameters = {key: value for key, value in (found.get("parameters") or {}).items() if key != "out" and value not in inputs}
    tables = [_table(folder, entry) for entry in results.get("tables") or []]
    return {
        "name": name,
        "record": found,
        "status": status,
        "title": str(found.get("title") or _heading(folder / NOTEBOOK)),
        "started": str(found.get("started") or ""),
        "took": show_seconds(found.get("seconds") or record.seconds_between(found.get("started"), found.get("ended")))
        if found
        else "",
        "parameters": [(key, _value(value)) for key, value in parameters.items()],
        "inputs": inputs,
        "data": [(key, _hash(value), _where(value)) for key, value in (found.get("data") or {}).items()],
        "notes": [str(note) for note in results.get("notes") or []],
        "tables": tables,
        "has_headline": any(table["headline"] for table in tables),
        "figures": [_figure(folder, entry) for entry in results.get("figures") or []],
        "curves": loss_curves(folder),
        "error": str(found.get("error") or ""),
    }


def _table(folder: Path, entry: dict[str, Any]) -> dict[str, Any]:
    path = folder / entry["file"]
    headline = bool(entry.get("headline"))
    shown = view(path, _HEADLINE_ROWS if headline else _ROWS) if path.is_file() else None
    return {
        "caption": str(entry.get("caption") or ""),
        "headline": headline,
        "view": shown,
        "file": f"{folder.name}/{entry['file']}",
    }


def _figure(folder: Path, entry: dict[str, Any]) -> dict[str, str]:
    """A figure as a data URL: the SVG, or the PNG if the SVG is very large; "" if there is neither."""
    paths = [folder / file for file in entry.get("files") or [] if (folder / file).is_file() and file[-3:] in _KINDS]
    light = [path for path in paths if path.suffix != ".svg" or path.stat().st_size <= _LARGEST_SVG] or paths
    chosen = min(light, key=lambda path: path.suffix != ".svg", default=None)
    source = ""
    if chosen is not None:
        source = f"data:{_KINDS[chosen.suffix[1:]]};base64,{base64.b64encode(chosen.read_bytes()).decode()}"
    return {"caption": str(entry.get("caption") or ""), "name": str(entry.get("name") or ""), "source": source}


def _heading(notebook: Path) -> str:
    """First heading of a notebook without its number, the default title of a stage."""
    if not notebook.is_file():
        return ""
    for cell in read_json(notebook).get("cells", []):
        lines = "".join(cell.get("source", "")).splitlines()
        headings = [line for line in lines if line.startswith("#")]
        if cell.get("cell_type") == "markdown" and headings:
            return headings[0].lstrip("# ").lstrip("0123456789.· ").strip()
    return ""


def _sweep(folder: Path, run: dict[str, Any]) -> dict[str, Any]:
    """Table and notes of the sweep; the report of each point is written into the folder of the point."""
    notes = write_sweep(folder)
    for place in sorted({(folder / stage).parent for point in run["sweep"]["points"] for stage in point["stages"].values()}):
        if place.is_dir():
            write_report(place)
    return {
        "table": {
            "caption": "One row per point. Intervals are those of the stage that computed the value.",
            "headline": True,
            "view": view(folder / TABLE, _SWEEP_ROWS),
            "file": TABLE,
        },
        "notes": notes,
    }


def _overall(run: dict[str, Any], states: Sequence[str]) -> str:
    """Status of the run from those of its stages; the run's own RUNNING is out of date while the run is being closed."""
    worst = next((status for status in ("FAILED", "KILLED", "RUNNING", "WAITING") if status in states), "FINISHED")
    return worst if states else record.status_of(run)


def _provenance(run: dict[str, Any], stages: Sequence[dict[str, Any]]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Groups of facts that are necessary to reproduce the result."""
    records = [run, *(stage["record"] for stage in stages)]
    versions = {name: str(text) for found in records for name, text in (found.get("versions") or {}).items()} or record.versions()
    system = versions.pop("system", "")
    git = next((found["git"] for found in records if isinstance(found.get("git"), dict)), None)
    host = next((str(found["host"]) for found in records if found.get("host")), platform.node())
    code = [("study", f"glmkit run {shown_path(Path(run['source']))}")] if run.get("source") else []
    if git:
        code.append(("git commit", str(git["commit"]) + (" with uncommitted changes" if git.get("changed") else "")))
    code += [
        (stage["name"], shown_path(Path(stage["record"]["notebook"]))) for stage in stages if stage["record"].get("notebook")
    ]
    code += [("MLflow run", str(run["mlflow_run"]))] if run.get("mlflow_run") else []
    seeds = [
        (f"{stage['name']}.{key}", _value(value))
        for stage in stages
        for key, value in (stage["record"].get("parameters") or {}).items()
        if "seed" in key.lower()
    ]
    data = [(f"{stage['name']}: {name}", digest) for stage in stages for name, digest, _ in stage["data"]]
    machine = [("host", host), ("system", system), ("cores", str(os.cpu_count()))]
    groups = [
        ("Versions", list(versions.items())),
        ("Machine", machine),
        ("Code", code),
        ("Seeds", seeds),
        ("Data, SHA-256", data),
    ]
    return [(title, facts) for title, facts in groups if facts]


def _value(value: Any) -> str:
    if isinstance(value, float):
        return show_number(value) if value == 0 or 0.001 <= abs(value) < 1e6 else f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value))
    return "none" if value is None else str(value)


def _hash(entry: Any) -> str:
    return str(entry.get("sha256", "") if isinstance(entry, dict) else entry)


def _where(entry: Any) -> str:
    return str(entry.get("path") or "") if isinstance(entry, dict) else ""


def _words(name: str) -> str:
    text = name.replace("_", " ").strip()
    return text[:1].upper() + text[1:]
