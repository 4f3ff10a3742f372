"""The result of a comparison: rows with intervals, paired differences, and sentences that summarise them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from glmkit.errors import BadInput
from glmkit.evaluate.metrics.registry import METRICS
from glmkit.evaluate.results.rows import Rows
from glmkit.evaluate.results.split_audits import AuditSummary, summarise_audits
from glmkit.statistics import Estimate, interval


class Table(Rows):  # numpydoc ignore=PR02
    """Rows of a comparison, one for each method and split.

    :func:`glmkit.evaluate.compare` makes one.

    Parameters
    ----------
    task
        Name of the task.
    rows
        Rows, one for each method and split.
    metrics
        Names of the metrics, in the order of the columns.
    headline
        Name of the metric by which methods are ranked and verdicts are made.
    audits
        Split to audit.

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.evaluate import Fold, Task, Trained, compare
    >>> from glmkit.evaluate.baselines import Majority
    >>> labels = np.arange(60) % 2
    >>> task = Task(
    ...     name="toy", sequences=list(range(60)), labels=labels, groups=[i // 5 for i in range(60)],
    ...     splits={"held out": Fold(np.arange(30), np.arange(30, 60))},
    ... )
    >>> good = Trained("good", "labels", lambda items, seed: 0.9 * labels[items])
    >>> poor = Trained("poor", "noise", lambda items, seed: np.random.default_rng(seed).random(len(items)))
    >>> table = compare(task, [good, poor], [Majority()], seeds=[0], draws=50)
    >>> table.headline_table(["accuracy"]).round(2)
         method  auroc  auroc_low  auroc_high              accuracy
    0      good   1.00       1.00        1.00  1.000 [1.000, 1.000]
    1  majority   0.50       0.50        0.50  0.500 [0.433, 0.567]
    2      poor   0.36       0.16        0.64  0.333 [0.174, 0.459]
    >>> for sentence in table.sentences("good", ["poor", "majority"]):
    ...     print(sentence)
    On held out, good is above poor: the difference in AUROC is ...
    On held out, good is above majority: the difference in AUROC is +0.500 [+0.500, +0.500].
    """

    def summary(self, split: str | None = None) -> pd.DataFrame:
        """All metrics as text "value [low, high]", one row for each method, best first.

        Parameters
        ----------
        split
            Name of the split; may be left out if there is one.

        Returns
        -------
        pandas.DataFrame
            Columns method, one for each metric under its title, and how (the description).
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
        first = len(table.columns) - len(columns)
        for number, name in enumerate(further):
            table.insert(first + number, METRICS[name].title, [str(row.estimates[name]) for row in ranked])
        return table

    def difference(self, a: str, b: str, split: str | None = None, metric: str | None = None) -> Estimate:
        """`a` minus `b` on the same test items, with a paired interval.

        Parameters
        ----------
        a, b
            Names of two methods.
        split
            Name of the split; may be left out if there is one.
        metric
            Name of the metric; None for the headline metric.

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
            Name of a method, such as the best baseline.
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
        """One sentence on whether `a` is above or below `b`, with the difference.

        Parameters
        ----------
        a, b
            Names of two methods.
        split
            Name of the split; may be left out if there is one.
        metric
            Name of the metric; None for the headline metric.

        Returns
        -------
        str
            A sentence that states a direction only if the 95% interval of the difference excludes 0.
        """
        gap = self.difference(a, b, split, metric)
        apart = f"{a} is {'above' if gap.low > 0 else 'below'} {b}"
        finding = apart if gap.low > 0 or gap.high < 0 else f"{a} and {b} are not distinguishable"
        title = METRICS[metric or self.headline].title
        where = self.row(a, split).split
        return f"On {where}, {finding}: the difference in {title} is {gap.value:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]."

    def sentences(
        self, model: str, others: Sequence[str] | None = None, split: str | None = None, metric: str | None = None
    ) -> list[str]:
        """A :meth:`sentence` on `model` against each of several methods.

        Parameters
        ----------
        model
            Name of a method.
        others
            Names of the methods to compare it with; None for all other methods. Those that a split lacks are left out, so that one
            list serves studies with fewer methods.
        split
            Name of a split; None for all, one after another.
        metric
            Name of the metric; None for the headline metric.

        Returns
        -------
        list of str
            One sentence for each split and method.

        Raises
        ------
        BadInput
            None of `others` is in the table, or `model` is not.
        """
        found = [name for name in self.methods if name != model] if others is None else [n for n in others if n in self.methods]
        if not found:
            raise BadInput(f"others: none of {', '.join(others or ())} is in the table; it has {', '.join(self.methods)}.")
        shown = self.splits if split is None else [split]
        there = {(row.method, row.split) for row in self.rows}
        return [self.sentence(model, other, name, metric) for name in shown for other in found if (other, name) in there]

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
            Name of the metric; None for the headline metric.

        Returns
        -------
        pandas.DataFrame
            One row for each method that both have: method, value on `reference`, value on `split` (under titles of the metric and
            split), difference, difference_low, difference_high.

        Raises
        ------
        BadInput
            A split that its table does not have, or tables with different numbers of draws.
        """
        metric, other = metric or self.headline, self if table is None else table
        twins = {row.method: row for row in other._of(reference)}
        records = []
        for row in self._of(split):
            if (twin := twins.get(row.method)) is None:
                continue
            if len(row.draws[metric]) != len(twin.draws[metric]):
                raise BadInput(
                    f"table: {row.method} has another number of draws on {reference} than on {split}. Use the same draws=."
                )
            gap = row.draws[metric] - twin.draws[metric][::-1]  # reversed: the same seed drew both, which must not pair them
            low, high = np.quantile(gap[~np.isnan(gap)], [0.025, 0.975])
            values = twin.estimates[metric].value, row.estimates[metric].value
            records.append((row.method, *values, values[1] - values[0], low, high))
        title = METRICS[metric].title
        columns = ["method", f"{title}, {reference}", f"{title}, {split}", "difference", "difference_low", "difference_high"]
        return pd.DataFrame(records, columns=columns)

    def audit_summary(self) -> AuditSummary:
        """The audits of all splits as one table and one sentence for each split."""
        return summarise_audits(self.audits)

    def verdict(self, split: str | None = None, metric: str | None = None, model: str | None = None) -> str:
        """Whether the model is above the best baseline: one sentence for each split.

        The best baseline is chosen on the test items, which favours the baselines. If no model is named, the best model is chosen on them
        too, and the sentence states among how many.

        Parameters
        ----------
        split
            Name of the split; None for a sentence on each.
        metric
            Name of the metric; None for the headline metric.
        model
            Name of the model; None for the best.

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
