"""Attention rollout: how much of each input position reaches each output position, through all layers.

One layer's attention tells where it looks, but at states that are mixtures already. Rollout multiplies the layers: heads are
averaged, half of each row is the residual branch (the position itself), and the product over layers gives the share of each
input in each output. It follows attention only and not what values and feed-forward do with it, so it describes a route and is no
evidence of an effect; the completeness of :func:`integrated_gradients` has no counterpart here.

References
----------
Abnar S, Zuidema W (2020). Quantifying attention flow in transformers. ACL, 4190-4197. arXiv:2005.00928.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.score.windows import by_budget, encode, evaluating, letters_at_once, packed

BATCH_TOKENS = 2048  # attention maps of all layers and heads are held at once


def attention_rollout(
    model: Any, sequences: Sequence[str | np.ndarray], *, residual: float = 0.5, batch_tokens: int = BATCH_TOKENS
) -> list[np.ndarray]:
    """Share of each token in each token's last state.

    Parameters
    ----------
    model
        A LanguageModel, Classifier or Regressor on a Transformer; its training or evaluation mode is restored afterwards.
    sequences
        Of any lengths that the model reads at once, or arrays of ids.
    residual
        Share of each layer's row that is the position itself, in [0, 1); the paper has one half.
    batch_tokens
        Tokens of a pass.

    Returns
    -------
    list of numpy.ndarray
        float32 (length, length) each: row i says where the last state of token i comes from. Rows sum to 1, or to less where
        special tokens around the sequence have a share (they take part and are cut off at the end).

    Raises
    ------
    BadInput
        No attention, a sequence longer than the context, or a share outside [0, 1).
    """
    if not hasattr(getattr(model, "network", None), "attentions"):
        raise BadInput(f"Rollout multiplies attention, which {type(model).__name__} does not have. Use a Transformer.")
    if not 0 <= residual < 1:
        raise BadInput(f"residual: expected a share in [0, 1), got {residual}.")
    ids = encode(model, sequences)
    most = letters_at_once(model, None)
    if long := [i for i, item in enumerate(ids) if len(item) > most]:
        raise BadInput(f"sequences[{long[0]}] has {len(ids[long[0]])} tokens; the model reads {most} at once. Cut it.")
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
    """Multiply attention maps, each mixed with the identity.

    Parameters
    ----------
    attention
        (layers, length, length), heads averaged; rows sum to 1.
    residual
        Share of the identity.

    Returns
    -------
    numpy.ndarray
        (length, length); rows sum to 1.
    """
    reached = np.eye(attention.shape[1])
    for layer in attention:
        reached = ((1 - residual) * layer + residual * np.eye(len(layer))) @ reached
    return reached
