"""Causal language modelling: prediction of each token from the preceding ones."""

from typing import TYPE_CHECKING

import numpy as np

from glmkit.train.objectives.base import Examples
from glmkit.train.objectives.batches import Batch
from glmkit.train.objectives.language import LanguageObjective

if TYPE_CHECKING:
    from glmkit.models import Model


class CausalLanguageModel(LanguageObjective):
    """Objective of causal language models: each token is predicted from those before it.

    N and special tokens are read but not predicted.

    Parameters
    ----------
    reverse_complement
        Whether to read each sequence on a random strand; for DNA in single bases or overlapping k-mers.

    Examples
    --------
    >>> from glmkit.data.corpora import EncodedWindows
    >>> from glmkit.models import TransformerConfig, new_model
    >>> from glmkit.tokens import make_tokenizer
    >>> from glmkit.train import CausalLanguageModel, TrainConfig, fit
    >>> config = TransformerConfig(vocabulary_size=10, width=8, layers=1, heads=2, feedforward=8, causal=True)
    >>> model = new_model(config, make_tokenizer("base"))
    >>> corpus = EncodedWindows(["ACGTTGCA", "GGCATTAC"], model.tokenizer)
    >>> fit(model, corpus, CausalLanguageModel(), TrainConfig(steps=2, device="cpu")).tokens
    32
    """

    name = "causal"
    causal = True

    def __init__(self, *, reverse_complement: bool = False) -> None:
        self.reverse_complement = reverse_complement

    def prepare(self, model: "Model", batch: Batch, rng: np.random.Generator) -> Examples:
        """Choose strands, and score every token except the first of each sequence.

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
            Examples scored at the positions before the predicted ones.
        """
        batch = self.strands(model, batch, rng)
        follows = np.ones(len(batch.tokens), dtype=bool)
        follows[batch.boundaries[:-1]] = False
        predicted = np.flatnonzero(follows & model.tokenizer.maskable[batch.tokens])
        weights = np.ones(len(predicted), np.float32) if batch.weights is None else batch.weights[predicted]
        return Examples(batch.tokens, batch.boundaries, batch.tokens[predicted], weights, predicted - 1)
