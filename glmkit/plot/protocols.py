"""Figures of evaluation protocols: reliability diagrams, few-shot curves, and tables as figures."""

from collections.abc import Mapping
from textwrap import wrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from glmkit.errors import BadInput
from glmkit.plot.scores import _NAMES
from glmkit.plot.style import CYCLE, FAINT, GREY, INK, WIDTH, new_figure, title

_LINE = 0.16  # height of a line of text in inches
_CHARACTER = 0.072  # width of a character of a table in inches


def reliability(tables: Mapping[str, pd.DataFrame], heading: str = "") -> Figure:
    """Reliability diagram: observed frequency against predicted probability; a calibrated model lies on the diagonal.

    Parameters
    ----------
    tables
        Calibration table of each model, by name, as :attr:`glmkit.evaluate.diagnostics.Calibration.table`: columns ``claimed`` (mean
        predicted probability), ``came_true`` (observed frequency), ``low``, ``high`` and ``n``.
    heading
        Title of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Square axes. Bins have about equal numbers of items, so dense dots mark frequent predictions.

    Raises
    ------
    BadInput
        No table, or a missing column.

    Examples
    --------
    >>> import pandas as pd
    >>> from glmkit.plot import reliability
    >>> table = pd.DataFrame({"claimed": [0.2, 0.8], "came_true": [0.3, 0.7], "n": [50, 50]})
    >>> reliability({"model": table.assign(low=table["came_true"] - 0.1, high=table["came_true"] + 0.1)})
    <Figure size ... with 1 Axes>
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
    ax.set(xlabel="predicted probability, mean of each bin", ylabel="observed frequency, 95% interval")
    ax.legend(frameon=False, fontsize=8, labelcolor=INK, loc="upper left")
    title(ax, heading)
    return figure


def few_shot_curves(frame: pd.DataFrame, metric: str = "auroc", heading: str = "", split: str | None = None) -> Figure:
    """Metric of each method against the number of training labels, with confidence bands.

    Parameters
    ----------
    frame
        Table from :func:`glmkit.evaluate.few_shot`: columns ``method``, ``kind``, ``split`` (``"<split>, <size> labels"``),
        ``n_train``, `metric`, ``<metric>_low`` and ``<metric>_high``.
    metric
        Column to draw.
    heading
        Title of the figure.
    split
        Name of the split, without the sizes; optional if there is only one.

    Returns
    -------
    matplotlib.figure.Figure
        Models as solid lines, baselines as dashed lines, all with bands; each labelled at its right end.

    Raises
    ------
    BadInput
        A missing column, several splits and none chosen, or fewer than two sizes.

    Examples
    --------
    >>> import pandas as pd
    >>> from glmkit.plot import few_shot_curves
    >>> frame = pd.DataFrame({"n_train": [8, 32], "auroc": [0.6, 0.8], "split": ["random, 8 labels", "random, 32 labels"]})
    >>> few_shot_curves(frame.assign(method="probe", kind="model", auroc_low=0.5, auroc_high=0.9))
    <Figure size ... with 1 Axes>
    """
    _need("frame", frame, ["method", "kind", "split", "n_train", metric, f"{metric}_low", f"{metric}_high"])
    base = frame["split"].str.replace(r", \d+ labels$", "", regex=True)
    splits = list(dict.fromkeys(base))
    if split is None and len(splits) > 1:
        raise BadInput(f"frame: expected one split, got several splits ({', '.join(splits)}). Choose one with split=.")
    rows = frame[base == (splits[0] if split is None else split)]
    sizes = sorted(rows["n_train"].unique().tolist())
    if len(sizes) < 2:
        raise BadInput(f"frame: expected at least two sizes for a curve, got {sizes or 'none'} for split {split or splits[0]!r}.")
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
    ax.set(xlabel="training labels (logarithmic)", ylabel=f"{_NAMES.get(metric, metric)}, 95% interval")
    title(ax, heading)
    return figure


def _name_ends(ax: Axes, x: float, ends: list[tuple[float, str, str, bool]]) -> None:
    """Labels at the right ends of lines, shifted so that they do not overlap."""
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
    """A table as a figure for slides and papers: text aligned left, numbers right, three rules.

    Parameters
    ----------
    frame
        Table to draw, without its index, such as ``Table.summary()``.
    heading
        Title of the figure.
    widest
        Maximum width of a cell in characters; longer text is wrapped.

    Returns
    -------
    matplotlib.figure.Figure
        Sized to fit its text.

    Raises
    ------
    BadInput
        A table without rows or columns.

    Examples
    --------
    >>> import pandas as pd
    >>> from glmkit.plot import table_figure
    >>> table_figure(pd.DataFrame({"method": ["probe", "k-mers"], "AUROC": [0.91, 0.85]}), heading="Results")
    <Figure size ... with 1 Axes>
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
