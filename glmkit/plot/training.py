"""Training curves: training and validation loss against steps, and the gap between them."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from glmkit.errors import BadInput
from glmkit.plot.style import BLUE, FAINT, GREY, INK, VERMILION, new_figure, title


def training_curves(
    metrics: pd.DataFrame, heading: str = "", unit: str = "nats per scored position", smooth: float = 0.0
) -> Figure:
    """Loss against steps.

    Parameters
    ----------
    metrics
        Columns ``step``, ``loss`` and optionally ``validation_loss``, as in ``FitResult.history``; a row can lack either loss
        (NaN).
    heading
        Title of the figure.
    unit
        Unit of the loss.
    smooth
        Weight of past values in the exponential moving mean of the training loss, in [0, 1); 0 for no smoothing. The raw losses
        remain visible behind it.

    Returns
    -------
    matplotlib.figure.Figure
        The lowest validation loss is marked.

    Raises
    ------
    BadInput
        A missing column, or no training loss.

    Examples
    --------
    >>> import pandas as pd
    >>> from glmkit.plot import training_curves
    >>> training_curves(pd.DataFrame({"step": [1, 2, 3], "loss": [1.4, 1.2, 1.1]}), smooth=0.5)
    <Figure size ... with 1 Axes>
    """
    if missing := {"step", "loss"} - set(metrics.columns):
        raise BadInput(
            f"metrics: expected the columns step and loss, {', '.join(sorted(missing))} missing; got {list(metrics.columns)}."
        )
    if not 0 <= smooth < 1:
        raise BadInput(f"smooth: expected at least 0 and below 1, got {smooth}.")
    train = metrics.dropna(subset=["loss"])
    if train.empty:
        raise BadInput("metrics: expected at least one training loss, got none. Check that the run has logged a step.")
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


def curves(history: pd.DataFrame, heading: str = "", unit: str = "nats per scored position") -> Figure:
    """Training and validation loss, the gap between them, and the step of the best validation loss.

    Parameters
    ----------
    history
        Columns ``step``, ``loss`` and ``validation_loss``, as in ``FitResult.history``; a row can lack either loss (NaN).
    heading
        Title of the figure.
    unit
        Unit of the loss.

    Returns
    -------
    matplotlib.figure.Figure
        The gap is validation minus training loss. The training loss is averaged since the previous validation to reduce the
        noise of single batches. The gap is shaded, and its value is written at the best and the last step. With fewer than two
        validations, the figure is that of :func:`training_curves`.

    Raises
    ------
    BadInput
        A missing column, or no training loss.

    Examples
    --------
    >>> import pandas as pd
    >>> from glmkit.plot import curves
    >>> curves(pd.DataFrame({"step": [1, 2, 3], "loss": [1.4, 1.2, 1.1], "validation_loss": [1.5, 1.3, 1.35]}))
    <Figure size ... with 1 Axes>
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
    """Validation loss minus the mean training loss since the previous validation, one row per validation.

    Parameters
    ----------
    history
        Table of losses, as in :func:`curves`.

    Returns
    -------
    pandas.DataFrame
        Columns step, loss (the mean), validation_loss, gap; validations without a preceding training loss are omitted.
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
