"""Which SNPs a model leans on, one by one and by linkage block: shuffle them over people and see what is lost.

A SNP in strong linkage has a proxy beside it, so that shuffling it alone costs little and its importance looks small, however
much the region matters. SNPs are therefore also shuffled together by block: blocks are clusters by r², the squared correlation
of genotypes. A block that matters while none of its SNPs does alone says that the model spreads its weight over the region, and
that the data cannot tell which SNP is the one. Nothing here is causal: it says what the model uses.

scikit-learn's `permutation_importance` does the shuffling; the interval is over people or families.

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
    """Rise of the mean loss when a SNP, or a whole linkage block, is shuffled over people.

    Parameters
    ----------
    score
        From genotypes (people, SNPs) to one score a person: a value for measured labels, log-odds of the second class for two
        classes.
    genotypes
        People x SNPs: copies of the alternative allele, 0 to 2, best of people that the model has not seen. No missing values.
    labels
        A measured value a person; or 0 and 1.
    r2
        SNPs whose mean squared correlation is this or more form a block.
    loss
        ``squared`` error of values, ``logistic`` loss of log-odds, in nats; ``auto``: logistic if all labels are 0 or 1.
    repeats
        Shuffles of each SNP and block, averaged.
    groups
        Unit of independence of each person (family); None when people are independent.
    draws, seed
        Of the bootstrap, and of the shuffles.

    Returns
    -------
    pandas.DataFrame
        One row a SNP and one a block of two or more, the most important first: ``kind`` (``snp`` or ``block``), ``name`` (of a
        block: its first SNP and how many more), ``block`` (number, from 1, by first SNP), ``snps`` in it, ``importance`` with
        ``low`` and ``high``, its 95% interval over people.

    Raises
    ------
    BadInput
        Missing genotypes, labels or scores of another number, an r² outside (0, 1], or labels that do not fit the loss.
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
    """SNPs in linkage, by average-linkage clustering of 1 - r².

    Parameters
    ----------
    genotypes
        People x SNPs; a SNP that does not vary is a block of its own.
    r2
        Mean squared correlation from which SNPs stand in one block.

    Returns
    -------
    int64 array (SNPs,)
        Number of each SNP's block, from 1, in order of first appearance.
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
    """Genotypes put together from people's numbers, one column a unit, so that what is shuffled stays together."""

    def __init__(self, score: Callable[[np.ndarray], np.ndarray], values: np.ndarray, units: list[np.ndarray]) -> None:
        self.score, self.values, self.units = score, values, units

    def fit(self, X: np.ndarray, y: np.ndarray) -> "_Shuffled":
        """Nothing to fit; scikit-learn asks for it."""
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
    """Rise of the loss (units, 1 + draws): over all people, then in each draw of the bootstrap."""
    from sklearn.inspection import permutation_importance

    def minus_loss(estimator: Any, X: np.ndarray, y: np.ndarray) -> dict[str, float]:
        """One number a draw, in their order."""
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
        return lambda y, told: (y - told) ** 2
    if kind != "logistic":
        raise BadInput(f"loss: expected 'auto', 'squared' or 'logistic', got {loss!r}.")
    if not two:
        raise BadInput("loss: 'logistic' needs labels 0 and 1; for measured values take 'squared'.")
    return lambda y, told: np.logaddexp(0, np.where(y == 1, -told, told))


def _checked(
    genotypes: pd.DataFrame, labels: Sequence[float] | np.ndarray, r2: float, repeats: int
) -> tuple[np.ndarray, np.ndarray]:
    values, wanted = genotypes.to_numpy(dtype=np.float64), np.asarray(labels, dtype=np.float64)
    if values.size == 0 or wanted.shape != (len(values),) or not np.isfinite(wanted).all():
        raise BadInput(f"labels: expected one number for each of {len(values)} people, got {wanted.shape}.")
    if np.isnan(values).any():
        name = genotypes.columns[int(np.flatnonzero(np.isnan(values).any(0))[0])]
        raise BadInput(f"genotypes: {name!r} is missing in some people. Impute them, or leave the SNP out.")
    if not 0 < r2 <= 1 or repeats < 1:
        raise BadInput(f"r2: expected above 0 and at most 1, and repeats of 1 or more; got {r2} and {repeats}.")
    return values, wanted
