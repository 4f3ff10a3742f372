"""Formatting of result tables from CSV files: numbers are rounded, and intervals are drawn on a common scale.

A column ``x`` with columns ``x_low`` and ``x_high`` (or ``value``, ``low``, ``high``) becomes one cell, such as ``0.912``
``0.893–0.931``. The interval is drawn as a bar on a scale common to all rows. Other columns are shown without an interval.
"""

import csv
import math
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Common x axis of the bars of one column, in the unit of the column."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]  # (position in percent, label)

    def percent(self, value: float) -> float:
        """Position of `value` on the axis in percent, 0 to 100."""
        return round(100 * (value - self.low) / (self.high - self.low), 2)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell: its text, and for an interval the text of its limits and three positions in percent."""

    text: str
    number: bool = False
    ends: str = ""
    bar: tuple[float, float, float] | None = None  # value, low, high


@dataclass(frozen=True, kw_only=True)
class View:
    """A table with formatted cells."""

    columns: tuple[str, ...]
    scales: tuple[Scale | None, ...]  # per column; None where nothing is drawn
    rows: tuple[tuple[Cell, ...], ...]
    total: int  # rows in the file


def view(path: Path, most: int = 40) -> View:
    """Read the CSV at `path` and format its first `most` rows."""
    with open(path, newline="", encoding="utf-8") as file:
        lines = list(csv.reader(file))
    names, body = (lines[0], [line for line in lines[1:] if len(line) == len(lines[0])]) if lines else ([], [])
    groups = _groups(names)
    shown = body[:most]
    columns, scales = [], []
    cells: list[list[Cell]] = [[] for _ in shown]
    for name, group in groups:
        scale = _scale([_number(line[i]) for line in shown for i in group]) if len(group) == 3 else None
        columns.append(name.replace("_", " ").strip() or " ")
        scales.append(scale)
        for row, line in zip(cells, shown, strict=True):
            row.append(_cell([line[i] for i in group], scale))
    return View(columns=tuple(columns), scales=tuple(scales), rows=tuple(tuple(row) for row in cells), total=len(body))


def show_number(value: float) -> str:
    """Format `value` with three decimals, or in another form if it is a whole number, very small or very large.

    Examples
    --------
    >>> [show_number(value) for value in (0.91237, 400.0, 0.00012, 52_000.4)]
    ['0.912', '400', '1.20e-04', '52,000']
    """
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if 0.001 <= abs(value) < 1000:
        return f"{value:.3f}"
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.2e}"


def _groups(names: list[str]) -> list[tuple[str, list[int]]]:
    """Columns in order; a value and the limits of its interval form one group of three indices."""
    at = {name: i for i, name in enumerate(names)}
    taken: set[int] = set()
    groups: list[tuple[str, list[int]]] = []
    for i, name in enumerate(names):
        low, high = (f"{name}_low", f"{name}_high") if f"{name}_low" in at else ("low", "high")
        if (low in at and high in at) and (low != "low" or name in ("value", "estimate", "mean")):
            groups.append((name, [i, at[low], at[high]]))
            taken |= {at[low], at[high]}
        else:
            groups.append((name, [i]))
    return [group for group in groups if group[1][0] not in taken]


def _cell(texts: list[str], scale: Scale | None) -> Cell:
    numbers = [_number(text) for text in texts]
    value = numbers[0]
    if value is None:
        return Cell(text=texts[0])
    text = texts[0] if texts[0].strip().lstrip("-").isdigit() else show_number(value)
    if scale is None or any(number is None or not math.isfinite(number) for number in numbers):
        return Cell(text=text, number=True)
    shown = [_fixed(number or 0.0, scale) for number in numbers]
    at = [scale.percent(number or 0.0) for number in numbers]
    return Cell(text=shown[0], number=True, ends=f"{shown[1]}–{shown[2]}", bar=(at[0], at[1], at[2]))


def _fixed(value: float, scale: Scale) -> str:
    """Format `value` with enough digits to distinguish values on `scale`."""
    span = scale.high - scale.low
    digits = 3 if 0.02 <= span <= 5 else max(0, min(9, 2 - math.floor(math.log10(span))))
    return f"{value:,.{digits}f}"


def _scale(numbers: list[float | None]) -> Scale | None:
    """Axis with round limits around all `numbers`; for proportions (0 to 1) the limits stay within 0 and 1."""
    finite = [number for number in numbers if number is not None and math.isfinite(number)]
    if not finite:
        return None
    low, high = min(finite), max(finite)
    span = (high - low) or abs(high) or 1.0
    step = next(unit for unit in _steps(span) if span / unit <= 5)
    start, end = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    end = end if end > start else start + step
    count = round((end - start) / step)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    ticks = tuple((round(100 * i / count, 2), f"{start + i * step:.{digits}f}") for i in range(count + 1))
    return Scale(low=start, high=end, ticks=ticks)


def _steps(span: float) -> list[float]:
    decade = 10.0 ** (math.floor(math.log10(span)) - 1)
    return [decade * unit for unit in (1, 2, 5, 10, 20, 50, 100)]


def _number(text: str) -> float | None:
    """Parse a number; None for any other text, including ``NA`` and ``1_000``."""
    try:
        return float(text) if text.strip() and not any(c in text for c in "_xX") else None
    except ValueError:
        return None
