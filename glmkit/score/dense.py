"""Class probabilities along a sequence, from a token classifier."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from glmkit.axes import Scores
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


def token_probabilities(
    classifier: Any, inputs: Sequence[str | np.ndarray], *, context: int | None = None, batch_tokens: int = BATCH_TOKENS
) -> list[np.ndarray]:
    """Probability of every class at every token.

    Parameters
    ----------
    classifier
        A TokenClassifier; its training or evaluation mode is restored afterwards.
    inputs
        Sequences, or arrays of ids made by the classifier's tokenizer.
    context
        Window length in tokens, special tokens included; None for the model's own. Longer inputs are read in overlapping
        windows (:mod:`glmkit.score.windows.batches`).
    batch_tokens
        Maximum number of tokens per batch; affects memory and speed, not the result.

    Returns
    -------
    list of float32 arrays (tokens, classes)
        Rows sum to 1. Under overlapping k-mers token `t` corresponds to base ``t + (k - 1) // 2``.

    Raises
    ------
    BadInput
        Not a TokenClassifier, or an empty input.
    """
    from glmkit.models.heads import TokenClassifier

    if not isinstance(classifier, TokenClassifier):
        raise BadInput(
            f"Expected a TokenClassifier, got a {type(classifier).__name__}. Create one with glmkit.models.new_token_classifier."
        )
    longest = letters_at_once(classifier, context)
    ids = encode(classifier, inputs)
    past_only = bool(classifier.network.config.causal)
    pieces = [(i, window) for i, item in enumerate(ids) for window in windows(len(item), longest, past_only)]
    result = [np.zeros((len(item), len(classifier.classes)), np.float32) for item in ids]
    with evaluating(classifier):
        for batch in by_budget([window.stop - window.start for _, window in pieces], batch_tokens):
            chosen = [pieces[j] for j in batch]
            tokens, boundaries = packed(classifier, (ids[i][w.start : w.stop] for i, w in chosen))
            odds = classifier(tokens, boundaries).float().softmax(-1).cpu().numpy()
            for (i, w), start in zip(chosen, first_letters(classifier, boundaries), strict=True):
                result[i][w.first : w.last] = odds[start + w.first - w.start : start + w.last - w.start]
    return result


def coding_probabilities(
    classifier: Any, inputs: Sequence[str | np.ndarray], *, context: int | None = None, batch_tokens: int = BATCH_TOKENS
) -> Scores:
    """Coding score of each sequence: mean over its tokens of the probability of any class except class 0.

    Parameters
    ----------
    classifier
        A TokenClassifier whose class 0 is non-coding, such as one trained on `glmkit.data.windows.coding_frames`.
    inputs, context, batch_tokens
        As in :func:`token_probabilities`.

    Returns
    -------
    float64 array (n,)
        Between 0 and 1.

    Examples
    --------
    >>> from glmkit.models import TransformerConfig, new_model, new_token_classifier
    >>> from glmkit.score import coding_probabilities
    >>> from glmkit.tokens import make_tokenizer
    >>> config = TransformerConfig(vocabulary_size=10, width=8, layers=1, heads=2, feedforward=8)
    >>> model = new_model(config, make_tokenizer("base"))
    >>> classifier = new_token_classifier(model, classes=("non-coding", "frame 1", "frame 2", "frame 3"))
    >>> coding_probabilities(classifier, ["ATGGCATGA", "TTT"]).shape
    (2,)
    """
    each = token_probabilities(classifier, inputs, context=context, batch_tokens=batch_tokens)
    return np.array([1 - item[:, 0].mean(dtype=np.float64) for item in each])
