"""Permutation importance of SNPs and of linkage blocks.

A SNP in strong linkage disequilibrium has proxies. Permuting it alone costs little, and its importance appears small even if the
region matters. SNPs are therefore also permuted together by block, where blocks are clusters by r², the squared correlation of
genotypes. An important block without an important SNP indicates that the model distributes its weights over the region, and that
the data do not resolve the SNP. Importance describes the model; it is not causal.

Permutation uses scikit-learn's `permutation_importance`; intervals are over people or families.

References
----------
Breiman L (2001). Random forests. Machine Learning 45, 5-32.
Fisher A, Rudin C, Dominici F (2019). All models are wrong, but many are useful. JMLR 20(177) (model reliance).
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from glmkit.errors import BadInput
from glmkit.statistics import draw_groups, group_index, interval

Loss = Literal["auto", "squared", "logistic"]


def snp_importance(
    score: Callable[[np.ndarray], np.ndarray],
    genotypes: pd.DataFrame,
    labels: Sequence[float] | np.ndarray,
    *,
    r2: float = 0.5,
    loss: Loss = "auto",
    repeats: int = 10,
    groups: Sequence[object] | None = None,
    draws: int = 500,
    seed: int = 0,
) -> pd.DataFrame:
    """Increase of the mean loss when a SNP, or a whole linkage block, is permuted over people.

    Parameters
    ----------
    score
        Function from genotypes (people, SNPs) to one score per person: a value for quantitative labels, or log-odds of class 1.
    genotypes
        Copies of the alternative allele, 0 to 2, (people, SNPs), without missing values; preferably of people not used for
        training.
    labels
        Quantitative value of each person, or 0 and 1, (people,).
    r2
        Minimum mean squared correlation of SNPs in a block, in (0, 1].
    loss
        ``squared`` error of values, or ``logistic`` loss of log-odds in nats; ``auto`` is logistic if all labels are 0 or 1.
    repeats
        Number of permutations of each SNP and block, averaged.
    groups
        Unit of independence of each person (family), (people,); None when people are independent.
    draws, seed
        Number of bootstrap resamples, and random seed of resamples and permutations.

    Returns
    -------
    pandas.DataFrame
        One row per SNP and per block of two or more, most important first. Columns: ``kind`` (``snp`` or ``block``), ``name``
        (for a block, its first SNP and the number of others), ``block`` (1-based number, by first SNP), ``snps`` (number of
        SNPs), ``importance``, ``low`` and ``high`` (95% interval over people).

    Raises
    ------
    BadInput
        Missing genotypes, labels or scores of the wrong length, an r² outside (0, 1], or labels that do not match the loss.
    """
    values, wanted = _checked(genotypes, labels, r2, repeats)
    per_person = _loss(loss, wanted)
    index = group_index(groups, len(wanted))
    counts = draw_groups(int(index.max()) + 1, draws, seed)
    weights = np.vstack([np.ones(len(wanted)), counts[:, index]])
    weights /= weights.sum(1, keepdims=True)
    block = linkage_blocks(genotypes, r2)
    units = [np.array([column]) for column in range(values.shape[1])]
    shared = [number for number in range(1, int(block.max()) + 1) if (block == number).sum() > 1]
    units += [np.flatnonzero(block == number) for number in shared]
    rises = _shuffled(score, values, wanted, units, per_person, weights, repeats, seed)
    names = [str(name) for name in genotypes.columns]
    rows = []
    for number, (columns, drawn) in enumerate(zip(units, rises, strict=True)):
        single = number < len(names)
        name = names[columns[0]] if single else f"{names[columns[0]]} + {len(columns) - 1} linked"
        size = int(block[columns[0]])
        rows.append(("snp" if single else "block", name, size, len(columns), *interval(drawn[0], drawn[1:])))
    table = pd.DataFrame(rows, columns=["kind", "name", "block", "snps", "importance", "low", "high"])
    return table.sort_values("importance", ascending=False, kind="stable", ignore_index=True)


def linkage_blocks(genotypes: pd.DataFrame, r2: float = 0.5) -> np.ndarray:
    """Linkage blocks of SNPs, by average-linkage clustering of 1 - r².

    Parameters
    ----------
    genotypes
        Copies of the alternative allele, (people, SNPs); a SNP without variation forms a separate block.
    r2
        Minimum mean squared correlation of SNPs in a block.

    Returns
    -------
    int64 array (SNPs,)
        Block number of each SNP, 1-based, in order of first appearance.
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    values = genotypes.to_numpy(dtype=np.float64)
    if values.shape[1] == 1:
        return np.ones(1, np.int64)
    centred = values - values.mean(0)
    norms = np.sqrt((centred**2).sum(0))
    unit = centred / np.where(norms > 0, norms, 1)
    distance = np.clip(1 - (unit.T @ unit) ** 2, 0, 1)
    np.fill_diagonal(distance, 0)
    found = fcluster(linkage(squareform(distance, checks=False), "average"), 1 - r2 + 1e-9, "distance")
    return pd.factorize(found)[0].astype(np.int64) + 1


