"""Micro-batches of a step: forward and backward passes, which are split if memory runs out.

If a micro-batch exceeds the memory, the gradients of the step are discarded, and the step is repeated with at most half as many
tokens per micro-batch. Losses are sums, and random numbers are drawn beforehand. The effective batch is therefore unchanged, and
its gradient is equal up to rounding. Later steps use the smaller size.
"""

import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

import torch

from glmkit.errors import ResourceError
from glmkit.train.loop.precision import autocast
from glmkit.train.loop.process_group import SingleProcess
from glmkit.train.objectives.base import Examples, Loss

_SIGNS = ("can't allocate memory", "not enough memory", "CUBLAS_STATUS_ALLOC_FAILED", "out of memory")


class Sums(NamedTuple):
    """Sums over the micro-batches of a step.

    Attributes
    ----------
    total
        Sum of the losses.
    weight
        Sum of the weights of the scored positions.
    tokens
        Number of tokens.
    """

    total: float
    weight: float
    tokens: int


class _TooLarge(NamedTuple):
    tokens: int
    sequences: int
    divisible: bool
    reason: str


class Passes:
    """Runs micro-batches, and limits their size after memory ran out.

    Parameters
    ----------
    model
        Model on its device.
    precision
        ``float32`` or ``bf16``.
    team
        Process group of the run.
    """

    def __init__(self, model: Any, precision: str, team: SingleProcess) -> None:
        self.model, self.precision, self.team = model, precision, team
        self.most: int | None = None

    def gradients(self, objective: Any, parts: Sequence[tuple[Examples, int]]) -> Sums:
        """Compute the gradient of the summed losses, stored in the parameters.

        Parameters
        ----------
        objective
            Training objective.
        parts
            Examples and dropout seed of each micro-batch.

        Returns
        -------
        Sums
            Sums over the micro-batches of this process.

        Raises
        ------
        ResourceError
            A single sequence that exceeds the memory.
        """
        while True:
            done = self._attempt(objective, parts)
            if isinstance(done, Sums):
                return done
            self.model.zero_grad(set_to_none=True)
            self._shrink(done)

    def measure(self, objective: Any, examples: Examples) -> list[Loss]:
        """Losses without gradients.

        Parameters
        ----------
        objective
            Training objective.
        examples
            Examples of one batch.

        Returns
        -------
        list of Loss
            One per micro-batch.

        Raises
        ------
        ResourceError
            A single sequence that exceeds the memory.
        """
        while True:
            found: list[Loss] = []
            for piece in examples.split(self.most):
                loss = self._pass(objective, piece)
                if isinstance(loss, _TooLarge):
                    self._shrink(loss)
                    break
                found.append(loss)
            else:
                return found

    def _attempt(self, objective: Any, parts: Sequence[tuple[Examples, int]]) -> Sums | _TooLarge:
        total, weight, tokens = torch.zeros((), device=self.model.device), 0.0, 0
        for number, (examples, seed) in enumerate(parts):
            torch.manual_seed(seed)
            pieces = examples.split(self.most)
            for place, piece in enumerate(pieces):
                last = number == len(parts) - 1 and place == len(pieces) - 1
                loss = self._pass(objective, piece, last)
                if isinstance(loss, _TooLarge):
                    return loss
                total += loss.total
                weight, tokens = weight + loss.weight, tokens + len(piece.tokens)
        return Sums(float(total), weight, tokens)

    def _pass(self, objective: Any, piece: Examples, last: bool | None = None) -> Loss | _TooLarge:
        """Forward pass, and backward pass unless `last` is None; temporary memory is freed on return, also after a failure."""
        exchanging = False
        try:
            with nullcontext() if last is None else self.team.quiet(last):
                with autocast(self.precision, self.model.device):
                    loss = self.team.score(self.model, objective, piece)
                if last is not None:
                    exchanging = last and self.team.size > 1
                    loss.total.backward()
            return loss._replace(total=loss.total.detach())
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            reason = str(error).strip().partition("\n")[0]
        if self.model.device.type == "cuda":
            torch.cuda.empty_cache()
        divisible = piece.divisible
        if divisible and (exchanging or not self.team.splits):
            raise ResourceError(
                f"Out of memory in a pass of {len(piece.tokens)} tokens whose gradients are exchanged with other processes: "
                f"{reason}. Set TrainConfig(batch_tokens={len(piece.tokens) // 2}) and double accumulation."
            )
        return _TooLarge(len(piece.tokens), len(piece.boundaries) - 1, divisible, reason)

    def _shrink(self, failed: _TooLarge) -> None:
        if not failed.divisible:
            raise ResourceError(
                f"Out of memory on a single {'sequence' if failed.sequences == 1 else 'group'} of {failed.tokens} tokens: "
                f"{failed.reason}. Train on shorter sequences, set TrainConfig(checkpoint_activations=True), or use a smaller model "
                "or a machine with more memory."
            )
        self.most = failed.tokens // 2
        warnings.warn(
            f"Out of memory in a pass of {failed.tokens} tokens ({failed.sequences} sequences). From now on a pass has at most "
            f"{self.most} tokens; the effective batch is the same, with gradients summed over more passes.",
            stacklevel=4,
        )


def out_of_memory(error: BaseException) -> bool:
    """Whether an error reports that memory ran out, on a GPU or a CPU.

    Parameters
    ----------
    error
        Error that was raised.

    Returns
    -------
    bool
        False for any other error.
    """
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(sign in str(error) for sign in _SIGNS)
