"""Contact maps: predicted probabilities above the diagonal, contacts of the structure below it."""

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure

from glmkit.errors import BadInput
from glmkit.plot.style import BLUE, FAINT, GREY, INK, SKY, VERMILION, new_figure, title

_SHADES = LinearSegmentedColormap.from_list("contacts", ["#FFFFFF", SKY, BLUE, "#00304D"])


def contact_map(predicted: np.ndarray, true: np.ndarray | None = None, heading: str = "", separation: int = 6) -> Figure:
    """Contact map of one protein.

    Parameters
    ----------
    predicted
        Contact probabilities, (L, L), drawn above the diagonal (and below it if `true` is None).
    true
        Contacts of the structure, (L, L): bool, or 0 and 1, with NaN for unresolved pairs. Drawn below the diagonal, contacts in
        red and unresolved pairs in grey.
    heading
        Title of the figure.
    separation
        Minimum distance along the chain in residues; closer pairs are left white, because they are almost always in contact.

    Returns
    -------
    matplotlib.figure.Figure
        Square; residues are numbered from 1.

    Raises
    ------
    BadInput
        Maps that are not square or differ in shape, or predictions outside [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.plot import contact_map
    >>> contact_map(np.full((12, 12), 0.3))
    <Figure size ... with 2 Axes>
    """
    shades = np.array(predicted, dtype=np.float64)
    if shades.ndim != 2 or shades.shape[0] != shades.shape[1]:
        raise BadInput(f"predicted: expected (L, L), got {shades.shape}.")
    if not ((shades >= 0) & (shades <= 1)).all():
        raise BadInput("predicted: expected probabilities from 0 to 1.")
    length = len(shades)
    row, column = np.indices(shades.shape)
    shades[np.abs(row - column) < separation] = np.nan
    figure, (ax,) = new_figure(5.4, width=6.4)
    edges = (0.5, length + 0.5, length + 0.5, 0.5)
    if true is not None:
        labels = np.asarray(true, dtype=np.float64)
        if labels.shape != shades.shape:
            raise BadInput(f"true: expected {shades.shape}, the shape of predicted, got {labels.shape}.")
        below = np.asarray(row - column >= separation)
        shades[below] = np.nan
        ax.imshow(_painted(labels, below), extent=edges, interpolation="nearest")
    image = ax.imshow(shades, cmap=_SHADES, vmin=0, vmax=1, extent=edges, interpolation="nearest")
    ax.plot([0.5, length + 0.5], [0.5, length + 0.5], color=FAINT, linewidth=0.8)
    bar = figure.colorbar(image, ax=ax, shrink=0.55, aspect=18, pad=0.03)
    bar.set_label("predicted probability", fontsize=9, color=INK)
    bar.ax.tick_params(labelsize=8, color=GREY)
    bar.outline.set_visible(False)
    ax.spines[["top", "right"]].set_visible(True)
    ax.spines[["top", "right"]].set_color(GREY)
    ax.set(xlim=edges[:2], ylim=(length + 0.5, 0.5), xlabel="residue", ylabel="residue")
    if true is not None:
        for place, words, side in (((0.98, 0.98), "predicted", "right"), ((0.02, 0.02), "structure", "left")):
            ax.annotate(
                words, place, xycoords="axes fraction", fontsize=9, ha=side, va="top" if side == "right" else "bottom",
                color=BLUE if side == "right" else VERMILION, fontweight="bold",
            )  # fmt: skip
    title(ax, heading)
    return figure


def _painted(labels: np.ndarray, where: np.ndarray) -> np.ndarray:
    """RGBA image (L, L, 4): contacts and unresolved pairs in colour, all else transparent."""
    out = np.zeros((*labels.shape, 4))
    out[where & (labels == 1)] = to_rgba(VERMILION)
    out[where & np.isnan(labels)] = to_rgba(FAINT)
    return out
