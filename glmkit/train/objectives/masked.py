"""Masked language modelling: prediction of hidden tokens from both sides."""

from typing import Any

import numpy as np

from glmkit.data.corpora import hide_lost, lose_modalities, mask_tokens
from glmkit.errors import BadInput
from glmkit.train.objectives.base import Examples
from glmkit.train.objectives.batches import Batch
from glmkit.train.objectives.language import LanguageObjective


class MaskedLanguageModel(LanguageObjective):
    """Objective of masked language models: hidden tokens are predicted from both sides.

    The objective is that of BERT (Devlin et al. 2019, arXiv:1810.04805). For overlapping k-mers, *bases* are hidden by masking all
    tokens that cover them, and all these tokens are predicted. The 80/10/10 rule does not apply there, because an unmasked token
    would show its bases (see :func:`glmkit.data.corpora.mask_tokens`).

    Parameters
    ----------
    rate
        Fraction of tokens to hide, in (0, 1]: 80% of them become the mask, 10% a random letter, and 10% are unchanged. For
        overlapping k-mers, the fraction of bases; each hides up to k tokens, so use about a third of the rate for single bases.
    span
        Length of a hidden run in tokens (bases for overlapping k-mers); runs longer than 1 become masks only.
    reverse_complement
        Whether to read each sequence on a random strand; for DNA in single bases or overlapping k-mers.
    missing
        Probability that a cell of several modalities loses one of them, also in validation, in [0, 1); see
        `glmkit.data.corpora.lose_modalities`.

    Raises
    ------
    BadInput
        A rate, span or probability out of range.

    Examples
    --------
    >>> from glmkit.data.corpora import EncodedWindows
    >>> from glmkit.models import TransformerConfig, new_model
    >>> from glmkit.tokens import make_tokenizer
    >>> from glmkit.train import MaskedLanguageModel, TrainConfig, fit
    >>> config = TransformerConfig(vocabulary_size=10, width=8, layers=1, heads=2, feedforward=8)
    >>> model = new_model(config, make_tokenizer("base"))
    >>> corpus = EncodedWindows(["ACGTTGCA", "GGCATTAC"], model.tokenizer)
    >>> fit(model, corpus, MaskedLanguageModel(rate=0.2), TrainConfig(steps=2, device="cpu")).tokens
    32
    """

    name = "masked"
    causal = False

    def __init__(self, rate: float = 0.15, *, span: int = 1, reverse_complement: bool = False, missing: float = 0.0) -> None:
        if not 0 < rate <= 1:
            raise BadInput(f"The masking rate must lie in (0, 1], got {rate!r}.")
        if span < 1:
            raise BadInput(f"The span of a hidden run must be 1 or more, got {span!r}.")
        if not 0 <= missing < 1:
            raise BadInput(f"The probability that a modality is missing must lie in [0, 1), got {missing!r}.")
        self.rate, self.span, self.reverse_complement, self.missing = rate, span, reverse_complement, missing

    def settings(self) -> dict[str, Any]:
        """Rate, span and strands, and the probability of a missing modality if it is above 0."""
        missing = {"missing": self.missing} if self.missing else {}
        return {"rate": self.rate, "span": self.span, "reverse_complement": self.reverse_complement} | missing

    def suits(self, model: Any, store: Any) -> None:
        """Raise BadInput if the model is no masked language model, or has no modality to lose.

        Parameters
        ----------
        model
            A LanguageModel.
        store
            The corpus.
        """
        super().suits(model, store)
        if self.missing and not hasattr(model.tokenizer, "modality"):
            raise BadInput(
                f"missing={self.missing} is for cells of several modalities, but a {type(model.tokenizer).__name__} has one. "
                "Use missing=0."
            )

    def prepare(self, model: Any, batch: Batch, rng: np.random.Generator) -> Examples:
        """Choose strands and hide tokens.

        Parameters
        ----------
        model
            Model with a tokenizer.
        batch
            Batch of packed items.
        rng
            Random generator of strands and masks.

        Returns
        -------
        Examples
            Examples scored at the hidden positions.
        """
        batch = self.strands(model, batch, rng)
        ids, boundaries, weights = batch.tokens, batch.boundaries, batch.weights
        hidden = None
        if self.missing:
            lost = lose_modalities(ids, boundaries, model.tokenizer, rng, self.missing)
            boundaries = np.concatenate([[0], np.cumsum(lost.kept)])[boundaries]
            ids, hidden = ids[lost.kept], lost.hidden[lost.kept]
            weights = None if weights is None else weights[lost.kept]
        masked = mask_tokens(ids, model.tokenizer, rng, self.rate, weights, boundaries, self.span)
        if hidden is not None:
            masked = hide_lost(masked, ids, hidden, model.tokenizer, weights)
        return Examples(masked.inputs, boundaries, masked.targets, masked.weights, masked.positions)
