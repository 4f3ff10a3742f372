"""Masked language modelling: the objective of models that read both ways."""

from typing import Any

import numpy as np

from glmkit.data.corpora import hide_lost, lose_modalities, mask_tokens
from glmkit.errors import BadInput
from glmkit.train.objectives.base import Examples
from glmkit.train.objectives.batches import Batch
from glmkit.train.objectives.language import LanguageObjective


class MaskedLanguageModel(LanguageObjective):
    """Predict hidden tokens from both sides (BERT, Devlin et al. 2019, arXiv:1810.04805).

    Under overlapping k-mers *bases* are hidden, by a run of masks over each, and all tokens of a run are predicted; 80/10/10 does
    not apply there, for a token left in a run would show its bases (see :func:`glmkit.data.corpora.mask_tokens`).

    Parameters
    ----------
    rate
        Share of tokens to hide: 80% become the mask, 10% a random letter, 10% stay. Under overlapping k-mers the share of bases;
        each hidden base takes up to k tokens with it, so choose about a third of what suits single bases.
    span
        Hide runs of so many tokens (bases under overlapping k-mers) instead of single ones; a run becomes masks only.
    reverse_complement
        Read each sequence on a random strand. For DNA in single bases or overlapping k-mers.
    missing
        Probability that a cell of several modalities loses a whole one, in validation too, in [0, 1): see
        `glmkit.data.corpora.lose_modalities`.

    Raises
    ------
    BadInput
        The rate, the span or the probability is out of range.
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
        """Rate, span and strands, and the probability of a missing modality where there is one."""
        missing = {"missing": self.missing} if self.missing else {}
        return {"rate": self.rate, "span": self.span, "reverse_complement": self.reverse_complement} | missing

    def suits(self, model: Any, store: Any) -> None:
        """Raise BadInput if the model is none, reads the other way, or has no modality to lose.

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
                f"missing={self.missing} is for cells of several modalities; a {type(model.tokenizer).__name__} has one. Take missing=0."
            )

    def prepare(self, model: Any, batch: Batch, rng: np.random.Generator) -> Examples:
        """Choose strands and hide tokens.

        Parameters
        ----------
        model
            Gives its tokenizer.
        batch
            Packed items.
        rng
            Decides strands and masks.

        Returns
        -------
        Examples
            Scored at the hidden positions.
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
