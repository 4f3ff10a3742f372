"""State and steps of a training run, and its checkpoints."""

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
from glmkit.train.loop.activation_checkpointing import recompute
from glmkit.train.loop.checkpoints import Checkpoints, Snapshot, read_snapshot
from glmkit.train.loop.config import TrainConfig
from glmkit.train.loop.divergence import diverged, divergence
from glmkit.train.loop.history import History
from glmkit.train.loop.microbatches import Passes
from glmkit.train.loop.optimiser import make_optimiser, state_from_tensors, state_to_tensors
from glmkit.train.loop.precision import choose_precision
from glmkit.train.loop.process_group import SingleProcess, spread_like, whole
from glmkit.train.loop.resume import check_streams, differences, identity
from glmkit.train.loop.signals import held_signals
from glmkit.train.loop.state import RunState
from glmkit.train.objectives.batches import SCHEME, Feed, dropout_seed, validation_batches

COMPLETE = {"finished", "early stopping"}


class Run:
    """A training run.

    Parameters
    ----------
    model
        Model on its device.
    store, objective
        Training corpus and objective.
    validation
        Validation corpus and its objective, or None.
    config
        Training settings.
    history
        Log of metrics.
    checkpoints
        Checkpoints of the run, or None.
    team
        Process group of the run; None for a single process.
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
        team: SingleProcess | None = None,
    ) -> None:
        self.model, self.objective, self.validation, self.config = model, objective, validation, config
        self.history, self.checkpoints, self.device = history, checkpoints, model.device
        self.precision = choose_precision(config.precision, model, self.device)
        self.team = team or SingleProcess()
        self.identity = identity(model, store, objective, validation, config, self.precision, self.team.size)
        self.team.adopt(model)
        self.passes = Passes(model, self.precision, self.team)
        self.optimiser = make_optimiser(model, config)
        self.parameters = [parameter for group in self.optimiser.param_groups for parameter in group["params"]]
        self.around = {"prefix": model.tokenizer.prefix, "suffix": model.tokenizer.suffix}
        self.feed = Feed(store, config.batch_tokens, config.seed, **self.around)
        self.at = RunState()
        self._best_in_memory: dict[str, torch.Tensor] = {}
        self._since_line = {"loss": 0.0, "steps": 0.0, "tokens": 0.0, "time": time.monotonic()}
        self._norm = math.nan

    def begin(self, resume: bool) -> int | None:
        """Resume from the newest intact checkpoint if it belongs to this run, otherwise start at step 0.

        Parameters
        ----------
        resume
            Whether to search for a checkpoint.

        Returns
        -------
        int or None
            Step from which the run resumes; None for a new run.

        Raises
        ------
        BadInput
            An unfinished run with other settings or data in the folder, or unknown random streams.
        """
        snapshot = self._newest() if resume else None
        if snapshot is not None:
            changed = differences(snapshot.state["identity"], self.identity, snapshot.path.name)
            if not changed:
                return self._restore(snapshot)
            if snapshot.state["at"]["reason"] not in COMPLETE:
                raise BadInput(
                    f"{snapshot.path} belongs to an unfinished run with other settings: {'; '.join(changed[:3])}. Restore the "
                    "settings, choose another folder, or start anew with fit(..., resume=False)."
                )
            warnings.warn(
                f"Starting anew: {'; '.join(changed[:3])}. The earlier run was complete; its checkpoints are removed.",
                stacklevel=3,
            )
        if self.checkpoints and self.team.leads:
            self.checkpoints.clear()
        self.history.start(0)
        return None

    def _newest(self) -> Snapshot | None:
        """The newest intact checkpoint; the process of rank 0 selects it, and the others read the same one."""
        if self.checkpoints is None:
            return None
        found = self.checkpoints.newest() if self.team.leads else None
        step = self.team.first(found.state["at"]["step"] if found else -1)
        return found if self.team.leads or step < 0 else read_snapshot(self.checkpoints.path(step))

    def _restore(self, snapshot: Snapshot) -> int:
        check_streams(snapshot.rng, str(snapshot.path), self.config.inexact_resume)
        threads = snapshot.state["threads"]
        if self.device.type == "cpu" and threads != torch.get_num_threads():
            warnings.warn(
                f"{snapshot.path.name} was computed with {threads} threads, now there are {torch.get_num_threads()}. The order of "
                "sums differs, so the last bits of the weights may differ from an uninterrupted run's.",
                stacklevel=4,
            )
        self._load(snapshot.model)
        state_from_tensors(self.optimiser, self.model, snapshot.optimizer)
        self.at = RunState(**snapshot.state["at"])
        self.feed.epoch, self.feed.batch, self.passes.most = self.at.epoch, self.at.batch, self.at.most
        if self.at.reason != "early stopping" and not (self.at.reason == "finished" and self.at.step == self.config.steps):
            self.at.reason = None
        self.history.start(snapshot.state["history_bytes"])
        return self.at.step

    def train(self, stop: Callable[[], bool] | None) -> None:
        """Take steps until a stopping criterion is met; with patience, the model receives its best weights.

        Parameters
        ----------
        stop
            Function called after every step; True ends the run. None for no function.
        """
        began, before = time.monotonic(), self.at.seconds
        config, at = self.config, self.at
        with recompute(self.model, config.checkpoint_activations), held_signals() as signalled:
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
                elif self.team.any(signalled() or (stop is not None and stop())):
                    at.reason = "stopped"
                elif self.team.any(out_of_time):
                    at.reason = "minutes"
                at.seconds = before + time.monotonic() - began
                if at.reason or at.step % config.checkpoint_every == 0:
                    self._checkpoint()
        if config.patience and at.best_loss is not None:
            self.team.any(False)  # a barrier: the process of rank 0 has then written the weights
            self._load(self.checkpoints.read_best(at.best_step) if self.checkpoints and at.best_step else self._best_in_memory)

    def _step(self) -> None:
        """One optimiser step over the whole effective batch."""
        at, config = self.at, self.config
        fault_point("train.step")
        self.model.train()
        for group in self.optimiser.param_groups:
            group["lr"] = config.rate_at(at.step)
        parts = [
            (self.objective.prepare(self.model, batch, rng), dropout_seed(config.seed, at.step, part))
            for part, batch, rng in self.feed.take(config.accumulation * self.team.size, self.team.rank, self.team.size)
        ]
        total, weight, tokens = self.team.sums(self.passes.gradients(self.objective, parts))
        at.most = self.passes.most
        if not weight:
            raise BadInput(
                f"Nothing was scored in step {at.step + 1}: no hidden token, no label, or no pair in its {int(tokens)} tokens. "
                "Raise batch_tokens or accumulation, or check for items without a target."
            )
        mean = total / weight
        self._norm = self._scale_gradients(weight / self.team.size)  # torch's wrappers give the mean over processes
        if diverged(at, mean, self._norm):
            self.history.add(at.step + 1, loss=mean, learning_rate=config.rate_at(at.step), gradient_norm=self._norm)
            raise divergence(at, mean, self._norm, config.learning_rate, self.checkpoints)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        at.step, at.tokens = at.step + 1, at.tokens + int(tokens)
        at.epoch, at.batch = self.feed.epoch, self.feed.batch
        at.first_loss = mean if at.first_loss is None else at.first_loss
        for name, value in (("loss", mean), ("steps", 1), ("tokens", tokens)):
            self._since_line[name] += value

    def _scale_gradients(self, weight: float) -> float:
        """Scale gradients of sums to those of the mean, clip them, and return their norm before clipping."""
        gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        norm = float(whole(torch.nn.utils.get_total_norm(gradients))) / weight
        clip = min(1.0, self.config.clip / (norm + 1e-6)) if self.config.clip and math.isfinite(norm) else 1.0
        torch._foreach_mul_(gradients, clip / weight)
        return norm

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
            **({} if self.at.most is None else {"pass_tokens": self.at.most}),
        )
        self._since_line = {"loss": 0.0, "steps": 0.0, "tokens": 0.0, "time": now}

    def _validate(self) -> None:
        """Compute the loss over the validation corpus, and keep the weights if it is the lowest so far."""
        assert self.validation is not None
        began = time.monotonic()
        store, objective = self.validation
        totals, weights, rights, counted = [0.0], [0.0], [0.0], False
        self.model.eval()
        with torch.inference_mode():
            team, config = self.team, self.config
            for batch, rng, counts in validation_batches(
                store, config.batch_tokens, config.seed, team.rank, team.size, not team.splits, **self.around
            ):
                for loss in self.passes.measure(objective, objective.prepare(self.model, batch, rng)):
                    if not counts:
                        continue
                    totals.append(float(loss.total.double()))
                    weights.append(loss.weight)
                    counted = loss.correct is not None
                    rights.append(float(loss.correct.double()) if loss.correct is not None else 0.0)
        total, weight, right, count = self.team.sums([sum(totals), sum(weights), sum(rights), float(counted)])
        mean, at = total / weight, self.at
        if at.best_loss is None or mean < at.best_loss:
            at.best_loss, at.best_step, at.worse = mean, at.step, 0
            if self.config.patience:
                self._keep_best()
        else:
            at.worse += 1
        accuracy = {"validation_accuracy": right / weight} if count else {}
        self.history.add(at.step, validation_loss=mean, **accuracy)
        self._since_line["time"] += time.monotonic() - began

    def _keep_best(self) -> None:
        weights = _tensors(self.model)
        if self.checkpoints:
            self.at.best = self.checkpoints.write_best(self.at.step, weights) if self.team.leads else {}
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
        model, optimiser = _tensors(self.model), state_to_tensors(self.optimiser, self.model)
        if self.team.leads:
            self.checkpoints.write(self.at.step, model, optimiser, rng, state)

    def _load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Load full weights into a model that may be sharded."""
        there = self.model.state_dict()
        self.model.load_state_dict({name: spread_like(value, there.get(name, value)) for name, value in tensors.items()})


def _tensors(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: whole(tensor) for name, tensor in model.state_dict().items()}
