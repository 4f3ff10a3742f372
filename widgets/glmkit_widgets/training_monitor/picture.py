"""The monitor as a static picture, drawn from the same tables as the live view."""

import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_WIDTH, _HEIGHT, _DPI = 720, 300, 100  # width and height in CSS pixels, and pixels per inch
_INK, _FAINT, _TRAIN, _VALIDATION, _GAP = "#2b2b2b", "#8a8a8a", "#1976d2", "#d9730d", "#c62828"


def draw(train: np.ndarray, validation: np.ndarray, *, title: str, subtitle: str, last_step: int = 0) -> Figure:
    """Draw the two curves of a run.

    Parameters
    ----------
    train, validation : np.ndarray
        Tables of `Curve.table`, float64 (5, buckets).
    title, subtitle : str
        Two lines of text above the chart.
    last_step : int
        Minimum end of the axis, such as the last step of an unfinished run.

    Returns
    -------
    Figure
        Figure of 7.2 by 3 inches.
    """
    figure = Figure(figsize=(_WIDTH / _DPI, _HEIGHT / _DPI), dpi=_DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    step, low, high, smooth, gaps = train
    axes.fill_between(step, low, high, color=_TRAIN, alpha=0.25, linewidth=0)
    axes.plot(step, (low + high) / 2, color=_TRAIN, alpha=0.35, linewidth=0.7)
    axes.plot(step, smooth, color=_TRAIN, linewidth=1.8, label="train")
    if validation.size:
        values = (validation[1] + validation[2]) / 2
        marker = "o" if len(values) <= 60 else ""
        axes.plot(validation[0], values, color=_VALIDATION, linewidth=1.4, label="validation", marker=marker, markersize=3.5)
    if np.any(gaps > 0):
        marked = step[gaps > 0]
        at_foot = axes.get_xaxis_transform()
        axes.plot(marked, np.full(len(marked), 0.02), "x", color=_GAP, transform=at_foot, label="not finite", markersize=5)
    last = max([last_step, *step[-1:], *validation[0, -1:]], default=0)
    axes.set_xlim(0, max(last, 1))
    axes.set_ylim(*visible_range(train, validation))
    axes.set_xlabel("step", color=_INK)
    axes.set_ylabel("loss", color=_INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_FAINT)
    axes.tick_params(colors=_INK, labelsize=8)
    axes.grid(axis="y", color=_FAINT, alpha=0.2)
    # Text from the caller is never read as TeX.
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold", color=_INK, parse_math=False)
    axes.set_title(subtitle, loc="left", fontsize=8.5, color=_FAINT, parse_math=False)
    axes.legend(frameon=False, fontsize=8, loc="upper right")
    return figure


def visible_range(train: np.ndarray, validation: np.ndarray) -> tuple[float, float]:
    """Return the range of the axis: all values except rare spikes of the raw curve, as in `visibleRange` of geometry.js.

    Parameters
    ----------
    train, validation : np.ndarray
        Tables of `Curve.table`, float64 (5, buckets).

    Returns
    -------
    tuple
        Lower and upper limit of the axis.
    """
    tops = np.sort(train[2][np.isfinite(train[2])])
    values = np.concatenate([train[1], validation[1], validation[2], tops[: 1 + int(0.985 * len(tops))][-1:]])
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    margin = 0.05 * (high - low) if high > low else 0.05 * (abs(low) or 1.0)
    return low - margin, high + margin


def png(figure: Figure) -> tuple[bytes, int, int]:
    """Encode a figure at twice its display size.

    Parameters
    ----------
    figure : Figure
        Figure to encode.

    Returns
    -------
    tuple
        PNG as bytes, and the display width and height in CSS pixels.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=2 * figure.dpi)
    width, height = figure.get_size_inches() * figure.dpi
    return buffer.getvalue(), round(width), round(height)
