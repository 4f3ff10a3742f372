"""Predictions of a fine-tuned regressor for sequences or cells."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.score.windows.batches import BATCH_TOKENS, by_budget, encode, evaluating, packed


def predicted_values(regressor: Any, inputs: Sequence[str | np.ndarray] | Any, *, batch_tokens: int = BATCH_TOKENS) -> np.ndarray:
    """Predicted values in the units of the targets; each input is read whole.

    Parameters
    ----------
    regressor
        A Regressor; its training or evaluation mode is restored afterwards.
    inputs
        Sequences, or arrays of ids made by the regressor's tokenizer; or cells, as for :func:`glmkit.score.embed`.
    batch_tokens
        Maximum number of tokens per batch; affects memory and speed, not the result.

    Returns
    -------
    float64 array (n, outputs)
        In the order of the inputs; columns are ``regressor.outputs``.

    Raises
    ------
    BadInput
        Not a regressor, or an empty input.

    Examples
    --------
    >>> from glmkit.models import TransformerConfig, new_model, new_regressor
    >>> from glmkit.score import predicted_values
    >>> from glmkit.tokens import make_tokenizer
    >>> config = TransformerConfig(vocabulary_size=10, width=8, layers=1, heads=2, feedforward=8)
    >>> regressor = new_regressor(new_model(config, make_tokenizer("base")), outputs=("expression",))
    >>> predicted_values(regressor, ["ACGTTG", "GGC"]).shape
    (2, 1)
    """
    from glmkit.models.heads import SequenceRegressor

    if not isinstance(regressor, SequenceRegressor):
        raise BadInput(f"Expected a Regressor, got a {type(regressor).__name__}. Create one with glmkit.models.new_regressor.")
    ids = encode(regressor, inputs)
    result = np.zeros((len(ids), len(regressor.outputs)))
    with evaluating(regressor):
        for batch in by_budget([len(item) for item in ids], batch_tokens):
            tokens, boundaries = packed(regressor, (ids[j] for j in batch))
            result[batch] = regressor(tokens, boundaries).float().cpu().numpy()
    return result
