"""The result of a run as text for the terminal: its headline tables and the notes of their stages."""

from pathlib import Path

from glmkit.studies.files import record
from glmkit.studies.files.csv_format import Cell, view
from glmkit.studies.report.status import stages_of
from glmkit.studies.report.sweep_table import TABLE, write_sweep


def headline(run_folder: Path) -> str:
    """Headline tables of a run and the notes of their stages, as text; empty if there are none."""
    parts: list[str] = []
    for name, found, status in stages_of(run_folder):
        results = found.get("results") or {}
        tables = [entry for entry in results.get("tables", []) if entry.get("headline")]
        if status != "FINISHED" or not tables:
            continue
        for entry in tables:
            caption = str(entry.get("caption") or entry.get("name"))
            parts.append(f"{caption}\n{as_text(run_folder / name / str(entry['file']))}")
        parts += [str(note) for note in results.get("notes", [])]
    if record.read(run_folder).get("sweep"):
        notes = write_sweep(run_folder)
        parts += [f"Sweep, one row per point\n{as_text(run_folder / TABLE)}", *notes]
    return "\n\n".join(parts)


def as_text(path: Path) -> str:
    """A CSV file as aligned text; an interval follows its value in parentheses."""
    table = view(path)
    numbers = [all(row[column].number for row in table.rows) for column in range(len(table.columns))]
    lines = [list(table.columns), *([_cell(cell) for cell in row] for row in table.rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(table.columns))]
    shown = [
        "  ".join(
            text.rjust(width) if right else text.ljust(width) for text, width, right in zip(line, widths, numbers, strict=True)
        )
        for line in lines
    ]
    more = [f"… {table.total - len(table.rows)} more rows in {path}"] if table.total > len(table.rows) else []
    return "\n".join(line.rstrip() for line in [*shown, *more])


def _cell(cell: Cell) -> str:
    return f"{cell.text} ({cell.ends})" if cell.ends else cell.text


def took(run_folder: Path) -> float | None:
    """Duration of the run in seconds; None if it has not ended."""
    found = record.read(run_folder)
    return found.get("seconds")
