"""One stage of a plan: its notebook, its parameters and what it waits for."""

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class PlannedStage:  # numpydoc ignore=PR02
    """A stage ready to run.

    Parameters
    ----------
    name
        Its folder relative to the run folder: as in the study, or ``sweep/POINT/STAGE``.
    notebook, resources, minutes, cell_minutes
        As in the study.
    parameters
        Every parameter of the notebook with the value it will have.
    after
        The stages it waits for: those named by ``after:`` and those whose folder it is given.
    code
        SHA-256 of the notebook's code cells. Prose and stored outputs are left out: rewording a notebook, or running it in
        JupyterLab, does not make a finished stage run again.
    point
        The swept values that reach it, ``stage.parameter`` to value; empty for a stage that all points share.
    """

    name: str
    notebook: str
    parameters: dict[str, Any]
    after: tuple[str, ...]
    code: str
    resources: dict[str, int | str]
    minutes: float | None
    cell_minutes: float | None
    point: dict[str, Any] = field(default_factory=dict)

    @property
    def stage(self) -> str:
        """Its name in the study."""
        return self.name.rpartition("/")[2]

    @property
    def values(self) -> str:
        """The parameters as canonical JSON."""
        return json.dumps(self.parameters, sort_keys=True, ensure_ascii=False, allow_nan=False)
