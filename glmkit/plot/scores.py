"""Scores of methods with confidence intervals, ROC curves, and bits per base compared with Markov models."""

from collections.abc import Mapping, Sequence
from textwrap import wrap

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from glmkit.errors import BadInput
from glmkit.plot.style import BLUE, CYCLE, FAINT, GREY, INK, SKY, VERMILION, new_figure, title

_NAMES = {
    "auroc": "AUROC", "auprc": "AUPRC", "accuracy": "accuracy", "f1": "macro F1", "mcc": "Matthews correlation coefficient",
    "macro_f1": "macro F1", "balanced_accuracy": "balanced accuracy", "mean_spearman": "mean Spearman correlation over outputs", "spearman": "Spearman correlation",
    "ndcg": "NDCG of the top 10%", "recall_at_fdr": "recall at 10% false discoveries",
    "brier": "Brier score", "ece": "expected calibration error",
}  # fmt: skip
_CHANCE = {"auroc": 0.5, "mcc": 0.0}


def score_dots(frame: pd.DataFrame, metric: str = "auroc", heading: str = "", split: str | None = None) -> Figure:
    """One line per method, best on top: value as a dot, interval as a bar; models and baselines differ in colour and marker.

    Parameters
    ----------
    frame
        Columns ``method``, ``kind`` ("model" or "baseline"), ``split``, `metric`, ``<metric>_low`` and ``<metric>_high``, as in
        ``Table.frame``.
    metric
        Column to draw.
    heading
        Title of the figure.
    split
        Name of the split; optional if there is only one.

    Returns
    -------
    matplotlib.figure.Figure
        Values and intervals are also written at the right.

    Raises
    ------
    BadInput
        A missing column, several splits and none chosen, or no row of the split.

    Examples
    --------
    >>> import pandas as pd
    >>> from glmkit.plot import score_dots
    >>> frame = pd.DataFrame({"method": ["probe", "k-mers"], "kind": ["model", "baseline"], "auroc": [0.9, 0.8]})
    >>> score_dots(frame.assign(split="random", auroc_low=frame["auroc"] - 0.05, auroc_high=frame["auroc"] + 0.05))
    <Figure size ... with 1 Axes>
    """
    needed = ["method", "kind", "split", metric, f"{metric}_low", f"{metric}_high"]
    if missing := [name for name in needed if name not in frame.columns]:
        raise BadInput(f"frame: {', '.join(missing)} missing; got {list(frame.columns)}.")
    splits = list(dict.fromkeys(frame["split"]))
    if split is None and len(splits) > 1:
        raise BadInput(f"frame: expected one split, got several splits ({', '.join(map(str, splits))}). Choose one with split=.")
    rows = frame[frame["split"] == (splits[0] if split is None else split)].sort_values(metric)
    if rows.empty:
        raise BadInput(f"split: expected one of {', '.join(map(str, splits))}, got {split!r}.")
    figure, (ax,) = new_figure(0.9 + 0.3 * len(rows))
    best = rows[rows["kind"] == "baseline"][metric].max()
    if np.isfinite(best):
        ax.axvline(best, color=FAINT, linewidth=1.2, zorder=0)
    if metric in _CHANCE:
        ax.axvline(_CHANCE[metric], color=GREY, linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
    for y, (_, row) in enumerate(rows.iterrows()):
        model = row["kind"] == "model"
        colour = VERMILION if model else BLUE
        ax.plot(
            [row[f"{metric}_low"], row[f"{metric}_high"]], [y, y], color=colour, linewidth=2, alpha=0.55, solid_capstyle="butt"
        )
        ax.plot(row[metric], y, marker="D" if model else "o", color=colour, markersize=6 if model else 5.5, linestyle="")
        ax.annotate(
            f"{row[metric]:.3f}  [{row[f'{metric}_low']:.3f}, {row[f'{metric}_high']:.3f}]",
            (1.01, y), xycoords=ax.get_yaxis_transform(), fontsize=8, va="center", color=INK, family="monospace",
        )  # fmt: skip
    ax.set_yticks(range(len(rows)), rows["method"])
    for label, kind in zip(ax.get_yticklabels(), rows["kind"], strict=True):
        label.set_fontweight("bold" if kind == "model" else "normal")
    ax.set_ylim(-0.6, len(rows) - 0.4)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(f"{_NAMES.get(metric, metric)}, 95% interval\n◆ model   ● baseline   │ best baseline")
    title(ax, heading)
    return figure


def roc_curves(curves: Mapping[str, tuple[np.ndarray, np.ndarray]], heading: str = "", strongest: int = 6) -> Figure:
    """Receiver operating characteristic (ROC) curves.

    Parameters
    ----------
    curves
        Pair (false-positive rates, true-positive rates) of each method, by name, best first, from ``Table.roc()``.
    heading
        Title of the figure.
    strongest
        Number of leading methods drawn in colour; the others are drawn in grey.

    Returns
    -------
    matplotlib.figure.Figure
        Square axes.

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.plot import roc_curves
    >>> roc_curves({"probe": (np.array([0, 0.2, 1]), np.array([0, 0.8, 1]))})
    <Figure size ... with 2 Axes>
    """
    if not curves:
        raise BadInput("curves: expected at least one, got none.")
    figure, (ax,) = new_figure(3.9)
    beside = figure.add_gridspec(1, 2, width_ratios=[1.0, 0.95])
    ax.set_subplotspec(beside[0])
    key = figure.add_subplot(beside[1])
    key.axis("off")
    ax.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=(0, (3, 3)))
    dashes = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))
    for rank, (name, (false, true)) in enumerate(curves.items()):
        area = float(np.trapezoid(true, false))
        if rank < strongest:
            colour, style = CYCLE[rank % len(CYCLE)], dashes[rank % len(dashes)]
            ax.plot(false, true, color=colour, linestyle=style, linewidth=1.6, label=f"{name} ({area:.3f})", zorder=10 - rank)
        else:
            ax.plot(false, true, color=GREY, alpha=0.5, linewidth=0.8, label=f"{name} ({area:.3f})", zorder=1)
    ax.set_aspect("equal")
    ax.set(xlim=(0, 1), ylim=(0, 1.005), xlabel="false-positive rate", ylabel="true-positive rate")
    key.legend(
        *ax.get_legend_handles_labels(), frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(0, 1),
        title="method (area under curve)", title_fontsize=8, alignment="left", labelcolor=INK, borderpad=0,
    )  # fmt: skip
    title(ax, heading)
    return figure


