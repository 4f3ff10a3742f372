"""In-silico saturation mutagenesis: what each single substitution does to a model's answer.

Every base of a window is replaced by each of the three others and the window scored again. The effect is exact (nothing is
approximated by a gradient) and costs three forward passes a base. It says what the *model* uses, not what the cell does, and it
sees one base at a time: two sites that stand in for each other both look unimportant.

References
----------
Zhou J, Troyanskaya OG (2015). Predicting effects of noncoding variants with deep learning-based sequence model. Nature
Methods 12, 931-934.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from glmkit.axes import Attributions
from glmkit.errors import BadInput

LETTERS = "ACGT"
_WINDOWS = 4096  # mutated windows scored at once


def mutagenesis(
    model: Callable[[list[str]], np.ndarray] | Any,
    sequences: Sequence[str],
    positions: Sequence[int] | None = None,
    *,
    target: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Attributions:
    """Change of the score on every single substitution.

    Parameters
    ----------
    model
        A Classifier, scored by the log-odds of class `target` against all other classes; or any function from a list of
        sequences to one score each, best on a scale that is not squashed (a logit rather than a probability).
    sequences
        Windows of one length, as A, C, G, T (N is read, and all four letters are tried in its place).
    positions
        0-based places to change; None for all.
    target
        Class whose log-odds is followed.
    progress
        Called with (windows scored, windows in all) now and then.

    Returns
    -------
    float32 array (n, length, 4)
        Score of the window with A, C, G or T put at that place, minus the score of the window as it is; 0 at the letter that
        stands there, NaN at places that were not asked for.

    Raises
    ------
    BadInput
        Windows of unequal lengths, a position outside them, or a function that returns something else than one finite score
        each.
    """
    score = model if _is_function(model) else class_log_odds(model, target)
    length = check_windows(sequences)
    places = range(length) if positions is None else [int(position) for position in positions]
    if outside := [place for place in places if not 0 <= place < length]:
        raise BadInput(f"positions: expected 0 to {length - 1} in windows of {length} bases, got {outside[0]}.")
    effects = np.full((len(sequences), length, 4), np.nan, dtype=np.float32)
    for place in places:
        effects[np.arange(len(sequences)), place, [max(LETTERS.find(s[place]), 0) for s in sequences]] = 0
    jobs = [(i, place, k) for i, s in enumerate(sequences) for place in places for k in range(4) if LETTERS[k] != s[place]]
    reference = _checked(score, list(sequences))
    for first in range(0, len(jobs), _WINDOWS):
        chunk = jobs[first : first + _WINDOWS]
        changed = [sequences[i][:place] + LETTERS[k] + sequences[i][place + 1 :] for i, place, k in chunk]
        items, where, letters = np.array(chunk).T
        effects[items, where, letters] = _checked(score, changed) - reference[items]
        if progress is not None:
            progress(first + len(chunk), len(jobs))
    return effects


def class_log_odds(classifier: Any, target: int = 1) -> Callable[[list[str]], np.ndarray]:
    """The log-odds of one class against all others, as a function of sequences.

    Parameters
    ----------
    classifier
        A Classifier.
    target
        Which class.

    Returns
    -------
    callable
        List of n sequences to float64 (n,).
    """
    from glmkit.score import class_logits

    def score(sequences: list[str]) -> np.ndarray:
        """Log-odds of the class, float64 (n,)."""
        logits = class_logits(classifier, sequences)
        if not 0 <= target < logits.shape[1]:
            raise BadInput(f"target: the classifier has {logits.shape[1]} classes, from 0; got {target}.")
        return logits[:, target] - np.logaddexp.reduce(np.delete(logits, target, axis=1), axis=1)

    return score


def check_windows(sequences: Sequence[str]) -> int:
    """The one length of all windows, or an error that names the first that differs.

    Parameters
    ----------
    sequences
        Windows.

    Returns
    -------
    int
        Bases.
    """
    if isinstance(sequences, str) or len(sequences) == 0:
        raise BadInput("sequences: expected a list with at least one window.")
    length = len(sequences[0])
    for i, sequence in enumerate(sequences):
        if len(sequence) != length:
            raise BadInput(f"Expected windows of one length, but window 0 has {length} bases and window {i} has {len(sequence)}.")
    return length


def _is_function(model: Any) -> bool:
    """A module is callable too, but on packed ids: it is known by its classes."""
    return callable(model) and not hasattr(model, "classes")


def _checked(score: Callable[[list[str]], np.ndarray], sequences: list[str]) -> np.ndarray:
    got = np.asarray(score(sequences), dtype=np.float64)
    if got.shape != (len(sequences),) or not np.isfinite(got).all():
        raise BadInput(
            f"The scoring function must return one finite score for each of {len(sequences)} windows, got {got.shape}."
        )
    return got
