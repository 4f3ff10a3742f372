"""Telling a number, or several, of a sequence: stability, fitness, affinity, expression."""

from typing import Any

import numpy as np
import torch

from glmkit.errors import BadInput
from glmkit.models.heads import Regressor
from glmkit.train.objectives.base import Examples, Loss, Objective, as_tensors, check_count
from glmkit.train.objectives.batches import Batch


class Regression(Objective):
    """Tell the numbers that belong to a sequence, by least squares.

    The loss of an item is the mean over outputs of the squared error. With `normalise` errors are counted in the spreads that
    the regressor was made with (``new_regressor(..., targets=)``), so that outputs in different units weigh the same and the
    loss of a constant guess is near 1.

    Parameters
    ----------
    targets
        (n,) or (n, outputs): the numbers of each item of the corpus.
    weights
        (n,): weight of each item in the loss, 1 if None.
    normalise
        Count errors in units of the regressor's ``scale``.
    reverse_complement
        Read each sequence on a random strand: only for targets that hold on both.

    Raises
    ------
    BadInput
        A target is NaN or infinite, or a weight is negative, not finite or missing.
    """

    name = "regression"

    def __init__(
        self,
        targets: np.ndarray,
        weights: np.ndarray | None = None,
        normalise: bool = True,
        *,
        reverse_complement: bool = False,
    ) -> None:
        self.targets = check_targets(targets)
        self.weights = None if weights is None else np.asarray(weights, np.float64)
        if self.weights is not None:
            if self.weights.shape != (len(self.targets),):
                raise BadInput(f"Weights must be one an item, ({len(self.targets)},), got shape {self.weights.shape}.")
            if not (np.isfinite(self.weights) & (self.weights >= 0)).all() or not self.weights.any():
                raise BadInput("Weights must be finite, 0 or more, and not all 0.")
        self.normalise, self.reverse_complement = normalise, reverse_complement

    def settings(self) -> dict[str, Any]:
        """Normalisation and strands."""
        return {"normalise": self.normalise, "reverse_complement": self.reverse_complement}

    def arrays(self) -> dict[str, np.ndarray]:
        """Targets, and weights if there are any."""
        return {"targets": self.targets} | ({} if self.weights is None else {"weights": self.weights})

    def suits(self, model: Any, store: Any) -> None:
        """Raise BadInput if targets, corpus and regressor do not fit together.

        Parameters
        ----------
        model
            A Regressor.
        store
            The corpus.
        """
        check_regressor(model, "Regression")
        check_count(len(self.targets), "targets", store)
        if self.targets.shape[1] != len(model.outputs):
            raise BadInput(
                f"Each item has {self.targets.shape[1]} targets, but the regressor has {len(model.outputs)} outputs "
                f"({', '.join(model.outputs)})."
            )

    def prepare(self, model: Any, batch: Batch, rng: np.random.Generator) -> Examples:
        """Choose strands and look the targets up.

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
            Scored by sequence.
        """
        batch = self.strands(model, batch, rng)
        found = np.ones(len(batch.indices)) if self.weights is None else self.weights[batch.indices]
        return Examples(batch.tokens, batch.boundaries, self.targets[batch.indices], found.astype(np.float32))

    def score(self, model: Any, examples: Examples) -> Loss:
        """Squared errors.

        Parameters
        ----------
        model
            A Regressor.
        examples
            From `prepare`.

        Returns
        -------
        Loss
            Summed over sequences, with their weights; there is no count of right guesses.
        """
        found = model(*as_tensors(examples, model)).float()
        wanted = torch.from_numpy(examples.targets.astype(np.float32)).to(found.device)
        weight = torch.from_numpy(examples.weights).to(found.device)
        error = (found - wanted) / model.scale if self.normalise else found - wanted
        return Loss((error.square().mean(-1) * weight).sum(), float(examples.weights.sum(dtype=np.float64)))


def check_targets(targets: np.ndarray) -> np.ndarray:
    """Targets as a table.

    Parameters
    ----------
    targets
        (n,) or (n, outputs), numbers.

    Returns
    -------
    numpy.ndarray
        float64 (n, outputs).

    Raises
    ------
    BadInput
        They are no numbers, or one is NaN or infinite: its item is named.
    """
    found = np.asarray(targets)
    if found.ndim not in {1, 2} or found.dtype.kind not in "iuf" or found.size == 0:
        raise BadInput(f"Targets must be numbers of shape (n,) or (n, outputs), got {found.dtype} of shape {found.shape}.")
    found = found.astype(np.float64).reshape(len(found), -1)
    wrong = np.flatnonzero(~np.isfinite(found).all(1))
    if len(wrong):
        values = found[wrong[0]].tolist()
        raise BadInput(
            f"{len(wrong)} of {len(found)} items have a target that is NaN or infinite, the first is item {wrong[0]}: {values}. "
            "Leave these items out, or give them finite values."
        )
    return found


def check_regressor(model: Any, objective: str) -> None:
    """Raise BadInput unless the model is a Regressor.

    Parameters
    ----------
    model
        Any model.
    objective
        Its name, for the message.
    """
    if not isinstance(model, Regressor):
        raise BadInput(
            f"{objective} needs a Regressor, got a {type(model).__name__}; make one with "
            "glmkit.models.new_regressor(model, outputs)."
        )
