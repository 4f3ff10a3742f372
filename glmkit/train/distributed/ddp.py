"""Several processes that train one model, by torch's own wrappers.

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
from torch.nn.parallel import DistributedDataParallel

from glmkit.errors import BadInput
from glmkit.models import Transformer
from glmkit.train.loop.process_group import Alone
from glmkit.train.objectives.base import Examples, Loss


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
            from torch.distributed.fsdp import fully_shard  # takes two seconds to import

            for block in model.network.layers:
                fully_shard(block)
            self._scorer = fully_shard(scorer)
        else:
            untrained = getattr(model, "contact_head", None) is not None  # no objective trains it; looking for it takes time
            self._scorer = DistributedDataParallel(scorer, broadcast_buffers=False, find_unused_parameters=untrained)

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