class _Shuffled:
    """Estimator whose features are indices of people, one column per SNP or block, so that a block is permuted as a whole."""

    def __init__(self, score: Callable[[np.ndarray], np.ndarray], values: np.ndarray, units: list[np.ndarray]) -> None:
        self.score, self.values, self.units = score, values, units

    def fit(self, X: np.ndarray, y: np.ndarray) -> "_Shuffled":
        """Return the estimator unchanged; scikit-learn requires the method."""
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Scores (n,) of people whose genotypes at unit u are those of person ``X[:, u]``."""
        mixed = self.values.copy()
        for column in np.flatnonzero((np.arange(len(X))[:, None] != X).any(0)):
            places = self.units[column]
            mixed[:, places] = self.values[X[:, column]][:, places]
        got = np.asarray(self.score(mixed), dtype=np.float64)
        if got.shape != (len(X),) or not np.isfinite(got).all():
            raise BadInput(f"The scoring function must return one finite score for each of {len(X)} people, got {got.shape}.")
        return got


def _shuffled(
    score: Callable[[np.ndarray], np.ndarray],
    values: np.ndarray,
    labels: np.ndarray,
    units: list[np.ndarray],
    per_person: Callable[[np.ndarray, np.ndarray], np.ndarray],
    weights: np.ndarray,
    repeats: int,
    seed: int,
) -> np.ndarray:
    """Increase of the loss, (units, 1 + draws): over all people, then in each bootstrap resample."""
    from sklearn.inspection import permutation_importance

    def minus_loss(estimator: Any, X: np.ndarray, y: np.ndarray) -> dict[str, float]:
        """Minus the loss of each resample, in order."""
        return {str(i): -value for i, value in enumerate(weights @ per_person(y, estimator.predict(X)))}

    people = np.repeat(np.arange(len(values))[:, None], len(units), axis=1)
    found = permutation_importance(
        _Shuffled(score, values, units), people, labels, scoring=minus_loss, n_repeats=repeats, random_state=seed
    )
    return np.stack([found[str(i)]["importances_mean"] for i in range(len(weights))], 1)


def _loss(loss: Loss, labels: np.ndarray) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    two = set(np.unique(labels)) <= {0.0, 1.0}
    kind = ("logistic" if two else "squared") if loss == "auto" else loss
    if kind == "squared":
        return lambda y, predicted: (y - predicted) ** 2
    if kind != "logistic":
        raise BadInput(f"loss: expected 'auto', 'squared' or 'logistic', got {loss!r}.")
    if not two:
        raise BadInput("loss: 'logistic' needs labels 0 and 1. For quantitative values use 'squared'.")
    return lambda y, predicted: np.logaddexp(0, np.where(y == 1, -predicted, predicted))


def _checked(
    genotypes: pd.DataFrame, labels: Sequence[float] | np.ndarray, r2: float, repeats: int
) -> tuple[np.ndarray, np.ndarray]:
    values, wanted = genotypes.to_numpy(dtype=np.float64), np.asarray(labels, dtype=np.float64)
    if values.size == 0 or wanted.shape != (len(values),) or not np.isfinite(wanted).all():
        raise BadInput(f"labels: expected one number for each of {len(values)} people, got {wanted.shape}.")
    if np.isnan(values).any():
        name = genotypes.columns[int(np.flatnonzero(np.isnan(values).any(0))[0])]
        raise BadInput(f"genotypes: {name!r} has missing values. Impute them, or remove the SNP.")
    if not 0 < r2 <= 1 or repeats < 1:
        raise BadInput(f"r2: expected above 0 and at most 1, and repeats of 1 or more; got {r2} and {repeats}.")
    return values, wanted
