"""Training curves: loss in training and validation against steps, and the gap between them."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from glmkit.errors import BadInput
from glmkit.plot.style import BLUE, FAINT, GREY, INK, VERMILION, new_figure, title


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


def curves(history: pd.DataFrame, heading: str = "", unit: str = "nats a scored position") -> Figure:
    """Training and validation loss with the gap between them, and the step at which validation was best.

    Parameters
    ----------
    history
        Columns ``step``, ``loss`` and ``validation_loss``; rows may lack either (NaN). A ``FitResult.history`` is such a table.
    heading
        Title.
    unit
        Of the loss.

    Returns
    -------
    matplotlib.figure.Figure
        The gap is validation minus training loss, the latter averaged since the validation before, so that one noisy batch does not
        decide it. It is shaded, and given in words at the best step and at the last. With fewer than two validations there is
        no gap to follow, and the figure is that of :func:`training_curves`.

    Raises
    ------
    BadInput
        A column is missing, or there is no training loss.
    """
    if missing := {"step", "loss", "validation_loss"} - set(history.columns):
        raise BadInput(
            f"history: expected the columns step, loss and validation_loss, {', '.join(sorted(missing))} missing; "
            f"got {list(history.columns)}."
        )
    held = validation_gap(history)
    if len(held) < 2:
        return training_curves(history, heading, unit)
    best, last = held.iloc[int(held["validation_loss"].to_numpy().argmin())], held.iloc[-1]
    figure, (ax,) = new_figure(3.2)
    raw = history.dropna(subset=["loss"])
    ax.plot(raw["step"], raw["loss"], color=BLUE, alpha=0.2, linewidth=0.8)
    ax.plot(held["step"], held["loss"], color=BLUE, marker="o", markersize=3, linewidth=1.4, label="training")
    ax.plot(held["step"], held["validation_loss"], color=VERMILION, marker="o", markersize=3.5, linewidth=1.4, label="validation")
    ax.fill_between(held["step"], held["loss"], held["validation_loss"], color=GREY, alpha=0.15, linewidth=0, label="gap")
    ax.axvline(best["step"], color=INK, linewidth=0.9, linestyle=(0, (3, 2)))
    ax.annotate(
        f"best {best['validation_loss']:.3f} at step {best['step']:,.0f}\n"
        f"gap {best['gap']:+.3f} there, {last['gap']:+.3f} at the end",
        (best["step"], 1), xycoords=ax.get_xaxis_transform(), textcoords="offset points", va="top", fontsize=8, color=INK,
        xytext=(-4 if best["step"] > last["step"] / 2 else 4, -2), ha="right" if best["step"] > last["step"] / 2 else "left",
    )  # fmt: skip
    low = min(held["loss"].min(), held["validation_loss"].min())
    high = max(held["loss"].max(), held["validation_loss"].max())
    ax.set_ylim(low - 0.1 * (high - low), high + 0.35 * (high - low))
    ax.set(xlabel="optimiser step", ylabel=f"loss ({unit})")
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    ax.legend(frameon=False, fontsize=8, labelcolor=GREY, loc="lower left")
    title(ax, heading)
    return figure


def validation_gap(history: pd.DataFrame) -> pd.DataFrame:
    """Validation loss minus the mean training loss since the validation before, one row a validation.

    Parameters
    ----------
    history
        As in :func:`curves`.

    Returns
    -------
    pandas.DataFrame
        Columns step, loss (the mean), validation_loss, gap; validations with no training loss before them are left out.
    """
    validated = history.dropna(subset=["validation_loss"])
    validated = validated[np.isfinite(validated["validation_loss"])]
    train = history.dropna(subset=["loss"])
    rows, before = [], -np.inf
    for step, loss in zip(validated["step"], validated["validation_loss"], strict=True):
        since = train.loc[(train["step"] > before) & (train["step"] <= step), "loss"]
        if len(since):
            rows.append((step, since.mean(), loss, loss - since.mean()))
        before = step
    return pd.DataFrame(rows, columns=["step", "loss", "validation_loss", "gap"])
