"""What a training run is told, and which parts of it decide the weights."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np

from glmkit.errors import BadInput

Schedule = Literal["cosine", "constant", "linear"]
Precision = Literal["auto", "float32", "bf16"]
# These change what is written, shown or when the run ends, never a weight on the way.
_HARMLESS = {
    "checkpoint_every",
    "keep",
    "minutes",
    "log_every",
    "device",
    "inexact_resume",
    "precision",
    "checkpoint_activations",
}


@dataclass(frozen=True, kw_only=True)
class TrainConfig:  # numpydoc ignore=PR02
    """Settings of `fit`.

    Parameters
    ----------
    steps
        Optimiser steps.
    learning_rate
        Peak, reached after the warm-up.
    warmup
        Share of `steps` over which the learning rate rises from 0, in [0, 1).
    schedule
        What follows the warm-up: ``cosine`` or ``linear`` down to 0 at `steps`, or ``constant``.
    weight_decay
        Decoupled, on matrices only: not on embeddings, biases and norms.
    betas
        AdamW's averaging of gradients and of their squares.
    batch_tokens
        Most tokens of one forward pass.
    accumulation
        Forward passes a step. The loss is averaged over the scored positions of all of them together.
    precision
        ``float32``, ``bf16`` (autocast), or ``auto``: whichever is faster here, as `FitResult.precision` then says.
    clip
        Largest norm of the gradient; 0 switches clipping off.
    checkpoint_every
        Steps between checkpoints.
    keep
        Checkpoints kept.
    log_every
        Steps between lines of the log.
    validate_every
        Steps between validations.
    patience
        Validations without improvement after which training stops; 0 never stops and returns the last weights.
    seed
        Decides batches, masks and dropout, each a pure function of it and of the step.
    device
        ``auto``, ``cpu`` or ``cuda``.
    minutes
        Wall-clock bound of this call; the run stops cleanly there, with a checkpoint.
    inexact_resume
        Go on from a checkpoint whose record of the random streams is missing.
    checkpoint_activations
        Compute activations again in the backward pass instead of keeping them: much less memory for about a third more time.

    Raises
    ------
    BadInput
        A value is out of range or NaN; the message names it.
    """

    steps: int
    learning_rate: float = 1e-3
    warmup: float = 0.05
    schedule: Schedule = "cosine"
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.98)
    batch_tokens: int = 8192
    accumulation: int = 1
    precision: Precision = "auto"
    clip: float = 1.0
    checkpoint_every: int = 100
    keep: int = 2
    log_every: int = 5
    validate_every: int = 100
    patience: int = 0
    seed: int = 0
    device: str = "auto"
    minutes: float | None = None
    inexact_resume: bool = False
    checkpoint_activations: bool = False

    def __post_init__(self) -> None:
        least = {"steps": 1, "batch_tokens": 1, "accumulation": 1, "checkpoint_every": 1, "keep": 1, "log_every": 1}
        least |= {"validate_every": 1, "patience": 0, "seed": 0}
        for name, bound in least.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < bound:
                raise BadInput(f"TrainConfig.{name} must be a whole number of {bound} or more, got {value!r}.")
        for name in ("learning_rate", "weight_decay", "clip", "warmup"):
            value = getattr(self, name)
            if not math.isfinite(value) or value < 0:
                raise BadInput(f"TrainConfig.{name} must be a finite number of 0 or more, got {value!r}.")
        if self.warmup >= 1:
            raise BadInput(f"TrainConfig.warmup is a share of the steps and must lie in [0, 1), got {self.warmup!r}.")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise BadInput(f"TrainConfig.betas must be two numbers in [0, 1), got {self.betas!r}.")
        if self.minutes is not None and not self.minutes > 0:
            raise BadInput(f"TrainConfig.minutes must be above 0 or None, got {self.minutes!r}.")
        for name, known in (("schedule", get_args(Schedule)), ("precision", get_args(Precision))):
            if getattr(self, name) not in known:
                raise BadInput(f"TrainConfig.{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}.")

    def decisive(self) -> dict[str, Any]:
        """The settings that decide the weights, which a checkpoint must share to be resumed.

        Returns
        -------
        dict
            Plain JSON values. `steps` is among them unless the schedule does not look at it: ``constant`` with ``warmup=0``.
        """
        values = {name: value for name, value in asdict(self).items() if name not in _HARMLESS}
        if self.schedule == "constant" and self.warmup == 0:
            del values["steps"]
        if self.patience == 0:
            del values["validate_every"], values["patience"]
        return values | {"betas": list(self.betas)}

    def rate_at(self, step: int) -> float:
        """The learning rate of a step.

        Parameters
        ----------
        step
            From 0 to ``steps - 1``.

        Returns
        -------
        float
            Above 0 for every step.
        """
        rising = round(self.warmup * self.steps)
        if step < rising:
            return self.learning_rate * (step + 1) / rising
        if self.schedule == "constant":
            return self.learning_rate
        done = (step - rising) / max(1, self.steps - rising)
        return self.learning_rate * ((1 - done) if self.schedule == "linear" else (1 + math.cos(math.pi * done)) / 2)


def steps_per_epoch(lengths: Sequence[int] | np.ndarray, batch_tokens: int, special: int = 0) -> int:
    """Steps in which every item of a corpus is read about once.

    Parameters
    ----------
    lengths
        Tokens of each item, int (n,).
    batch_tokens
        Most tokens of one step.
    special
        Special tokens added to each item.

    Returns
    -------
    int
        Steps; at least 1.

    Examples
    --------
    >>> steps_per_epoch([100, 100, 50], batch_tokens=64, special=2)
    4
    """
    return max(math.ceil(int((np.asarray(lengths) + special).sum()) / batch_tokens), 1)
