"""Scores of methods with their intervals, receiver operating curves, and bits per base beside Markov models."""

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
    """One line a method: its value as a dot, its interval as a bar, best on top, models apart from baselines by colour and mark.

    Parameters
    ----------
    frame
        Columns ``method``, ``kind`` ("model" or "baseline"), ``split``, `metric`, ``<metric>_low`` and ``<metric>_high``, as in
        ``Table.frame``.
    metric
        Column to draw.
    heading
        Title.
    split
        Rows to take; may be left out if there is one split.

    Returns
    -------
    matplotlib.figure.Figure
        With the numbers written at the right.

    Raises
    ------
    BadInput
        Columns are missing, or several splits and none named.
    """
    needed = ["method", "kind", "split", metric, f"{metric}_low", f"{metric}_high"]
    if missing := [name for name in needed if name not in frame.columns]:
        raise BadInput(f"frame: {', '.join(missing)} missing; got {list(frame.columns)}.")
    splits = list(dict.fromkeys(frame["split"]))
    if split is None and len(splits) > 1:
        raise BadInput(f"frame holds several splits ({', '.join(map(str, splits))}): say which with split=.")
    rows = frame[frame["split"] == (splits[0] if split is None else split)].sort_values(metric)
    if rows.empty:
        raise BadInput(f"frame has no row of split {split!r}; it has {', '.join(map(str, splits))}.")
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
    """True-positive against false-positive rate.

    Parameters
    ----------
    curves
        Name to (false-positive rate, true-positive rate), as ``Table.roc()`` gives them, best first.
    heading
        Title.
    strongest
        The first so many get a colour and a place in the legend; the others are drawn in grey.

    Returns
    -------
    matplotlib.figure.Figure
        Square axes.
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
    """Bits per base of models as bars that hang from 2 bits, with order-k Markov models as the line to get below.

    A bar's length is what the model has learnt, so the bars are honest although the axis does not reach 0.

    Parameters
    ----------
    bits
        Columns ``name``, ``bits``, ``low``, ``high``.
    markov
        Columns ``order``, ``bits``; the best order is drawn as a line across, all orders as a curve beside the bars.
    heading
        Title.
    two_sided
        Say on the axis that both sides were seen (masked models and two-sided Markov numbers).

    Returns
    -------
    matplotlib.figure.Figure
        Lower is better; 2 bits is a fair four-sided die.
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
    ax.set_ylabel(f"bits per base{', both sides seen' if two_sided else ''}\n(lower is better)")
    title(ax, heading)
    return figure


def lines_with_bands(
    frame: pd.DataFrame, xlabel: str, ylabel: str, heading: str = "", marks: Sequence[tuple[float, str]] = ()
) -> Figure:
    """An estimate along positions, with its interval as a band.

    Parameters
    ----------
    frame
        Columns ``position``, ``effect``, ``low``, ``high``, as ``interpret.plant`` gives them.
    xlabel, ylabel
        With units.
    heading
        Title.
    marks
        (position, text) of places worth a line.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
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
