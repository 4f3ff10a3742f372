"""Regression of one or several values per sequence or cell, such as stability, fitness, affinity or expression."""

from typing import Any

import numpy as np
import torch

from glmkit.errors import BadInput
from glmkit.models.heads import Regressor
from glmkit.train.objectives.base import Examples, Loss, Objective, as_tensors, check_count
from glmkit.train.objectives.batches import Batch


class Regression(Objective):
    """Objective of regressors: least squares.

    The loss of an item is the mean over outputs of the squared error. With `normalise`, errors are divided by the standard
    deviations in the regressor (``new_regressor(..., targets=)``). Outputs in different units then have equal weight, and the
    loss of a constant prediction is about 1.

    Parameters
    ----------
    targets
        Values of each item of the corpus, (n,) or (n, outputs).
    weights
        Weight of each item in the loss, (n,); None for 1.
    normalise
        Whether to divide errors by the regressor's ``scale``.
    reverse_complement
        Whether to read each sequence on a random strand; only for targets that are valid on both.

    Raises
    ------
    BadInput
        A target that is NaN or infinite, or a weight that is negative, not finite or missing.

    Examples
    --------
    >>> from glmkit.data.corpora import EncodedWindows
    >>> from glmkit.models import TransformerConfig, new_model, new_regressor
    >>> from glmkit.tokens import make_tokenizer
    >>> from glmkit.train import Regression, TrainConfig, fit
    >>> config = TransformerConfig(vocabulary_size=10, width=8, layers=1, heads=2, feedforward=8)
    >>> regressor = new_regressor(new_model(config, make_tokenizer("base")), outputs=("expression",))
    >>> corpus = EncodedWindows(["ACGTTGCA", "TATAATGC"], regressor.tokenizer)
    >>> fit(regressor, corpus, Regression([0.3, 1.2]), TrainConfig(steps=2, device="cpu")).steps
    2
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
                raise BadInput(f"Weights must be one per item, ({len(self.targets)},), got shape {self.weights.shape}.")
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
        """Raise BadInput if targets, corpus and regressor do not match.

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
        """Choose strands and select the targets.

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
            Examples scored by sequence.
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
            Examples from `prepare`.

        Returns
        -------
        Loss
            Weighted sum over sequences, without an accuracy.
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
        Numeric targets, (n,) or (n, outputs).

    Returns
    -------
    numpy.ndarray
        float64 (n, outputs).

    Raises
    ------
    BadInput
        Targets that are not numeric, or a target that is NaN or infinite.
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
            "Remove these items, or give them finite values."
        )
    return found


def check_regressor(model: Any, objective: str) -> None:
    """Raise BadInput unless the model is a Regressor.

    Parameters
    ----------
    model
        Any model.
    objective
        Name of the objective, for the message.
    """
    if not isinstance(model, Regressor):
        raise BadInput(
            f"{objective} needs a Regressor, got a {type(model).__name__}; create one with "
            "glmkit.models.new_regressor(model, outputs)."
        )
