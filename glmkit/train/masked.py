"""Masked language modelling: the objective of models that read both ways."""

from typing import Any

import numpy as np

from glmkit.data import mask_tokens
from glmkit.errors import BadInput
from glmkit.train.feed import Batch
from glmkit.train.language import LanguageObjective
from glmkit.train.objectives import Examples


class MaskedLanguageModel(LanguageObjective):
    """Predict hidden tokens from both sides (BERT, Devlin et al. 2019, arXiv:1810.04805).

    Under overlapping k-mers *bases* are hidden, by a run of masks over each, and all tokens of a run are predicted; 80/10/10 does
    not apply there, for a token left in a run would show its bases (see :func:`glmkit.data.mask_tokens`).

    Parameters
    ----------
    rate
        Share of tokens to hide: 80% become the mask, 10% a random letter, 10% stay. Under overlapping k-mers the share of bases;
        each hidden base takes up to k tokens with it, so choose about a third of what suits single bases.
    span
        Hide runs of so many tokens (bases under overlapping k-mers) instead of single ones; a run becomes masks only.
    reverse_complement
        Read each sequence on a random strand. For DNA in single bases or overlapping k-mers.

    Raises
    ------
    BadInput
        The rate or the span is out of range.
    """

    name = "masked"
    causal = False

    def __init__(self, rate: float = 0.15, *, span: int = 1, reverse_complement: bool = False) -> None:
        if not 0 < rate <= 1:
            raise BadInput(f"The masking rate must lie in (0, 1], got {rate!r}.")
        if span < 1:
            raise BadInput(f"The span of a hidden run must be 1 or more, got {span!r}.")
        self.rate, self.span, self.reverse_complement = rate, span, reverse_complement

    def settings(self) -> dict[str, Any]:
        """Rate, span and strands."""
        return {"rate": self.rate, "span": self.span, "reverse_complement": self.reverse_complement}

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
        masked = mask_tokens(batch.tokens, model.tokenizer, rng, self.rate, batch.weights, batch.boundaries, self.span)
        return Examples(masked.inputs, batch.boundaries, masked.targets, masked.weights, masked.positions)
