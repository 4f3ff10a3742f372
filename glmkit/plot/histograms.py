"""How a quantity is spread in some sets of items, over a logarithmic axis: lengths of proteins, counts of cells."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from glmkit.errors import BadInput
from glmkit.plot.style import CYCLE, INK, new_figure, title

STEPS = (1, 2, 5)  # of a decade; all nine where the values span less than one


def log_histogram(values: Mapping[str, Sequence[float] | np.ndarray], quantity: str, items: str, heading: str = "") -> Figure:
    """Distribution of a positive quantity in each of some sets, as outlines over one logarithmic axis.

    Parameters
    ----------
    values
        Name of a set to the quantity of its items; zeros are left out.
    quantity
        What the axis shows, with its unit.
    items
        What is counted, in the plural.
    heading
        Title.

    Returns
    -------
    matplotlib.figure.Figure
        Shares of each set, so that sets of different size compare; the legend gives sizes and medians.

    Raises
    ------
    BadInput
        No set, or one without a positive value.
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
    """Round numbers between two ends, about three to ten of them."""
    for steps in ((1,), STEPS, range(1, 10)):
        inside = [step * 10**power for power in range(12) for step in steps if low <= step * 10**power <= high]
        if len(inside) > 3:
            return inside
    return inside
