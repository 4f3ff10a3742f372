"""The training loop: one for pretraining and fine-tuning, resumed bit for bit on a CPU.

A step draws its batches, adds up gradients of *summed* losses over the forward passes, divides by the weight of all scored
positions, clips, and lets AdamW move. Batches, masks and dropout are pure functions of seed and step (see `feed`), so a
checkpoint needs weights, optimiser and a position, and nothing depends on how often the run was interrupted.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from glmkit.files import exclusive
from glmkit.models.formats import choose_device
from glmkit.train.loop.checkpoints import Checkpoints
from glmkit.train.loop.config import TrainConfig
from glmkit.train.loop.history import History, Log
from glmkit.train.loop.process_group import Alone
from glmkit.train.loop.run import Run


@dataclass(frozen=True)
class FitResult:
    """How a training run went.

    Attributes
    ----------
    steps
        Optimiser steps done, those before a resume included.
    reason
        ``finished``, ``early stopping``, ``stopped`` (on request) or ``minutes``.
    best_validation
        Lowest validation loss, nats a scored position; None without validation.
    best_step
        The step it was reached at.
    seconds
        Training time, those before a resume included.
    tokens
        Tokens read, those before a resume included.
    precision
        ``float32`` or ``bf16``.
    history
        One row a log line: ``step`` and the metrics.
    resumed_from
        The step that this call went on from; None if it began at 0.
    pass_tokens
        Most tokens of a forward pass since memory ran out; None if it never did.
    """

    steps: int
    reason: str
    best_validation: float | None
    best_step: int | None
    seconds: float
    tokens: int
    precision: str
    history: pd.DataFrame
    resumed_from: int | None
    pass_tokens: int | None = None

    def summary(self) -> str:
        """Steps, tokens, precision, time and the reason for the end, as text for a report.

        Returns
        -------
        str
            Such as ``500 steps (2,048,000 tokens, float32) in 95 s; ended because: finished.``
        """
        text = f"{self.steps:,} steps ({self.tokens:,} tokens, {self.precision}) in {self.seconds:.0f} s"
        resumed = f" Resumed from step {self.resumed_from:,}." if self.resumed_from else ""
        return f"{text}; ended because: {self.reason}.{resumed}"


def fit(
    model: Any,
    store: Any,
    objective: Any,
    config: TrainConfig,
    log: Log | None = None,
    resume: bool = True,
    folder: str | Path | None = None,
    validation: Any = None,
    stop: Callable[[], bool] | None = None,
) -> FitResult:
    """Train `model` in place.

    With ``patience > 0`` and a validation corpus the model ends with its best weights, else with its last. The first SIGINT or
    SIGTERM lets the step end and a checkpoint be written before it acts.

    Parameters
    ----------
    model
        A LanguageModel or a Classifier; moved to the device of `config`.
    store
        The corpus: ``len``, ``[i]`` -> ids (length,), ``.lengths``, ``.hash``, and optionally ``.weights(i)`` and ``.labels(i)``.
    objective
        What to learn: one of the objectives of `glmkit.train`.
    config
        The settings.
    log
        Called as ``log(step, **metrics)``: ``loss`` (nats a scored position, mean since the line before), ``learning_rate``,
        ``gradient_norm``, ``tokens_per_second``, ``memory_gb``, ``eta_seconds``, once memory ran out ``pass_tokens``; after a validation
        ``validation_loss`` and, where there is right and wrong, ``validation_accuracy``.
    resume
        Go on from the newest whole checkpoint of `folder`. Otherwise begin anew and remove those there.
    folder
        Where ``checkpoints/`` goes; without it nothing is written and nothing can be resumed.
    validation
        A corpus, or ``(corpus, objective)`` where the objective belongs to its own corpus (labels do).
    stop
        Asked after every step; True writes a checkpoint and ends the run.

    Returns
    -------
    FitResult
        What happened.

    Raises
    ------
    BadInput
        Model, corpus and objective do not fit together; an unfinished run with other settings or data is in `folder`; the training
        diverged (NaN or a loss far above the first one), in which case the last sound checkpoint stays.
    ResourceError
        The disk is full or cannot be written, or a single sequence does not fit in memory.
    """
    return fit_in_team(model, store, objective, config, Alone(), log, resume, folder, validation, stop)


def fit_in_team(
    model: Any,
    store: Any,
    objective: Any,
    config: TrainConfig,
    team: Alone,
    log: Log | None = None,
    resume: bool = True,
    folder: str | Path | None = None,
    validation: Any = None,
    stop: Callable[[], bool] | None = None,
) -> FitResult:
    """The part of one process in `fit`; the leading one alone writes and logs.

    Parameters
    ----------
    model, store, objective, config, log, resume, folder, validation, stop
        As for `fit`, the same in every process.
    team
        The processes.

    Returns
    -------
    FitResult
        Its history is that of the leading process.
    """
    place = Path(folder) / "checkpoints" if folder is not None else None
    held = (validation if isinstance(validation, tuple) else (validation, objective)) if validation is not None else None
    objective.check(model, store)
    if held is not None:
        held[1].check(model, held[0])
    device = choose_device(config.device)
    model.to(device)
    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(devices=[device] if device.type == "cuda" else []))
        checkpoints = None
        if place is not None:
            if team.leads:
                stack.enter_context(exclusive(place / ".lock"))
            checkpoints = Checkpoints(place, config.keep, sweep=team.leads)
        history = History(place / "history.jsonl", log) if place and team.leads else History(None, log if team.leads else None)
        run = Run(model, store, objective, held, config, history, checkpoints, team)
        stack.callback(model.eval)
        stack.callback(run.history.close)
        resumed_from = run.begin(resume)
        run.train(stop)
        at = run.at
        return FitResult(
            steps=at.step,
            reason=at.reason or "stopped",
            best_validation=at.best_loss,
            best_step=at.best_step,
            seconds=at.seconds,
            tokens=at.tokens,
            precision=run.precision,
            history=run.history.table(),
            resumed_from=resumed_from,
            pass_tokens=at.most,
        )
