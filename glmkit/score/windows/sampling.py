"""Draw one token from logits: temperature, then the k likeliest, then the nucleus, as everybody does it.

Random numbers come from one generator a sequence, one number a token, turned into a token by the cumulative distribution. So a
sequence is the same whatever is drawn beside it.

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
    """How a token is chosen.

    Parameters
    ----------
    temperature
        Logits are divided by it: below 1 is bolder, above 1 is more varied.
    top_k
        Only the k likeliest tokens can be drawn; 0 for all, 1 for always the likeliest.
    top_p
        Only the fewest likeliest tokens that together have this probability can be drawn; 1 for all.

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
            raise BadInput(
                f"temperature: expected a number above 0, got {self.temperature}. For always the likeliest token use top_k=1."
            )
        if self.top_k < 0:
            raise BadInput(f"top_k: expected 0 (all tokens) or more, got {self.top_k}.")
        if not 0 < self.top_p <= 1:
            raise BadInput(f"top_p: expected a probability above 0 and at most 1, got {self.top_p}.")


def probabilities(logits: np.ndarray, allowed: np.ndarray, sampling: Sampling) -> np.ndarray:
    """The distribution that a token is drawn from.

    Parameters
    ----------
    logits
        (n, vocab).
    allowed
        bool (vocab,): tokens that may be drawn at all.
    sampling
        How.

    Returns
    -------
    numpy.ndarray
        float64 (n, vocab); rows sum to 1, and a token that cannot be drawn has 0.
    """
    scaled = np.where(allowed, np.asarray(logits, dtype=np.float64) / sampling.temperature, -np.inf)
    weights = np.exp(scaled - scaled.max(1, keepdims=True))
    weights /= weights.sum(1, keepdims=True)
    order = np.argsort(-weights, axis=1, kind="stable")  # ties: the lower id first
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
        float64 (n, vocab).
    generators
        One a row; each gives one number.

    Returns
    -------
    numpy.ndarray
        int64 (n,).
    """
    numbers = np.array([generator.random() for generator in generators])
    reached = np.cumsum(distribution, 1)
    chosen = (reached <= numbers[:, None] * reached[:, -1:]).sum(1)
    last = distribution.shape[1] - 1 - np.argmax(distribution[:, ::-1] > 0, axis=1)
    return np.minimum(chosen, last)
