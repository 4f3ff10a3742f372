"""How the points of a sweep stand, from a run's files alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glmkit.studies.files import record
from glmkit.studies.study.sweep_points import axis_labels, show_value


@dataclass(frozen=True, kw_only=True)
class PointState:  # numpydoc ignore=PR02
    """A point of a sweep and what its stages have come to.

    Parameters
    ----------
    name
        The point's, such as ``dropout=0.1,seed=0``.
    values
        ``stage.parameter`` to value.
    stages
        Each swept stage to its folder, its record and its true status.
    """

    name: str
    values: dict[str, Any]
    stages: dict[str, tuple[Path, dict[str, Any], str]]

    @property
    def status(self) -> str:
        """What its stages add up to; WAITING while any of them is yet to begin and none went wrong."""
        states = [status for _, _, status in self.stages.values()]
        return next((one for one in ("FAILED", "KILLED", "RUNNING", "WAITING") if one in states), "FINISHED")

    @property
    def error(self) -> str:
        """The first error of its stages, with the stage's name; empty if there is none."""
        for name, (_, found, status) in self.stages.items():
            if status in ("FAILED", "KILLED") and found.get("error"):
                return f"{name}: {found['error']}"
        return ""


def points_of(run_folder: Path) -> list[PointState]:
    """The points of a run's sweep, in the order of its axes; empty if nothing is swept."""
    states: dict[str, tuple[Path, dict[str, Any], str]] = {}
    points = []
    for point in (record.read(run_folder).get("sweep") or {}).get("points", []):
        for place in point["stages"].values():
            if place not in states:
                found = record.read(run_folder / place)
                states[place] = (run_folder / place, found, record.status_of(found))
        stages = {stage: states[place] for stage, place in point["stages"].items()}
        points.append(PointState(name=point["name"], values=point["values"], stages=stages))
    return points


def swept_stages(points: list[PointState]) -> list[tuple[str, dict[str, Any], str]]:
    """``(folder, record, true status)`` of the stages of all points, each once, however many points share it."""
    found = {str(place): (str(place), found, status) for point in points for place, found, status in point.stages.values()}
    return list(found.values())


def shown_values(points: list[PointState]) -> list[dict[str, str]]:
    """For each point, the axes' short names and values as texts."""
    labels = axis_labels(list(points[0].values)) if points else {}
    return [{labels[axis]: show_value(value) for axis, value in point.values.items()} for point in points]
