"""Effects of gene perturbations on expression: simple baselines and the metrics of predictions.

A perturbation's *effect* is the mean log expression of its cells minus that of the control cells. Three predictions need no model:
nothing changes; every perturbation has the average effect; a combination has the sum of the effects of its parts. No deep model was
better than the last two in Ahlmann-Eltze et al. (2025, doi:10.1038/s41592-025-02772-6), so a model is compared with them.

Predictions are scored on the change, not on the level. Profiles of cells are similar whatever the perturbation, so a correlation of
levels is near 1 even for a method that predicts no change.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from glmkit.data._cell_labels import as_text, obs_column
from glmkit.errors import BadInput
from glmkit.evaluate.baselines.cells.features import CellRows
from glmkit.statistics import draw_groups, interval

if TYPE_CHECKING:
    from anndata import AnnData

JOIN = "+"


@dataclass(frozen=True, kw_only=True)
class Effects:  # numpydoc ignore=PR02
    """Mean log expression of control cells, and its change under each perturbation.

    Parameters
    ----------
    control
        Mean log expression of the control cells, by gene.
    changes
        Mean of the perturbed cells minus that of the control, (perturbations, genes).
    cells
        Number of cells of each perturbation.
    """

    control: pd.Series
    changes: pd.DataFrame
    cells: pd.Series

    def __post_init__(self) -> None:
        if not self.changes.columns.equals(self.control.index):
            raise BadInput("Effects: changes and control have different genes, or another order of genes.")
        if len(self.changes) == 0 or not np.isfinite(self.changes.to_numpy()).all():
            raise BadInput("Effects: expected at least one perturbation and finite numbers.")

    def only(self, names: Sequence[str]) -> "Effects":
        """The effects of some perturbations, such as those of the training side.

        Parameters
        ----------
        names
            Names of perturbations.

        Returns
        -------
        Effects
            Effects with the same control.

        Raises
        ------
        BadInput
            An unknown perturbation.
        """
        _known(self, names)
        return Effects(control=self.control, changes=self.changes.loc[list(names)], cells=self.cells.loc[list(names)])


def perturbation_effects(adata: "AnnData", column: str, control: str) -> Effects:
    """The effect of each perturbation in a screen.

    Parameters
    ----------
    adata
        Raw counts, cells × genes.
    column
        Column of obs with the perturbation of each cell; combinations are joined by ``+``. Cells without a value are left out.
    control
        Value of unperturbed cells.

    Returns
    -------
    Effects
        Means over cells of log(1 + x) of counts per 10,000.

    Raises
    ------
    BadInput
        No such column or value, no other value, or no counts.
    """
    values = as_text(obs_column(adata.obs, column))
    names = sorted(set(values.dropna()) - {control})
    if control not in set(values):
        raise BadInput(f"obs[{column!r}] has no cell with the control {control!r}; it has {', '.join(names[:10])}.")
    if not names:
        raise BadInput(f"obs[{column!r}]: every cell is {control!r}: expected perturbed cells too.")
    log = CellRows(adata).log
    means = {name: np.asarray(log.X[(values == name).to_numpy()].mean(0), dtype=np.float64).ravel() for name in [control, *names]}
    base = pd.Series(means[control], index=log.var_names, name=control)
    changes = pd.DataFrame([means[name] - means[control] for name in names], index=names, columns=log.var_names)
    return Effects(control=base, changes=changes, cells=values.value_counts().loc[names])


def no_change(training: Effects, wanted: Sequence[str]) -> pd.DataFrame:
    """The expression of control cells for every perturbation.

    Parameters
    ----------
    training
        Effects of the training perturbations.
    wanted
        Names of perturbations to predict.

    Returns
    -------
    pandas.DataFrame
        Mean log expression (perturbations, genes).
    """
    return _table(training, wanted, np.zeros((len(wanted), len(training.control))))


def mean_effect(training: Effects, wanted: Sequence[str]) -> pd.DataFrame:
    """Control plus the unweighted mean effect of the training perturbations.

    Parameters
    ----------
    training
        Effects of the training perturbations.
    wanted
        Names of perturbations to predict.

    Returns
    -------
    pandas.DataFrame
        Mean log expression (perturbations, genes).
    """
    return _table(training, wanted, np.tile(training.changes.mean(axis=0).to_numpy(), (len(wanted), 1)))


def additive(training: Effects, wanted: Sequence[str], join: str = JOIN) -> pd.DataFrame:
    """Control plus the sum of the effects of a combination's parts.

    Parameters
    ----------
    training
        Effects of the training perturbations, including the single ones.
    wanted
        Names of combinations to predict, such as ``CEBPA+KLF1``.
    join
        Separator of the parts.

    Returns
    -------
    pandas.DataFrame
        Mean log expression (perturbations, genes).

    Raises
    ------
    BadInput
        A part has no known effect.
    """
    parts = [[part.strip() for part in name.split(join)] for name in wanted]
    _known(training, [part for names in parts for part in names])
    return _table(training, wanted, np.array([training.changes.loc[names].sum(axis=0).to_numpy() for names in parts]))


def perturbation_scores(
    predicted: Mapping[str, pd.DataFrame], observed: Effects, genes: int | Sequence[str] | None = 1000
) -> pd.DataFrame:
    """Agreement of predicted with measured changes for each perturbation.

    Parameters
    ----------
    predicted
        Method to predicted mean log expression (perturbations, genes); each has every perturbation of the first.
    observed
        Measured effects, with all the perturbations predicted.
    genes
        Genes to score: a number of those with the highest expression in control cells, names, or None for all.

    Returns
    -------
    pandas.DataFrame
        Columns method, perturbation, ``pearson_delta`` (correlation over genes of predicted and measured change; 0 where no change is
        predicted), ``l2`` (root of the sum of squared differences), one row for each method and perturbation.

    Raises
    ------
    BadInput
        A perturbation that was not measured, or genes that a prediction lacks.
    """
    if not predicted:
        raise BadInput("predicted: expected at least one method, got none.")
    names = [str(name) for name in next(iter(predicted.values())).index]
    _known(observed, names)
    if isinstance(genes, int):
        kept = observed.control.sort_values(ascending=False, kind="stable").index[:genes]
    else:
        kept = observed.control.index if genes is None else pd.Index(genes)
    rows = []
    for method, table in predicted.items():
        if lacking := len(kept.difference(table.columns)) + len(pd.Index(names).difference(table.index)):
            raise BadInput(f"{method}: {lacking} of the genes or perturbations to score are not in the prediction.")
        for name in names:
            base, true = observed.control[kept].to_numpy(), observed.changes.loc[name][kept].to_numpy()
            change = table.loc[name][kept].to_numpy(dtype=np.float64) - base
            rows.append((method, name, _correlation(change, true), float(np.linalg.norm(change - true))))
    return pd.DataFrame(rows, columns=["method", "perturbation", "pearson_delta", "l2"])


def perturbation_summary(scores: pd.DataFrame, draws: int = 1000) -> pd.DataFrame:
    """Means over perturbations with intervals, resampling perturbations.

    Parameters
    ----------
    scores
        Result of :func:`perturbation_scores`.
    draws
        Number of bootstrap draws; all methods share them.

    Returns
    -------
    pandas.DataFrame
        Columns method, perturbations, pearson_delta, l2 and their ``_low`` and ``_high``; the highest correlation first.

    Raises
    ------
    BadInput
        Fewer than two perturbations.
    """
    if (count := scores["perturbation"].nunique()) < 2:
        raise BadInput(f"An interval needs at least 2 perturbations to resample, got {count}.")
    weights = draw_groups(count, draws, seed=0) / count
    rows = []
    for method, part in scores.groupby("method", sort=False):
        row: dict[str, object] = {"method": method, "perturbations": count}
        for metric in ("pearson_delta", "l2"):
            values = part.sort_values("perturbation")[metric].to_numpy()
            row[metric], row[f"{metric}_low"], row[f"{metric}_high"] = interval(values.mean(), weights @ values)
        rows.append(row)
    return pd.DataFrame(rows).sort_values("pearson_delta", ascending=False, kind="stable", ignore_index=True)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _known(effects: Effects, names: Sequence[str]) -> None:
    if absent := sorted(set(names) - set(effects.changes.index)):
        there = ", ".join(map(str, effects.changes.index[:10]))
        raise BadInput(f"No effect is known of {len(absent)} perturbations, the first is {absent[0]!r}; known are {there}.")


def _table(training: Effects, wanted: Sequence[str], changes: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(changes + training.control.to_numpy(), index=list(wanted), columns=training.control.index)
