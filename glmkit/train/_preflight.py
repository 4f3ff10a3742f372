"""Before training: does it fit in memory, how long will it take, and what would fit if it does not.

Weights, gradients and the optimiser's two averages are counted. Activations are measured: a copy of the model takes a few steps
over made-up sequences of the run's own lengths, and what its forward pass keeps for the backward one is added up. Both memory
and time are then scaled by tokens, so a figure is within some tens of percent; a margin is kept for what comes and goes in between.
"""

import copy
import math
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import psutil
import torch
from torch import nn

from glmkit.data.corpora import token_budget_batches
from glmkit.errors import BadInput, ResourceError
from glmkit.models.formats import choose_device
from glmkit.models.heads import Head
from glmkit.models.networks import pack
from glmkit.train.freezing import trainable_count
from glmkit.train.loop.config import TrainConfig
from glmkit.train.loop.optimiser import make_optimiser
from glmkit.train.loop.precision import autocast, choose_precision

SAMPLE_TOKENS = 2048  # of the measured passes, or one sequence if that is longer
STEPS = 3  # measured; the first one warms up
MARGIN = 1.5  # of activations: gradients of activations, temporary results, fragments
AGAIN = 3  # blocks whose insides are there at once where activations are computed again
SHARE = 0.9  # of the available memory that may be planned for


@dataclass(frozen=True)
class Preflight:
    """What a training run will need.

    Attributes
    ----------
    parameters, trainable
        Numbers of the model, and those that training changes.
    weight_bytes, gradient_bytes, optimiser_bytes, activation_bytes
        Memory of each part at its largest; activations of the largest pass.
    available_bytes
        Free memory of the device, now.
    seconds
        Estimated training time, without validation; NaN where even one sequence would not fit and nothing was measured.
    device
        Where it would run.
    fits
        Whether it should.
    verdict
        One sentence: that it fits, or what would.
    """

    parameters: int
    trainable: int
    weight_bytes: int
    gradient_bytes: int
    optimiser_bytes: int
    activation_bytes: int
    available_bytes: int
    seconds: float
    device: str
    fits: bool
    verdict: str

    @property
    def needed_bytes(self) -> int:
        """All parts together."""
        return self.weight_bytes + self.gradient_bytes + self.optimiser_bytes + self.activation_bytes

    def require(self) -> None:
        """Raise ResourceError unless it fits; the message is the verdict."""
        if not self.fits:
            raise ResourceError(self.verdict)

    def __str__(self) -> str:
        parts = ("weight", "gradient", "optimiser", "activation")
        sizes = ", ".join(f"{name}s {_gb(getattr(self, f'{name}_bytes'))}" for name in parts)
        return f"{self.parameters:,} parameters, {self.trainable:,} trainable; {sizes}. {self.verdict}"


def preflight(model: Any, lengths: np.ndarray, config: TrainConfig) -> Preflight:
    """Estimate memory and time of a training run; model and random generators stay as they are.

    Parameters
    ----------
    model
        What would be trained, frozen or with adapters as it would be.
    lengths
        Tokens of each item of the corpus, special ones not counted.
    config
        The settings.

    Returns
    -------
    Preflight
        Print it, or call its ``require``.

    Raises
    ------
    BadInput
        There are no items, or nothing is trainable.
    """
    if len(lengths) == 0:
        raise BadInput("The corpus has no items.")
    lengths = np.asarray(lengths) + len(model.tokenizer.prefix) + len(model.tokenizer.suffix)
    trainable = trainable_count(model)
    if not trainable:
        raise BadInput("No parameter of the model has requires_grad=True, so there is nothing to train.")
    device = choose_device(config.device)
    batches = token_budget_batches(lengths, config.batch_tokens, config.seed, 0)
    largest = max(batches, key=lambda batch: int(lengths[batch].sum()))
    weights = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
    each = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters() if parameter.requires_grad)
    available = _available(device)
    there = weights if model.device.type == device.type else 0  # its weights are in memory already
    room = SHARE * available + there - weights - 3 * each
    sample = _sample(lengths[largest])
    kept, seconds, blocks = math.nan, math.nan, 0.0
    if room > weights:  # the copy that is measured needs as much again
        kept, blocks, seconds = _measure(model, sample, config, device)
    plan = _Plan(config, room, int(lengths[largest].sum()), int(lengths.max()), kept, blocks, _layers(model))
    activations = plan.bytes_of(config.batch_tokens, config.checkpoint_activations)
    mean = float(lengths.sum()) / len(batches) * config.accumulation
    again = 4 / 3 if config.checkpoint_activations else 1.0
    total = seconds * mean * config.steps * again
    fits = activations <= room
    needed = weights + 3 * each + (0 if math.isnan(activations) else int(activations))
    if fits:
        verdict = f"Fits: {_gb(needed)} of {_gb(available + there)} on {device}; about {_duration(total)}."
    else:
        verdict = f"Does not fit: {_gb(needed)} or more needed, {_gb(available + there)} available on {device}. {plan.advice()}"
    return Preflight(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        trainable=trainable,
        weight_bytes=weights,
        gradient_bytes=each,
        optimiser_bytes=2 * each,
        activation_bytes=0 if math.isnan(activations) else int(activations),
        available_bytes=available,
        seconds=total,
        device=str(device),
        fits=bool(fits),
        verdict=verdict,
    )


