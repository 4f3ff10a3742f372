"""A training run between two steps: where it stands, how it takes a step, and what a checkpoint keeps of it."""

import math
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import psutil
import torch

from glmkit.errors import BadInput
from glmkit.files import fault_point
from glmkit.train.checkpoints import Checkpoints, Snapshot
from glmkit.train.config import TrainConfig
from glmkit.train.feed import SCHEME, Feed, dropout_seed, validation_batches
from glmkit.train.history import History
from glmkit.train.optimiser import make_optimiser, state_from_tensors, state_to_tensors
from glmkit.train.precision import autocast, choose_precision
from glmkit.train.resume import check_streams, differences, identity
from glmkit.train.signals import held_signals
from glmkit.train.standing import Standing

DIVERGED = 10.0  # times the first step's loss (or 1 nat, if that is more) ...
DIVERGED_STEPS = 5  # ... in so many steps running
COMPLETE = {"finished", "early stopping"}


class Run:
    """A training run.

    Parameters
    ----------
    model
        On its device.
    store, objective
        What it learns from, and what.
    validation
        A corpus and its objective, or None.
    config
        The settings.
    history
        Where lines are logged.
    checkpoints
        Where checkpoints go, or None.
    """

    def __init__(
        self,
        model: Any,
        store: Any,
        objective: Any,
        validation: tuple[Any, Any] | None,
        config: TrainConfig,
        history: History,
        checkpoints: Checkpoints | None,
    ) -> None:
        self.model, self.objective, self.validation, self.config = model, objective, validation, config
        self.history, self.checkpoints, self.device = history, checkpoints, model.device
        self.precision = choose_precision(config.precision, model, self.device)
        self.identity = identity(model, store, objective, validation, config, self.precision)
        self.optimiser = make_optimiser(model, config)
        self.parameters = [parameter for group in self.optimiser.param_groups for parameter in group["params"]]
        self.feed = Feed(store, config.batch_tokens, config.seed)
        self.at = Standing()
        self._best_in_memory: dict[str, torch.Tensor] = {}
        self._since_line = {"loss": 0.0, "steps": 0.0, "tokens": 0.0, "time": time.monotonic()}
        self._norm = math.nan

    def begin(self, resume: bool) -> int | None:
        """Go on from the newest whole checkpoint if it is this run's; else stand at step 0.

        Parameters
        ----------
        resume
            Whether to look for one.

        Returns
        -------
        int or None
            The step gone on from.

        Raises
        ------
        BadInput
            An unfinished run with other settings or data is in the folder, or its random streams are unknown.
        """
        snapshot = self.checkpoints.newest() if self.checkpoints and resume else None
        if snapshot is not None:
            changed = differences(snapshot.state["identity"], self.identity, snapshot.path.name)
            if not changed:
                return self._restore(snapshot)
            if snapshot.state["at"]["reason"] not in COMPLETE:
                raise BadInput(
                    f"{snapshot.path} is of an unfinished run that this one cannot go on from: {'; '.join(changed[:3])}. Set it "
                    "back, choose another folder, or begin anew: fit(..., resume=False), or delete the checkpoints."
                )
            warnings.warn(f"Beginning anew: {'; '.join(changed[:3])}. That run was complete; its checkpoints go.", stacklevel=3)
        if self.checkpoints:
            self.checkpoints.clear()
        self.history.start(0)
        return None

    def _restore(self, snapshot: Snapshot) -> int:
        check_streams(snapshot.rng, str(snapshot.path), self.config.inexact_resume)
        threads = snapshot.state["threads"]
        if self.device.type == "cpu" and threads != torch.get_num_threads():
            warnings.warn(
                f"{snapshot.path.name} was computed with {threads} threads, now there are {torch.get_num_threads()}: sums are taken "
                "in another order, so the last bits of the weights may differ from an uninterrupted run's.",
                stacklevel=4,
            )
        self.model.load_state_dict(snapshot.model)
        state_from_tensors(self.optimiser, self.model, snapshot.optimizer)
        self.at = Standing(**snapshot.state["at"])
        self.feed.epoch, self.feed.batch = self.at.epoch, self.at.batch
        if self.at.reason != "early stopping" and not (self.at.reason == "finished" and self.at.step == self.config.steps):
            self.at.reason = None
        self.history.start(snapshot.state["history_bytes"])
        return self.at.step

    def train(self, stop: Callable[[], bool] | None) -> None:
        """Take steps until there is a reason not to; the model ends with its best weights if patience asks for them.

        Parameters
        ----------
        stop
            Asked after every step.
        """
        began, before = time.monotonic(), self.at.seconds
        config, at = self.config, self.at
        with held_signals() as signalled:
            while at.reason is None:
                self._step()
                last = at.step >= config.steps
                at.seconds = before + time.monotonic() - began
                if at.step % config.log_every == 0 or last:
                    self._log_line()
                if self.validation is not None and (at.step % config.validate_every == 0 or last):
                    self._validate()
                out_of_time = config.minutes is not None and time.monotonic() - began > 60 * config.minutes
                if last:
                    at.reason = "finished"
                elif config.patience and at.worse >= config.patience:
                    at.reason = "early stopping"
                elif signalled() or (stop is not None and stop()):
                    at.reason = "stopped"
                elif out_of_time:
                    at.reason = "minutes"
                at.seconds = before + time.monotonic() - began
                if at.reason or at.step % config.checkpoint_every == 0:
                    self._checkpoint()
        if config.patience and at.best_loss is not None:
            self.model.load_state_dict(self.checkpoints.read_best(at.best) if self.checkpoints else self._best_in_memory)

    def _step(self) -> None:
        """One optimiser step over the whole effective batch."""
        at, config = self.at, self.config
        fault_point("train.step")
        self.model.train()
        for group in self.optimiser.param_groups:
            group["lr"] = config.rate_at(at.step)
        total, weight, tokens = torch.zeros((), device=self.device), 0.0, 0
        for part, (batch, rng) in enumerate(self.feed.take(config.accumulation)):
            torch.manual_seed(dropout_seed(config.seed, at.step, part))
            with autocast(self.precision, self.device):
                loss = self.objective.loss(self.model, batch, rng)
            loss.total.backward()
            total += loss.total.detach()
            weight, tokens = weight + loss.weight, tokens + len(batch.tokens)
        mean = float(total) / weight if weight else math.nan
        self._norm = self._scale_gradients(weight)
        self._check_sound(mean)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        at.step, at.tokens = at.step + 1, at.tokens + tokens
        at.epoch, at.batch = self.feed.epoch, self.feed.batch
        at.first_loss = mean if at.first_loss is None else at.first_loss
        for name, value in (("loss", mean), ("steps", 1), ("tokens", tokens)):
            self._since_line[name] += value

    def _scale_gradients(self, weight: float) -> float:
        """Turn gradients of sums into those of the mean, clipped; give their norm before clipping."""
        gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        norm = float(torch.nn.utils.get_total_norm(gradients)) / weight if weight else math.nan
        clip = min(1.0, self.config.clip / (norm + 1e-6)) if self.config.clip and math.isfinite(norm) else 1.0
        if weight:
            torch._foreach_mul_(gradients, clip / weight)
        return norm

    def _check_sound(self, loss: float) -> None:
        """Stop before a step that would spoil the weights, or once training has clearly left the road."""
        at = self.at
        first = at.first_loss if at.first_loss is not None else loss
        at.streak = at.streak + 1 if loss > DIVERGED * max(1.0, first) else 0
        if math.isfinite(loss) and math.isfinite(self._norm) and at.streak < DIVERGED_STEPS:
            return
        self.history.add(at.step + 1, loss=loss, learning_rate=self.config.rate_at(at.step), gradient_norm=self._norm)
        kept = self.checkpoints.steps() if self.checkpoints else []
        where = (
            f"The last sound checkpoint is {self.checkpoints.path(kept[-1])}."
            if self.checkpoints and kept
            else "No checkpoint was written."
        )
        what = (
            f"the loss has been above {DIVERGED:g} times that of the first step ({first:.3g}) for {DIVERGED_STEPS} steps"
            if math.isfinite(loss) and math.isfinite(self._norm)
            else "that is not a finite number"
        )
        raise BadInput(
            f"Training diverged at step {at.step + 1}: loss {loss:.4g}, gradient norm {self._norm:.4g}; {what}. {where} "
            f"Lower learning_rate (now {self.config.learning_rate:g}), or look for NaN or infinite weights in the data."
        )

    def _log_line(self) -> None:
        since, now = self._since_line, time.monotonic()
        each = self.at.seconds / self.at.step
        memory = (
            torch.cuda.max_memory_allocated(self.device) if self.device.type == "cuda" else psutil.Process().memory_info().rss
        )
        self.history.add(
            self.at.step,
            loss=since["loss"] / since["steps"],
            learning_rate=self.config.rate_at(self.at.step - 1),
            gradient_norm=self._norm,
            tokens_per_second=since["tokens"] / max(now - since["time"], 1e-9),
            memory_gb=memory / 1e9,
            eta_seconds=each * (self.config.steps - self.at.step),
        )
        self._since_line = {"loss": 0.0, "steps": 0.0, "tokens": 0.0, "time": now}

    def _validate(self) -> None:
        """Loss over the validation corpus; remember the weights if it is the best so far."""
        assert self.validation is not None
        began = time.monotonic()
        store, objective = self.validation
        total, correct = torch.zeros((), dtype=torch.float64), None
        weight = 0.0
        self.model.eval()
        with torch.inference_mode(), autocast(self.precision, self.device):
            for batch, rng in validation_batches(store, self.config.batch_tokens, self.config.seed):
                loss = objective.loss(self.model, batch, rng)
                total, weight = total + loss.total.double().cpu(), weight + loss.weight
                if loss.correct is not None:
                    correct = loss.correct.double().cpu() + (0.0 if correct is None else correct)
        mean, at = float(total) / weight, self.at
        if at.best_loss is None or mean < at.best_loss:
            at.best_loss, at.best_step, at.worse = mean, at.step, 0
            if self.config.patience:
                self._keep_best()
        else:
            at.worse += 1
        accuracy = {} if correct is None else {"validation_accuracy": float(correct) / weight}
        self.history.add(at.step, validation_loss=mean, **accuracy)
        self._since_line["time"] += time.monotonic() - began

    def _keep_best(self) -> None:
        weights = _tensors(self.model)
        if self.checkpoints:
            self.at.best = self.checkpoints.write_best(self.at.step, weights)
        else:
            self._best_in_memory = {name: tensor.clone() for name, tensor in weights.items()}

    def _checkpoint(self) -> None:
        if self.checkpoints is None or self.at.streak:
            return
        state = {
            "identity": self.identity,
            "at": asdict(self.at),
            "history_bytes": self.history.size(),
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
        }
        rng = {"scheme": SCHEME, "seed": self.config.seed, "step": self.at.step}
        self.checkpoints.write(self.at.step, _tensors(self.model), state_to_tensors(self.optimiser, self.model), rng, state)


def _tensors(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
