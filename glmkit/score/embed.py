"""One vector a sequence, from the hidden states of a model."""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np

from glmkit.axes import Embeddings
from glmkit.errors import BadInput
from glmkit.score.batches import BATCH_TOKENS, by_budget, encode, evaluating, first_letters, letters_at_once, packed, windows
from glmkit.tokens import centre_token, tokens_over_base

Pool = Literal["mean", "first", "last", "centre"]


def embed(
    model: Any,
    inputs: Sequence[str | np.ndarray],
    layer: int = -1,
    pool: Pool = "mean",
    *,
    context: int | None = None,
    batch_tokens: int = BATCH_TOKENS,
) -> Embeddings:
    """Embed sequences.

    Parameters
    ----------
    model
        A LanguageModel or a Classifier; it is left in the mode it was in.
    inputs
        Sequences, or arrays of ids made by the model's tokenizer.
    layer
        0 is the embedding of the letters, ``layers`` (or -1) the last layer.
    pool
        ``"mean"`` over all tokens of the input, special ones left out, or the state at the ``"first"``, ``"last"`` or ``"centre"`` token, the one over the central base
        (:func:`glmkit.tokens.centre_token`).
    context
        Longest piece that the model reads at once, special tokens included; longer inputs are read in overlapping windows (see
        :mod:`glmkit.score.batches`). The model's own if None. Choose no more than the model was trained on.
    batch_tokens
        Tokens of a batch: memory against speed, never the result.

    Returns
    -------
    float32 array (n, width)
        In the order of the inputs.

    Raises
    ------
    BadInput
        No inputs, an empty one, a layer that the model lacks, or an unknown pool.
    """
    if pool not in get_args(Pool):
        raise BadInput(f"pool: expected one of {', '.join(get_args(Pool))}, got {pool!r}.")
    depth = model.network.config.layers + 1
    if not -depth <= layer < depth:
        raise BadInput(f"layer: expected {-depth} to {depth - 1} (the model has {depth - 1} layers), got {layer}.")
    longest = letters_at_once(model, context)
    ids, over = encode(model, inputs), tokens_over_base(model.tokenizer)
    pieces = [(i, window) for i, item in enumerate(ids) for window in windows(len(item), longest, _past_only(model))]
    result = np.zeros((len(ids), model.network.config.width), dtype=np.float64)
    with evaluating(model):
        for batch in by_budget([window.stop - window.start for _, window in pieces], batch_tokens):
            chosen = [pieces[j] for j in batch]
            tokens, boundaries = packed(model, (ids[i][w.start : w.stop] for i, w in chosen))
            hidden = model.network.hidden_states(tokens, boundaries)[layer].float().cpu().numpy()
            for (i, w), start in zip(chosen, first_letters(model, boundaries), strict=True):
                kept = hidden[start + w.first - w.start : start + w.last - w.start]
                if pool == "mean":
                    result[i] += kept.sum(0, dtype=np.float64) / len(ids[i])
                elif w.first <= (place := _place(pool, len(ids[i]), over)) < w.last:
                    result[i] = kept[place - w.first]
    return result.astype(np.float32)


def _past_only(model: Any) -> bool:
    return bool(model.network.config.causal)


def _place(pool: str, length: int, over: int) -> int:
    return {"first": 0, "last": length - 1, "centre": centre_token(length, over)}[pool]
