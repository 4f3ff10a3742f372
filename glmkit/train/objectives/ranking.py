"""Learning an order instead of values: what counts where assays agree on better and worse but not on a scale."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from glmkit.errors import BadInput
from glmkit.train.objectives.base import Examples, Loss, Objective, as_tensors, check_count
from glmkit.train.objectives.batches import Batch
from glmkit.train.objectives.regression import check_regressor, check_targets


class Ranking(Objective):
    """Score the better of two items higher (pairwise logistic loss: RankNet, Burges et al. 2005, doi:10.1145/1102351.1102363).

    The loss of a pair with targets a > b is ``log(1 + exp(score_b - score_a))``; all pairs of one group that meet in a batch
    count the same, ties do not count. The more items of a group fit in ``batch_tokens``, the more pairs a step sees.

    Parameters
    ----------
    targets
        (n,): only their order within a group matters.
    groups
        int (n,): items are compared within their group, an assay or a protein, say. One group if None.
    reverse_complement
        Read each sequence on a random strand: only for targets that hold on both.

    Raises
    ------
    BadInput
        A target is NaN or infinite, groups are not whole numbers one an item, or no group has two different targets.
    """

    name = "ranking"

    def __init__(self, targets: np.ndarray, groups: np.ndarray | None = None, *, reverse_complement: bool = False) -> None:
        found = check_targets(targets)
        if found.shape[1] != 1:
            raise BadInput(f"Ranking needs one target an item, got {found.shape[1]}.")
        self.targets = found[:, 0]
        self.groups = np.zeros(len(found), np.int64) if groups is None else np.asarray(groups)
        if self.groups.shape != self.targets.shape or self.groups.dtype.kind not in "iu":
            raise BadInput(
                f"Groups must be whole numbers, one an item, ({len(found)},), got {self.groups.dtype} of shape {self.groups.shape}."
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
        """Raise BadInput if targets, corpus and regressor do not fit together.

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
        """Choose strands; put the items of a group side by side.

        Parameters
        ----------
        model
            Gives its tokenizer.
        batch
            Packed items.
        rng
            Decides strands.

        Returns
        -------
        Examples
            Scored by sequence; a group stays in one pass.
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
        """Logistic loss of every pair of a group.

        Parameters
        ----------
        model
            A Regressor with one output.
        examples
            From `prepare`.

        Returns
        -------
        Loss
            Summed over pairs; a pair in the right order is a right guess.
        """
        assert examples.groups is not None
        same = examples.groups[:, None] == examples.groups[None, :]
        better, worse = np.nonzero(same & (examples.targets[:, None] > examples.targets[None, :]))
        found = model(*as_tensors(examples, model))[:, 0].float()
        lead = found[torch.from_numpy(better).to(found.device)] - found[torch.from_numpy(worse).to(found.device)]
        correct = None if model.training else (lead > 0).sum()
        return Loss(F.softplus(-lead).sum(), float(len(better)), correct)
