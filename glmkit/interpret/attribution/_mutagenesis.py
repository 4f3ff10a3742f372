"""In-silico saturation mutagenesis: what each single substitution does to a model's answer.

Every letter is replaced by each of the others (three for a base, nineteen for a residue) and the sequence scored again. The effect
is exact (nothing is approximated by a gradient) and costs as many forward passes. It says what the *model* uses, not what the cell
does, and it sees one letter at a time: two sites that stand in for each other both look unimportant. Where a network mixes locally,
only what a substitution reaches is computed again (see `local`), with equal results.

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
from glmkit.interpret.attribution.target import is_function, letters_of, score_function

LETTERS = "ACGT"
_WINDOWS = 4096  # mutated windows scored at once


def mutagenesis(
    model: Callable[[list[str]], np.ndarray] | Any,
    sequences: Sequence[str],
    positions: Sequence[int] | None = None,
    *,
    target: int | None = None,
    alphabet: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Attributions:
    """Change of the score on every single substitution.

    Parameters
    ----------
    model
        A Classifier, scored by the log-odds of class `target` against all other classes, or a Regressor; or any function from a
        list of sequences to one score each, best on a scale that is not squashed (a logit rather than a probability).
    sequences
        Windows or proteins of one length (N and X are read, and every letter is tried in their place).
    positions
        0-based places to change; None for all.
    target
        Class whose log-odds, or output whose value, is followed; None for class 1, or output 0.
    alphabet
        Letters that are tried; None for those of the model's tokenizer, which are A, C, G, T for DNA in any tokens and the 20
        amino acids in alphabetical order for proteins, and A, C, G, T for a function.
    progress
        Called with (sequences scored, sequences in all) now and then.

    Returns
    -------
    float32 array (n, length, letters)
        Score of the sequence with each letter of the alphabet put at that place, minus the score of the sequence as it is; 0 at
        the letter that stands there, NaN at places that were not asked for.

    Raises
    ------
    BadInput
        Sequences of unequal lengths, a position outside them, an alphabet that is empty or has a letter twice, or a function
        that returns something else than one finite score each.
    """
    score = model if is_function(model) else score_function(model, target)
    length = check_windows(sequences)
    letters = _letters(model, alphabet)
    places = range(length) if positions is None else [int(position) for position in positions]
    if outside := [place for place in places if not 0 <= place < length]:
        raise BadInput(f"positions: expected 0 to {length - 1} in windows of {length} bases, got {outside[0]}.")
    effects = np.full((len(sequences), length, len(letters)), np.nan, dtype=np.float32)
    jobs = [
        (i, place, k) for i, s in enumerate(sequences) for place in places for k in range(len(letters)) if letters[k] != s[place]
    ]
    effects[:, places] = 0
    reference, far = _checked(score, list(sequences)), _reach(model, length)
    for first in range(0, len(jobs), _WINDOWS):
        chunk = jobs[first : first + _WINDOWS]
        items, where, which = np.array(chunk).T
        if far is None:
            found = _checked(score, [sequences[i][:place] + letters[k] + sequences[i][place + 1 :] for i, place, k in chunk])
        else:
            from glmkit.interpret.attribution.fast_substitutions import piecewise

            found = piecewise(model, sequences, [(i, place, letters[k]) for i, place, k in chunk], target, far)
        effects[items, where, which] = found - reference[items]
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
    return score_function(classifier, target)


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


def _letters(model: Any, alphabet: str | None) -> str:
    if alphabet is None:
        return LETTERS if is_function(model) else letters_of(model.tokenizer) or LETTERS
    if not alphabet or len(set(alphabet)) != len(alphabet):
        raise BadInput(f"alphabet: expected one or more different letters, got {alphabet!r}.")
    return alphabet


def _reach(model: Any, length: int) -> int | None:
    """The reach of a network that mixes locally, if pieces of that reach are much shorter than the windows; else None."""
    if is_function(model):
        return None
    from glmkit.interpret.attribution.fast_substitutions import WORTH, reach

    far = reach(model)
    return far if far is not None and length >= WORTH * (4 * far + 1) else None


def _checked(score: Callable[[list[str]], np.ndarray], sequences: list[str]) -> np.ndarray:
    got = np.asarray(score(sequences), dtype=np.float64)
    if got.shape != (len(sequences),) or not np.isfinite(got).all():
        raise BadInput(
            f"The scoring function must return one finite score for each of {len(sequences)} windows, got {got.shape}."
        )
    return got
