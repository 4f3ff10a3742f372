"""Class logits and probabilities of a fine-tuned classifier."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.score.windows.batches import BATCH_TOKENS, by_budget, encode, evaluating, packed


def class_logits(classifier: Any, inputs: Sequence[str | np.ndarray] | Any, *, batch_tokens: int = BATCH_TOKENS) -> np.ndarray:
    """Logits of every class, each input read whole.

    Parameters
    ----------
    classifier
        A Classifier; it is left in the mode it was in.
    inputs
        Sequences, or arrays of ids made by the classifier's tokenizer; or cells, as for :func:`glmkit.score.embed`.
    batch_tokens
        Tokens of a batch: memory against speed, never the result.

    Returns
    -------
    float64 array (n, classes)
        In the order of the inputs.

    Raises
    ------
    BadInput
        Not a classifier, no inputs, or an empty one.
    """
    if not hasattr(classifier, "pool"):
        raise BadInput(f"Expected a Classifier, got a {type(classifier).__name__}. Make one with glmkit.models.new_classifier.")
    ids = encode(classifier, inputs)
    result = np.zeros((len(ids), len(classifier.classes)))
    with evaluating(classifier):
        for batch in by_budget([len(item) for item in ids], batch_tokens):
            tokens, boundaries = packed(classifier, (ids[j] for j in batch))
            result[batch] = classifier(tokens, boundaries).float().cpu().numpy()
    return result


def class_probabilities(
    classifier: Any, inputs: Sequence[str | np.ndarray] | Any, *, batch_tokens: int = BATCH_TOKENS
) -> np.ndarray:
    """Softmax of :func:`class_logits`; column 1 is what :func:`glmkit.evaluate.compare` wants of a two-class model.

    Parameters
    ----------
    classifier, inputs, batch_tokens
        As there.

    Returns
    -------
    float64 array (n, classes)
        Rows sum to 1.
    """
    logits = class_logits(classifier, inputs, batch_tokens=batch_tokens)
    odds = np.exp(logits - logits.max(1, keepdims=True))
    return odds / odds.sum(1, keepdims=True)
