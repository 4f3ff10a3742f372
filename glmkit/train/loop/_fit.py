"""The training loop for pretraining and fine-tuning, with bit-exact resumption on a CPU.

A step draws its batches, sums the gradients of *summed* losses over the micro-batches, divides by the weight of all scored
positions, clips, and applies AdamW. Batches, masks and dropout are pure functions of seed and step (see
:mod:`glmkit.train.objectives.batches`). A checkpoint therefore needs only weights, optimiser and a position, and results do not
depend on interruptions.
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
from glmkit.train.loop.process_group import SingleProcess
from glmkit.train.loop.run import Run


@dataclass(frozen=True)
class FitResult:
    """Result of a training run.

    Attributes
    ----------
    steps
        Number of optimiser steps, including those before a resumption.
    reason
        Reason for the end: ``finished``, ``early stopping``, ``stopped`` (on request) or ``minutes``.
    best_validation
        Lowest validation loss in nats per scored position; None without validation.
    best_step
        Step of the lowest validation loss.
    seconds
        Training time in seconds, including that before a resumption.
    tokens
        Number of training tokens, including those before a resumption.
    precision
        ``float32`` or ``bf16``.
    history
        One row per log entry: ``step`` and the metrics.
    resumed_from
        Step from which this call resumed; None if it began at 0.
    pass_tokens
        Maximum number of tokens per micro-batch after memory ran out; None if it did not.
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

    With ``patience > 0`` and a validation corpus the model receives its best weights, otherwise its last. After the first SIGINT
    or SIGTERM, the current step is finished and a checkpoint is written before the signal takes effect.

    Parameters
    ----------
    model
        A LanguageModel or a head, such as a Classifier; moved to the device of `config`.
    store
        Training corpus with ``len``, ``[i]`` -> ids (length,), ``.lengths``, ``.hash``, and optionally ``.weights(i)`` and
        ``.labels(i)``.
    objective
        Training objective, one of those of `glmkit.train`.
    config
        Training settings.
    log
        Function called as ``log(step, **metrics)``. Metrics are ``loss`` (nats per scored position, mean since the last entry),
        ``learning_rate``, ``gradient_norm``, ``tokens_per_second``, ``memory_gb``, ``eta_seconds`` and, after memory ran out,
        ``pass_tokens``. A validation gives ``validation_loss`` and, for class labels or tokens, ``validation_accuracy``.
    resume
        Whether to resume from the newest complete checkpoint in `folder`; if False, checkpoints there are removed.
    folder
        Folder for ``checkpoints/``; None writes nothing, so that the run cannot be resumed.
    validation
        Validation corpus, or ``(corpus, objective)`` if the objective contains the labels of its corpus.
    stop
        Function called after every step; True writes a checkpoint and ends the run.

    Returns
    -------
    FitResult
        Steps, reason for the end, best validation loss and history.

    Raises
    ------
    BadInput
        A model, corpus and objective that do not match; an unfinished run with other settings or data in `folder`; or divergence
        (NaN, or a loss far above the first one), in which case the last valid checkpoint is kept.
    ResourceError
        A full disk or one that cannot be written, or a single sequence that exceeds the memory.

    Examples
    --------
    >>> from glmkit.data.corpora import EncodedWindows
    >>> from glmkit.models import TransformerConfig, new_model
    >>> from glmkit.tokens import make_tokenizer
    >>> from glmkit.train import MaskedLanguageModel, TrainConfig, fit
    >>> config = TransformerConfig(vocabulary_size=10, width=8, layers=1, heads=2, feedforward=8)
    >>> model = new_model(config, make_tokenizer("base"))
    >>> corpus = EncodedWindows(["ACGTTGCA", "GGCATTAC", "TTACGATC"], model.tokenizer)
    >>> result = fit(model, corpus, MaskedLanguageModel(), TrainConfig(steps=3, log_every=1, device="cpu"))
    >>> result.steps, result.reason, len(result.history)
    (3, 'finished', 3)
    """
    return fit_in_team(model, store, objective, config, SingleProcess(), log, resume, folder, validation, stop)


def fit_in_team(
    model: Any,
    store: Any,
    objective: Any,
    config: TrainConfig,
    team: SingleProcess,
    log: Log | None = None,
    resume: bool = True,
    folder: str | Path | None = None,
    validation: Any = None,
    stop: Callable[[], bool] | None = None,
) -> FitResult:
    """Part of one process in `fit`; only the process of rank 0 writes and logs.

    Parameters
    ----------
    model, store, objective, config, log, resume, folder, validation, stop
        As for `fit`, the same in every process.
    team
        Process group of the run.

    Returns
    -------
    FitResult
        Result with the history of the process of rank 0.
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
