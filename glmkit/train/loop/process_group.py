"""Interface of the training loop to a process group, with the implementation for a single process.

A step of N processes with `accumulation` A equals a step of one process with N·A. Micro-batch p of the step belongs to process
p mod N, with the same batch, masks and dropout. Losses, weights and gradients are summed over processes (see
`glmkit.train.distributed.ddp`).
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import torch

from glmkit.train.objectives.base import Examples, Loss

if TYPE_CHECKING:
    from glmkit.models import Model


class SingleProcess:
    """Process group of a single process."""

    rank, size = 0, 1
    splits = True  # whether a micro-batch can be split when memory runs out

    @property
    def leads(self) -> bool:
        """Whether this process (rank 0) writes files and the log."""
        return self.rank == 0

    def adopt(self, model: "Model") -> None:
        """Prepare the model for the passes of this process group.

        Parameters
        ----------
        model
            Model on its device.
        """

    def score(self, model: "Model", objective: Any, examples: Examples) -> Loss:
        """The loss of examples.

        Parameters
        ----------
        model
            Model that was passed to `adopt`.
        objective
            Training objective, which computes the loss.
        examples
            Examples of one forward pass.

        Returns
        -------
        Loss
            Loss of this process.
        """
        return objective.score(model, examples)

    def quiet(self, last: bool) -> AbstractContextManager[Any]:
        """The context of a pass: gradients are exchanged in the last one only.

        Parameters
        ----------
        last
            Whether the pass is the last one of the step.

        Returns
        -------
        context manager
            Context of the forward and backward pass.
        """
        return nullcontext()

    def sums(self, values: Sequence[float]) -> list[float]:
        """Sums of values over the process group.

        Parameters
        ----------
        values
            Values of this process.

        Returns
        -------
        list of float
            Result, equal in every process.
        """
        return list(values)

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process of the group.

        Parameters
        ----------
        flag
            Flag of this process.

        Returns
        -------
        bool
            Result, equal in every process.
        """
        return flag

    def first(self, value: int) -> int:
        """The value of the process of rank 0.

        Parameters
        ----------
        value
            Value of this process.

        Returns
        -------
        int
            Result, equal in every process.
        """
        return value


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """A full copy on the CPU of a tensor that may be sharded; all processes must call this function.

    Parameters
    ----------
    tensor
        Tensor, sharded or not.

    Returns
    -------
    torch.Tensor
        Contiguous tensor without a gradient.
    """
    found = tensor.detach()
    return (found.full_tensor() if hasattr(found, "full_tensor") else found).cpu().contiguous()


def spread_like(tensor: torch.Tensor, like: Any) -> torch.Tensor:
    """A tensor with the sharding and device of another one.

    Parameters
    ----------
    tensor
        Full tensor, the same in every process.
    like
        Tensor whose sharding and device are used.

    Returns
    -------
    torch.Tensor
        Tensor on the device of `like`.
    """
    if hasattr(like, "device_mesh") and tensor.shape == like.shape:
        from torch.distributed.tensor import distribute_tensor  # imported here, because it takes a second

        return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements)
    return tensor.to(like.device)
