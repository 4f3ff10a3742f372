"""Aligned windows as matrices: letter frequencies, information content, and mean effects as logo heights.

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
    """How often each letter stands at each position.

    Parameters
    ----------
    sequences
        Windows of one length; letters other than A, C, G and T are not counted.
    pseudocount
        Added to each of the four counts.

    Returns
    -------
    float64 array (length, 4)
        Rows sum to 1, or hold NaN where no letter was counted.
    """
    check_windows(sequences)
    grid = np.frombuffer("".join(sequences).upper().encode("ascii", "replace"), np.uint8).reshape(len(sequences), -1)
    counts = np.stack([(grid == ord(letter)).sum(0) for letter in LETTERS], 1) + pseudocount
    with np.errstate(invalid="ignore"):
        return counts / counts.sum(1, keepdims=True)


def information_content(frequencies: np.ndarray, background: Sequence[float] | None = None, n: int | None = None) -> np.ndarray:
    """Bits by which each position differs from the background, shared among its letters: the heights of a sequence logo.

    Parameters
    ----------
    frequencies
        (length, 4), rows summing to 1.
    background
        Frequencies of A, C, G, T elsewhere; equal if None. In a genome poor in G and C the equal background shows composition
        as if it were signal.
    n
        Windows behind the frequencies: takes off the small-sample bias of 3 / (2 n ln 2) bits.

    Returns
    -------
    float64 array (length, 4)
        Heights in bits, 0 or more; a row's sum is the information of that position.

    Raises
    ------
    BadInput
        A background that is not four positive numbers summing to 1.
    """
    expected = np.full(4, 0.25) if background is None else np.asarray(background, dtype=np.float64)
    if expected.shape != (4,) or (expected <= 0).any() or not np.isclose(expected.sum(), 1):
        raise BadInput(f"background: expected four positive frequencies that sum to 1, got {np.asarray(background).tolist()}.")
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(frequencies > 0, frequencies * np.log2(frequencies / expected), 0.0)
    bias = 0.0 if n is None else 3 / (2 * n * np.log(2))
    return frequencies * np.maximum(terms.sum(1, keepdims=True) - bias, 0)


def letter_contributions(effects: np.ndarray) -> np.ndarray:
    """Mean effect of each letter at each position, against the mean of all: the heights of an effect logo.

    A letter above zero raises the score wherever it stands, compared with an average letter in that place.

    Parameters
    ----------
    effects
        (n, length, letters) from :func:`glmkit.interpret.mutagenesis`.

    Returns
    -------
    float64 array (length, letters)
        In the units of the score; each row sums to 0, or holds NaN where nothing was asked.
    """
    effects = np.asarray(effects, dtype=np.float64)
    return (effects - effects.mean(2, keepdims=True)).mean(0)


def importance(effects: np.ndarray) -> np.ndarray:
    """What the letter that stands there is worth: minus the mean effect of the substitutions.

    Parameters
    ----------
    effects
        (n, length, letters) from :func:`glmkit.interpret.mutagenesis`.

    Returns
    -------
    float64 array (n, length)
        Above 0 where replacing the letter lowers the score.
    """
    found = np.asarray(effects, dtype=np.float64)
    return -found.sum(2) / (found.shape[2] - 1)
