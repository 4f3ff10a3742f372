"""Figures of cells: scatter plots of embeddings and confusion matrices of cell types.

A data set can have more cell types than the palette of :mod:`glmkit.plot.style` has colours. Types are therefore distinguished by
the combination of colour and marker.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure

from glmkit.errors import BadInput
from glmkit.plot.style import CYCLE, FAINT, INK, new_figure, title

MARKS = ("o", "^", "s", "D", "v", "P")
MISSING = "no label"


def embedding_scatter(
    coords: np.ndarray,
    labels: Sequence[object] | np.ndarray,
    heading: str = "",
    axis: str = "UMAP",
    label: str = "",
    order: Sequence[str] | None = None,
) -> Figure:
    """Cells in two dimensions, coloured by class or by a numeric value.

    Parameters
    ----------
    coords
        Coordinates of the cells, float (n, 2), such as two columns of an ``obsm`` array.
    labels
        One value per cell, (n,): strings (missing ones in grey), or numbers (with a colour bar).
    heading
        Title of the figure.
    axis
        Name of the two dimensions.
    label
        Title of the legend or colour bar.
    order
        Classes in the order of the legend; None for descending size.

    Returns
    -------
    matplotlib.figure.Figure
        The legend gives the number of cells of each class.

    Raises
    ------
    BadInput
        Shapes that do not match, or a class missing from `order`.

    Examples
    --------
    >>> from glmkit.plot import embedding_scatter
    >>> embedding_scatter([[0, 1], [1, 0], [1, 1]], ["T cell", "B cell", None], axis="PC")
    <Figure size ... with 1 Axes>
    """
    points, values = np.asarray(coords, dtype=np.float64), np.asarray(labels)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) != len(values) or len(points) == 0:
        raise BadInput(f"Expected coordinates (n, 2) and one label per cell, got {points.shape} and {len(values)} labels.")
    figure, (ax,) = new_figure(4.4)
    size = float(np.clip(6000 / len(points), 2.0, 18.0))
    if values.dtype.kind in "fiub":
        dots = ax.scatter(
            points[:, 0], points[:, 1], c=values.astype(float), s=size, cmap="viridis", linewidths=0, rasterized=True
        )
        _quiet(figure.colorbar(dots, ax=ax, shrink=0.7, aspect=25), label)
    else:
        _classes(ax, points, _as_text(values), size, order, label)
    ax.set(xticks=[], yticks=[], xlabel=f"{axis} 1", ylabel=f"{axis} 2")
    ax.set_aspect("equal", adjustable="datalim")
    ax.spines[["left", "bottom"]].set_color(FAINT)
    title(ax, heading)
    return figure


def _quiet(bar: Colorbar, label: str) -> None:
    bar.outline.set_visible(False)
    bar.set_label(label, fontsize=9, color=INK)
    bar.ax.tick_params(labelsize=8, colors=INK, width=0.8, length=3)


def _as_text(values: np.ndarray) -> np.ndarray:
    missing = [value is None or value != value for value in values.tolist()]
    return np.array([MISSING if gone else str(value) for value, gone in zip(values, missing, strict=True)], dtype=object)


def _classes(ax: Axes, points: np.ndarray, names: np.ndarray, size: float, order: Sequence[str] | None, label: str) -> None:
    found, counts = np.unique(names.astype(str), return_counts=True)
    sizes = dict(zip(found.tolist(), counts.tolist(), strict=True))
    chosen = sorted(sizes, key=lambda name: -sizes[name]) if order is None else [name for name in order if name in sizes]
    chosen = [name for name in chosen if name != MISSING]
    if lost := sorted(set(sizes) - set(chosen) - {MISSING}):
        raise BadInput(f"order lacks the class {lost[0]!r}; it has {', '.join(order or ())}.")
    if MISSING in sizes:
        here = points[names == MISSING]
        ax.scatter(
            here[:, 0], here[:, 1], s=size * 0.6, c=FAINT, linewidths=0, label=f"{MISSING} ({len(here):,})", rasterized=True
        )
    for number, name in enumerate(chosen):
        here = points[names == name]
        ax.scatter(
            here[:, 0], here[:, 1], s=size, color=CYCLE[number % len(CYCLE)], marker=MARKS[(number // len(CYCLE)) % len(MARKS)], alpha=0.75,
            linewidths=0, label=f"{name} ({len(here):,})", rasterized=True,
        )  # fmt: skip
    ax.legend(
        frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1), labelcolor=INK, handletextpad=0.4, borderpad=0,
        title=label or None, title_fontsize=8, alignment="left", scatterpoints=1, markerscale=float(np.sqrt(28 / size)),
    )  # fmt: skip


def confusion_matrix(counts: np.ndarray, classes: Sequence[str], heading: str = "") -> Figure:
    """Confusion matrix of true (rows) against predicted classes (columns), as percentages of each row.

    Parameters
    ----------
    counts
        Number of cells, float (classes, classes), from ``Table.confusion``.
    classes
        Class names in the order of both axes, (classes,).
    heading
        Title of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Row labels include the number of cells; shares below 0.5% are not labelled.

    Raises
    ------
    BadInput
        Counts that are not a square matrix, or names that do not match it.

    Examples
    --------
    >>> from glmkit.plot import confusion_matrix
    >>> confusion_matrix([[8, 2], [1, 9]], ["T cell", "B cell"])
    <Figure size ... with 2 Axes>
    """
    table = np.asarray(counts, dtype=np.float64)
    k = len(classes)
    if table.shape != (k, k) or k == 0 or not np.isfinite(table).all() or table.min() < 0:
        raise BadInput(f"Expected counts ({k}, {k}) of at least 0, one row and column per class, got shape {table.shape}.")
    totals = table.sum(1)
    shares = np.divide(table, totals[:, None], out=np.zeros_like(table), where=totals[:, None] > 0)
    figure, (ax,) = new_figure(1.6 + 0.36 * k)
    image = ax.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, column in np.argwhere(shares >= 0.005):
        share = shares[row, column]
        ax.text(column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=8, color="white" if share > 0.55 else INK)
    ax.set_yticks(range(k), [f"{name} ({total:,.0f})" for name, total in zip(classes, totals, strict=True)])
    ax.set_xticks(range(k), [str(name) for name in classes], rotation=45, ha="right", rotation_mode="anchor")
    ax.set_xticks(np.arange(-0.5, k), minor=True)
    ax.set_yticks(np.arange(-0.5, k), minor=True)
    ax.grid(which="minor", color="white", linewidth=1.5)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
    ax.set(xlabel="predicted class (numbers: % of the true class)", ylabel="true class (cells)")
    _quiet(figure.colorbar(image, ax=ax, shrink=0.6, aspect=20), "share of the true class")
    title(ax, heading)
    return figure