def bits_bars(bits: pd.DataFrame, markov: pd.DataFrame | None = None, heading: str = "", two_sided: bool = False) -> Figure:
    """Bits per base of models as bars down from 2 bits, with order-k Markov models as the baseline.

    The length of a bar is the gain over a uniform distribution, so the bars can be compared although the axis does not start at 0.

    Parameters
    ----------
    bits
        Columns ``name``, ``bits``, ``low``, ``high``.
    markov
        Columns ``order``, ``bits``; the best order is drawn as a horizontal line, all orders as a curve next to the bars.
    heading
        Title of the figure.
    two_sided
        Whether values are conditional on both sides (masked models and two-sided Markov models); noted on the axis.

    Returns
    -------
    matplotlib.figure.Figure
        Lower is better; 2 bits is a uniform distribution over four bases.

    Examples
    --------
    >>> import pandas as pd
    >>> from glmkit.plot import bits_bars
    >>> bits = pd.DataFrame({"name": ["small", "large"], "bits": [1.93, 1.90], "low": [1.92, 1.88], "high": [1.94, 1.92]})
    >>> bits_bars(bits, markov=pd.DataFrame({"order": [0, 3], "bits": [1.99, 1.94]}))
    <Figure size ... with 1 Axes>
    """
    if missing := [name for name in ("name", "bits", "low", "high") if name not in bits.columns]:
        raise BadInput(f"bits: {', '.join(missing)} missing; got {list(bits.columns)}.")
    figure, axes = new_figure(3.2)
    ax = axes[0]
    levels = [2.0, *bits[["low", "bits", "high"]].to_numpy(float).ravel().tolist()]
    if markov is not None:
        levels += markov["bits"].tolist()
    lowest, highest = float(np.nanmin(levels)), float(np.nanmax(levels))
    room = 0.13 * max(highest - lowest, 0.05)
    x = np.arange(len(bits))
    ax.bar(x, bits["bits"] - 2, 0.6, bottom=2, color=SKY, edgecolor="none")
    ax.errorbar(
        x,
        bits["bits"],
        [bits["bits"] - bits["low"], bits["high"] - bits["bits"]],
        fmt="none",
        ecolor=INK,
        elinewidth=1.2,
        capsize=3,
    )
    for place, value, low in zip(x, bits["bits"], bits["low"].fillna(bits["bits"]), strict=True):
        ax.annotate(
            f"{value:.3f}", (place, low), xytext=(0, -3), textcoords="offset points", ha="center", va="top", fontsize=8, color=INK
        )
    ticks, labels = list(x), ["\n".join(wrap(str(name), 18)) for name in bits["name"]]
    if markov is not None:
        orders = len(bits) + np.linspace(0, 2.2, len(markov))
        ax.plot(orders, markov["bits"], color=VERMILION, marker="o", markersize=4, linewidth=1.2)
        best = markov.iloc[int(np.argmin(markov["bits"].to_numpy()))]
        ax.axhline(best["bits"], color=VERMILION, linewidth=1, linestyle=(0, (4, 2)), zorder=3)
        ax.annotate(
            f"best Markov model: order {best['order']:.0f}, {best['bits']:.3f}", (1, best["bits"]), xycoords=ax.get_yaxis_transform(),
            xytext=(0, -5), textcoords="offset points", ha="right", va="top", fontsize=8, color=VERMILION,
        )  # fmt: skip
        ticks += orders.tolist()
        labels += [f"{order}" for order in markov["order"]]
        ax.annotate("order k of the Markov model", (orders.mean(), 0), xycoords=("data", "axes fraction"), xytext=(0, -26),
                    textcoords="offset points", ha="center", va="top", fontsize=8, color=GREY)  # fmt: skip
    ax.axhline(2, color=GREY, linewidth=0.8, linestyle=(0, (2, 2)))
    ax.set_xticks(ticks, labels)
    ax.set_ylim(lowest - 1.6 * room, highest + 0.4 * room)
    ax.tick_params(axis="x", length=0)
    ax.set_ylabel(f"bits per base{', given both sides' if two_sided else ''}\n(lower is better)")
    title(ax, heading)
    return figure


