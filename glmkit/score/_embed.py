"""Embeddings of sequences and cells: one vector each, pooled from the hidden states of a model."""

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
    from glmkit.models import Model
    from glmkit.models.networks import Pool


def embed(
    model: "Model",
    inputs: Sequence[str | np.ndarray] | Any,
    layer: int = -1,
    pool: "Pool" = "mean",
    *,
    context: int | None = None,
    batch_tokens: int = BATCH_TOKENS,
) -> Embeddings:
    """One embedding per sequence or cell.

    Parameters
    ----------
    model
        A LanguageModel or a Classifier; its training or evaluation mode is restored afterwards.
    inputs
        Sequences, or arrays of ids made by the model's tokenizer; or cells: an AnnData of raw counts, or a dictionary of the
        modalities of the same cells.
    layer
        Index of the hidden state: 0 for the input embedding, ``layers`` (or -1) for the last layer.
    pool
        Pooling mode, see `glmkit.models.networks.pooling`: ``"mean"`` over all tokens of the input, special tokens excluded; the hidden
        state of the ``"first"``, ``"last"`` or ``"centre"`` token; ``"centre+mean"``, both concatenated; or ``"cls"``, the special token
        before the input, for models trained to use it.
    context
        Window length in tokens, special tokens included; None for the model's own. Longer inputs are read in overlapping
        windows (see :mod:`glmkit.score.windows.batches`). Use no more than the training length. Cells are read whole.
    batch_tokens
        Maximum number of tokens per batch; affects memory and speed, not the result.

    Returns
    -------
    float32 array (n, width)
        In the order of the inputs; (n, 2 * width) for ``"centre+mean"``.

    Raises
    ------
    BadInput
        No inputs, an empty input, a layer out of range, or an unknown pool. For ``"cls"``: no special token, or an input that
        needs several windows.

    Examples
    --------
    >>> from glmkit.models import TransformerConfig, new_model
    >>> from glmkit.score import embed
    >>> from glmkit.tokens import make_tokenizer
    >>> config = TransformerConfig(vocabulary_size=10, width=8, layers=1, heads=2, feedforward=8)
    >>> model = new_model(config, make_tokenizer("base"))
    >>> embed(model, ["ACGTTG", "GGC"], pool="mean").shape
    (2, 8)
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
            f"pool='cls': expected inputs of at most {longest} tokens (one window), got a longer one, which would have several "
            "special tokens. Cut it first."
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


def _past_only(model: "Model") -> bool:
    return bool(model.network.config.causal)
