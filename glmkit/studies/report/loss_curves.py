"""Loss curves of a stage as the points of two lines, averaged to at most 240 points each."""

import math
from dataclasses import dataclass
from pathlib import Path

from glmkit.studies.files import record
from glmkit.studies.files.csv_format import show_number

_SHOWN = {"loss": "training", "validation_loss": "validation"}
_BINS = 240


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Lines in a box of `width` by `height` units, with the origin at the top left; the template draws the axes."""

    lines: tuple[tuple[str, str], ...]  # (name, "x,y x,y …")
    width: int
    height: int
    low: str
    high: str
    first: str
    last: str


def loss_curves(folder: Path, width: int = 620, height: int = 150) -> Curves | None:
    """Loss curves of the stage in `folder`; None if no loss was logged at two or more steps."""
    found = record.history(folder)
    lines = {name: _thin(found[key]) for key, name in _SHOWN.items() if len(found.get(key, {})) > 1}
    points = [point for line in lines.values() for point in line]
    if not points:
        return None
    steps = [step for key in _SHOWN for step in found.get(key, {})]
    first, last = min(steps), max(steps)
    low, high = min(y for _, y in points), max(y for _, y in points)
    across, down = (last - first) or 1.0, (high - low) or 1.0

    def place(x: float, y: float) -> str:
        """Position of a point in the figure, as "x,y"."""
        return f"{width * (x - first) / across:.1f},{height * (high - y) / down:.1f}"

    drawn = tuple((name, " ".join(place(x, y) for x, y in line)) for name, line in lines.items())
    return Curves(
        lines=drawn,
        width=width,
        height=height,
        low=show_number(low),
        high=show_number(high),
        first=f"{first:,.0f}",
        last=f"{last:,.0f}",
    )


def _thin(values: dict[int, float]) -> list[tuple[float, float]]:
    """At most `_BINS` points, each the mean of consecutive steps; NaN and infinite losses are left out."""
    steps = sorted(step for step, value in values.items() if math.isfinite(value))
    size = max(1, math.ceil(len(steps) / _BINS))
    groups = [steps[i : i + size] for i in range(0, len(steps), size)]
    return [(sum(group) / len(group), sum(values[step] for step in group) / len(group)) for group in groups]
