"""Occlusion: contribution of each stretch of a sequence to a classifier's score, measured by masking it.

A run of letters is replaced by the mask token, which a masked language model was trained to read as unknown. The change of the
score is the contribution of the run. The cost is one forward pass per position, a nineteenth of saturation mutagenesis in proteins.
The resolution is lower, and a run that covers two sites gives their joint effect.

References
----------
Zeiler MD, Fergus R (2014). Visualizing and understanding convolutional networks. ECCV (occlusion).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from glmkit.errors import BadInput
from glmkit.score import class_logits

if TYPE_CHECKING:
    from glmkit.models import Model

_INPUTS = 1024  # hidden copies scored at once


def occlusion(
    model: "Model", sequences: Sequence[str], span: int = 5, reach: int | None = None, *, target: int = 1
) -> np.ndarray:
    """Contribution of each stretch of `span` letters to a classifier's log-odds.

    Parameters
    ----------
    model
        A Classifier whose tokenizer has one token a letter; scored by the log-odds of class `target` against all others.
    sequences
        Sequences of any length.
    span
        Number of letters masked together, odd, so that a stretch has a central letter; fewer at the ends of a sequence.
    reach
        Number of positions to test, from the start; None for the length of the longest sequence.
    target
        Index of the class whose log-odds is scored.

    Returns
    -------
    float32 array (n, reach)
        Log-odds of the sequence minus those with the stretch around the letter masked; above 0 where it supports the class. NaN
        beyond the end of a sequence.

    Raises
    ------
    BadInput
        No sequence, a span that is even or below 1, a class that the model lacks, or tokens that are not single letters.

    Examples
    --------
    >>> from glmkit.interpret import occlusion
    >>> from glmkit.models import TransformerConfig, new_classifier, new_model
    >>> from glmkit.tokens import make_tokenizer
    >>> config = TransformerConfig(vocabulary_size=33, width=8, layers=1, heads=2, feedforward=8)
    >>> classifier = new_classifier(new_model(config, make_tokenizer("protein")), classes=("inside", "outside"))
    >>> occlusion(classifier, ["MKTAY", "GSHMRR"], span=3).shape
    (2, 6)
    """
    if isinstance(sequences, str) or len(sequences) == 0:
        raise BadInput("sequences: expected a list with at least one sequence.")
    if span < 1 or span % 2 == 0:
        raise BadInput(f"span: expected an odd number of letters, got {span}.")
    ids = [np.asarray(model.tokenizer.encode(sequence)) for sequence in sequences]
    for sequence, item in zip(sequences, ids, strict=True):
        if len(item) != len(sequence):
            raise BadInput("Occlusion masks single letters: expected a tokenizer with one token per letter, 'protein' or 'base'.")
    width = max(map(len, ids)) if reach is None else reach
    jobs = [(i, place) for i, item in enumerate(ids) for place in range(min(len(item), width))]
    whole = _log_odds(model, ids, target)
    result = np.full((len(ids), width), np.nan, np.float32)
    for first in range(0, len(jobs), _INPUTS):
        chunk = jobs[first : first + _INPUTS]
        hidden = [ids[i].copy() for i, _ in chunk]
        for item, (_, place) in zip(hidden, chunk, strict=True):
            item[max(place - span // 2, 0) : place + span // 2 + 1] = model.tokenizer.mask_id
        items, places = np.array(chunk).T
        result[items, places] = whole[items] - _log_odds(model, hidden, target)
    return result


def _log_odds(model: "Model", ids: list[np.ndarray], target: int) -> np.ndarray:
    logits = class_logits(model, ids)
    if not 0 <= target < logits.shape[1]:
        raise BadInput(
            f"target: expected 0 to {logits.shape[1] - 1}, as the classifier has {logits.shape[1]} classes; got {target}."
        )
    return logits[:, target] - np.logaddexp.reduce(np.delete(logits, target, axis=1), axis=1)
