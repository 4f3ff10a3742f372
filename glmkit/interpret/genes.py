"""Which genes a model of cells leans on: take each away and ask again.

A Classifier of ranked genes loses the gene's token, as if the cell did not express it; a function of an expression matrix gets 0
in its column. Only cells that express a gene say something about it, so each row says how many those are, and the interval is
over them or over whole groups (donors). The trade-off: genes that stand in for each other both look unimportant. Shapley values
share the credit between them; :func:`importance_table` makes the same table of those, or of any attributions a cell and gene.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from glmkit.errors import BadInput
from glmkit.interpret.attribution.target import is_function
from glmkit.score._perturb import gene_tokens
from glmkit.score.windows import BATCH_TOKENS, encode
from glmkit.statistics import ratio


def gene_importance(
    model: Callable[[np.ndarray], np.ndarray] | Any,
    cells: Any,
    genes: Sequence[str] | None = None,
    *,
    target: int = 1,
    most: int = 50,
    groups: Sequence[object] | None = None,
    draws: int = 1000,
    seed: int = 0,
    batch_tokens: int = BATCH_TOKENS,
) -> pd.DataFrame:
    """What the presence of each gene is worth to a model's answer.

    Parameters
    ----------
    model
        A Classifier of ranked genes, followed by the log-odds of class `target`; or a function from an expression matrix
        (cells, genes) to one score a cell, best on a scale that is not squashed.
    cells
        An AnnData of raw counts; for a function also a DataFrame (cells x genes), of any values that are 0 where a gene is off.
    genes
        Names; None for the `most` genes that most of the cells express.
    target
        Class whose log-odds is followed.
    most
        Genes where none are named.
    groups
        One name a cell (its donor): whole groups are resampled. None: every cell stands for itself.
    draws, seed
        Of the bootstrap.
    batch_tokens
        Tokens of a batch: memory against speed, never the result.

    Returns
    -------
    pandas.DataFrame
        One row a gene, the largest effects first: ``gene``, ``symbol`` (where the tokenizer knows it, else the name), ``cells``
        that express it, ``importance``, the mean over these of the score less the score without it, in the units of the score,
        with ``low`` and ``high``, its 95% interval (NaN with fewer than two cells or groups).

    Raises
    ------
    BadInput
        No genes, unknown ones, a class that the model lacks, groups of another number, or a function that does not give one
        finite score a cell.
    """
    function = is_function(model)
    reader = _Matrix(model, cells) if function else _Tokens(model, cells, target, batch_tokens)
    if groups is not None and len(groups) != reader.count:
        raise BadInput(f"groups: expected one name for each of {reader.count} cells, got {len(groups)}.")
    chosen = reader.commonest(most) if genes is None else reader.known(genes)
    before, rows = reader.score_without(None, np.arange(reader.count)), []
    for name, symbol, number in chosen:
        having = reader.having(number)
        worth = before[having] - reader.score_without(number, having) if len(having) else np.zeros(0)
        inside = None if groups is None else [groups[i] for i in having.tolist()]
        rows.append((name, symbol, len(having), *_mean(worth, inside, draws, seed)))
    table = pd.DataFrame(rows, columns=["gene", "symbol", "cells", "importance", "low", "high"])
    return table.sort_values("importance", key=lambda column: -column.abs(), kind="stable", ignore_index=True)


def importance_table(
    values: np.ndarray,
    names: Sequence[str],
    groups: Sequence[object] | None = None,
    *,
    draws: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Attributions of features (genes, SNPs, properties) as one row a feature, with intervals over items.

    Parameters
    ----------
    values
        (n, features): Shapley values, say; NaN where a feature does not apply to an item.
    names
        Of the features.
    groups
        Unit of independence of each item; None when items are independent.
    draws, seed
        Of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        One row a feature, the largest first: ``name``, ``items`` it applies to, ``importance``, the mean size of its
        attributions, with ``low`` and ``high``, its 95% interval, and ``mean``, with their signs.

    Raises
    ------
    BadInput
        As many names as there are not features, or groups of another number.
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != len(names):
        raise BadInput(f"values: expected (n, {len(names)}) for {len(names)} names, got {table.shape}.")
    if groups is not None and len(groups) != len(table):
        raise BadInput(f"groups: expected one name for each of {len(table)} items, got {len(groups)}.")
    rows = []
    for name, column in zip(names, table.T, strict=True):
        held = np.flatnonzero(~np.isnan(column))
        inside = None if groups is None else [groups[i] for i in held.tolist()]
        mean = float(column[held].mean()) if len(held) else np.nan
        rows.append((name, len(held), *_mean(np.abs(column[held]), inside, draws, seed), mean))
    found = pd.DataFrame(rows, columns=["name", "items", "importance", "low", "high", "mean"])
    return found.sort_values("importance", ascending=False, kind="stable", ignore_index=True)


class _Tokens:
    """Cells as ranked tokens, read by a Classifier."""

    def __init__(self, model: Any, cells: Any, target: int, batch_tokens: int) -> None:
        from glmkit.models.heads import SequenceClassifier

        if not isinstance(model, SequenceClassifier):
            raise BadInput(f"model: expected a Classifier of cells or a function of a matrix, got a {type(model).__name__}.")
        if not 0 <= target < len(model.classes):
            raise BadInput(f"target: the classifier has {len(model.classes)} classes, from 0; got {target}.")
        self.model, self.target, self.batch_tokens = model, target, batch_tokens
        self.ids = encode(model, cells)
        self.count = len(self.ids)

    def known(self, genes: Sequence[str]) -> list[tuple[str, str, int]]:
        """Name, symbol and token of each gene."""
        tokenizer = self.model.tokenizer
        tokens = gene_tokens(tokenizer, genes)
        names = {token: name for name, token in tokenizer.token_of.items()}
        return [
            (names[token], tokenizer.symbols.get(names[token], gene), token) for gene, token in zip(genes, tokens, strict=True)
        ]

    def commonest(self, most: int) -> list[tuple[str, str, int]]:
        """The same of the genes that most cells have."""
        names = {token: name for name, token in getattr(self.model.tokenizer, "token_of", {}).items()}
        held = np.bincount(np.concatenate([np.unique(cell) for cell in self.ids]))
        ranked = [int(token) for token in np.argsort(-held, kind="stable") if int(token) in names and held[token]]
        return self.known([names[token] for token in ranked[:most]])

    def having(self, token: int) -> np.ndarray:
        """Cells that have the gene, and another one beside it."""
        return np.array([i for i, cell in enumerate(self.ids) if token in cell and (cell != token).any()], np.int64)

    def score_without(self, token: int | None, which: np.ndarray) -> np.ndarray:
        """Log-odds of some cells without a gene."""
        from glmkit.score import class_logits

        cells = [self.ids[i] if token is None else self.ids[i][self.ids[i] != token] for i in which.tolist()]
        logits = class_logits(self.model, cells, batch_tokens=self.batch_tokens)
        return logits[:, self.target] - np.logaddexp.reduce(np.delete(logits, self.target, axis=1), axis=1)


class _Matrix:
    """Cells as rows of a matrix, read by a function."""

    def __init__(self, score: Callable[[np.ndarray], np.ndarray], cells: Any) -> None:
        names = cells.columns if isinstance(cells, pd.DataFrame) else cells.var_names
        values = cells.to_numpy() if isinstance(cells, pd.DataFrame) else cells.X
        values = values.toarray() if hasattr(values, "toarray") else values
        self.score, self.names, self.values = score, [str(name) for name in names], np.array(values, dtype=np.float64)
        self.count = len(self.values)

    def known(self, genes: Sequence[str]) -> list[tuple[str, str, int]]:
        """Name twice and column of each gene."""
        columns = {name: number for number, name in enumerate(self.names)}
        if isinstance(genes, str) or not len(genes) or (missing := [gene for gene in genes if gene not in columns]):
            wrong = repr(genes) if isinstance(genes, str) or not len(genes) else repr(missing[0])
            raise BadInput(f"genes: expected a list of columns of the {len(columns)} that the cells have, got {wrong}.")
        return [(gene, gene, columns[gene]) for gene in genes]

    def commonest(self, most: int) -> list[tuple[str, str, int]]:
        """The same of the genes that most cells have."""
        ranked = np.argsort(-(self.values != 0).sum(0), kind="stable")[:most]
        return self.known([self.names[number] for number in ranked])

    def having(self, column: int) -> np.ndarray:
        """Cells in which the gene is not 0."""
        return np.flatnonzero(self.values[:, column])

    def score_without(self, column: int | None, which: np.ndarray) -> np.ndarray:
        """Scores of some cells without a gene."""
        rows = self.values[which]
        if column is not None:
            rows[:, column] = 0
        got = np.asarray(self.score(rows), dtype=np.float64)
        if got.shape != (len(rows),) or not np.isfinite(got).all():
            raise BadInput(f"The scoring function must return one finite score for each of {len(rows)} cells, got {got.shape}.")
        return got


def _mean(values: np.ndarray, groups: Sequence[object] | None, draws: int, seed: int) -> tuple[float, float, float]:
    """Mean and interval; NaN where there is nothing to average or to resample."""
    if not len(values):
        return np.nan, np.nan, np.nan
    if len(values if groups is None else set(groups)) < 2:
        return float(values.mean()), np.nan, np.nan
    return ratio(values, np.ones(len(values)), groups, draws, seed)
