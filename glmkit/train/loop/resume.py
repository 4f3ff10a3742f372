"""Comparison of a checkpoint with the run that resumes from it.

A run is identified by its settings, objective, data, network and initial weights. All are recorded. If one of them has changed,
resumption would give weights that differ from those of any uninterrupted run.
"""

from typing import Any

from glmkit.errors import BadInput
from glmkit.models import weights_hash
from glmkit.train.loop.config import TrainConfig
from glmkit.train.objectives.batches import SCHEME


def identity(
    model: Any, store: Any, objective: Any, validation: Any, config: TrainConfig, precision: str, processes: int = 1
) -> dict[str, Any]:
    """All properties that determine the weights of a run.

    Parameters
    ----------
    model
        Model with its initial weights.
    store
        The corpus.
    objective
        Training objective.
    validation
        Validation corpus and its objective, or None; used only if it can stop the run.
    config
        Training settings.
    precision
        ``float32`` or ``bf16``.
    processes
        Number of processes; only its product with the accumulation is recorded.

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
    """Differences between the identities of a checkpoint and a run.

    Parameters
    ----------
    found
        Identity of the checkpoint.
    wanted
        Identity of the run.
    where
        Name of the checkpoint, for the text.

    Returns
    -------
    list of str
        One phrase per difference.
    """
    return [
        f"{name} was {_short(found.get(name))} in {where}, is {_short(wanted.get(name))} now"
        for name in sorted(found.keys() | wanted.keys())
        if found.get(name) != wanted.get(name)
    ]


def check_streams(rng: dict[str, Any] | None, where: str, inexact: bool) -> None:
    """Check that a checkpoint records the scheme of its random streams.

    Parameters
    ----------
    rng
        Record of the random streams, or None.
    where
        Folder of the checkpoint.
    inexact
        Whether to accept a checkpoint without a valid record.

    Raises
    ------
    BadInput
        A record that is missing or of another scheme.
    """
    if inexact or (rng is not None and rng.get("scheme") == SCHEME):
        return
    what = "its rng.json is missing" if rng is None else f"its random streams are of another scheme ({rng.get('scheme')!r})"
    raise BadInput(
        f"{where} cannot be resumed exactly: {what}, so masks and dropout could differ from an uninterrupted run's. "
        "Set TrainConfig(inexact_resume=True) to resume inexactly, or fit(..., resume=False) to start anew."
    )


def _short(value: Any) -> str:
    text = repr(value)
    return f"{text[:13]}…'" if isinstance(value, str) and len(value) == 64 else text
