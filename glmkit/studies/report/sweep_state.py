"""State of the points of a sweep, from the files of the run alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glmkit.studies.files import record
from glmkit.studies.study.sweep_points import axis_labels, show_value


@dataclass(frozen=True, kw_only=True)
class PointState:  # numpydoc ignore=PR02
    """State of one point of a sweep.

    Parameters
    ----------
    name
        Name of the point, such as ``dropout=0.1,seed=0``.
    values
        Values by ``stage.parameter``.
    stages
        Tuples (folder, record, current status) by swept stage.
    """

    name: str
    values: dict[str, Any]
    stages: dict[str, tuple[Path, dict[str, Any], str]]

    @property
    def status(self) -> str:
        """Combined status of the stages: the first of FAILED, KILLED, RUNNING, WAITING that occurs, else FINISHED."""
        states = [status for _, _, status in self.stages.values()]
        return next((one for one in ("FAILED", "KILLED", "RUNNING", "WAITING") if one in states), "FINISHED")

    @property
    def error(self) -> str:
        """First error of the stages, with the stage's name; empty if there is none."""
        for name, (_, found, status) in self.stages.items():
            if status in ("FAILED", "KILLED") and found.get("error"):
                return f"{name}: {found['error']}"
        return ""


def points_of(run_folder: Path) -> list[PointState]:
    """Points of a run's sweep, in the order of its axes; empty without a sweep."""
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
    """Tuples (folder, record, current status) of the stages of all points; a stage shared by several points occurs once."""
    found = {str(place): (str(place), found, status) for point in points for place, found, status in point.stages.values()}
    return list(found.values())


def shown_values(points: list[PointState]) -> list[dict[str, str]]:
    """Values of each point as texts, by the short label of the axis."""
    labels = axis_labels(list(points[0].values)) if points else {}
    return [{labels[axis]: show_value(value) for axis, value in point.values.items()} for point in points]
