"""One look for every figure: sizes that read in a report, colours that colour-blind readers can tell apart, no global state.

Figures are made with matplotlib's object interface only: nothing is registered with pyplot, so that a thousand figures leak no
memory and a notebook's own settings stay as they were. Colours are those of Okabe & Ito.

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
WIDTH = 7.0  # inches: a report's column


def new_figure(
    height: float, rows: int = 1, width: float = WIDTH, heights: Sequence[float] | None = None
) -> tuple[Figure, list[Axes]]:
    """An empty figure with `rows` axes below each other, sharing nothing.

    Parameters
    ----------
    height, width
        Inches.
    rows
        Axes.
    heights
        Their relative heights.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Not known to pyplot.
    axes : list of matplotlib.axes.Axes
        Top first.
    """
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white", dpi=120)
    axes = figure.subplots(rows, 1, squeeze=False, gridspec_kw={"height_ratios": heights or [1] * rows})[:, 0].tolist()
    for ax in axes:
        tidy(ax)
    return figure, axes


def tidy(ax: Axes) -> None:
    """Quiet axes: two spines, small grey ticks, no frame.

    Parameters
    ----------
    ax
        Changed in place.
    """
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(GREY)
    ax.tick_params(colors=INK, labelsize=8, width=0.8, length=3, color=GREY)
    for label in (ax.xaxis.label, ax.yaxis.label):
        label.set_fontsize(9)
        label.set_color(INK)


def title(ax: Axes, text: str, pad: float = 6) -> None:
    """A title flush left.

    Parameters
    ----------
    ax
        Changed in place.
    text
        Nothing is drawn if it is empty.
    pad
        Points above the axes.
    """
    if text:
        ax.set_title(text, loc="left", fontsize=10, color=INK, fontweight="bold", pad=pad)
