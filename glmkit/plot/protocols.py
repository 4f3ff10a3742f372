"""Figures of the protocols: reliability of probabilities, curves over few labels, and a table as a figure."""

from collections.abc import Mapping
from textwrap import wrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from glmkit.errors import BadInput
from glmkit.plot.scores import _NAMES
from glmkit.plot.style import CYCLE, FAINT, GREY, INK, WIDTH, new_figure, title

_LINE = 0.16  # inches a line of text
_CHARACTER = 0.072  # inches a character of a table


def reliability(tables: Mapping[str, pd.DataFrame], heading: str = "") -> Figure:
    """What was claimed against what came true; a model that means what it says lies on the diagonal.

    Parameters
    ----------
    tables
        Name to a table with the columns ``claimed``, ``came_true``, ``low``, ``high`` and ``n``, as
        :attr:`glmkit.evaluate.Calibration.table` is.
    heading
        Title.

    Returns
    -------
    matplotlib.figure.Figure
        Square axes. Bins hold about equally many items, so where dots crowd, most claims were made.

    Raises
    ------
    BadInput
        No table, or one without those columns.
    """
    if not tables:
        raise BadInput("tables: expected at least one, got none.")
    for name, table in tables.items():
        _need(f"tables: {name}", table, ["claimed", "came_true", "low", "high", "n"])
    figure, (ax,) = new_figure(4.4, width=4.6)
    ax.plot([0, 1], [0, 1], color=FAINT, linewidth=1.2, zorder=0)
    for rank, (name, table) in enumerate(tables.items()):
        ends = [table["came_true"] - table["low"], table["high"] - table["came_true"]]
        ax.errorbar(
            table["claimed"], table["came_true"], np.maximum(ends, 0), color=CYCLE[rank % len(CYCLE)], linewidth=1.4, elinewidth=1,
            marker="o", markersize=4, label=f"{name} ({table['n'].sum():,} items)", alpha=0.9,
        )  # fmt: skip
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    ax.set(xlabel="probability claimed, mean of each bin", ylabel="share that came true, 95% interval")
    ax.legend(frameon=False, fontsize=8, labelcolor=INK, loc="upper left")
    title(ax, heading)
    return figure


def few_shot_curves(frame: pd.DataFrame, metric: str = "auroc", heading: str = "", split: str | None = None) -> Figure:
    """A line a method over the number of labels it was given, with its interval as a band.

    Parameters
    ----------
    frame
        Columns ``method``, ``kind``, ``split`` (``"<split>, <size> labels"``), ``n_train``, `metric`, ``<metric>_low`` and
        ``<metric>_high``: the ``frame`` of :func:`glmkit.evaluate.few_shot`'s table.
    metric
        Column to draw.
    heading
        Title.
    split
        The split before the sizes; may be left out if there is one.

    Returns
    -------
    matplotlib.figure.Figure
        Models as solid lines with bands, baselines dashed; each labelled at its right end.

    Raises
    ------
    BadInput
        Columns are missing, several splits and none named, or fewer than two sizes.
    """
    _need("frame", frame, ["method", "kind", "split", "n_train", metric, f"{metric}_low", f"{metric}_high"])
    base = frame["split"].str.replace(r", \d+ labels$", "", regex=True)
    splits = list(dict.fromkeys(base))
    if split is None and len(splits) > 1:
        raise BadInput(f"frame holds several splits ({', '.join(splits)}): say which with split=.")
    rows = frame[base == (splits[0] if split is None else split)]
    sizes = sorted(rows["n_train"].unique().tolist())
    if len(sizes) < 2:
        raise BadInput(f"frame: a curve needs two sizes at least, got {sizes or 'none'} for split {split or splits[0]!r}.")
    figure, (ax,) = new_figure(3.4)
    ends = []
    for rank, (name, method) in enumerate(rows.groupby("method", sort=False)):
        line = method.sort_values("n_train")
        model = bool((line["kind"] == "model").all())
        colour = CYCLE[rank % len(CYCLE)]
        ax.plot(
            line["n_train"], line[metric], color=colour, linewidth=1.8 if model else 1.2, marker="o", markersize=4,
            linestyle="-" if model else (0, (4, 2)), zorder=3 if model else 2,
        )  # fmt: skip
        ax.fill_between(line["n_train"], line[f"{metric}_low"], line[f"{metric}_high"], color=colour, alpha=0.12, linewidth=0)
        ends.append((float(line[metric].iloc[-1]), str(name), colour, model))
    ax.set_xscale("log")
    ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
    ax.minorticks_off()
    _name_ends(ax, sizes[-1], ends)
    ax.set(xlabel="labels given (logarithmic)", ylabel=f"{_NAMES.get(metric, metric)}, 95% interval")
    title(ax, heading)
    return figure


