"""Histograms over a logarithmic axis, such as lengths of proteins or counts of cells."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from glmkit.errors import BadInput
from glmkit.plot.style import CYCLE, INK, new_figure, title

STEPS = (1, 2, 5)  # ticks per decade; all nine integers where the values span less than a decade


def log_histogram(values: Mapping[str, Sequence[float] | np.ndarray], quantity: str, items: str, heading: str = "") -> Figure:
    """Distribution of a positive quantity in one or several sets, on one logarithmic axis.

    Parameters
    ----------
    values
        Values of the items of each set, by name of the set; zeros are omitted.
    quantity
        Label of the x axis, with its unit.
    items
        Plural name of the items, such as ``proteins``.
    heading
        Title of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Shares of each set, so that sets of different sizes can be compared; the legend gives sizes and medians.

    Raises
    ------
    BadInput
        No set, or one without a positive value.

    Examples
    --------
    >>> from glmkit.plot import log_histogram
    >>> log_histogram({"train": [30, 100, 170], "test": [50, 4000]}, "length (residues)", "proteins")
    <Figure size ... with 1 Axes>
    """
    sets = {name: np.asarray(some, dtype=float) for name, some in values.items()}
    sets = {name: some[some > 0] for name, some in sets.items()}
    if not sets or any(len(some) == 0 for some in sets.values()):
        raise BadInput("values: expected at least one set, and none empty.")
    figure, (ax,) = new_figure(2.8)
    every = np.concatenate(list(sets.values()))
    bins = np.geomspace(every.min() * 0.95, every.max() * 1.05, 32).tolist()
    for (name, some), colour in zip(sets.items(), CYCLE * len(sets), strict=False):
        weights = np.full(len(some), 1 / len(some))
        label = f"{name} ({len(some):,}, median {np.median(some):,.0f})"
        ax.hist(some, bins, weights=weights, histtype="stepfilled", color=colour, alpha=0.12)
        ax.hist(some, bins, weights=weights, histtype="step", color=colour, linewidth=1.5, label=label)
    ax.set_xscale("log")
    inside = _ticks(bins[0], bins[-1])
    ax.set_xticks(inside, [f"{tick:,}" for tick in inside])
    ax.minorticks_off()
    ax.set(xlabel=quantity, ylabel=f"share of {items}")
    ax.legend(frameon=False, fontsize=8, labelcolor=INK, loc="upper right")
    title(ax, heading)
    return figure


def _ticks(low: float, high: float) -> list[int]:
    """About three to ten round numbers in a range."""
    for steps in ((1,), STEPS, range(1, 10)):
        inside = [step * 10**power for power in range(12) for step in steps if low <= step * 10**power <= high]
        if len(inside) > 3:
            return inside
    return inside
