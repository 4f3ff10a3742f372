"""Whether a checkpoint belongs to the run that wants to go on from it, and what differs if not.

A run is its settings, its objective, its data, its network and the weights it started from. All are recorded; if one has changed,
going on would give weights that no uninterrupted run could give.
"""

from typing import Any

from glmkit.errors import BadInput
from glmkit.models import weights_hash
from glmkit.train.loop.config import TrainConfig
from glmkit.train.objectives.batches import SCHEME


def identity(
    model: Any, store: Any, objective: Any, validation: Any, config: TrainConfig, precision: str, processes: int = 1
) -> dict[str, Any]:
    """Everything that decides the weights of a run.

    Parameters
    ----------
    model
        With the weights it starts from.
    store
        The corpus.
    objective
        What it is trained to do.
    validation
        The validation corpus and its objective, or None; it counts only where it can stop the run.
    config
        The settings.
    precision
        As settled.
    processes
        That share a step; only their number times the accumulation counts.

    Returns
    -------
    dict
        Plain JSON values by name.
    """
    found = config.decisive() | {"precision": precision, "accumulation": config.accumulation * processes}
    found |= objective.describe() | {"data": store.hash, "starting weights": weights_hash(model)}
    found["network"] = repr(model.network.config)
    if config.patience and validation is not None:
        found["validation data"] = validation[0].hash
    return found


def differences(found: dict[str, Any], wanted: dict[str, Any], where: str) -> list[str]:
    """What differs between a checkpoint's identity and a run's.

    Parameters
    ----------
    found
        The checkpoint's.
    wanted
        The run's.
    where
        The checkpoint, for the text.

    Returns
    -------
    list of str
        One sentence fragment a difference.
    """
    return [
        f"{name} was {_short(found.get(name))} in {where}, is {_short(wanted.get(name))} now"
        for name in sorted(found.keys() | wanted.keys())
        if found.get(name) != wanted.get(name)
    ]


def check_streams(rng: dict[str, Any] | None, where: str, inexact: bool) -> None:
    """Refuse a checkpoint that does not say how its random streams were made.

    Parameters
    ----------
    rng
        Its record, or None.
    where
        The checkpoint's folder.
    inexact
        Go on anyway.

    Raises
    ------
    BadInput
        The record is missing or of another scheme.
    """
    if inexact or (rng is not None and rng.get("scheme") == SCHEME):
        return
    what = "its rng.json is missing" if rng is None else f"its random streams are of another scheme ({rng.get('scheme')!r})"
    raise BadInput(
        f"{where} cannot be resumed exactly: {what}, so masks and dropout could differ from an uninterrupted run's. "
        "Set TrainConfig(inexact_resume=True) to go on all the same, or fit(..., resume=False) to start anew."
    )


def _short(value: Any) -> str:
    text = repr(value)
    return f"{text[:13]}…'" if isinstance(value, str) and len(value) == 64 else text
