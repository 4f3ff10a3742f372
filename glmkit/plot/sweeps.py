"""Figure of a sweep: a metric against one swept parameter, with one line for each value of another.

Values are placed at equal distances in ascending order, so that settings such as 0, 1e-4 and 0.1 are all distinguishable. Each
row of the sweep (a seed, for example) is a dot with its interval. The line connects the means, so the spread over seeds is visible.
"""

from collections.abc import Hashable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from glmkit.errors import BadInput
from glmkit.plot.style import CYCLE, GREY, INK, new_figure, title

_SPREAD = 0.12  # horizontal offset between lines, relative to the distance between two values


def sweep_lines(
    frame: pd.DataFrame, parameter: str, metric: str, by: str | None = None, heading: str = "", ylabel: str = ""
) -> Figure:
    """A metric against one swept parameter.

    Parameters
    ----------
    frame
        One row per sweep point, as in ``sweep.csv`` of a run; rows without the metric (failed points) are omitted. The optional
        columns ``<metric>_low`` and ``<metric>_high`` are drawn as intervals; ``best`` in a column ``best`` is drawn as a ring.
    parameter
        Column for the x axis.
    metric
        Column for the y axis.
    by
        Column with one line per value; None for a single line.
    heading
        Title of the figure.
    ylabel
        Label of the y axis; the metric's name if empty.

    Returns
    -------
    matplotlib.figure.Figure
        Numeric values in ascending order; strings in the order of the rows.

    Raises
    ------
    BadInput
        A missing column, or no row with the metric.

    Examples
    --------
    >>> import pandas as pd
    >>> from glmkit.plot.sweeps import sweep_lines
    >>> frame = pd.DataFrame({"dropout": [0.0, 0.1, 0.0, 0.1], "seed": [0, 0, 1, 1], "auroc": [0.80, 0.84, 0.82, 0.83]})
    >>> sweep_lines(frame, "dropout", "auroc", by="seed")
    <Figure size ... with 1 Axes>
    """
    if missing := [name for name in (parameter, metric, by) if name is not None and name not in frame.columns]:
        raise BadInput(f"frame: expected the columns {', '.join(missing)}; got {list(frame.columns)}.")
    known = frame.assign(**{metric: pd.to_numeric(frame[metric], errors="coerce")}).dropna(subset=[metric])
    if known.empty:
        raise BadInput(f"frame: no row has a number in {metric!r}. Has any point finished?")
    places = {value: place for place, value in enumerate(_ordered(known[parameter]))}
    lines: list[Hashable] = [None] if by is None else _ordered(known[by])
    figure, (ax,) = new_figure(3.2)
    for number, value in enumerate(lines):
        some = known if by is None else known[known[by] == value]
        shift = _SPREAD * (number - (len(lines) - 1) / 2)
        places_here = some[parameter].map(places).to_numpy(float) + shift
        _draw_line(ax, places_here, some, metric, CYCLE[number % len(CYCLE)], "" if by is None else f"{by} = {value}")
    ax.set_xticks(list(places.values()), [str(value) for value in places])
    ax.set_xlim(-0.5, len(places) - 0.5)
    ax.set(xlabel=parameter, ylabel=ylabel or metric)
    if by is not None:
        ax.legend(frameon=False, fontsize=8, labelcolor=GREY)
    title(ax, heading)
    return figure


def _draw_line(ax: Axes, at: np.ndarray, rows: pd.DataFrame, metric: str, colour: str, label: str) -> None:
    """Each row as a dot with its interval, and a line through the means at each x position."""
    y = rows[metric].to_numpy(float)
    where = np.unique(at)
    ax.plot(where, [y[at == place].mean() for place in where], color=colour, linewidth=1.4, label=label or None)
    if {f"{metric}_low", f"{metric}_high"} <= set(rows.columns):
        ends = rows[[f"{metric}_low", f"{metric}_high"]].to_numpy(float)
        ax.vlines(at, ends[:, 0], ends[:, 1], color=colour, alpha=0.45, linewidth=1.2)
    ax.plot(at, y, "o", color=colour, markersize=4, alpha=0.85)
    if "best" in rows.columns and (chosen := (rows["best"] == "best").to_numpy()).any():
        ax.plot(at[chosen], y[chosen], "o", markersize=9, markerfacecolor="none", markeredgecolor=INK, markeredgewidth=1.1)


def _ordered(values: pd.Series) -> list[Hashable]:
    """The distinct values: numbers in ascending order, strings in order of appearance."""
    distinct = list(dict.fromkeys(values.tolist()))
    numeric = pd.to_numeric(pd.Series(distinct, dtype=object), errors="coerce")
    if numeric.isna().any():
        return distinct
    return [distinct[place] for place in np.argsort(numeric.to_numpy(float), kind="stable")]
