"""The processes that train one model together behind one face; here one process alone, its simplest case.

A step of N processes with `accumulation` A is the step of one process with N·A: pass p of the step belongs to process p mod N, with
the same batch, masks and dropout. What they add up is losses, weights and gradients (see `glmkit.train.distributed.ddp`).
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from glmkit.train.objectives.base import Examples, Loss


class Alone:
    """One process."""

    rank, size = 0, 1
    splits = True  # whether a pass may be cut when memory runs out

    @property
    def leads(self) -> bool:
        """Whether this process writes files and lines of the log."""
        return self.rank == 0

    def adopt(self, model: Any) -> None:
        """Make the model ready for the passes of this team.

        Parameters
        ----------
        model
            On its device.
        """

    def score(self, model: Any, objective: Any, examples: Examples) -> Loss:
        """The loss of examples.

        Parameters
        ----------
        model
            The one adopted.
        objective
            Scores.
        examples
            Of one pass.

        Returns
        -------
        Loss
            Of this process.
        """
        return objective.score(model, examples)

    def quiet(self, last: bool) -> AbstractContextManager[Any]:
        """The context of a pass: gradients are exchanged in the last one only.

        Parameters
        ----------
        last
            Whether it is the step's last one.

        Returns
        -------
        context manager
            For forward and backward.
        """
        return nullcontext()

    def sums(self, values: Sequence[float]) -> list[float]:
        """Values added up over the team.

        Parameters
        ----------
        values
            Of this process.

        Returns
        -------
        list of float
            The same in every process.
        """
        return list(values)

    def any(self, flag: bool) -> bool:
        """Whether any process of the team says so.

        Parameters
        ----------
        flag
            Of this process.

        Returns
        -------
        bool
            The same in every process.
        """
        return flag

    def first(self, value: int) -> int:
        """The leading process' value.

        Parameters
        ----------
        value
            Of this process.

        Returns
        -------
        int
            The same in every process.
        """
        return value


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor that may be spread over processes, whole on the CPU; all processes must ask.

    Parameters
    ----------
    tensor
        Spread or not.

    Returns
    -------
    torch.Tensor
        Contiguous, without a gradient.
    """
    found = tensor.detach()
    return (found.full_tensor() if hasattr(found, "full_tensor") else found).cpu().contiguous()


def spread_like(tensor: torch.Tensor, like: Any) -> torch.Tensor:
    """A whole tensor, spread and placed as another one is.

    Parameters
    ----------
    tensor
        Whole, the same in every process.
    like
        The example.

    Returns
    -------
    torch.Tensor
        On the example's device.
    """
    if hasattr(like, "device_mesh") and tensor.shape == like.shape:
        from torch.distributed.tensor import distribute_tensor  # takes a second to import, and one process alone never needs it

        return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements)
    return tensor.to(like.device)
