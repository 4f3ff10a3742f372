"""Tasks of classes or measured values: labelled items, their units of independence, and the training and test items of each split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.evaluate.metrics.multiclass import check_multiclass, check_outputs
from glmkit.evaluate.metrics.registry import KINDS, Kind, check_values


@dataclass(frozen=True)
class Fold:  # numpydoc ignore=PR02
    """One division of a task's items into training and test side.

    Parameters
    ----------
    train, test
        Item numbers, int64, disjoint. Items on neither side (a validation part, a gap) are not used.
    shares_groups
        Whether groups may occur on both sides. Only for a random split that is reported next to a grouped one to show its optimism.

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.evaluate import Fold
    >>> fold = Fold(train=np.arange(8), test=np.arange(8, 12))
    >>> len(fold.train), fold.shares_groups
    (8, False)
    """

    train: np.ndarray
    test: np.ndarray
    shares_groups: bool = False


@dataclass(frozen=True, kw_only=True)
class Task:  # numpydoc ignore=PR02
    """Labelled items with their splits.

    Parameters
    ----------
    name
        Name for tables.
    sequences
        Inputs, n: sequences, or hashable identifiers of inputs, such as names of cells.
    labels
        0 or 1, int64 (n,); for regression measured values, float64 (n,); for multiclass tasks places in `classes`, int64 (n,); for
        several outputs float64 (n, outputs).
    groups
        Unit of independence of each item: contig, block, family. Intervals are drawn over groups, and no group may occur on both
        sides of a split.
    splits
        Name of each split to its fold, or to several folds whose test sides are disjoint (cross-validation). Each method is then
        fitted once a fold, and the scores of all folds are pooled.
    kind
        ``"classification"`` (two classes), ``"regression"``, ``"multiclass"`` or ``"multioutput"``.
    classes
        Names of the classes, for ``"multiclass"``. A class may be absent from one side; no method can then predict it correctly.
    outputs
        Names of the outputs (proteins, genes), for ``"multioutput"``.

    Raises
    ------
    BadInput
        Lengths differ, a label is not 0 or 1 (measured value not finite, class number out of range), a fold's sides overlap or share
        a group, a side has a single class or value, or an item is tested in two folds of a split.

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.evaluate import Fold, Task
    >>> task = Task(
    ...     name="toy", sequences=["ACGT", "ACGA", "TTTT", "TTTA"], labels=np.array([0, 1, 0, 1]), groups=["a", "a", "b", "b"],
    ...     splits={"contigs": Fold(np.array([0, 1]), np.array([2, 3]))},
    ... )
    >>> task.kind, [fold.test.tolist() for fold in task.folds("contigs")]
    ('classification', [[2, 3]])
    """

    name: str
    sequences: Sequence[Any]
    labels: np.ndarray
    groups: Sequence[Any]
    splits: Mapping[str, Fold | Sequence[Fold]]
    kind: Kind = "classification"
    classes: Sequence[str] = ()
    outputs: Sequence[str] = ()

    def __post_init__(self) -> None:
        n, labels = len(self.sequences), np.asarray(self.labels)
        if len(labels) != n or len(self.groups) != n:
            raise BadInput(
                f"Task {self.name!r}: {n} sequences, but {len(labels)} labels and {len(self.groups)} groups. "
                "Give one label and one group for each item."
            )
        self._check_labels(labels)
        for split in self.splits:
            folds = self.folds(split)
            tested = np.concatenate([fold.test for fold in folds])
            if (twice := len(tested) - len(np.unique(tested))) and len(folds) > 1:
                raise BadInput(f"Task {self.name!r}, split {split!r}: {twice} items are tested in more than one fold.")
            for number, fold in enumerate(folds):
                part = f", fold {number}" if len(folds) > 1 else ""
                self._check_fold(f"Task {self.name!r}, split {split!r}{part}", fold)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of a score: classes or outputs; empty where a score is a single number."""
        return tuple({"multiclass": self.classes, "multioutput": self.outputs}.get(self.kind, ()))

    def _check_labels(self, labels: np.ndarray) -> None:
        where, columns = f"Task {self.name!r}", self.columns
        if self.kind not in KINDS:
            raise BadInput(f"{where}: kind must be {', '.join(KINDS[:-1])} or {KINDS[-1]}, got {self.kind!r}.")
        if len(set(columns)) < len(columns):
            raise BadInput(f"{where}: expected different names of classes and outputs, got {', '.join(map(str, columns))}.")
        if self.kind == "regression":
            check_values(labels)
        elif self.kind == "multiclass":
            check_multiclass(labels, len(columns))
        elif self.kind == "multioutput":
            if check_outputs(labels).shape[1] != len(columns):
                raise BadInput(f"{where}: labels have {labels.shape[1]} columns, but there are {len(columns)} outputs.")
        elif not np.isin(labels, [0, 1]).all():
            raise BadInput(f"{where}: labels must be 0 or 1, got {np.unique(labels)[:5].tolist()}.")

    def folds(self, split: str) -> list[Fold]:
        """Folds of a split: one, or several for a cross-validation."""
        chosen = self.splits[split]
        return [chosen] if isinstance(chosen, Fold) else list(chosen)

    def _check_fold(self, where: str, fold: Fold) -> None:
        if shared := np.intersect1d(fold.train, fold.test).tolist():
            raise BadInput(f"{where}: {len(shared)} items are in both train and test, the first is item {shared[0]}.")
        for side, items in (("train", fold.train), ("test", fold.test)):
            if len(np.unique(np.asarray(self.labels)[items], axis=0)) < 2:
                one, both = ("class", "Both classes") if self.kind == "classification" else ("value", "Different values")
                one, both = ("class", "Several classes") if self.kind == "multiclass" else (one, both)
                raise BadInput(f"{where}: the {side} side holds {len(items)} items of one {one} only. {both} are needed.")
        names = np.asarray(self.groups, dtype=object)
        if not fold.shares_groups and (common := sorted(set(names[fold.train]) & set(names[fold.test]))):
            raise BadInput(
                f"{where}: {len(common)} groups are on both sides, the first is {common[0]!r}. Hold out whole groups, "
                "or give the held-out block as the group where a contig is divided."
            )

    @classmethod
    def from_windows(cls, name: str, train: Any, tests: Mapping[str, Any]) -> "Task":
        """A task of one training set and named test sets, each a split.

        Parameters
        ----------
        name
            Name of the task.
        train
            Object with ``sequences``, ``labels`` and ``groups``, such as a LabelledWindows.
        tests
            Name of each test set to an object of the same kind: held-out blocks, a held-out species.

        Returns
        -------
        Task
            Task whose items are those of `train`, then of each test set.
        """
        parts = [train, *tests.values()]
        ends = np.cumsum([0, *(len(part.sequences) for part in parts)])
        folds = {test: Fold(np.arange(ends[1]), np.arange(ends[i + 1], ends[i + 2])) for i, test in enumerate(tests)}
        return cls(
            name=name,
            sequences=[sequence for part in parts for sequence in part.sequences],
            labels=np.concatenate([np.asarray(part.labels) for part in parts]),
            groups=[str(group) for part in parts for group in part.groups],
            splits=folds,
        )

    @classmethod
    def hold_out_groups(cls, name: str, windows: Any, fraction: float = 0.25, seeds: Sequence[int] = (0,)) -> "Task":
        """Whole groups held out at random, once a seed.

        Parameters
        ----------
        name
            Name of the task.
        windows
            Object with ``sequences``, ``labels`` and ``groups``.
        fraction
            Share of the items to hold out, in (0, 1); groups are drawn until it is reached.
        seeds
            Seed of each split, which is named ``"groups <seed>"``.

        Returns
        -------
        Task
            Task with ``len(seeds)`` splits.
        """
        if not 0 < fraction < 1:
            raise BadInput(f"fraction: expected between 0 and 1, got {fraction}.")
        groups = np.asarray(windows.groups, dtype=object)
        names, sizes = np.unique(groups.astype(str), return_counts=True)
        folds = {}
        for seed in seeds:
            order = np.random.default_rng(seed).permutation(len(names))
            held = order[: 1 + int(np.searchsorted(np.cumsum(sizes[order]), fraction * len(groups)))]
            test = np.isin(groups.astype(str), names[held])
            folds[f"groups {seed}"] = Fold(np.flatnonzero(~test), np.flatnonzero(test))
        return cls(
            name=name,
            sequences=list(windows.sequences),
            labels=np.asarray(windows.labels),
            groups=list(map(str, groups)),
            splits=folds,
        )
