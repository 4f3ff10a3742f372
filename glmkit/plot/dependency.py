"""Dependency maps: effect of a substitution at one position on the predictions at the others."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from glmkit.errors import BadInput
from glmkit.plot.style import BLUE, FAINT, GREY, INK, SKY, VERMILION, new_figure, title

_SHADES = LinearSegmentedColormap.from_list("dependencies", ["#FFFFFF", SKY, BLUE, "#00304D"])
_LETTERS = 60  # longest sequence whose letters label the axes


def dependency_map(
    effects: np.ndarray,
    sequence: str = "",
    *,
    marks: Sequence[tuple[int, int]] = (),
    first: int = 0,
    heading: str = "",
    unit: str = "log-odds, nats",
) -> Figure:
    """Dependency map as a heat map; rows are substituted positions, columns are affected positions.

    Parameters
    ----------
    effects
        Effects, (L, L), 0 or more, from ``interpret.dependency_map``; NaN is drawn in grey.
    sequence
        The sequence, L letters; sequences of up to 60 letters label the axes.
    marks
        Pairs of positions to outline, 0-based (row, column), such as known base pairs.
    first
        Coordinate of the first letter.
    heading
        Title of the figure.
    unit
        Unit of the effects.

    Returns
    -------
    matplotlib.figure.Figure
        Square. Colours reach the 99.5th percentile of the effects, so that single pairs do not hide the others.

    Raises
    ------
    BadInput
        A map that is not square, a sequence of another length, or a mark outside the map.

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.plot import dependency_map
    >>> dependency_map(np.abs(np.subtract.outer(range(4), range(4))) == 3, "GAAC", marks=[(0, 3)])
    <Figure size ... with 2 Axes>
    """
    values = np.asarray(effects, dtype=np.float64)
    if values.ndim != 2 or values.shape[0] != values.shape[1] or len(values) < 2:
        raise BadInput(f"effects: expected (L, L), got {values.shape}.")
    length = len(values)
    if sequence and len(sequence) != length:
        raise BadInput(f"sequence: expected {length} letters, got {len(sequence)}.")
    if outside := [pair for pair in marks if not (min(pair) >= 0 and max(pair) < length)]:
        raise BadInput(f"marks: expected pairs of positions from 0 to {length - 1}, got {outside[0]}.")
    figure, (ax,) = new_figure(5.4, width=6.4)
    known = values[np.isfinite(values)]
    bound = (float(np.quantile(known, 0.995)) if len(known) else 0.0) or 1.0
    edges = (first - 0.5, first + length - 0.5, first + length - 0.5, first - 0.5)
    shades = _SHADES.with_extremes(bad=FAINT)
    image = ax.imshow(values, cmap=shades, vmin=0, vmax=bound, extent=edges, interpolation="nearest")
    for row, column in marks:
        frame = Rectangle((first + column - 0.5, first + row - 0.5), 1, 1, fill=False, edgecolor=VERMILION, linewidth=1.2)
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
