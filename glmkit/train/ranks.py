"""The processes that train one model together, or one process alone, behind one face.

A step of N processes with `accumulation` A is the step of one process with N·A: pass p of the step belongs to process p mod N, with
the same batch, masks and dropout. What they add up is losses, weights and gradients.

``DistributedDataParallel`` (Li et al. 2020, arXiv:2006.15704) keeps the whole model in every process and adds gradients up during
the last backward pass of a step. ``fully_shard`` (FSDP, Zhao et al. 2023, arXiv:2304.11277) spreads weights, gradients and
optimiser over the processes and fetches each block when it is needed: less memory, more traffic.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from glmkit.errors import BadInput
from glmkit.models import Transformer
from glmkit.train.objectives import Examples, Loss


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


class Scorer(nn.Module):
    """A model and the act of scoring it, as the one module whose forward pass torch's wrappers watch.

    Parameters
    ----------
    model
        What is trained.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, objective: Any, examples: Examples) -> Loss:
        """The loss of examples.

        Parameters
        ----------
        objective
            Scores.
        examples
            Of one pass.

        Returns
        -------
        Loss
            With a gradient.
        """
        return objective.score(self.model, examples)


class Together(Alone):
    """The processes of torch's default group.

    Parameters
    ----------
    shard
        Spread the model over them instead of keeping it whole in each.
    """

    def __init__(self, shard: bool) -> None:
        self.rank, self.size, self.shard = dist.get_rank(), dist.get_world_size(), shard
        self.splits = not shard
        self._scorer: Any = None
        self._device = torch.device("cpu")

    def adopt(self, model: Any) -> None:
        """Wrap the model for torch.

        Parameters
        ----------
        model
            On its device.

        Raises
        ------
        BadInput
            Only a Transformer can be spread.
        """
        self._device = model.device
        scorer = Scorer(model)
        if self.shard:
            if not isinstance(model.network, Transformer):
                raise BadInput(f"shard=True needs a Transformer, this is a {type(model.network).__name__}. Set shard=False.")
            for block in model.network.layers:
                fully_shard(block)
            self._scorer = fully_shard(scorer)
        else:
            self._scorer = DistributedDataParallel(scorer, broadcast_buffers=False, find_unused_parameters=True)

    def score(self, model: Any, objective: Any, examples: Examples) -> Loss:
        """The loss of examples, through torch's wrapper where that has work to do.

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
        if self.shard or torch.is_grad_enabled():
            return self._scorer(objective, examples)
        return objective.score(model, examples)

    def quiet(self, last: bool) -> AbstractContextManager[Any]:
        """The context of a pass; whole models exchange gradients in the last pass only.

        Parameters
        ----------
        last
            Whether it is the step's last one.

        Returns
        -------
        context manager
            For forward and backward.
        """
        return nullcontext() if self.shard or last else self._scorer.no_sync()

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
        tensor = torch.tensor(values, dtype=torch.float64, device=self._device)
        dist.all_reduce(tensor)
        return tensor.tolist()

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
        return self.sums([float(flag)])[0] > 0

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
        tensor = torch.tensor([value], dtype=torch.int64, device=self._device)
        dist.broadcast(tensor, 0)
        return int(tensor.item())


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
    return (found.full_tensor() if isinstance(found, DTensor) else found).cpu().contiguous()


def spread_like(tensor: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
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
    if isinstance(like, DTensor) and tensor.shape == like.shape:
        return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements)
    return tensor.to(like.device)
