"""Common style of all figures: sizes for a report, colours for colour-blind readers, and no global state.

Figures use matplotlib's object interface only. Nothing is registered with pyplot, so figures are freed when they are no longer
referenced, and a notebook's settings do not change. Colours are those of Okabe & Ito.

References
----------
Okabe M, Ito K (2008). Color universal design. https://jfly.uni-koeln.de/color/
"""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, YELLOW = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442"
INK, GREY, FAINT = "#222222", "#767676", "#D9D9D9"
CYCLE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
LETTER_COLOURS = {"A": GREEN, "C": BLUE, "G": ORANGE, "T": VERMILION}
WIDTH = 7.0  # column of a report, in inches


def new_figure(
    height: float, rows: int = 1, width: float = WIDTH, heights: Sequence[float] | None = None
) -> tuple[Figure, list[Axes]]:
    """An empty figure with `rows` independent axes below each other.

    Parameters
    ----------
    height, width
        Size of the figure in inches.
    rows
        Number of axes.
    heights
        Relative height of each row, (rows,); None for equal heights.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Figure that is not registered with pyplot.
    axes : list of matplotlib.axes.Axes
        Axes from top to bottom.
    """
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white", dpi=120)
    axes = figure.subplots(rows, 1, squeeze=False, gridspec_kw={"height_ratios": heights or [1] * rows})[:, 0].tolist()
    for ax in axes:
        tidy(ax)
    return figure, axes


def tidy(ax: Axes) -> None:
    """Reduce axes to two spines and small grey ticks.

    Parameters
    ----------
    ax
        Axes, changed in place.
    """
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(GREY)
    ax.tick_params(colors=INK, labelsize=8, width=0.8, length=3, color=GREY)
    for label in (ax.xaxis.label, ax.yaxis.label):
        label.set_fontsize(9)
        label.set_color(INK)


def title(ax: Axes, text: str, pad: float = 6) -> None:
    """Left-aligned title of axes.

    Parameters
    ----------
    ax
        Axes, changed in place.
    text
        Title; nothing is drawn if it is empty.
    pad
        Distance above the axes in points.
    """
    if text:
        ax.set_title(text, loc="left", fontsize=10, color=INK, fontweight="bold", pad=pad)