def lines_with_bands(
    frame: pd.DataFrame, xlabel: str, ylabel: str, heading: str = "", marks: Sequence[tuple[float, str]] = ()
) -> Figure:
    """An estimate along positions, with its confidence interval as a band.

    Parameters
    ----------
    frame
        Columns ``position``, ``effect``, ``low``, ``high``, as from ``interpret.plant``.
    xlabel, ylabel
        Labels of the axes, with units.
    heading
        Title of the figure.
    marks
        Pairs (position, text) to mark by a line.

    Returns
    -------
    matplotlib.figure.Figure
        One pair of axes.

    Examples
    --------
    >>> import pandas as pd
    >>> from glmkit.plot import lines_with_bands
    >>> frame = pd.DataFrame({"position": [-10, 0, 10], "effect": [0.1, 0.8, 0.2]})
    >>> lines_with_bands(frame.assign(low=frame["effect"] - 0.1, high=frame["effect"] + 0.1), "position", "effect")
    <Figure size ... with 1 Axes>
    """
    if missing := [name for name in ("position", "effect", "low", "high") if name not in frame.columns]:
        raise BadInput(f"frame: {', '.join(missing)} missing; got {list(frame.columns)}.")
    figure, (ax,) = new_figure(2.8)
    ax.axhline(0, color=FAINT, linewidth=1)
    ax.fill_between(frame["position"], frame["low"], frame["high"], color=BLUE, alpha=0.2, linewidth=0)
    ax.plot(frame["position"], frame["effect"], color=BLUE, linewidth=1.5, marker="o", markersize=2.5)
    for place, text in marks:
        ax.axvline(place, color=VERMILION, linewidth=0.9, linestyle=(0, (3, 2)))
        ax.annotate(text, (place, 1), xycoords=ax.get_xaxis_transform(), xytext=(3, -2), textcoords="offset points", fontsize=8,
                    color=VERMILION, va="top")  # fmt: skip
    ax.set(xlabel=xlabel, ylabel=ylabel)
    title(ax, heading)
    return figure
