"""Detection of divergence before a step that would corrupt the weights."""

import math

from glmkit.errors import BadInput
from glmkit.train.loop.checkpoints import Checkpoints
from glmkit.train.loop.state import RunState

DIVERGED = 10.0  # limit of the loss, relative to that of the first step (or to 1, if that is larger)
DIVERGED_STEPS = 5  # number of consecutive steps above the limit


def diverged(at: RunState, loss: float, norm: float) -> bool:
    """Whether training has diverged, so that a step must not be applied.

    Parameters
    ----------
    at
        State of the run; its count of consecutive steps above the limit is updated.
    loss
        Loss of the step, nats per scored position.
    norm
        Norm of the gradient.

    Returns
    -------
    bool
        True if the loss or the norm is not finite, or the loss was above the limit for `DIVERGED_STEPS` steps.
    """
    first = at.first_loss if at.first_loss is not None else loss
    at.streak = at.streak + 1 if loss > DIVERGED * max(1.0, first) else 0
    return not (math.isfinite(loss) and math.isfinite(norm)) or at.streak >= DIVERGED_STEPS


def divergence(at: RunState, loss: float, norm: float, learning_rate: float, checkpoints: Checkpoints | None) -> BadInput:
    """Error that describes a divergence.

    Parameters
    ----------
    at
        State of the run before the step.
    loss, norm
        Loss and gradient norm of the step.
    learning_rate
        Peak learning rate of the run.
    checkpoints
        Checkpoints of the run, or None.

    Returns
    -------
    BadInput
        Error to raise.
    """
    kept = checkpoints.steps() if checkpoints else []
    where = (
        f"The last valid checkpoint is {checkpoints.path(kept[-1])}." if checkpoints and kept else "No checkpoint was written."
    )
    what = (
        f"the loss has been above {DIVERGED:g} times that of the first step ({at.first_loss:.3g}) for {DIVERGED_STEPS} steps"
        if math.isfinite(loss) and math.isfinite(norm)
        else "that is not a finite number"
    )
    return BadInput(
        f"Training diverged at step {at.step + 1}: loss {loss:.4g}, gradient norm {norm:.4g}; {what}. {where} "
        f"Lower learning_rate (now {learning_rate:g}), or check the data for NaN or infinite weights."
    )
