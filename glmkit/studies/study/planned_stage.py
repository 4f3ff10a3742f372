"""One stage of a plan: its notebook, its parameters and its dependencies."""

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class PlannedStage:  # numpydoc ignore=PR02
    """A stage with all parameters determined.

    Parameters
    ----------
    name
        Folder relative to the run folder: the name in the study, or ``sweep/POINT/STAGE``.
    notebook, resources, minutes, cell_minutes
        Values of the study's stage; `notebook` is an absolute path.
    parameters
        Value of every parameter of the notebook.
    after
        Names of the stages that must finish first: those listed in ``after:`` and those whose folder is a parameter.
    code
        SHA-256 of the notebook's code cells. Text cells and stored outputs are excluded. Editing the text, or running the
        notebook in JupyterLab, therefore does not make a finished stage run again.
    point
        Swept values that affect the stage, by ``stage.parameter``; empty for a stage that all points share.
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
        """Name of the stage in the study."""
        return self.name.rpartition("/")[2]

    @property
    def values(self) -> str:
        """Parameters as canonical JSON."""
        return json.dumps(self.parameters, sort_keys=True, ensure_ascii=False, allow_nan=False)
