"""Causal language modelling: the objective of models that read from left to right."""

from typing import Any

import numpy as np

from glmkit.train.objectives.base import Examples
from glmkit.train.objectives.batches import Batch
from glmkit.train.objectives.language import LanguageObjective


class CausalLanguageModel(LanguageObjective):
    """Predict each token from those before it; N and special tokens are read, not predicted.

    Parameters
    ----------
    reverse_complement
        Read each sequence on a random strand. For DNA in single bases or overlapping k-mers.
    """

    name = "causal"
    causal = True

    def __init__(self, *, reverse_complement: bool = False) -> None:
        self.reverse_complement = reverse_complement

    def prepare(self, model: Any, batch: Batch, rng: np.random.Generator) -> Examples:
        """Choose strands; score every token but each sequence's first.

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
            Scored at the positions before the predicted ones.
        """
        batch = self.strands(model, batch, rng)
        follows = np.ones(len(batch.tokens), dtype=bool)
        follows[batch.boundaries[:-1]] = False
        predicted = np.flatnonzero(follows & model.tokenizer.maskable[batch.tokens])
        weights = np.ones(len(predicted), np.float32) if batch.weights is None else batch.weights[predicted]
        return Examples(batch.tokens, batch.boundaries, batch.tokens[predicted], weights, predicted - 1)
