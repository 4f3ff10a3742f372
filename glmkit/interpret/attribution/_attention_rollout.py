"""Attention rollout: share of each input position in each output position, through all layers.

The attention map of a single layer refers to states that are already mixtures of positions. Rollout therefore multiplies the maps
of all layers. Heads are averaged, and half of each row is assigned to the residual branch (the position itself). The product over
layers gives the share of each input in each output. Rollout ignores values and feed-forward layers. It describes the flow of
attention and is no evidence of an effect; unlike :func:`integrated_gradients` it has no completeness property.

References
----------
Abnar S, Zuidema W (2020). Quantifying attention flow in transformers. ACL, 4190-4197. arXiv:2005.00928.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from glmkit.errors import BadInput
from glmkit.score.windows import by_budget, encode, evaluating, letters_at_once, packed

if TYPE_CHECKING:
    from glmkit.models import Model

BATCH_TOKENS = 2048  # smaller than elsewhere, because the attention maps of all layers and heads are in memory together


def attention_rollout(
    model: "Model", sequences: Sequence[str | np.ndarray], *, residual: float = 0.5, batch_tokens: int = BATCH_TOKENS
) -> list[np.ndarray]:
    """Share of each input token in the final state of each token.

    Parameters
    ----------
    model
        A LanguageModel, Classifier or Regressor on a Transformer; its training or evaluation mode is restored afterwards.
    sequences
        Sequences no longer than the context, or arrays of token ids.
    residual
        Share of the residual branch in each layer, in [0, 1); 0.5 in the paper.
    batch_tokens
        Maximum number of tokens per forward pass.

    Returns
    -------
    list of numpy.ndarray
        float32 (length, length) each: row i is the distribution over input tokens of the final state of token i. Rows sum to 1,
        or to less if special tokens have a share (their rows and columns are removed at the end).

    Raises
    ------
    BadInput
        A model without attention, a sequence longer than the context, or a residual share outside [0, 1).
    """
    if not hasattr(getattr(model, "network", None), "attentions"):
        raise BadInput(f"Rollout needs attention maps, which {type(model).__name__} does not have. Use a Transformer.")
    if not 0 <= residual < 1:
        raise BadInput(f"residual: expected a share in [0, 1), got {residual}.")
    ids = encode(model, sequences)
    most = letters_at_once(model, None)
    if long := [i for i, item in enumerate(ids) if len(item) > most]:
        raise BadInput(f"sequences[{long[0]}]: expected at most {most} tokens (the context), got {len(ids[long[0]])}. Cut it.")
    before = len(model.tokenizer.prefix)
    found: list[np.ndarray] = [np.empty(0)] * len(ids)
    with evaluating(model):
        for batch in by_budget([len(item) for item in ids], batch_tokens):
            maps = model.network.attentions(*packed(model, (ids[i] for i in batch)))
            for i, layers in zip(batch.tolist(), maps, strict=True):
                inner = slice(before, before + len(ids[i]))
                found[i] = roll(layers.mean(1).double().cpu().numpy(), residual)[inner, inner].astype(np.float32)
    return found


def roll(attention: np.ndarray, residual: float = 0.5) -> np.ndarray:
    """Product of attention maps, each mixed with the identity matrix.

    Parameters
    ----------
    attention
        Attention averaged over heads, (layers, length, length); rows sum to 1.
    residual
        Share of the identity matrix, in [0, 1).

    Returns
    -------
    numpy.ndarray
        (length, length); rows sum to 1.
    """
    reached = np.eye(attention.shape[1])
    for layer in attention:
        reached = ((1 - residual) * layer + residual * np.eye(len(layer))) @ reached
    return reached