@dataclass(frozen=True)
class _Plan:
    """Memory of activations under other settings."""

    config: TrainConfig
    room: float
    tokens: int  # of the largest pass
    longest: int
    kept: float  # bytes a token keeps, NaN if not measured
    blocks: float  # those of it within blocks
    layers: int

    def bytes_of(self, budget: int, again: bool) -> float:
        tokens = min(self.tokens, max(budget, self.longest))
        each = self.kept - self.blocks * (1 - AGAIN / self.layers) if again and self.layers > AGAIN else self.kept
        return MARGIN * each * tokens

    def advice(self) -> str:
        if math.isnan(self.kept):
            return (
                "Weights, gradients and optimiser alone are too much: take a smaller model, glmkit.train.lora, or several GPUs "
                "with shard=True."
            )
        asked = self.config
        ways = []
        for again in sorted({asked.checkpoint_activations, True}):
            budget = self._largest(again)
            if budget is not None and budget < asked.batch_tokens:
                more = -(-asked.batch_tokens // budget) * asked.accumulation
                extra = " and checkpoint_activations=True" if again and not asked.checkpoint_activations else ""
                ways.append(f"batch_tokens={budget}{extra} (with accumulation={more} the same effective batch)")
                break
        if not asked.checkpoint_activations and self._largest(True) == asked.batch_tokens:
            ways.append("checkpoint_activations=True")
        if ways:
            return f"What would: {' or '.join(ways)}."
        return (
            f"A single sequence of {self.longest} tokens is too much: shorten the sequences, or take a smaller model or "
            "glmkit.train.lora."
        )

    def _largest(self, again: bool) -> int | None:
        """The largest budget that fits, of those asked for and its halves; not below the longest sequence."""
        budget = self.config.batch_tokens
        while self.bytes_of(budget, again) > self.room:
            if budget <= self.longest:
                return None
            budget = max(budget // 2, self.longest)
        return budget


def _measure(model: Any, sample: np.ndarray, config: TrainConfig, device: torch.device) -> tuple[float, float, float]:
    """Bytes that a token keeps, those of them within blocks, and seconds a token, by a few steps of a copy."""
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        twin = copy.deepcopy(model).to(device).train()
        optimiser = make_optimiser(twin, replace(config, learning_rate=0.0))
        rng = np.random.default_rng(config.seed)
        letters = np.flatnonzero(twin.tokenizer.maskable)
        tokens, boundaries = pack([rng.choice(letters, length) for length in sample])
        tokens = tokens.to(device)
        precision = choose_precision(config.precision, twin, device)
        inside = _Kept(twin)
        times = []
        for _ in range(STEPS):
            began = time.perf_counter()
            with inside, autocast(precision, device):
                total = _total(twin, tokens, boundaries)
            total.backward()
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            if cuda:
                torch.cuda.synchronize(device)
            times.append(time.perf_counter() - began)
        del twin, optimiser
        if cuda:
            torch.cuda.empty_cache()
    count = len(tokens)
    return inside.all / count, inside.within / count, float(np.median(times[1:])) / count


def _total(model: Any, tokens: torch.Tensor, boundaries: torch.Tensor) -> torch.Tensor:
    """A loss like that of training: a language model scores 15% of the tokens."""
    if isinstance(model, Head):
        return model(tokens, boundaries).float().square().sum()
    some = torch.arange(0, len(tokens), 7, device=tokens.device)
    logits = model.logits(tokens, boundaries, some)
    return torch.nn.functional.cross_entropy(logits.float(), tokens[some], reduction="sum")


class _Kept(torch.autograd.graph.saved_tensors_hooks):
    """Adds up the memory that a forward pass keeps for the backward one, each piece of storage once."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__(self._note, lambda tensor: tensor)
        self._own = {tensor.untyped_storage().data_ptr() for tensor in model.state_dict().values()}
        self._deep, self._places = 0, dict[int, tuple[int, bool]]()
        network: Any = getattr(model, "network", None)
        for block in getattr(network, "layers", ()):
            block.register_forward_pre_hook(self._enter)
            block.register_forward_hook(self._leave)

    def _enter(self, *_: Any) -> None:
        self._deep += 1

    def _leave(self, *_: Any) -> None:
        self._deep -= 1

    def _note(self, tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self._own:
            self._places.setdefault(storage.data_ptr(), (storage.nbytes(), self._deep > 0))
        return tensor

    def __enter__(self) -> None:
        self._places.clear()
        super().__enter__()

    @property
    def all(self) -> int:
        return sum(size for size, _ in self._places.values())

    @property
    def within(self) -> int:
        return sum(size for size, deep in self._places.values() if deep)


def _sample(lengths: np.ndarray) -> np.ndarray:
    """The longest sequences of a batch, up to some tokens, at least one."""
    ordered = np.sort(lengths)[::-1]
    return ordered[: max(1, int(np.searchsorted(np.cumsum(ordered), SAMPLE_TOKENS, "right")))]


def _layers(model: Any) -> int:
    return len(getattr(model.network, "layers", ()))


def _available(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def _gb(size: float) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e7 else f"{size / 1e6:.2f} MB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
