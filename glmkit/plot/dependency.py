"""Dependency maps: what a change at one place of a sequence moves at the others."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from glmkit.errors import BadInput
from glmkit.plot.style import BLUE, FAINT, GREY, INK, SKY, VERMILION, new_figure, title

_SHADES = LinearSegmentedColormap.from_list("dependencies", ["#FFFFFF", SKY, BLUE, "#00304D"])
_LETTERS = 60  # up to so many are written beside the axes


def dependency_map(
    effects: np.ndarray,
    sequence: str = "",
    *,
    marks: Sequence[tuple[int, int]] = (),
    first: int = 0,
    heading: str = "",
    unit: str = "log-odds, nats",
) -> Figure:
    """The map as a heat map: the place that changes down, the place that is read across.

    Parameters
    ----------
    effects
        (L, L), 0 or more, from ``interpret.dependency_map``; NaN is drawn in grey.
    sequence
        Its letters; up to 60 are written beside the axes.
    marks
        Pairs of places, from 0, to draw a frame around: known base pairs, say.
    first
        Coordinate of the first letter.
    heading
        Title.
    unit
        Of the effects.

    Returns
    -------
    matplotlib.figure.Figure
        Square. Colours reach the 99.5th percentile of what lies off the diagonal, so that single pairs do not hide the others.

    Raises
    ------
    BadInput
        A map that is not square, a sequence of another length, or a mark outside.
    """
    values = np.asarray(effects, dtype=np.float64)
    if values.ndim != 2 or values.shape[0] != values.shape[1] or len(values) < 2:
        raise BadInput(f"effects: expected (L, L), got {values.shape}.")
    length = len(values)
    if sequence and len(sequence) != length:
        raise BadInput(f"sequence: expected {length} letters, got {len(sequence)}.")
    if outside := [pair for pair in marks if not (min(pair) >= 0 and max(pair) < length)]:
        raise BadInput(f"marks: expected pairs of places from 0 to {length - 1}, got {outside[0]}.")
    figure, (ax,) = new_figure(5.4, width=6.4)
    known = values[np.isfinite(values)]
    bound = (float(np.quantile(known, 0.995)) if len(known) else 0.0) or 1.0
    edges = (first - 0.5, first + length - 0.5, first + length - 0.5, first - 0.5)
    shades = _SHADES.with_extremes(bad=FAINT)
    image = ax.imshow(values, cmap=shades, vmin=0, vmax=bound, extent=edges, interpolation="nearest")
    for changed, told in marks:
        frame = Rectangle((first + told - 0.5, first + changed - 0.5), 1, 1, fill=False, edgecolor=VERMILION, linewidth=1.2)
        ax.add_patch(frame)
    bar = figure.colorbar(
        image, ax=ax, shrink=0.55, aspect=18, pad=0.03, extend="max" if known.max(initial=0) > bound else "neither"
    )
    bar.set_label(f"largest change ({unit})", fontsize=9, color=INK)
    bar.ax.tick_params(labelsize=8, color=GREY)
    bar.outline.set_visible(False)
    ax.set(xlabel="position that is read", ylabel="position that is substituted")
    if sequence and length <= _LETTERS:
        places = range(first, first + length)
        ax.set_xticks(places, list(sequence))
        ax.set_yticks(places, list(sequence))
        ax.tick_params(length=0, labelsize=9 if length <= 30 else 6)
    title(ax, heading)
    return figure
