"""Reliability of probabilities, and temperature scaling.

A table compares probabilities with observed frequencies, bin by bin, each with an interval over the unit of independence. Temperature
scaling divides the log odds by one number fitted on validation items. It cannot change the order (nor AUROC, nor accuracy at a
threshold of 0.5); it only makes a network more or less confident. Overconfidence is the most common calibration error of fine-tuned
networks.

References
----------
Guo C et al. (2017). On calibration of modern neural networks. ICML.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, special

from glmkit.errors import BadInput
from glmkit.evaluate.metrics._bootstrap import bootstrap, item_weights
from glmkit.evaluate.metrics.probabilistic import BINS, check_probabilities, confidence, ece_drawn, mass_bins
from glmkit.evaluate.metrics.registry import METRICS, check_scores
from glmkit.evaluate.metrics.weighted import divide
from glmkit.statistics import Estimate, group_index, interval

_SMALLEST = 1e-12  # least probability of which a logarithm is taken
_WIDEST = float(np.log(100))  # largest absolute logarithm of a temperature


@dataclass(frozen=True, kw_only=True)
class Calibration:  # numpydoc ignore=PR02
    """Comparison of probabilities with observed frequencies.

    Parameters
    ----------
    table
        One row for each bin, lowest first: ``from``, ``to`` (edges), ``n`` (items), ``claimed`` (mean probability), ``came_true``
        (observed share), ``low``, ``high`` (95% interval of the share).
    ece
        Expected calibration error over these bins, with its interval.
    brier
        Brier score, with its interval.
    """

    table: pd.DataFrame
    ece: Estimate
    brier: Estimate

    def __str__(self) -> str:
        gap = self.table["claimed"] - self.table["came_true"]
        lean = float((gap * self.table["n"]).sum() / self.table["n"].sum())
        direction = "too high" if lean > 0 else "too low"
        return (
            f"{METRICS['ece'].title.capitalize()} {self.ece}, {METRICS['brier'].title} {self.brier}, over {len(self.table)} bins of {self.table['n'].sum():,} items; "
            f"on the whole the probabilities are {abs(lean):.3f} {direction}."
        )


def calibration(
    labels: Sequence[int] | np.ndarray,
    probabilities: Sequence[float] | np.ndarray,
    groups: Sequence[object] | np.ndarray | None = None,
    bins: int = BINS,
    draws: int = 1000,
    seed: int = 0,
) -> Calibration:
    """Reliability of probabilities: observed frequencies by bin, calibration error and Brier score.

    Parameters
    ----------
    labels
        0 or 1, or class numbers, (n,).
    probabilities
        Probability of class 1, (n,); or of each class, (n, classes): the highest is then compared with whether that class is correct.
    groups
        Unit of independence of each item; None if items are independent.
    bins
        Number of bins of about equal numbers of items, from 1 to n. Equal probabilities share a bin, so there may be fewer.
    draws, seed
        Number of draws, and seed of the bootstrap.

    Returns
    -------
    Calibration
        Table for :func:`glmkit.plot.reliability` and two summaries; ``str`` gives a sentence.

    Raises
    ------
    BadInput
        Scores that are no probabilities, fewer than one bin, or labels that do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.evaluate import calibration
    >>> rng = np.random.default_rng(0)
    >>> claimed = rng.random(400)
    >>> labels = (rng.random(400) < claimed).astype(int)
    >>> found = calibration(labels, claimed, bins=4, draws=100)
    >>> found.table[["n", "claimed", "came_true"]].round(2)
         n  claimed  came_true
    0  100     0.13       0.10
    1  100     0.42       0.41
    2  100     0.67       0.72
    3  100     0.90       0.87
    """
    y, p = _checked(labels, probabilities)
    if not 1 <= bins <= len(y):
        raise BadInput(f"bins: expected 1 to {len(y)}, the number of items, got {bins}.")
    claimed, came = confidence(y, p)
    index, edges = mass_bins(claimed, bins)
    each = np.eye(len(edges) - 1)[index]  # (n, bins)
    n = each.sum(0)
    shares, errors = [], []
    for weights in item_weights(group_index(groups, len(y)), draws, seed):
        shares.append(divide(weights @ (each * came[:, None]), weights @ each, np.nan))
        errors.append(ece_drawn(y, p, weights, bins))
    low, high = np.nanquantile(np.concatenate(shares), [0.025, 0.975], axis=0)
    table = pd.DataFrame({"from": edges[:-1], "to": edges[1:], "n": n.astype(np.int64), "claimed": claimed @ each / n})
    table = table.assign(came_true=came @ each / n, low=low, high=high)
    value = float(ece_drawn(y, p, np.ones((1, len(y))), bins)[0])
    return Calibration(
        table=table, ece=interval(value, np.concatenate(errors)), brier=bootstrap("brier", y, p, groups, draws, seed)
    )


@dataclass(frozen=True, kw_only=True)
class Temperature:  # numpydoc ignore=PR02
    """A temperature: the number by which log odds are divided.

    Parameters
    ----------
    value
        Temperature, above 0; above 1 makes probabilities less extreme, below 1 more extreme.
    before, after
        Mean negative log likelihood of the validation labels (nats an item) without and with scaling.
    """

    value: float
    before: float
    after: float

    def __call__(self, probabilities: Sequence[float] | np.ndarray) -> np.ndarray:
        """Scaled probabilities, float64 (n,) or (n, classes), in the same order of items."""
        return _scaled(check_probabilities(np.asarray(probabilities, dtype=np.float64)), self.value)

    def __str__(self) -> str:
        return f"temperature {self.value:.3f}: {self.before:.4f} → {self.after:.4f} nats an item on the validation side"


def temperature(labels: Sequence[int] | np.ndarray, probabilities: Sequence[float] | np.ndarray) -> Temperature:
    """Fit the temperature on validation items, for use on test probabilities.

    Parameters
    ----------
    labels
        0 or 1, or class numbers, (n,), of items that are neither in training nor in the test set.
    probabilities
        Probability of class 1, (n,), or of each class, (n, classes).

    Returns
    -------
    Temperature
        Function of probabilities with the maximum-likelihood temperature between 0.01 and 100.

    Raises
    ------
    BadInput
        Scores that are no probabilities, or labels that do not fit.

    Examples
    --------
    >>> from glmkit.evaluate import temperature
    >>> scaling = temperature([0, 1, 1, 0, 1, 0], [0.01, 0.99, 0.98, 0.97, 0.99, 0.02])  # one confident error
    >>> scaling.value > 1, scaling([0.99]).round(2)
    (True, array([0.88]))
    """
    y, p = _checked(labels, probabilities)

    def _loss(log_value: float) -> float:
        scaled = _scaled(p, float(np.exp(log_value)))
        right = np.where(y == 1, scaled, 1 - scaled) if p.ndim == 1 else scaled[np.arange(len(y)), y]
        return float(-np.log(np.maximum(right, _SMALLEST)).mean())

    found = optimize.minimize_scalar(_loss, bounds=(-_WIDEST, _WIDEST), method="bounded", options={"xatol": 1e-7})
    return Temperature(value=float(np.exp(found.x)), before=_loss(0.0), after=float(found.fun))


def _checked(labels: Sequence[int] | np.ndarray, probabilities: Sequence[float] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    p = np.asarray(probabilities, dtype=np.float64)
    y, p = check_scores(np.asarray(labels), p, "multiclass" if p.ndim == 2 else "classification")
    return y, check_probabilities(p)


def _scaled(probabilities: np.ndarray, value: float) -> np.ndarray:
    if probabilities.ndim == 2:
        return special.softmax(np.log(np.maximum(probabilities, _SMALLEST)) / value, axis=1)
    inside = np.clip(probabilities, _SMALLEST, 1 - _SMALLEST)
    return special.expit(special.logit(inside) / value)
