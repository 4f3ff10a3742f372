"""Training curves: loss in training and validation against steps."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from glmkit.errors import BadInput
from glmkit.plot.style import BLUE, FAINT, GREY, VERMILION, new_figure, title


def training_curves(
    metrics: pd.DataFrame, heading: str = "", unit: str = "nats a scored position", smooth: float = 0.0
) -> Figure:
    """Loss against steps.

    Parameters
    ----------
    metrics
        Columns ``step``, ``loss`` and, if there was validation, ``validation_loss``; rows may lack either (NaN). A
        ``FitResult.history`` is such a table.
    heading
        Title.
    unit
        Of the loss.
    smooth
        Weight of the past in the training loss's moving mean, in [0, 1); 0 draws the losses as they are. The raw losses stay
        visible behind it.

    Returns
    -------
    matplotlib.figure.Figure
        The lowest validation loss is marked.

    Raises
    ------
    BadInput
        A column is missing, or there is nothing to draw.
    """
    if missing := {"step", "loss"} - set(metrics.columns):
        raise BadInput(
            f"metrics: expected the columns step and loss, {', '.join(sorted(missing))} missing; got {list(metrics.columns)}."
        )
    if not 0 <= smooth < 1:
        raise BadInput(f"smooth: expected at least 0 and below 1, got {smooth}.")
    train = metrics.dropna(subset=["loss"])
    if train.empty:
        raise BadInput("metrics holds no training loss yet. Has the run logged a step?")
    figure, (ax,) = new_figure(3.2)
    drawn = train["loss"]
    if smooth:
        ax.plot(train["step"], train["loss"], color=BLUE, alpha=0.2, linewidth=0.8)
        drawn = train["loss"].ewm(alpha=1 - smooth).mean()
    ax.plot(train["step"], drawn, color=BLUE, linewidth=1.4, label="training")
    finite = drawn[np.isfinite(drawn)]
    if "validation_loss" in metrics and not (held := metrics.dropna(subset=["validation_loss"])).empty:
        ax.plot(
            held["step"], held["validation_loss"], color=VERMILION, marker="o", markersize=3.5, linewidth=1.4, label="validation"
        )
        best = held.iloc[int(np.argmin(held["validation_loss"].to_numpy()))]
        ax.axhline(best["validation_loss"], color=FAINT, linewidth=0.8, zorder=0)
        ax.annotate(
            f"best {best['validation_loss']:.3f} at step {best['step']:,.0f}",
            (best["step"], best["validation_loss"]), xytext=(0, -5), textcoords="offset points",
            ha="right" if best["step"] > train["step"].max() / 2 else "left", va="top", fontsize=8, color=VERMILION,
        )  # fmt: skip
        finite = pd.concat([finite, held["validation_loss"]])
    low, high = finite.min(), max(finite.quantile(0.99), finite.min() + 1e-6)
    ax.set_ylim(low - 0.12 * (high - low), high + 0.12 * (high - low))
    ax.set_xlabel("optimiser step")
    ax.set_ylabel(f"loss ({unit})")
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    ax.legend(frameon=False, fontsize=8, labelcolor=GREY, loc="upper right")
    title(ax, heading)
    return figure
