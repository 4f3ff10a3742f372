"""The result of a comparison: rows with intervals, paired differences, and one sentence that says what came out."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from glmkit.errors import BadInput
from glmkit.evaluate.diagnostics import per_class as per_column
from glmkit.evaluate.metrics.registry import METRICS
from glmkit.evaluate.results.row import Row
from glmkit.evaluate.results.split_audits import AuditLike, AuditSummary, summarise_audits
from glmkit.statistics import Estimate, interval


class Table:
    """Rows of a comparison.

    Parameters
    ----------
    task
        The task's name.
    rows
        One a method and split.
    metrics
        Names of the metrics, in the order of the columns.
    headline
        Name of the metric by which methods are ranked and verdicts are made.
    audits
        Split to audit.
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
        """Names of the splits, in order."""
        return list(dict.fromkeys(row.split for row in self.rows))

    @property
    def methods(self) -> list[str]:
        """Names of the methods, models first, in order."""
        return list(dict.fromkeys(row.method for row in self.rows))

    @property
    def frame(self) -> pd.DataFrame:
        """Everything as columns; each metric has its value, ``_low``, ``_high`` and ``_seed_sd``."""
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

    def summary(self, split: str | None = None) -> pd.DataFrame:
        """For people: one line a method, best first, with "value [low, high]" as text.

        Parameters
        ----------
        split
            Which; may be left out if there is one.

        Returns
        -------
        pandas.DataFrame
            Columns method, one a metric, description.
        """
        rows = self._ranked(split, self.headline)
        return pd.DataFrame(
            [
                {"method": r.method, **{METRICS[m].title: str(r.estimates[m]) for m in self.metrics}, "how": r.description}
                for r in rows
            ]
        )

    def headline_table(
        self, metrics: Sequence[str] | None = None, split: str | None = None, columns: Sequence[str] = ()
    ) -> pd.DataFrame:
        """The headline metric as numbers and further metrics as text, best method first.

        Parameters
        ----------
        metrics
            Names of the further metrics, each a column "value [low, high]" under its title; None for all of the table.
        split
            Name of a split; None for all, one after another.
        columns
            Names of further columns of :attr:`frame`, such as ``"kind"`` or ``"n_test"``.

        Returns
        -------
        pandas.DataFrame
            Columns split (if several are shown), method, ``<headline>``, ``<headline>_low``, ``<headline>_high``, one for each of
            `metrics`, and `columns`.

        Raises
        ------
        BadInput
            A split, metric or column that the table does not have.
        """
        head, shown = self.headline, self.splits if split is None else [split]
        further = [name for name in self.metrics if name != head] if metrics is None else list(metrics)
        if unknown := [name for name in further if name not in self.metrics]:
            raise BadInput(f"metrics: expected some of {', '.join(self.metrics)}, got {unknown[0]!r}.")
        place = {(row.method, row.split): number for number, row in enumerate(self.rows)}
        frame = self.frame
        if unknown := [name for name in columns if name not in frame.columns]:
            raise BadInput(f"columns: expected some of {', '.join(frame.columns)}, got {unknown[0]!r}.")
        ranked = [row for name in shown for row in self._ranked(name, head)]
        table = frame.iloc[[place[row.method, row.split] for row in ranked]].reset_index(drop=True)
        table = table[[*(["split"] if len(shown) > 1 else []), "method", head, f"{head}_low", f"{head}_high", *columns]]
        for at, name in enumerate(further, start=table.columns.get_loc(f"{head}_high") + 1):
            table.insert(at, METRICS[name].title, [str(row.estimates[name]) for row in ranked])
        return table

    def difference(self, a: str, b: str, split: str | None = None, metric: str | None = None) -> Estimate:
        """`a` minus `b` on the same test windows, with a paired interval.

        Parameters
        ----------
        a, b
            Names of two methods.
        split
            Which; may be left out if there is one.
        metric
            None for the headline metric.

        Returns
        -------
        Estimate
            The difference of the means over seeds.
        """
        metric = metric or self.headline
        one, two = self.row(a, split), self.row(b, split)
        return interval(one.estimates[metric].value - two.estimates[metric].value, one.draws[metric] - two.draws[metric])

    def differences(self, reference: str, split: str | None = None, metric: str | None = None) -> pd.DataFrame:
        """Every other method minus `reference`, largest first.

        Parameters
        ----------
        reference
            Name of a method: the same network from scratch, or the best baseline.
        split, metric
            As in :meth:`difference`.

        Returns
        -------
        pandas.DataFrame
            Columns method, reference, difference, low, high; paired 95% intervals.
        """
        others = [row.method for row in self._of(split) if row.method != reference]
        records = [(name, reference, *self.difference(name, reference, split, metric)) for name in others]
        frame = pd.DataFrame(records, columns=["method", "reference", "difference", "low", "high"])
        return frame.sort_values("difference", ascending=False, ignore_index=True)

    def sentence(self, a: str, b: str, split: str | None = None, metric: str | None = None) -> str:
        """Whether `a` is above `b`, below it, or neither, with the difference: one sentence.

        Parameters
        ----------
        a, b
            Names of two methods.
        split
            Which; may be left out if there is one.
        metric
            None for the headline metric.

        Returns
        -------
        str
            It calls a difference one only if its 95% interval leaves out 0.
        """
        gap = self.difference(a, b, split, metric)
        apart = f"{a} is {'above' if gap.low > 0 else 'below'} {b}"
        says = apart if gap.low > 0 or gap.high < 0 else f"{a} and {b} cannot be told apart"
        title = METRICS[metric or self.headline].title
        where = self.row(a, split).split
        return f"On {where}, {says}: the difference in {title} is {gap.value:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]."

    def sentences(
        self, model: str, others: Sequence[str] | None = None, split: str | None = None, metric: str | None = None
    ) -> list[str]:
        """A :meth:`sentence` on `model` against each of several methods.

        Parameters
        ----------
        model
            Name of a method.
        others
            Names of the methods to compare it with. Those that the table lacks are left out, so that one list serves studies with
            fewer methods; None for all other methods.
        split
            Name of a split; None for all, one after another.
        metric
            None for the headline metric.

        Returns
        -------
        list of str
            One sentence a split and method.

        Raises
        ------
        BadInput
            None of `others` is in the table, or `model` is not.
        """
        found = [name for name in self.methods if name != model] if others is None else [n for n in others if n in self.methods]
        if not found:
            raise BadInput(f"others: none of {', '.join(others or ())} is in the table; it has {', '.join(self.methods)}.")
        shown = self.splits if split is None else [split]
        return [self.sentence(model, other, name, metric) for name in shown for other in found]

    def split_differences(
        self, split: str, reference: str, table: "Table | None" = None, metric: str | None = None
    ) -> pd.DataFrame:
        """Each method on one split minus the same method on another, such as a random split against a homology split.

        The two test sets differ, so the draws are not paired: the interval is that of two independent values.

        Parameters
        ----------
        split
            Name of a split of this table.
        reference
            Name of the split that is subtracted.
        table
            Table that has `reference`; None for this table.
        metric
            None for the headline metric.

        Returns
        -------
        pandas.DataFrame
            One row for each method that both have: method, value on `reference`, value on `split` (under titles of the metric and
            split), difference, difference_low, difference_high.

        Raises
        ------
        BadInput
            A split that its table does not have.
        """
        metric, other = metric or self.headline, self if table is None else table
        twins = {row.method: row for row in other._of(reference)}
        records = []
        for row in self._of(split):
            if (twin := twins.get(row.method)) is None:
                continue
            gap = row.draws[metric] - twin.draws[metric][::-1]  # reversed: the same seed drew both, which must not pair them
            low, high = np.quantile(gap[~np.isnan(gap)], [0.025, 0.975])
            values = twin.estimates[metric].value, row.estimates[metric].value
            records.append((row.method, *values, values[1] - values[0], low, high))
        title = METRICS[metric].title
        columns = ["method", f"{title}, {reference}", f"{title}, {split}", "difference", "difference_low", "difference_high"]
        return pd.DataFrame(records, columns=columns)

    def audit_summary(self) -> AuditSummary:
        """The audits of all splits as one table and one sentence a split."""
        return summarise_audits(self.audits)

    def row(self, method: str, split: str | None = None) -> Row:
        """The row of `method` on `split`.

        Parameters
        ----------
        method
            Its name.
        split
            Which; may be left out if there is one.

        Returns
        -------
        Row
            The row.
        """
        rows = {row.method: row for row in self._of(split)}
        if method not in rows:
            raise BadInput(f"No method {method!r} in this table; it has {', '.join(rows)}.")
        return rows[method]

    def verdict(self, split: str | None = None, metric: str | None = None, model: str | None = None) -> str:
        """Whether the model is above the best baseline: one honest sentence a split.

        The best baseline is picked on the test windows, in the baselines' favour. The model is too, if several are
        in the table and none is named; the sentence then says from how many.

        Parameters
        ----------
        split
            Which; None for a sentence on each.
        metric
            None for the headline metric.
        model
            Which model; None for the best.

        Returns
        -------
        str
            One or more sentences.
        """
        if split is None and len(self.splits) > 1:
            return " ".join(self.verdict(name, metric, model) for name in self.splits)
        metric = metric or self.headline
        rows = self._ranked(split, metric)
        models = [row for row in rows if row.kind == "model" and model in (None, row.method)]
        baselines = [row for row in rows if row.kind == "baseline"]
        if not models or not baselines:
            named = f" named {model!r}" if model else ""
            have = ", ".join(row.method for row in rows)
            raise BadInput(f"A verdict needs a model{named} and a baseline; the table has {have}.")
        ours, best = models[0], baselines[0]
        gap = self.difference(ours.method, best.method, ours.split, metric)
        among = f" (best of {len(models)} models)" if len(models) > 1 else ""
        verb = "is above" if gap.low > 0 else "is below" if gap.high < 0 else "does not beat"
        if METRICS[metric].lower_is_better and verb != "does not beat":
            verb += f" ({'worse than' if gap.low > 0 else 'better than'})"
        return (
            f"On {ours.split}, {ours.method}{among} with {METRICS[metric].title} {ours.estimates[metric]} {verb} "
            f"the best of {len(baselines)} baselines, {best.method} ({best.estimates[metric]}): "
            f"the difference is {gap.value:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}] "
            f"over {len(set(ours.groups))} held-out groups."
        )

    def per_class(self, method: str, split: str | None = None, rare: Sequence[str] | None = None) -> pd.DataFrame:
        """Precision, recall and F1 of each class, with the rare classes marked.

        Parameters
        ----------
        method
            Its name.
        split
            Which; may be left out if there is one.
        rare
            Names of the classes to mark; None: those with fewer than 10 test items.

        Returns
        -------
        pandas.DataFrame
            One row a class, those of most test items first: class, n_train, n_test, precision, recall, f1, f1_low, f1_high, rare.
        """
        row = self._columns_of(method, split, "multiclass")
        return per_column.per_class(row.labels, row.scores, row.groups, row.columns, row.train_sizes, rare)

    def per_output(self, method: str, split: str | None = None) -> pd.DataFrame:
        """Spearman's coefficient of each output with its interval.

        Parameters
        ----------
        method
            Its name.
        split
            Which; may be left out if there is one.

        Returns
        -------
        pandas.DataFrame
            One row an output, in the task's order: output, spearman, low, high, n; NaN for one whose test values are all equal.
        """
        row = self._columns_of(method, split, "multioutput")
        return per_column.per_output(row.labels, row.scores, row.groups, row.columns)

    def confusion(self, method: str, split: str | None = None) -> pd.DataFrame:
        """How often test items of each class (rows) were called each class (columns), the mean over seeds.

        Parameters
        ----------
        method
            Its name.
        split
            Which; may be left out if there is one.

        Returns
        -------
        pandas.DataFrame
            Float64 (classes, classes), with the classes' names.
        """
        row = self._columns_of(method, split, "multiclass")
        return per_column.confusion(row.labels, row.scores, row.columns)

    def _columns_of(self, method: str, split: str | None, kind: str) -> Row:
        row = self.row(method, split)
        if row.task_kind != kind:
            raise BadInput(f"{self.task} is a task of kind {row.task_kind}; this table is of tasks of kind {kind}.")
        return row

    def roc(self, split: str | None = None) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Receiver operating curves, averaged over seeds at equal false-positive rates.

        Parameters
        ----------
        split
            Which; may be left out if there is one.

        Returns
        -------
        dict
            Method to (false-positive rate (201,), true-positive rate (201,)), best method first.
        """
        from sklearn.metrics import roc_curve

        if any(row.task_kind != "classification" for row in self.rows):
            kind = {"regression": "a regression", "multiclass": "a task of many classes"}.get(
                self.rows[0].task_kind, "of many outputs"
            )
            raise BadInput(f"{self.task} is {kind}: there is no receiver operating curve of it, which two classes have.")
        grid = np.linspace(0, 1, 201)
        curves = {}
        for row in sorted(self._of(split), key=lambda row: -METRICS["auroc"].value(row.labels, row.scores.mean(0))):
            parts = [np.interp(grid, *roc_curve(row.labels, scores)[:2]) for scores in row.scores]
            curves[row.method] = (grid, np.mean(parts, axis=0))
        return curves

    def _ranked(self, split: str | None, metric: str) -> list[Row]:
        """The rows of a split, best first."""
        return sorted(self._of(split), key=lambda row: -METRICS[metric].sign * row.estimates[metric].value)

    def _of(self, split: str | None) -> list[Row]:
        splits = self.splits
        if split is None and len(splits) > 1:
            raise BadInput(f"This table has several splits ({', '.join(splits)}): say which with split=.")
        name = splits[0] if split is None else split
        if name not in splits:
            raise BadInput(f"No split {name!r} in this table; it has {', '.join(splits)}.")
        return [row for row in self.rows if row.split == name]
