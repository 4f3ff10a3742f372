"""State of a training run between two steps, as recorded in a checkpoint."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class RunState:
    """State of a run, without tensors.

    Attributes
    ----------
    step, tokens, seconds
        Number of steps and tokens, and training time, so far.
    epoch, batch
        Epoch and index of the next batch.
    first_loss
        Loss of the first step in nats per scored position.
    streak
        Number of consecutive steps with a loss above the limit of divergence.
    best_loss, best_step, best
        Lowest validation loss, its step, and the file of its weights.
    worse
        Number of validations since then.
    reason
        Reason for the end of the run; None before the end.
    most
        Maximum number of tokens per micro-batch after memory ran out; None if it did not.
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
