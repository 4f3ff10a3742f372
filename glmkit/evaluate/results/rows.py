"""The rows of a comparison as data: frame, single rows, scores of each class or output, and curves."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from glmkit.errors import BadInput
from glmkit.evaluate.diagnostics import per_class as per_column
from glmkit.evaluate.metrics.registry import METRICS
from glmkit.evaluate.results.row import Row
from glmkit.evaluate.results.split_audits import AuditLike


class Rows:
    """Rows of a comparison, the base of :class:`glmkit.evaluate.Table`, which compares them.

    Parameters
    ----------
    task, rows, metrics, headline, audits
        As for :class:`glmkit.evaluate.Table`.
    """

    def __init__(
        self,
        task: str,
        rows: list[Row],
        metrics: tuple[str, ...],
        headline: str,
        audits: Mapping[str, AuditLike] | None = None,
    ) -> None:
        if headline not in metrics:
            raise BadInput(f"headline: expected one of the metrics {', '.join(metrics)}, got {headline!r}.")
        self.task, self.rows, self.metrics, self.headline, self.audits = task, rows, metrics, headline, dict(audits or {})

    @property
    def splits(self) -> list[str]:
        """Names of the splits, in the order of the rows."""
        return list(dict.fromkeys(row.split for row in self.rows))

    @property
    def methods(self) -> list[str]:
        """Names of the methods, in the order of the rows."""
        return list(dict.fromkeys(row.method for row in self.rows))

    @property
    def frame(self) -> pd.DataFrame:
        """All rows as a frame; each metric has its value, ``_low``, ``_high`` and ``_seed_sd``."""
        records = []
        for row in self.rows:
            record: dict[str, object] = {"method": row.method, "kind": row.kind, "task": self.task, "split": row.split}
            for metric in self.metrics:
                value, low, high = row.estimates[metric]
                record |= {metric: value, f"{metric}_low": low, f"{metric}_high": high, f"{metric}_seed_sd": row.spread[metric]}
            record |= {
                "seeds": len(row.seeds),
                "n_train": row.n_train,
                "n_test": len(row.labels),
                "groups": len(set(row.groups)),
                **({"positive_rate": float(row.labels.mean())} if row.task_kind == "classification" else {}),
                **({"classes": len(np.unique(row.labels))} if row.task_kind == "multiclass" else {}),
                **({"outputs": len(row.columns)} if row.task_kind == "multioutput" else {}),
                "seen_in_train": row.seen,
                "groups_in_train": row.shared,
                "cpu_seconds": row.seconds,
                "description": row.description,
            }
            records.append(record)
        return pd.DataFrame.from_records(records)

    def row(self, method: str, split: str | None = None) -> Row:
        """The row of `method` on `split`.

        Parameters
        ----------
        method
            Name of the method.
        split
            Name of the split; may be left out if there is one.

        Returns
        -------
        Row
            The row.
        """
        rows = {row.method: row for row in self._of(split)}
        if method not in rows:
            raise BadInput(f"No method {method!r} in this table; it has {', '.join(rows)}.")
        return rows[method]

    def per_class(self, method: str, split: str | None = None, rare: Sequence[str] | None = None) -> pd.DataFrame:
        """Precision, recall and F1 of each class, with rare classes marked.

        Parameters
        ----------
        method
            Name of the method.
        split
            Name of the split; may be left out if there is one.
        rare
            Names of the classes to mark as rare; None for those with fewer than 10 test items.

        Returns
        -------
        pandas.DataFrame
            One row for each class, by falling number of test items: class, n_train, n_test, precision, recall, f1, f1_low, f1_high, rare.
        """
        row = self._columns_of(method, split, "multiclass")
        return per_column.per_class(row.labels, row.scores, row.groups, row.columns, row.train_sizes, rare)

    def per_output(self, method: str, split: str | None = None) -> pd.DataFrame:
        """Spearman's coefficient of each output with its interval.

        Parameters
        ----------
        method
            Name of the method.
        split
            Name of the split; may be left out if there is one.

        Returns
        -------
        pandas.DataFrame
            One row for each output, in the task's order: output, spearman, low, high, n; NaN if the test values are all equal.
        """
        row = self._columns_of(method, split, "multioutput")
        return per_column.per_output(row.labels, row.scores, row.groups, row.columns)

    def confusion(self, method: str, split: str | None = None) -> pd.DataFrame:
        """Numbers of test items by true class (rows) and predicted class (columns), the mean over seeds.

        Parameters
        ----------
        method
            Name of the method.
        split
            Name of the split; may be left out if there is one.

        Returns
        -------
        pandas.DataFrame
            Float64 (classes, classes), labelled with the names of the classes.
        """
        row = self._columns_of(method, split, "multiclass")
        return per_column.confusion(row.labels, row.scores, row.columns)

    def _columns_of(self, method: str, split: str | None, kind: str) -> Row:
        row = self.row(method, split)
        if row.task_kind != kind:
            raise BadInput(f"{self.task} is a task of kind {row.task_kind}; this method is for tasks of kind {kind}.")
        return row

    def roc(self, split: str | None = None) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Receiver operating curves, averaged over seeds at equal false-positive rates.

        Parameters
        ----------
        split
            Name of the split; may be left out if there is one.

        Returns
        -------
        dict
            Method to (false-positive rate (201,), true-positive rate (201,)), best method first.
        """
        from sklearn.metrics import roc_curve

        if any(row.task_kind != "classification" for row in self.rows):
            kind = self.rows[0].task_kind
            raise BadInput(f"{self.task} is a task of kind {kind}: a receiver operating curve needs kind classification.")
        grid = np.linspace(0, 1, 201)
        curves = {}
        for row in sorted(self._of(split), key=lambda row: -METRICS["auroc"].value(row.labels, row.scores.mean(0))):
            parts = [np.interp(grid, *roc_curve(row.labels, scores)[:2]) for scores in row.scores]
            curves[row.method] = (grid, np.mean(parts, axis=0))
        return curves

    def _ranked(self, split: str | None, metric: str) -> list[Row]:
        """Rows of a split, best first."""
        return sorted(self._of(split), key=lambda row: -METRICS[metric].sign * row.estimates[metric].value)

    def _of(self, split: str | None) -> list[Row]:
        splits = self.splits
        if split is None and len(splits) > 1:
            raise BadInput(f"This table has several splits ({', '.join(splits)}): name one with split=.")
        name = splits[0] if split is None else split
        if name not in splits:
            raise BadInput(f"No split {name!r} in this table; it has {', '.join(splits)}.")
        return [row for row in self.rows if row.split == name]
