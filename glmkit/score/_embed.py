"""One vector a sequence or cell, from the hidden states of a model."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glmkit.axes import Embeddings
from glmkit.errors import BadInput
from glmkit.score.windows.batches import (
    BATCH_TOKENS,
    by_budget,
    encode,
    evaluating,
    first_letters,
    letters_at_once,
    packed,
    windows,
)
from glmkit.tokens.cells import are_cells
from glmkit.tokens.sequences import tokens_over_base

if TYPE_CHECKING:
    from glmkit.models.networks import Pool


def embed(
    model: Any,
    inputs: Sequence[str | np.ndarray] | Any,
    layer: int = -1,
    pool: "Pool" = "mean",
    *,
    context: int | None = None,
    batch_tokens: int = BATCH_TOKENS,
) -> Embeddings:
    """Embed sequences or cells.

    Parameters
    ----------
    model
        A LanguageModel or a Classifier; it is left in the mode it was in.
    inputs
        Sequences, or arrays of ids made by the model's tokenizer; or cells: an AnnData of raw counts, or a dictionary of the
        modalities of the same cells.
    layer
        0 is the embedding of the letters, ``layers`` (or -1) the last layer.
    pool
        ``"mean"`` over all tokens of the input, special ones left out, or the state at the ``"first"``, ``"last"`` or
        ``"centre"`` token, the one over the central base (:func:`glmkit.tokens.sequences.centre_token`), or at ``"cls"``, the special
        token before the input, which stands for the whole of it in models that were trained so.
    context
        Longest piece that the model reads at once, special tokens included; longer inputs are read in overlapping windows (see
        :mod:`glmkit.score.windows.batches`). The model's own if None. Choose no more than the model was trained on. Cells are read whole.
    batch_tokens
        Tokens of a batch: memory against speed, never the result.

    Returns
    -------
    float32 array (n, width)
        In the order of the inputs.

    Raises
    ------
    BadInput
        No inputs, an empty one, a layer that the model lacks, or an unknown pool; for ``"cls"`` no special token, or an input
        that needs several windows.
    """
    from glmkit.models.networks import check_pool, letter_place, pooled_width

    check_pool(pool, model.tokenizer)
    depth = model.network.config.layers + 1
    if not -depth <= layer < depth:
        raise BadInput(f"layer: expected {-depth} to {depth - 1} (the model has {depth - 1} layers), got {layer}.")
    ids, over = encode(model, inputs), tokens_over_base(model.tokenizer)
    longest = max(map(len, ids), default=2) if are_cells(inputs) else letters_at_once(model, context)
    if pool == "cls" and any(len(item) > longest for item in ids):
        raise BadInput(
            f"pool='cls': an input has more than the {longest} tokens that are read at once, so it has several. Cut it first."
        )
    pieces = [(i, window) for i, item in enumerate(ids) for window in windows(len(item), longest, _past_only(model))]
    width = model.network.config.width
    result = np.zeros((len(ids), pooled_width(pool, width)), dtype=np.float64)
    with evaluating(model):
        for batch in by_budget([window.stop - window.start for _, window in pieces], batch_tokens):
            chosen = [pieces[j] for j in batch]
            tokens, boundaries = packed(model, (ids[i][w.start : w.stop] for i, w in chosen))
            hidden = model.network.hidden_states(tokens, boundaries)[layer].float().cpu().numpy()
            for (i, w), start in zip(chosen, first_letters(model, boundaries), strict=True):
                kept = hidden[start + w.first - w.start : start + w.last - w.start]
                if pool == "cls":
                    result[i] = hidden[start - len(model.tokenizer.prefix)]
                if pool in {"mean", "centre+mean"}:  # each window adds its share of the mean
                    result[i, -width:] += kept.sum(0, dtype=np.float64) / len(ids[i])
                if pool in {"cls", "mean"}:
                    continue
                if w.first <= (place := letter_place(pool, len(ids[i]), over)) < w.last:
                    result[i, :width] = kept[place - w.first]
    return result.astype(np.float32)


def _past_only(model: Any) -> bool:
    return bool(model.network.config.causal)
