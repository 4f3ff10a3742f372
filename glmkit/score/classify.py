"""Class logits and probabilities of a fine-tuned classifier."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.score.windows.batches import BATCH_TOKENS, by_budget, encode, evaluating, packed


def class_logits(classifier: Any, inputs: Sequence[str | np.ndarray] | Any, *, batch_tokens: int = BATCH_TOKENS) -> np.ndarray:
    """Logits of every class; each input is read whole.

    Parameters
    ----------
    classifier
        A Classifier; its training or evaluation mode is restored afterwards.
    inputs
        Sequences, or arrays of ids made by the classifier's tokenizer; or cells, as for :func:`glmkit.score.embed`.
    batch_tokens
        Maximum number of tokens per batch; affects memory and speed, not the result.

    Returns
    -------
    float64 array (n, classes)
        In the order of the inputs.

    Raises
    ------
    BadInput
        Not a classifier, no inputs, or an empty one.
    """
    from glmkit.models.heads import SequenceClassifier

    if not isinstance(classifier, SequenceClassifier):
        raise BadInput(f"Expected a Classifier, got a {type(classifier).__name__}. Create one with glmkit.models.new_classifier.")
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
    """Class probabilities: softmax of :func:`class_logits`.

    For a two-class model, :func:`glmkit.evaluate.compare` expects column 1.

    Parameters
    ----------
    classifier, inputs, batch_tokens
        As in :func:`class_logits`.

    Returns
    -------
    float64 array (n, classes)
        Rows sum to 1.

    Examples
    --------
    >>> from glmkit.models import TransformerConfig, new_classifier, new_model
    >>> from glmkit.score import class_probabilities
    >>> from glmkit.tokens import make_tokenizer
    >>> config = TransformerConfig(vocabulary_size=10, width=8, layers=1, heads=2, feedforward=8)
    >>> model = new_model(config, make_tokenizer("base"))
    >>> classifier = new_classifier(model, classes=("background", "promoter"))
    >>> probabilities = class_probabilities(classifier, ["ACGTTG", "GGC", "TATAAT"])
    >>> probabilities.shape
    (3, 2)
    >>> probabilities.sum(1).round(6).tolist()
    [1.0, 1.0, 1.0]
    """
    logits = class_logits(classifier, inputs, batch_tokens=batch_tokens)
    odds = np.exp(logits - logits.max(1, keepdims=True))
    return odds / odds.sum(1, keepdims=True)
