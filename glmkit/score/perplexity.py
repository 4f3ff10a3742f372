"""Pseudo-perplexity: among how many residues a masked model hesitates, on average."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from glmkit.axes import Scores
from glmkit.errors import BadInput
from glmkit.score.likelihood import token_log_likelihood
from glmkit.score.windows.batches import BATCH_TOKENS


def pseudo_perplexity(
    model: Any,
    inputs: Sequence[str | np.ndarray],
    *,
    context: int | None = None,
    batch_tokens: int = BATCH_TOKENS,
) -> Scores:
    """The exponential of minus the mean log-probability of a token, each masked on its own (Salazar et al. 2020).

    1 is certainty, 20 the ignorance of an even choice among amino acids. Every token of the input is masked once, in a pass of its
    own, and predicted from all others; special tokens are read and not counted. A script that comes with fair-esm counts one
    residue off and leaves out the last one, so its numbers differ.

    Parameters
    ----------
    model
        A masked LanguageModel; it is left in the mode it was in.
    inputs
        Sequences, or arrays of ids made by the model's tokenizer.
    context
        Longest piece that the model reads at once, special tokens included; the model's own if None. Longer inputs are read in
        overlapping windows (:mod:`glmkit.score.windows.batches`).
    batch_tokens
        Tokens of a batch: memory against speed, never the result.

    Returns
    -------
    float64 array (n,)
        In the order of the inputs; NaN for an input without a token that is scored.

    Raises
    ------
    BadInput
        A causal model, whose perplexity is not a pseudo one; overlapping k-mers; an empty input.
    """
    if model.causal:
        raise BadInput(
            "A causal model has a true perplexity: exp(-log_likelihood / tokens). Pseudo-perplexity is for masked models."
        )
    each = token_log_likelihood(model, inputs, "masked", context=context, batch_tokens=batch_tokens)
    scored = [nats[~np.isnan(nats)] for nats in each]
    return np.array([np.exp(-nats.mean()) if len(nats) else np.nan for nats in scored], dtype=np.float64)
