"""Numbers that a fine-tuned regressor tells of sequences or cells."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.score.windows.batches import BATCH_TOKENS, by_budget, encode, evaluating, packed


def predicted_values(regressor: Any, inputs: Sequence[str | np.ndarray] | Any, *, batch_tokens: int = BATCH_TOKENS) -> np.ndarray:
    """Numbers in the units of the targets, each input read whole.

    Parameters
    ----------
    regressor
        A Regressor; it is left in the mode it was in.
    inputs
        Sequences, or arrays of ids made by the regressor's tokenizer; or cells, as for :func:`glmkit.score.embed`.
    batch_tokens
        Tokens of a batch: memory against speed, never the result.

    Returns
    -------
    float64 array (n, outputs)
        In the order of the inputs; columns are ``regressor.outputs``.

    Raises
    ------
    BadInput
        Not a regressor, or an empty input.
    """
    if not hasattr(regressor, "outputs"):
        raise BadInput(f"Expected a Regressor, got a {type(regressor).__name__}. Make one with glmkit.models.new_regressor.")
    ids = encode(regressor, inputs)
    result = np.zeros((len(ids), len(regressor.outputs)))
    with evaluating(regressor):
        for batch in by_budget([len(item) for item in ids], batch_tokens):
            tokens, boundaries = packed(regressor, (ids[j] for j in batch))
            result[batch] = regressor(tokens, boundaries).float().cpu().numpy()
    return result
