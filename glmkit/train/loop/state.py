"""Where a training run stands between two steps, as a checkpoint records it."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Standing:
    """Where a run stands: everything but tensors that a checkpoint keeps.

    Attributes
    ----------
    step, tokens, seconds
        Done so far.
    epoch, batch
        The next batch.
    first_loss
        Loss of the first step, nats a scored position.
    streak
        Steps running with a loss far above it.
    best_loss, best_step, best
        The best validation so far, and its weights' file.
    worse
        Validations since.
    reason
        Why the run ended; None if it has not.
    most
        Most tokens of a pass since memory ran out; None if it has not.
    """

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    epoch: int = 0
    batch: int = 0
    first_loss: float | None = None
    streak: int = 0
    best_loss: float | None = None
    best_step: int | None = None
    best: dict[str, Any] = field(default_factory=dict)
    worse: int = 0
    reason: str | None = None
    most: int | None = None
