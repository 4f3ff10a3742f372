"""Sequence logos (drawn by logomaker) and effect maps.

References
----------
Tareen A, Kinney JB (2020). Logomaker: beautiful sequence logos in Python. Bioinformatics 36, 2272-2274.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from glmkit.errors import BadInput
from glmkit.plot.style import FAINT, GREY, LETTER_COLOURS, VERMILION, new_figure, title

LETTERS = "ACGT"


def logo(
    heights: np.ndarray,
    ylabel: str = "information (bits)",
    first: int = 0,
    xlabel: str = "position",
    heading: str = "",
    marks: Sequence[tuple[float, str]] = (),
    limit: float | None = None,
) -> Figure:
    """A sequence logo of bits or of mean effects; letters with negative heights are drawn below the axis.

    Parameters
    ----------
    heights
        Letter heights, (length, 4), columns A, C, G, T; NaN counts as 0.
    ylabel
        Label of the y axis, with its unit.
    first
        Coordinate of the first row (-60 for a window with 60 bases before the start codon).
    xlabel
        Label of the x axis.
    heading
        Title of the figure.
    marks
        Pairs (coordinate, text) of positions to mark by a line.
    limit
        Upper limit of the y axis, which keeps weak sites visible next to a strong one. The figure notes the truncation.

    Returns
    -------
    matplotlib.figure.Figure
        One row of letters.

    Raises
    ------
    BadInput
        Heights of another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.plot import logo
    >>> logo(np.eye(4), first=-4)
    <Figure size ... with 1 Axes>
    """
    figure, (ax,) = new_figure(2.3)
    _draw(ax, heights, first)
    ax.set(ylabel=ylabel, xlabel=xlabel)
    _cut(ax, heights, limit)
    _mark(ax, marks)
    title(ax, heading, 18 if marks else 6)
    return figure


def logo_pair(
    information: np.ndarray,
    effects: np.ndarray,
    first: int = 0,
    xlabel: str = "position",
    heading: str = "",
    effect_unit: str = "log-odds",
    marks: Sequence[tuple[float, str]] = (),
    limit: float | None = None,
) -> Figure:
    """Logo of the real sites above a logo of the model's attributions, on a common coordinate.

    Parameters
    ----------
    information
        Information content in bits, (length, 4), from ``interpret.information_content``.
    effects
        Mean contributions, (length, 4), from ``interpret.letter_contributions``.
    first, xlabel, heading, marks
        As in :func:`logo`.
    limit
        Upper limit of the upper y axis, in bits.
    effect_unit
        Unit of the effects.

    Returns
    -------
    matplotlib.figure.Figure
        Two rows of letters.

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.plot import logo_pair
    >>> logo_pair(np.eye(4), np.eye(4) - 0.25)
    <Figure size ... with 2 Axes>
    """
    figure, (top, bottom) = new_figure(3.9, rows=2)
    _draw(top, information, first)
    _draw(bottom, effects, first)
    top.set_ylabel("real sites\ninformation (bits)")
    bottom.set_ylabel(f"model\nmean effect ({effect_unit})")
    bottom.set_xlabel(xlabel)
    _cut(top, information, limit)
    _mark(top, marks)
    _mark(bottom, [(place, "") for place, _ in marks])
    title(top, heading, 18 if marks else 6)
    return figure


def effect_map(
    effects: np.ndarray, reference: str = "", first: int = 0, xlabel: str = "position", heading: str = "", unit: str = "log-odds"
) -> Figure:
    """Effect of every substitution as a heat map; columns are positions, rows are letters, blue lowers the score, red raises it.

    Parameters
    ----------
    effects
        Effects of one window, (length, 4), or of several, (n, length, 4), which are averaged.
    reference
        Sequence of the window (one window only), marked by dots.
    first, xlabel, heading
        As in :func:`logo`.
    unit
        Unit of the effects.

    Returns
    -------
    matplotlib.figure.Figure
        Colours are symmetric about 0 and reach the 99.5th percentile of the absolute effects.

    Raises
    ------
    BadInput
        Effects of another shape, or a reference of another length.

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.plot import effect_map
    >>> effect_map(np.eye(4) - 0.25, reference="ACGT")
    <Figure size ... with 2 Axes>
    """
    values = np.asarray(effects, dtype=float)
    if values.ndim not in (2, 3) or values.shape[-1] != 4:
        raise BadInput(f"effects: expected (length, 4) or (n, length, 4), got {values.shape}.")
    values = values.mean(0) if values.ndim == 3 else values
    if reference and len(reference) != len(values):
        raise BadInput(f"reference: expected {len(values)} letters, got {len(reference)}.")
    figure, (ax,) = new_figure(1.9)
    bound = float(np.nanquantile(np.abs(values), 0.995)) or 1.0
    extent = (first - 0.5, first + len(values) - 0.5, 3.5, -0.5)
    picture = ax.imshow(values.T, cmap="RdBu_r", vmin=-bound, vmax=bound, aspect="auto", interpolation="nearest", extent=extent)
    if reference:
        places = [(first + i, LETTERS.index(letter)) for i, letter in enumerate(reference) if letter in LETTERS]
        ax.plot(*zip(*places, strict=True), linestyle="", marker=".", markersize=3, color="#222222")
    ax.set_yticks(range(4), list(LETTERS))
    ax.set(xlabel=xlabel, ylabel="substitution")
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    bar = figure.colorbar(picture, ax=ax, pad=0.01, aspect=12)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8)
    bar.set_label(f"effect ({unit})", fontsize=8)
    title(ax, heading + ("  (· reference letter)" if reference and heading else ""))
    return figure


def _draw(ax: Axes, heights: np.ndarray, first: int) -> None:
    import logomaker

    values = np.asarray(heights, dtype=float)
    if values.ndim != 2 or values.shape[1] != 4:
        raise BadInput(f"heights: expected (length, 4), got {values.shape}.")
    frame = pd.DataFrame(np.nan_to_num(values), columns=list(LETTERS), index=np.arange(first, first + len(values)))
    logomaker.Logo(frame, ax=ax, color_scheme=LETTER_COLOURS, font_name="DejaVu Sans", show_spines=None, baseline_width=0)
    ax.axhline(0, color=GREY, linewidth=0.8)
    ax.set_xlim(first - 0.5, first + len(values) - 0.5)
    ax.spines["bottom"].set_visible(False)


def _cut(ax: Axes, heights: np.ndarray, limit: float | None) -> None:
    tallest = float(np.nansum(np.maximum(heights, 0), axis=1).max())
    if limit is not None and limit < tallest:
        ax.set_ylim(top=limit)
        ax.annotate(
            f"cut at {limit:g}; the tallest reaches {tallest:.2f}", (0, 1), xycoords="axes fraction", xytext=(0, 2),
            textcoords="offset points", ha="left", va="bottom", fontsize=7, color=GREY,
        )  # fmt: skip


def _mark(ax: Axes, marks: Sequence[tuple[float, str]]) -> None:
    for place, text in marks:
        ax.axvline(place, color=FAINT, linewidth=0.9, zorder=0)
        ax.annotate(text, (place, 1), xycoords=ax.get_xaxis_transform(), xytext=(0, 1), textcoords="offset points", fontsize=8,
                    color=VERMILION, va="bottom", ha="center")  # fmt: skip
