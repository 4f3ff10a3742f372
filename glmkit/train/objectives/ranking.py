"""Ranking of items, for assays that agree on the order of items but not on a scale."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from glmkit.errors import BadInput
from glmkit.train.objectives.base import Examples, Loss, Objective, as_tensors, check_count
from glmkit.train.objectives.batches import Batch
from glmkit.train.objectives.regression import check_regressor, check_targets


class Ranking(Objective):
    """Objective of ranking: pairwise logistic loss (RankNet, Burges et al. 2005, doi:10.1145/1102351.1102363).

    The loss of a pair with targets a > b is ``log(1 + exp(score_b - score_a))``. All pairs of a group within a batch have equal
    weight; ties are excluded. More items of a group in ``batch_tokens`` give more pairs per step.

    Parameters
    ----------
    targets
        Values of the items, (n,); only their order within a group is used.
    groups
        Group of each item, such as an assay or a protein, int (n,); items are compared within groups. None for one group.
    reverse_complement
        Whether to read each sequence on a random strand; only for targets that are valid on both.

    Raises
    ------
    BadInput
        A target that is NaN or infinite, groups that are not one integer per item, or no group with two different targets.
    """

    name = "ranking"

    def __init__(self, targets: np.ndarray, groups: np.ndarray | None = None, *, reverse_complement: bool = False) -> None:
        found = check_targets(targets)
        if found.shape[1] != 1:
            raise BadInput(f"Ranking needs one target per item, got {found.shape[1]}.")
        self.targets = found[:, 0]
        self.groups = np.zeros(len(found), np.int64) if groups is None else np.asarray(groups)
        if self.groups.shape != self.targets.shape or self.groups.dtype.kind not in "iu":
            raise BadInput(
                f"Groups must be whole numbers, one per item, ({len(found)},), got {self.groups.dtype} of shape "
                f"{self.groups.shape}."
            )
        order = np.lexsort((self.targets, self.groups))
        same = np.diff(self.groups[order]) == 0
        if not (same & (np.diff(self.targets[order]) != 0)).any():
            raise BadInput("No group has two items with different targets, so there is no pair to rank.")
        self.reverse_complement = reverse_complement

    def arrays(self) -> dict[str, np.ndarray]:
        """Targets and groups."""
        return {"targets": self.targets, "groups": self.groups}

    def suits(self, model: Any, store: Any) -> None:
        """Raise BadInput if targets, corpus and regressor do not match.

        Parameters
        ----------
        model
            A Regressor with one output.
        store
            The corpus.
        """
        check_regressor(model, "Ranking")
        if len(model.outputs) != 1:
            raise BadInput(f"Ranking needs a regressor with one output, this one has {len(model.outputs)}.")
        check_count(len(self.targets), "targets", store)

    def prepare(self, model: Any, batch: Batch, rng: np.random.Generator) -> Examples:
        """Choose strands, and sort the items by group.

        Parameters
        ----------
        model
            Model with a tokenizer.
        batch
            Batch of packed items.
        rng
            Random generator of strands.

        Returns
        -------
        Examples
            Examples scored by sequence; a group stays in one micro-batch.
        """
        batch = self.strands(model, batch, rng)
        order = np.argsort(self.groups[batch.indices], kind="stable")
        edges = batch.boundaries
        tokens = np.concatenate([batch.tokens[edges[i] : edges[i + 1]] for i in order])
        boundaries = np.r_[0, np.cumsum(np.diff(edges)[order])].astype(np.int64)
        items = batch.indices[order]
        weights = np.ones(len(items), np.float32)
        return Examples(tokens, boundaries, self.targets[items], weights, None, self.groups[items].astype(np.int64))

    def score(self, model: Any, examples: Examples) -> Loss:
        """Logistic loss of every pair within a group.

        Parameters
        ----------
        model
            A Regressor with one output.
        examples
            Examples from `prepare`.

        Returns
        -------
        Loss
            Sum over pairs; a pair in the right order counts as correct.
        """
        assert examples.groups is not None
        same = examples.groups[:, None] == examples.groups[None, :]
        better, worse = np.nonzero(same & (examples.targets[:, None] > examples.targets[None, :]))
        found = model(*as_tensors(examples, model))[:, 0].float()
        lead = found[torch.from_numpy(better).to(found.device)] - found[torch.from_numpy(worse).to(found.device)]
        correct = None if model.training else (lead > 0).sum()
        return Loss(F.softplus(-lead).sum(), float(len(better)), correct)
