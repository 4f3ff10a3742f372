"""Noticing that training has left the road, before a step that would spoil the weights."""

import math

from glmkit.errors import BadInput
from glmkit.train.loop.checkpoints import Checkpoints
from glmkit.train.loop.state import Standing

DIVERGED = 10.0  # times the first step's loss (or 1, if that is more) ...
DIVERGED_STEPS = 5  # ... in so many steps running


def diverged(at: Standing, loss: float, norm: float) -> bool:
    """Whether a step should not be taken.

    Parameters
    ----------
    at
        Where the run stands; its count of bad steps is kept here.
    loss
        Of the step.
    norm
        Of its gradient.

    Returns
    -------
    bool
        The loss or the norm is not finite, or the loss has been far above the first one for some steps.
    """
    first = at.first_loss if at.first_loss is not None else loss
    at.streak = at.streak + 1 if loss > DIVERGED * max(1.0, first) else 0
    return not (math.isfinite(loss) and math.isfinite(norm)) or at.streak >= DIVERGED_STEPS


def divergence(at: Standing, loss: float, norm: float, learning_rate: float, checkpoints: Checkpoints | None) -> BadInput:
    """What to say about it.

    Parameters
    ----------
    at
        Where the run stands, the step not counted.
    loss, norm
        Of the step.
    learning_rate
        The run's peak.
    checkpoints
        Where the last sound one is looked for.

    Returns
    -------
    BadInput
        To be raised.
    """
    kept = checkpoints.steps() if checkpoints else []
    where = (
        f"The last sound checkpoint is {checkpoints.path(kept[-1])}." if checkpoints and kept else "No checkpoint was written."
    )
    what = (
        f"the loss has been above {DIVERGED:g} times that of the first step ({at.first_loss:.3g}) for {DIVERGED_STEPS} steps"
        if math.isfinite(loss) and math.isfinite(norm)
        else "that is not a finite number"
    )
    return BadInput(
        f"Training diverged at step {at.step + 1}: loss {loss:.4g}, gradient norm {norm:.4g}; {what}. {where} "
        f"Lower learning_rate (now {learning_rate:g}), or look for NaN or infinite weights in the data."
    )
