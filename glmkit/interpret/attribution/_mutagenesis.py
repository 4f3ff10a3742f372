"""In-silico saturation mutagenesis: effect of each single substitution on a model's score.

Every letter is replaced by each of the others (three for a base, nineteen for a residue), and the sequence is scored again. The
effect is exact, at the cost of one forward pass per substitution. It describes the *model*, not the cell. Substitutions are
tested one at a time, so two redundant sites both appear unimportant. In networks with local mixing only, only the states within
reach of a substitution are recomputed (:mod:`glmkit.interpret.attribution.fast_substitutions`), with equal results.

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
    """Change of the score upon every single substitution.

    Parameters
    ----------
    model
        A Classifier, scored by the log-odds of class `target` against all other classes, or a Regressor; or any function from a
        list of sequences to one score each, preferably on an unbounded scale (logits rather than probabilities).
    sequences
        Windows or proteins of equal length. N and X are read, and every letter is tested in their place.
    positions
        Positions to change, 0-based; None for all.
    target
        Index of the class or output to score; None for class 1, or output 0.
    alphabet
        Letters to substitute; None for those of the model's tokenizer: A, C, G, T for DNA with any tokens, or the 20 amino acids
        in alphabetical order. For a function the default is A, C, G, T.
    progress
        Function called at intervals with (number of sequences scored, total number).

    Returns
    -------
    float32 array (n, length, letters)
        Score of the sequence with each letter at each position, minus the score of the original sequence; 0 at the original
        letter, NaN at positions not in `positions`.

    Raises
    ------
    BadInput
        Sequences of unequal lengths, a position outside them, an empty alphabet or a duplicate letter, or a function that does
        not return one finite score per sequence.

    Examples
    --------
    >>> from glmkit.interpret import mutagenesis
    >>> effects = mutagenesis(lambda windows: [window.count("A") for window in windows], ["AC", "GT"])
    >>> effects.shape
    (2, 2, 4)
    >>> effects[0].tolist()  # rows are positions, columns A, C, G, T
    [[0.0, -1.0, -1.0, -1.0], [1.0, 0.0, 0.0, 0.0]]
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
    """Log-odds of one class against all others, as a function of sequences.

    Parameters
    ----------
    classifier
        A Classifier.
    target
        Index of the class.

    Returns
    -------
    callable
        Function from a list of n sequences to log-odds in nats, float64 (n,).

    Examples
    --------
    >>> from glmkit.interpret import class_log_odds
    >>> from glmkit.models import TransformerConfig, new_classifier, new_model
    >>> from glmkit.tokens import make_tokenizer
    >>> config = TransformerConfig(vocabulary_size=10, width=8, layers=1, heads=2, feedforward=8)
    >>> classifier = new_classifier(new_model(config, make_tokenizer("base")), classes=("background", "promoter"))
    >>> score = class_log_odds(classifier, target=1)
    >>> score(["TATAAT", "GGCA"]).shape
    (2,)
    """
    return score_function(classifier, target)


def check_windows(sequences: Sequence[str]) -> int:
    """The common length of all windows; raises an error that names the first window of another length.

    Parameters
    ----------
    sequences
        Windows of equal length.

    Returns
    -------
    int
        Length in letters.
    """
    if isinstance(sequences, str) or len(sequences) == 0:
        raise BadInput("sequences: expected a list with at least one window.")
    length = len(sequences[0])
    for i, sequence in enumerate(sequences):
        if len(sequence) != length:
            raise BadInput(f"Expected windows of equal length, got {length} bases in window 0 and {len(sequence)} in window {i}.")
    return length


def _letters(model: Any, alphabet: str | None) -> str:
    if alphabet is None:
        return LETTERS if is_function(model) else letters_of(model.tokenizer) or LETTERS
    if not alphabet or len(set(alphabet)) != len(alphabet):
        raise BadInput(f"alphabet: expected one or more different letters, got {alphabet!r}.")
    return alphabet


def _reach(model: Any, length: int) -> int | None:
    """Reach of a network with local mixing, if pieces of that reach are much shorter than the windows; else None."""
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
