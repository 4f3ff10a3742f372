"""Matrices of aligned windows: letter frequencies, information content, and mean effects, as heights of logos.

References
----------
Schneider TD, Stephens RM (1990). Sequence logos: a new way to display consensus sequences. NAR 18, 6097-6100.
Schneider TD et al. (1986). Information content of binding sites on nucleotide sequences. J Mol Biol 188, 415-431.
"""

from collections.abc import Sequence

import numpy as np

from glmkit.errors import BadInput
from glmkit.interpret.attribution._mutagenesis import LETTERS, check_windows


def position_frequencies(sequences: Sequence[str], pseudocount: float = 0.0) -> np.ndarray:
    """Position frequency matrix: frequency of each letter at each position.

    Parameters
    ----------
    sequences
        Windows of equal length; letters other than A, C, G and T are not counted.
    pseudocount
        Number added to each of the four counts.

    Returns
    -------
    float64 array (length, 4)
        Columns A, C, G, T. Rows sum to 1, or are NaN where no letter was counted.

    Examples
    --------
    >>> from glmkit.interpret import position_frequencies
    >>> position_frequencies(["AC", "AG"]).tolist()  # columns A, C, G, T
    [[1.0, 0.0, 0.0, 0.0], [0.0, 0.5, 0.5, 0.0]]
    """
    check_windows(sequences)
    grid = np.frombuffer("".join(sequences).upper().encode("ascii", "replace"), np.uint8).reshape(len(sequences), -1)
    counts = np.stack([(grid == ord(letter)).sum(0) for letter in LETTERS], 1) + pseudocount
    with np.errstate(invalid="ignore"):
        return counts / counts.sum(1, keepdims=True)


def information_content(frequencies: np.ndarray, background: Sequence[float] | None = None, n: int | None = None) -> np.ndarray:
    """Information content of each position in bits, divided among its letters: heights of a sequence logo.

    Parameters
    ----------
    frequencies
        Position frequency matrix, (length, 4), rows summing to 1.
    background
        Background frequencies of A, C, G, T; None for uniform. In a genome poor in G and C, a uniform background shows
        composition as signal.
    n
        Number of windows, for subtraction of the small-sample bias of 3 / (2 n ln 2) bits; None for no correction.

    Returns
    -------
    float64 array (length, 4)
        Heights in bits, 0 or more; the sum of a row is the information content of that position.

    Raises
    ------
    BadInput
        A background that is not four positive numbers summing to 1.

    Examples
    --------
    >>> from glmkit.interpret import information_content, position_frequencies
    >>> information_content(position_frequencies(["AC", "AG"])).tolist()
    [[2.0, 0.0, 0.0, 0.0], [0.0, 0.5, 0.5, 0.0]]
    """
    expected = np.full(4, 0.25) if background is None else np.asarray(background, dtype=np.float64)
    if expected.shape != (4,) or (expected <= 0).any() or not np.isclose(expected.sum(), 1):
        raise BadInput(f"background: expected four positive frequencies that sum to 1, got {np.asarray(background).tolist()}.")
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(frequencies > 0, frequencies * np.log2(frequencies / expected), 0.0)
    bias = 0.0 if n is None else 3 / (2 * n * np.log(2))
    return frequencies * np.maximum(terms.sum(1, keepdims=True) - bias, 0)


def letter_contributions(effects: np.ndarray) -> np.ndarray:
    """Mean effect of each letter at each position relative to the mean of all letters: heights of an effect logo.

    A letter above zero raises the score, compared with an average letter at that position.

    Parameters
    ----------
    effects
        Effects of substitutions, (n, length, letters), from :func:`glmkit.interpret.mutagenesis`.

    Returns
    -------
    float64 array (length, letters)
        In the units of the score; each row sums to 0, or is NaN where positions were not tested.

    Examples
    --------
    >>> from glmkit.interpret import letter_contributions, mutagenesis
    >>> effects = mutagenesis(lambda windows: [4 * window.count("A") for window in windows], ["AC", "CA"])
    >>> letter_contributions(effects).tolist()
    [[3.0, -1.0, -1.0, -1.0], [3.0, -1.0, -1.0, -1.0]]
    """
    effects = np.asarray(effects, dtype=np.float64)
    return (effects - effects.mean(2, keepdims=True)).mean(0)


def importance(effects: np.ndarray) -> np.ndarray:
    """Importance of the letter at each position: minus the mean effect of its substitutions.

    Parameters
    ----------
    effects
        Effects of substitutions, (n, length, letters), from :func:`glmkit.interpret.mutagenesis`.

    Returns
    -------
    float64 array (n, length)
        In the units of the score; positive where replacing the letter lowers the score.

    Examples
    --------
    >>> from glmkit.interpret import importance, mutagenesis
    >>> effects = mutagenesis(lambda windows: [3 * window.count("A") for window in windows], ["AC"])
    >>> importance(effects).tolist()
    [[3.0, -1.0]]
    """
    found = np.asarray(effects, dtype=np.float64)
    return -found.sum(2) / (found.shape[2] - 1)
