"""Data-parallel and fully sharded training in several processes, by torch's wrappers.

``DistributedDataParallel`` (Li et al. 2020, arXiv:2006.15704) replicates the model in every process and sums gradients during
the last backward pass of a step. ``fully_shard`` (FSDP, Zhao et al. 2023, arXiv:2304.11277) shards weights, gradients and
optimiser over the processes and gathers each block when needed, with less memory and more traffic.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from glmkit.errors import BadInput
from glmkit.models import Transformer
from glmkit.train.loop.process_group import SingleProcess
from glmkit.train.objectives.base import Examples, Loss


class Scorer(nn.Module):
    """A model and its loss as a single module, because torch's wrappers act on the forward pass of a module.

    Parameters
    ----------
    model
        Model to train.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, objective: Any, examples: Examples) -> Loss:
        """The loss of examples.

        Parameters
        ----------
        objective
            Training objective, which computes the loss.
        examples
            Examples of one forward pass.

        Returns
        -------
        Loss
            Loss with a gradient.
        """
        return objective.score(self.model, examples)


class ProcessGroup(SingleProcess):
    """Interface to torch's default process group.

    Parameters
    ----------
    shard
        Whether to shard the model over the processes instead of replicating it.
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
            Model on its device.

        Raises
        ------
        BadInput
            Sharding of a network that is not a Transformer.
        """
        self._device = model.device
        scorer = Scorer(model)
        if self.shard:
            if not isinstance(model.network, Transformer):
                raise BadInput(f"shard=True needs a Transformer, this is a {type(model.network).__name__}. Set shard=False.")
            from torch.distributed.fsdp import fully_shard  # imported here, because it takes two seconds

            for block in model.network.layers:
                fully_shard(block)
            self._scorer = fully_shard(scorer)
        else:
            # No objective trains a contact head, so DDP must search for unused parameters, which takes time.
            untrained = getattr(model, "contact_head", None) is not None
            self._scorer = DistributedDataParallel(scorer, broadcast_buffers=False, find_unused_parameters=untrained)

    def score(self, model: Any, objective: Any, examples: Examples) -> Loss:
        """The loss of examples, through torch's wrapper if gradients or shards require it.

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
        if self.shard or torch.is_grad_enabled():
            return self._scorer(objective, examples)
        return objective.score(model, examples)

    def quiet(self, last: bool) -> AbstractContextManager[Any]:
        """The context of a pass; replicated models exchange gradients in the last pass only.

        Parameters
        ----------
        last
            Whether the pass is the last one of the step.

        Returns
        -------
        context manager
            Context of the forward and backward pass.
        """
        return nullcontext() if self.shard or last else self._scorer.no_sync()

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
        tensor = torch.tensor(values, dtype=torch.float64, device=self._device)
        dist.all_reduce(tensor)
        return tensor.tolist()

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
        return self.sums([float(flag)])[0] > 0

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
        tensor = torch.tensor([value], dtype=torch.int64, device=self._device)
        dist.broadcast(tensor, 0)
        return int(tensor.item())
