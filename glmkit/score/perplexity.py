"""Pseudo-perplexity of sequences under a masked model: the effective number of residues it chooses between."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from glmkit.axes import Scores
from glmkit.errors import BadInput
from glmkit.score.likelihood import token_log_likelihood
from glmkit.score.windows.batches import BATCH_TOKENS

if TYPE_CHECKING:
    from glmkit.models import TokenModel


def pseudo_perplexity(
    model: "TokenModel",
    inputs: Sequence[str | np.ndarray],
    *,
    context: int | None = None,
    batch_tokens: int = BATCH_TOKENS,
) -> Scores:
    """The exponential of minus the mean log-probability of a token, each masked on its own (Salazar et al. 2020).

    1 is certainty; 20 is a uniform distribution over the amino acids. Every token of the input is masked once, in a separate
    pass, and predicted from all others. Special tokens are read but not counted. A script distributed with fair-esm is off by
    one residue and omits the last one, so its values differ.

    Parameters
    ----------
    model
        A masked LanguageModel; its training or evaluation mode is restored afterwards.
    inputs
        Sequences, or arrays of ids made by the model's tokenizer.
    context
        Window length in tokens, special tokens included; None for the model's own. Longer inputs are read in overlapping
        windows (:mod:`glmkit.score.windows.batches`).
    batch_tokens
        Maximum number of tokens per batch; affects memory and speed, not the result.

    Returns
    -------
    float64 array (n,)
        In the order of the inputs, 1 or more; NaN for an input without a scored token.

    Raises
    ------
    BadInput
        A causal model, which has a true perplexity; overlapping k-mers; an empty input.

    Examples
    --------
    >>> from glmkit.models import TransformerConfig, new_model
    >>> from glmkit.score import pseudo_perplexity
    >>> from glmkit.tokens import make_tokenizer
    >>> config = TransformerConfig(vocabulary_size=33, width=8, layers=1, heads=2, feedforward=8)
    >>> model = new_model(config, make_tokenizer("protein"))
    >>> values = pseudo_perplexity(model, ["MKTAY", "GSHM"])
    >>> values.shape, bool((values > 1).all())
    ((2,), True)
    """
    if model.causal:
        raise BadInput(
            "A causal model has a true perplexity: exp(-log_likelihood / tokens). Pseudo-perplexity is for masked models."
        )
    each = token_log_likelihood(model, inputs, "masked", context=context, batch_tokens=batch_tokens)
    scored = [nats[~np.isnan(nats)] for nats in each]
    return np.array([np.exp(-nats.mean()) if len(nats) else np.nan for nats in scored], dtype=np.float64)
