"""What a stretch of a sequence is worth to a model: hide it and ask again.

A run of letters is replaced by the mask token, which a masked language model has learnt to read as "not known", and the change of the
score is what the run was worth. One pass a place, so whole proteins are affordable where every single substitution would cost
nineteen times as much. The trade-off: a run tells less sharply where, and a wide run that hides two sites gives their sum.

References
----------
Zeiler MD, Fergus R (2014). Visualizing and understanding convolutional networks. ECCV (occlusion).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.score import class_logits

_INPUTS = 1024  # hidden copies scored at once


def occlusion(model: Any, sequences: Sequence[str], span: int = 5, reach: int | None = None, *, target: int = 1) -> np.ndarray:
    """What each stretch of `span` letters is worth to a classifier.

    Parameters
    ----------
    model
        A Classifier whose tokenizer has one token a letter; scored by the log-odds of class `target` against all others.
    sequences
        Of any lengths.
    span
        Letters hidden together, odd, so that a stretch has a middle; fewer at a sequence's ends.
    reach
        Letters from the start to look at; None for as many as the longest sequence has.
    target
        Class whose log-odds is followed.

    Returns
    -------
    float32 array (n, reach)
        Log-odds of the sequence as it is minus those with the stretch around that letter hidden: above 0 where it speaks for
        the class. NaN beyond a sequence's end.

    Raises
    ------
    BadInput
        Nothing to look at, a span that is even or below 1, a class that the model lacks, or tokens that are no single letters.
    """
    if isinstance(sequences, str) or len(sequences) == 0:
        raise BadInput("sequences: expected a list with at least one sequence.")
    if span < 1 or span % 2 == 0:
        raise BadInput(f"span: expected an odd number of letters, got {span}.")
    ids = [np.asarray(model.tokenizer.encode(sequence)) for sequence in sequences]
    for sequence, item in zip(sequences, ids, strict=True):
        if len(item) != len(sequence):
            raise BadInput("Occlusion hides letters, so it needs a tokenizer with one token a letter: 'protein' or 'base'.")
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


def _log_odds(model: Any, ids: list[np.ndarray], target: int) -> np.ndarray:
    logits = class_logits(model, ids)
    if not 0 <= target < logits.shape[1]:
        raise BadInput(f"target: the classifier has {logits.shape[1]} classes, from 0; got {target}.")
    return logits[:, target] - np.logaddexp.reduce(np.delete(logits, target, axis=1), axis=1)
