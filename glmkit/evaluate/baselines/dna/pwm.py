"""Position weight matrix: each column of an alignment has its own letter frequencies, and columns are independent.

It is the oldest model of a sequence family and the reference for models with dependence between positions. Sequences are weighted by
position (Henikoff & Henikoff 1994), so that many near copies do not outweigh one distant relative. Counts are smoothed towards the
composition of the whole alignment. Gaps and unknown letters are ignored in counting and in scoring.

References
----------
Henikoff S, Henikoff JG (1994). Position-based sequence weights. J Mol Biol 243, 574-578. Wasserman WW, Sandelin A (2004). Applied
bioinformatics for the identification of regulatory elements. Nature Reviews Genetics 5, 276-287: the square root for pseudo-counts.
"""

import numpy as np

from glmkit.errors import BadInput


def henikoff_weights(codes: np.ndarray, letters: int) -> np.ndarray:
    """Position-based weights of the rows of an alignment.

    Each column has equal weight, divided equally among its letters, and each letter's part equally among the rows that have it.

    Parameters
    ----------
    codes
        Letter codes, int64 (n, columns): 0 to letters - 1, or `letters` for a gap, which has no weight.
    letters
        Number of letters of the alphabet.

    Returns
    -------
    float64 array (n,)
        Weights with sum 1.

    Raises
    ------
    BadInput
        No row has a known letter.
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
    """Weighted letter counts of each column.

    Parameters
    ----------
    codes
        Letter codes, int64 (n, columns), as for :func:`henikoff_weights`.
    letters
        Number of letters of the alphabet.
    weights
        Weights of the rows, float64 (n,).

    Returns
    -------
    float64 array (columns, letters)
        Counts without gaps.
    """
    columns = codes.shape[1]
    flat = np.arange(columns) * (letters + 1) + codes
    spread = np.repeat(weights, columns)
    return np.bincount(flat.ravel(), spread, minlength=columns * (letters + 1)).reshape(columns, -1)[:, :letters]


def composition_of(codes: np.ndarray, letters: int) -> np.ndarray:
    """Share of each letter in the whole alignment, float64 (letters,), each above 0 by a pseudo-count of 1."""
    counts = np.bincount(codes.ravel(), minlength=letters + 1)[:letters] + 1.0
    return counts / counts.sum()


def log_profile(
    codes: np.ndarray, letters: int, background: np.ndarray, pseudo_count: float | None = None, weighted: bool = True
) -> np.ndarray:
    """Log-probability of each letter in each column.

    With N the weighted letter count of a column (the weights of the n rows sum to n) and b the pseudo-count, the probability of letter a
    is (N_a + b · background_a) / (N + b).

    Parameters
    ----------
    codes
        Letter codes, int64 (n, columns), as for :func:`henikoff_weights`.
    letters
        Number of letters of the alphabet.
    background
        Letter probabilities of a column without letters, float64 (letters,).
    pseudo_count
        Pseudo-count b, above 0; None for the square root of n.
    weighted
        Weigh rows by position; otherwise each row counts once.

    Returns
    -------
    float64 array (columns, letters + 1)
        Log-probabilities in nats; the last column is 0, for gaps, so that indexing with ``codes`` scores a row.

    Raises
    ------
    BadInput
        A pseudo-count that is not above 0.
    """
    n = len(codes)
    pseudo = float(np.sqrt(n)) if pseudo_count is None else pseudo_count
    if not pseudo > 0:
        raise BadInput(
            f"pseudo_count: expected above 0, got {pseudo_count}. With 0, a letter absent from training would have probability 0."
        )
    weights = henikoff_weights(codes, letters) * n if weighted else np.ones(n)
    counts = column_counts(codes, letters, weights)
    share = (counts + pseudo * background) / (counts.sum(1, keepdims=True) + pseudo)
    return np.column_stack([np.log(share), np.zeros(len(share))])


def score_rows(codes: np.ndarray, profile: np.ndarray) -> np.ndarray:
    """Log-likelihood of the letters of each row.

    Parameters
    ----------
    codes
        Letter codes, int64 (n, columns).
    profile
        Log-probabilities from :func:`log_profile`.

    Returns
    -------
    float64 array (n,)
        Log-likelihoods in nats; gaps count as 0.
    """
    return profile[np.arange(codes.shape[1]), codes].sum(1)
