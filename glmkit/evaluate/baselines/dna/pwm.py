"""A position-weight model: each column of an alignment has its own letter frequencies, and columns are independent.

The oldest model of a family, and the one that any better model has to beat: what it lacks is that sites act together. Sequences are
weighted by position (Henikoff & Henikoff 1994), so that a hundred near copies do not outvote one distant relative, and counts are
smoothed towards the composition of the whole alignment. A gap or an unknown letter says nothing, in counting and in scoring.

References
----------
Henikoff S, Henikoff JG (1994). Position-based sequence weights. J Mol Biol 243, 574-578. Wasserman WW, Sandelin A (2004). Applied
bioinformatics for the identification of regulatory elements. Nature Reviews Genetics 5, 276-287: the square root for pseudo-counts.
"""

import numpy as np

from glmkit.errors import BadInput


def henikoff_weights(codes: np.ndarray, letters: int) -> np.ndarray:
    """Position-based weights of the rows of an alignment.

    In each column a letter's share is divided equally among the letters that stand there, then among the rows that have it.

    Parameters
    ----------
    codes
        Int64 (n, columns): 0 to letters - 1, or `letters` for a gap, which gets nothing.
    letters
        Of the alphabet.

    Returns
    -------
    float64 array (n,)
        Summing to 1.

    Raises
    ------
    BadInput
        No row has a letter.
    """
    n, columns = codes.shape
    counts = column_counts(codes, letters, np.ones(n))
    shares = np.zeros((columns, letters + 1))
    kinds = (counts > 0).sum(1, keepdims=True)
    np.divide(1.0, kinds * counts, out=shares[:, :letters], where=counts > 0)
    weights = shares[np.arange(columns), codes].sum(1)
    if not weights.sum() > 0:
        raise BadInput(f"Expected letters in an alignment, got {n} rows of gaps or unknown letters alone.")
    return weights / weights.sum()


def column_counts(codes: np.ndarray, letters: int, weights: np.ndarray) -> np.ndarray:
    """Weighted letters of each column.

    Parameters
    ----------
    codes
        Int64 (n, columns), as for :func:`henikoff_weights`.
    letters
        Of the alphabet.
    weights
        Float64 (n,).

    Returns
    -------
    float64 array (columns, letters)
        Gaps are left out.
    """
    columns = codes.shape[1]
    flat = np.arange(columns) * (letters + 1) + codes
    spread = np.repeat(weights, columns)
    return np.bincount(flat.ravel(), spread, minlength=columns * (letters + 1)).reshape(columns, -1)[:, :letters]


def composition_of(codes: np.ndarray, letters: int) -> np.ndarray:
    """Share of each letter in the whole alignment, float64 (letters,), none of them 0."""
    counts = np.bincount(codes.ravel(), minlength=letters + 1)[:letters] + 1.0
    return counts / counts.sum()


def log_profile(
    codes: np.ndarray, letters: int, background: np.ndarray, pseudo_count: float | None = None, weighted: bool = True
) -> np.ndarray:
    """Log-probability of each letter in each column.

    With N the letters of a column (its rows, counted by weight, which sum to n) and b the pseudo-counts, the probability of letter a is
    (N_a + b · background_a) / (N + b).

    Parameters
    ----------
    codes
        Int64 (n, columns), as for :func:`henikoff_weights`.
    letters
        Of the alphabet.
    background
        Float64 (letters,): where a column without letters falls back to.
    pseudo_count
        b, above 0; None for the square root of n.
    weighted
        Weigh rows by position; otherwise each counts once.

    Returns
    -------
    float64 array (columns, letters + 1)
        Nats; the last column is 0, for gaps, so that looking up ``codes`` scores a row.

    Raises
    ------
    BadInput
        A pseudo-count that is not above 0.
    """
    n = len(codes)
    pseudo = float(np.sqrt(n)) if pseudo_count is None else pseudo_count
    if not pseudo > 0:
        raise BadInput(f"pseudo_count: expected above 0, got {pseudo_count}. A letter that was never seen would be impossible.")
    weights = henikoff_weights(codes, letters) * n if weighted else np.ones(n)
    counts = column_counts(codes, letters, weights)
    share = (counts + pseudo * background) / (counts.sum(1, keepdims=True) + pseudo)
    return np.column_stack([np.log(share), np.zeros(len(share))])


def score_rows(codes: np.ndarray, profile: np.ndarray) -> np.ndarray:
    """Log-likelihood of the letters of each row.

    Parameters
    ----------
    codes
        Int64 (n, columns).
    profile
        From :func:`log_profile`.

    Returns
    -------
    float64 array (n,)
        Nats, gaps counting 0.
    """
    return profile[np.arange(codes.shape[1]), codes].sum(1)