def _name_ends(ax: Axes, x: float, ends: list[tuple[float, str, str, bool]]) -> None:
    """Names at the right ends of lines, pushed apart so that none lies on another."""
    low, high = ax.get_ylim()
    step = 0.065 * (high - low)
    place = -np.inf
    for value, name, colour, model in sorted(ends):
        place = max(value, place + step)
        ax.annotate(
            name, (x, value), xytext=(1.02, place), textcoords=ax.get_yaxis_transform(), fontsize=8, va="center", color=colour,
            fontweight="bold" if model else "normal", annotation_clip=False,
        )  # fmt: skip


def table_figure(frame: pd.DataFrame, heading: str = "", widest: int = 34) -> Figure:
    """A table as a figure, for slides and papers: text flush left, numbers flush right, three rules.

    Parameters
    ----------
    frame
        To draw; its index is left out. ``Table.summary()`` is such a table.
    heading
        Title.
    widest
        Characters after which a cell is broken into lines.

    Returns
    -------
    matplotlib.figure.Figure
        As large as its text needs.

    Raises
    ------
    BadInput
        No row or no column.
    """
    if frame.empty or not len(frame.columns):
        raise BadInput(f"frame: expected rows and columns, got {len(frame)} and {len(frame.columns)}.")
    right = [pd.api.types.is_numeric_dtype(frame[name]) for name in frame.columns]
    cells = [[_broken(name, widest) for name in frame.columns]]
    cells += [[_broken(value, widest) for value in row] for row in frame.itertuples(index=False, name=None)]
    widths = [max(len(line) for row in cells for line in row[j].split("\n")) + 3 for j in range(len(right))]
    lines = [max(text.count("\n") + 1 for text in row) + 0.6 for row in cells]
    room = 1.8 if heading else 0.4
    height = (sum(lines) + room + 0.4) * _LINE
    figure = Figure(figsize=(max(WIDTH / 2, sum(widths) * _CHARACTER), height), facecolor="white", dpi=120)
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set_axis_off()
    ax.set(xlim=(0, sum(widths)), ylim=(height / _LINE, 0))
    starts, y = np.r_[0, np.cumsum(widths)], room
    if heading:
        ax.text(1, 0.9, heading, fontsize=10, fontweight="bold", color=INK, va="center")
    ax.axhline(y, color=INK, linewidth=1.2)
    for number, (row, tall) in enumerate(zip(cells, lines, strict=True)):
        for j, text in enumerate(row):
            x, side = (starts[j + 1] - 2, "right") if right[j] else (starts[j] + 1, "left")
            weight, colour = ("bold", GREY) if number == 0 else ("normal", INK)
            ax.text(
                x,
                y + tall / 2,
                text,
                fontsize=8,
                ha=side,
                va="center_baseline",
                color=colour,
                fontweight=weight,
                linespacing=1.25,
            )
        y += tall
        ax.axhline(y, color=INK if number in {0, len(cells) - 1} else FAINT, linewidth=1.2 if number else 0.8)
    return figure


def _broken(value: object, widest: int) -> str:
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return "\n".join(wrap(text, widest)) or " "


def _need(where: str, frame: pd.DataFrame, columns: list[str]) -> None:
    if missing := [name for name in columns if name not in frame.columns]:
        raise BadInput(f"{where}: {', '.join(missing)} missing; got {list(frame.columns)}.")
