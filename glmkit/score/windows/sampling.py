"""Sampling of a token from logits: temperature, then top-k, then top-p (nucleus), in the usual order.

Each sequence has a random generator that gives one number per token; the cumulative distribution turns the number into a token.
A sequence is therefore independent of the others in its batch.

References
----------
Holtzman A et al. (2020). The curious case of neural text degeneration. ICLR. arXiv:1904.09751 (top-p).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from glmkit.errors import BadInput


@dataclass(frozen=True, kw_only=True)
class Sampling:  # numpydoc ignore=PR02
    """Sampling parameters.

    Parameters
    ----------
    temperature
        Divisor of the logits, above 0: values below 1 sharpen the distribution, values above 1 flatten it.
    top_k
        Number of most likely tokens that can be drawn; 0 for all, 1 for greedy decoding.
    top_p
        Probability mass of the smallest set of most likely tokens that can be drawn, in (0, 1]; 1 for all.

    Raises
    ------
    BadInput
        A value out of range.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.temperature) and self.temperature > 0):
            raise BadInput(f"temperature: expected a number above 0, got {self.temperature}. For greedy decoding use top_k=1.")
        if self.top_k < 0:
            raise BadInput(f"top_k: expected 0 (all tokens) or more, got {self.top_k}.")
        if not 0 < self.top_p <= 1:
            raise BadInput(f"top_p: expected a probability above 0 and at most 1, got {self.top_p}.")


def probabilities(logits: np.ndarray, allowed: np.ndarray, sampling: Sampling) -> np.ndarray:
    """The distribution that a token is drawn from.

    Parameters
    ----------
    logits
        Logits, (n, vocab).
    allowed
        Tokens that can be drawn, bool (vocab,).
    sampling
        Temperature, top-k and top-p.

    Returns
    -------
    numpy.ndarray
        float64 (n, vocab); rows sum to 1, and a token that cannot be drawn has 0.
    """
    scaled = np.where(allowed, np.asarray(logits, dtype=np.float64) / sampling.temperature, -np.inf)
    weights = np.exp(scaled - scaled.max(1, keepdims=True))
    weights /= weights.sum(1, keepdims=True)
    order = np.argsort(-weights, axis=1, kind="stable")  # ties: lower id first
    ordered = np.take_along_axis(weights, order, 1)
    if sampling.top_k:
        ordered[:, sampling.top_k :] = 0
        ordered /= ordered.sum(1, keepdims=True)
    if sampling.top_p < 1:
        before = np.cumsum(ordered, 1) - ordered
        ordered[before >= sampling.top_p] = 0
        ordered /= ordered.sum(1, keepdims=True)
    np.put_along_axis(weights, order, ordered, 1)
    return weights


def draw(distribution: np.ndarray, generators: Sequence[np.random.Generator]) -> np.ndarray:
    """One token from each row.

    Parameters
    ----------
    distribution
        Probabilities, float64 (n, vocab).
    generators
        One random generator per row; each gives one number.

    Returns
    -------
    numpy.ndarray
        Token ids, int64 (n,).
    """
    numbers = np.array([generator.random() for generator in generators])
    reached = np.cumsum(distribution, 1)
    chosen = (reached <= numbers[:, None] * reached[:, -1:]).sum(1)
    last = distribution.shape[1] - 1 - np.argmax(distribution[:, ::-1] > 0, axis=1)
    return np.minimum(chosen, last)
