"""Scores per class, per output and per perturbed gene, with confidence intervals, for one or several methods."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from glmkit.errors import BadInput
from glmkit.plot.style import BLUE, CYCLE, FAINT, GREY, INK, VERMILION, new_figure, title

MARKS = ("o", "D", "s", "^", "v", "P")


def output_dots(frame: pd.DataFrame, heading: str = "", top: int | None = None) -> Figure:
    """Spearman correlation of each output, methods side by side.

    Parameters
    ----------
    frame
        Columns ``output``, ``spearman``, ``low``, ``high`` (from ``Table.per_output``) and, for several methods, ``method``.
        Outputs are ordered by the first method, best on top; outputs without a value for it are omitted.
    heading
        Title of the figure.
    top
        Number of best outputs to draw; None for all.

    Returns
    -------
    matplotlib.figure.Figure
        One line per output.

    Raises
    ------
    BadInput
        Columns are missing, or no output has a value.

    Examples
    --------
    >>> import pandas as pd
    >>> from glmkit.plot import output_dots
    >>> values = {"output": ["CD3", "CD19"], "spearman": [0.7, 0.5], "low": [0.6, 0.4], "high": [0.8, 0.6]}
    >>> output_dots(pd.DataFrame(values))
    <Figure size ... with 1 Axes>
    """
    rows = _checked(frame, ["output", "spearman", "low", "high"], "output")
    order = _order(rows, "output", "spearman", top)
    figure, (ax,) = new_figure(1.1 + _height(rows) * len(order))
    ax.axvline(0, color=GREY, linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
    _dots(ax, rows, order, "output", ("spearman", "low", "high"))
    ax.set_yticks(range(len(order)), order)
    ax.set_xlabel("Spearman correlation on held-out cells, 95% interval")
    title(ax, heading)
    return figure


def class_dots(frame: pd.DataFrame, heading: str = "") -> Figure:
    """F1 of each class, methods side by side; labels include the number of test cells, and rare classes are grey.

    Parameters
    ----------
    frame
        Columns ``class``, ``n_test``, ``f1``, ``f1_low``, ``f1_high``, ``rare`` (from ``Table.per_class``) and, for several
        methods, ``method``. Classes keep the order of the rows, first on top. Classes absent from the test set are omitted.
    heading
        Title of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        One line per class.

    Raises
    ------
    BadInput
        Columns are missing, or no class has a value.

    Examples
    --------
    >>> import pandas as pd
    >>> from glmkit.plot import class_dots
    >>> frame = pd.DataFrame({"class": ["T cell", "B cell"], "n_test": [90, 12], "f1": [0.9, 0.6]})
    >>> class_dots(frame.assign(f1_low=frame["f1"] - 0.1, f1_high=frame["f1"] + 0.1, rare=[False, True]))
    <Figure size ... with 1 Axes>
    """
    rows = _checked(frame, ["class", "n_test", "f1", "f1_low", "f1_high", "rare"], "class")
    first = rows[(rows["method"] == rows["method"].iloc[0]) & rows["f1"].notna()].set_index("class")
    order = [str(name) for name in first.index[::-1]]
    figure, (ax,) = new_figure(1.1 + _height(rows, 0.24) * len(order))
    _dots(ax, rows, order, "class", ("f1", "f1_low", "f1_high"))
    ax.set_yticks(range(len(order)), [f"{name} ({first.loc[name, 'n_test']:,})" for name in order])
    for text, name in zip(ax.get_yticklabels(), order, strict=True):
        text.set_color(GREY if first.loc[name, "rare"] else INK)
        text.set_fontstyle("italic" if first.loc[name, "rare"] else "normal")
    ax.set_xlim(-0.02, 1.02)
    note = "; rare classes in grey italics" if first["rare"].any() else ""
    ax.set_xlabel(f"F1 on held-out cells, 95% interval (test cells in brackets{note})")
    title(ax, heading)
    return figure


def shift_bars(frame: pd.DataFrame, heading: str = "", top: int | None = 20) -> Figure:
    """Shift of the cell embedding by perturbation of each gene, one bar per gene, largest on top.

    Parameters
    ----------
    frame
        Table from ``score.perturb``: columns ``shift``, ``low``, ``high`` and optionally ``cells`` (number of cells with the
        gene). The gene is the index or a column ``gene``; a column ``symbol``, if present, gives the labels.
    heading
        Title of the figure.
    top
        Number of largest shifts to draw; None for all.

    Returns
    -------
    matplotlib.figure.Figure
        One bar per gene.

    Raises
    ------
    BadInput
        Columns are missing, or no gene has a value.

    Examples
    --------
    >>> import pandas as pd
    >>> from glmkit.plot import shift_bars
    >>> shift_bars(pd.DataFrame({"gene": ["CD3E", "CD19"], "shift": [0.02, 0.01], "low": [0.01, 0], "high": [0.03, 0.02]}))
    <Figure size ... with 1 Axes>
    """
    frame = frame.reset_index() if frame.index.name == "gene" else frame
    rows = _checked(frame, ["gene", "shift", "low", "high"], "gene")
    rows = rows[rows["shift"].notna()].sort_values("shift", kind="stable")
    rows = rows if top is None else rows.iloc[-top:]
    figure, (ax,) = new_figure(1.0 + 0.22 * len(rows))
    y = np.arange(len(rows))
    ax.barh(y, rows["shift"], 0.66, color=BLUE, alpha=0.55, edgecolor="none")
    spread = np.maximum([rows["shift"] - rows["low"], rows["high"] - rows["shift"]], 0)
    ax.errorbar(rows["shift"], y, xerr=spread, fmt="none", ecolor=INK, elinewidth=1.1, capsize=2)
    names = rows["symbol"].where(rows["symbol"].notna(), rows["gene"]) if "symbol" in rows else rows["gene"]
    cells = [f" ({count:,})" for count in rows["cells"]] if "cells" in rows else [""] * len(rows)
    ax.set_yticks(y, [f"{name}{count}" for name, count in zip(names, cells, strict=True)])
    ax.tick_params(axis="y", length=0)
    ax.axvline(0, color=GREY, linewidth=0.8)
    ax.set_ylim(-0.6, len(rows) - 0.4)
    ax.set_xlabel(f"mean cosine shift of the embedding, 95% interval{' (cells with the gene)' if 'cells' in rows else ''}")
    title(ax, heading)
    return figure


def _checked(frame: pd.DataFrame, needed: list[str], key: str) -> pd.DataFrame:
    if missing := [name for name in needed if name not in frame.columns]:
        raise BadInput(f"frame: {', '.join(missing)} missing; got {list(frame.columns)}.")
    value = next(name for name in ("spearman", "f1", "shift") if name in needed)
    if not frame[value].notna().any():
        raise BadInput(f"frame: expected a value of {value} for at least one {key}, got none in {len(frame)} rows.")
    rows = frame if "method" in frame.columns else frame.assign(method="")
    if rows.duplicated(["method", key]).any():
        raise BadInput(f"frame: a method has several rows of one {key}. Add a column 'method', or select one split.")
    return rows.assign(**{key: rows[key].astype(str)})


def _order(rows: pd.DataFrame, key: str, value: str, top: int | None) -> list[str]:
    first = rows[(rows["method"] == rows["method"].iloc[0]) & rows[value].notna()].sort_values(value, kind="stable")
    return [str(name) for name in (first if top is None else first.iloc[-top:])[key]]


def _height(rows: pd.DataFrame, single: float = 0.19) -> float:
    """Height of one line in inches."""
    return max(single, 0.075 * rows["method"].nunique() + 0.06)


def _dots(ax: Axes, rows: pd.DataFrame, order: list[str], key: str, columns: tuple[str, str, str]) -> None:
    value, low, high = columns
    place = {name: i for i, name in enumerate(order)}
    methods = list(dict.fromkeys(rows["method"]))
    colours = (VERMILION, BLUE, *CYCLE[2:]) if len(methods) > 1 else (BLUE,)
    lanes = np.linspace(0.26, -0.26, len(methods)) if len(methods) > 1 else [0.0]
    for number, (method, lane) in enumerate(zip(methods, lanes, strict=True)):
        part = rows[(rows["method"] == method) & rows[key].isin(order)]
        y = np.array([place[name] for name in part[key]]) + lane
        colour = colours[number % len(colours)]
        ax.hlines(y, part[low], part[high], color=colour, linewidth=1.6, alpha=0.5)
        ax.plot(
            part[value],
            y,
            marker=MARKS[number % len(MARKS)],
            linestyle="",
            color=colour,
            markersize=4.2,
            label=str(method) or None,
        )
    for y in range(len(order)):
        ax.axhline(y, color=FAINT, linewidth=0.6, zorder=0)
    ax.set_ylim(-0.6, len(order) - 0.4)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    if len(methods) > 1:
        ax.legend(
            frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1), labelcolor=INK, borderpad=0, handletextpad=0.3
        )
