"""Settings of a training run, and the subset that determines the weights."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np

from glmkit.errors import BadInput

Schedule = Literal["cosine", "constant", "linear"]
Precision = Literal["auto", "float32", "bf16"]
# These affect output, duration and speed, but not the weights at a given step beyond rounding.
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
        Number of optimiser steps, 1 or more.
    learning_rate
        Peak learning rate, reached after the warm-up.
    warmup
        Fraction of `steps` over which the learning rate rises linearly from 0, in [0, 1).
    schedule
        Learning rate after the warm-up: ``cosine`` or ``linear`` decay to 0 at `steps`, or ``constant``.
    weight_decay
        Decoupled weight decay, applied to matrices only: not to embeddings, biases and norms.
    betas
        Decay rates of AdamW's moving averages of gradients and of their squares.
    batch_tokens
        Maximum number of tokens per micro-batch (one forward pass).
    accumulation
        Number of micro-batches per step. The loss is the mean over the scored positions of all of them.
    precision
        ``float32``, ``bf16`` (autocast), or ``auto`` for the faster one on the device, reported in `FitResult.precision`.
    clip
        Maximum norm of the gradient; 0 disables clipping.
    checkpoint_every
        Number of steps between checkpoints.
    keep
        Number of checkpoints to keep.
    log_every
        Number of steps between log entries.
    validate_every
        Number of steps between validations.
    patience
        Number of validations without improvement after which training stops; 0 disables early stopping and keeps the last
        weights.
    seed
        Random seed, 0 or more. Batches, masks and dropout are pure functions of it and of the step.
    device
        ``auto``, ``cpu`` or ``cuda``.
    minutes
        Time limit of this call in minutes, at which the run stops with a checkpoint; None for no limit.
    inexact_resume
        Whether to resume from a checkpoint without a record of the random streams.
    checkpoint_activations
        Whether to recompute activations in the backward pass, with much less memory for about a third more time.

    Raises
    ------
    BadInput
        A value that is out of range or NaN.

    Examples
    --------
    >>> from glmkit.train import TrainConfig
    >>> config = TrainConfig(steps=100, learning_rate=1e-3, warmup=0.1, schedule="linear")
    >>> [round(config.rate_at(step), 6) for step in (0, 9, 55)]
    [0.0001, 0.001, 0.0005]
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
            raise BadInput(f"TrainConfig.warmup must be a fraction of the steps in [0, 1), got {self.warmup!r}.")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise BadInput(f"TrainConfig.betas must be two numbers in [0, 1), got {self.betas!r}.")
        if self.minutes is not None and not self.minutes > 0:
            raise BadInput(f"TrainConfig.minutes must be above 0 or None, got {self.minutes!r}.")
        for name, known in (("schedule", get_args(Schedule)), ("precision", get_args(Precision))):
            if getattr(self, name) not in known:
                raise BadInput(f"TrainConfig.{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}.")

    def decisive(self) -> dict[str, Any]:
        """Settings that determine the weights; a run resumes from a checkpoint only if these are equal.

        Returns
        -------
        dict
            Plain JSON values. `steps` is included unless the schedule is independent of it: ``constant`` with ``warmup=0``.
        """
        values = {name: value for name, value in asdict(self).items() if name not in _HARMLESS}
        if self.schedule == "constant" and self.warmup == 0:
            del values["steps"]
        if self.patience == 0:
            del values["validate_every"], values["patience"]
        return values | {"betas": list(self.betas)}

    def rate_at(self, step: int) -> float:
        """Learning rate of a step.

        Parameters
        ----------
        step
            Step, from 0 to ``steps - 1``.

        Returns
        -------
        float
            Learning rate, above 0 for every step.
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
