"""Table of motif logos, and bar charts of importances with confidence intervals."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from glmkit.errors import BadInput
from glmkit.plot.logos import _draw
from glmkit.plot.style import GREY, INK, SKY, VERMILION, WIDTH, tidy, title


def motif_logos(
    heights: Sequence[np.ndarray],
    names: Sequence[str],
    notes: Sequence[str] = (),
    beside: Sequence[np.ndarray | None] = (),
    *,
    columns: tuple[str, str] = ("frequencies (bits)", "mean attribution"),
    heading: str = "",
) -> Figure:
    """One row per motif: its name, its logo, and optionally a second logo.

    Parameters
    ----------
    heights
        Letter heights of each motif, (length, 4), columns A, C, G, T, such as bits (``interpret.information_content``).
    names
        Name of each motif.
    notes
        Short text below each name, such as the number of occurrences or the matching known motif; empty for none.
    beside
        Letter heights of the second logo of each motif, (length, 4): mean contributions, or the known motif. None for no logo.
    columns
        Headings of the two columns of logos, with units.
    heading
        Title of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Letters have the same width in all logos of a column; positions are 1-based.

    Raises
    ------
    BadInput
        No motif, or lists of different lengths.

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.plot import motif_logos
    >>> motif_logos([np.eye(4), 2 * np.eye(4)], ["motif 1", "motif 2"], notes=["30 sites", "12 sites"])
    <Figure size ... with 4 Axes>
    """
    count = len(heights)
    if not count or len(names) != count or len(notes) not in (0, count) or len(beside) not in (0, count):
        raise BadInput(
            f"motif_logos: expected at least one motif, and a name (a note, a second logo) for each of {count}, "
            f"got {len(names)}, {len(notes)} and {len(beside)}."
        )
    both = any(other is not None for other in beside)
    figure = Figure(figsize=(WIDTH, 0.45 + 1.0 * count), layout="constrained", facecolor="white", dpi=120)
    grid = figure.add_gridspec(count, 3 if both else 2, width_ratios=[0.9, 1.6, 1.6] if both else [0.9, 3.2])
    longest = [max(len(values) for values in heights), max((len(values) for values in beside if values is not None), default=0)]
    for row in range(count):
        label = figure.add_subplot(grid[row, 0])
        label.axis("off")
        label.text(0, 0.62, names[row], fontsize=9, fontweight="bold", color=INK, va="center", wrap=True)
        if notes:
            label.text(0, 0.5, notes[row], fontsize=7.5, color=GREY, va="top", linespacing=1.3)
        for column, values in enumerate((heights[row], beside[row] if both else None)):
            if values is None:
                continue
            ax = figure.add_subplot(grid[row, 1 + column])
            tidy(ax)
            _draw(ax, values, 1)
            ax.set_xlim(0.5, longest[column] + 0.5)
            ax.set_xticks([1, *range(5, len(values) + 1, 5)])
            ax.tick_params(labelsize=7)
            ax.locator_params(axis="y", nbins=3)
            if row == 0:
                ax.set_title(columns[column], fontsize=8, color=GREY, loc="left")
    if heading:
        figure.suptitle(heading, x=0.01, ha="left", fontsize=10, color=INK, fontweight="bold")
    return figure


def importance_bars(
    frame: pd.DataFrame, name: str = "name", unit: str = "importance", heading: str = "", most: int = 20
) -> Figure:
    """Importances as bars with confidence intervals, the first row of the table on top.

    Parameters
    ----------
    frame
        Columns `name`, ``importance``, ``low`` and ``high``, as from ``interpret.gene_importance`` and ``snp_importance``. Rows
        whose ``kind`` is ``block`` have a separate colour.
    name
        Column with the names.
    unit
        Label of the x axis, with its unit.
    heading
        Title of the figure.
    most
        Maximum number of rows to draw.

    Returns
    -------
    matplotlib.figure.Figure
        Features with bars to the right raise the score; those with bars to the left lower it.

    Raises
    ------
    BadInput
        A missing column, or no row.

    Examples
    --------
    >>> import pandas as pd
    >>> from glmkit.plot import importance_bars
    >>> frame = pd.DataFrame({"name": ["rs1", "rs5"], "importance": [0.4, -0.1], "low": [0.2, -0.3], "high": [0.5, 0]})
    >>> importance_bars(frame)
    <Figure size ... with 1 Axes>
    """
    if missing := [column for column in (name, "importance", "low", "high") if column not in frame.columns]:
        raise BadInput(f"frame: {', '.join(missing)} missing; got {list(frame.columns)}.")
    rows = frame.head(most)
    if rows.empty:
        raise BadInput("frame: expected at least one row, got none.")
    blocks = rows["kind"].eq("block").to_numpy() if "kind" in rows else np.zeros(len(rows), bool)
    figure = Figure(figsize=(WIDTH, 0.8 + 0.24 * len(rows)), layout="constrained", facecolor="white", dpi=120)
    ax = figure.subplots()
    tidy(ax)
    places, values = np.arange(len(rows)), rows["importance"].to_numpy(float)
    ax.barh(places, values, 0.65, color=[VERMILION if block else SKY for block in blocks])
    sides = [values - rows["low"].to_numpy(float), rows["high"].to_numpy(float) - values]
    ax.errorbar(values, places, xerr=np.maximum(np.array(sides), 0), fmt="none", ecolor=INK, elinewidth=1, capsize=2)
    ax.axvline(0, color=GREY, linewidth=0.8)
    ax.set_yticks(places, [str(label) for label in rows[name]])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(f"{unit}, 95% interval")
    if blocks.any():
        for words, colour, place in (("■ one SNP", SKY, 0.12), ("■ linkage block", VERMILION, 0.02)):
            ax.annotate(words, (0.99, place), xycoords="axes fraction", ha="right", fontsize=8, color=colour, fontweight="bold")
    more = f"  ({len(rows)} of {len(frame)})" if len(frame) > len(rows) and heading else ""
    title(ax, heading + more)
    return figure
