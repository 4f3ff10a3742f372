"""The lines of a leakage audit that need no search: copies, groups, label balance, and what length alone tells.

A line counts test items, because a leak is measured by how many of the items that judge a model it has in some form seen. What is
no leak but flatters a model all the same (lengths that differ between the classes, a class that training lacks) gets a line too,
and never decides the verdict.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from glmkit.errors import BadInput

NAN = float("nan")


class Row(NamedTuple):  # numpydoc ignore=PR02
    """One check of an audit.

    Parameters
    ----------
    check
        Its name.
    items
        How many items it found; None where it does not count items.
    share
        Of the test items, in [0, 1]; NaN where there is none.
    value
        The check's figure: an accuracy, an AUROC, a distance; NaN where there is none.
    meaning
        What the figures mean, in one sentence or two.
    finding
        What the verdict says about it; empty if it is no leak.
    """

    check: str
    items: int | None
    share: float
    value: float
    meaning: str
    finding: str = ""


class Items(NamedTuple):  # numpydoc ignore=PR02
    """What is audited, checked and as arrays.

    Parameters
    ----------
    ids
        Name of each of n items.
    labels
        (n,), classes as text or measured values as float64.
    parts
        str (n,).
    measured
        Whether labels are measured values.
    """

    ids: list[str]
    labels: np.ndarray
    parts: np.ndarray
    measured: bool

    def rows(self, part: str) -> np.ndarray:
        """Numbers of the items of a part: int64 (m,)."""
        return np.flatnonzero(self.parts == part)


def duplicate_rows(items: Items, keys: Sequence[Hashable], noun: str = "sequence") -> list[Row]:
    """Items that are equal, across parts and with other labels.

    Parameters
    ----------
    items
        n items.
    keys
        n keys; items with equal keys are copies.
    noun
        What a key stands for, in sentences.

    Returns
    -------
    list of Row
        Copies in training, copies between the other parts, and copies whose labels differ.
    """
    places: dict[Hashable, list[int]] = defaultdict(list)
    for i, key in enumerate(keys):
        places[key].append(i)
    of_part = {part: {keys[i] for i in items.rows(part)} for part in ("train", "validation", "test")}
    test = items.rows("test")
    copies = [i for i in test if keys[i] in of_part["train"]]
    agree = [any(items.labels[j] == items.labels[i] for j in places[keys[i]] if items.parts[j] == "train") for i in copies]
    share = len(copies) / len(test)
    rows = [
        Row(
            "copies in training", len(copies), share, float(np.mean(agree)) if copies else NAN,
            f"Test items whose {noun} stands in training too; value: share of them with the same label there.",
            copies_found(len(copies), len(test), "a copy of a training item", "copies of training items"),
        )
    ]  # fmt: skip
    if of_part["validation"]:
        seen = [i for i in test if keys[i] in of_part["validation"]]
        also = [i for i in items.rows("validation") if keys[i] in of_part["train"]]
        meaning = f"Test items whose {noun} stands in validation, where a model is chosen."
        finding = copies_found(len(seen), len(test), "a copy of a validation item", "copies of validation items")
        rows.append(Row("copies in validation", len(seen), len(seen) / len(test), NAN, meaning, finding))
        meaning = f"Validation items whose {noun} stands in training: they make the best step look better than it is."
        rows.append(Row("validation copies in training", len(also), NAN, NAN, meaning))
    torn = [i for where in places.values() if len({items.labels[i] for i in where}) > 1 for i in where]
    meaning = (
        f"Items, of any part, whose {noun} has another label elsewhere: one of the two is wrong, or the {noun} does not decide."
    )
    return [*rows, Row("copies with another label", len(torn), NAN, NAN, meaning)]


def copies_found(count: int, total: int, one: str, many: str) -> str:
    """What the verdict says of copies; empty if there are none.

    Parameters
    ----------
    count, total
        Copies, and test items.
    one, many
        What one is, and what several are.

    Returns
    -------
    str
        A clause.
    """
    return f"{count:,} of the test items ({count / total:.1%}) {f'is {one}' if count == 1 else f'are {many}'}" if count else ""


def group_row(items: Items, groups: Sequence | np.ndarray | None, noun: str = "group") -> Row:
    """Groups (donors, chromosomes, studies) that stand in training and in test.

    Parameters
    ----------
    items
        n items.
    groups
        Group of each; None: the line says that this was not checked.
    noun
        What a group is, in sentences.

    Returns
    -------
    Row
        Its value is the number of groups in both.
    """
    check = f"{noun}s on both sides"
    if groups is None:
        return Row(check, None, NAN, NAN, f"Not checked: no groups were given. Give the {noun} of each item if there is one.")
    names = np.asarray(groups).astype(str)
    if names.shape != items.parts.shape:
        raise BadInput(f"groups: expected one for each of {len(items.parts)} items, got shape {names.shape}.")
    both = np.intersect1d(names[items.rows("train")], names[items.rows("test")])
    test = names[items.rows("test")]
    count = int(np.isin(test, both).sum())
    first = f", such as {both[0]!r}" if len(both) else ""
    meaning = (
        f"Test items whose {noun} stands in training too; value: number of such {noun}s out of {len(set(test))} in test{first}."
    )
    finding = (
        f"{len(both):,} {noun}{'s stand' if len(both) > 1 else ' stands'} on both sides, with {count / len(test):.1%} of the test items"
        if count
        else ""
    )
    return Row(check, count, count / len(test), float(len(both)), meaning, finding)


def balance_row(items: Items) -> Row:
    """How much the labels of training and test differ.

    Parameters
    ----------
    items
        n items.

    Returns
    -------
    Row
        Value: for classes half the sum of the differences of their shares; for measured values the Kolmogorov-Smirnov distance.
    """
    train, test = items.labels[items.rows("train")], items.labels[items.rows("test")]
    if items.measured:
        from scipy.stats import ks_2samp

        middle = f"median {np.median(train):.4g} in training, {np.median(test):.4g} in test"
        return Row("label balance", None, NAN, float(ks_2samp(train, test).statistic), f"Kolmogorov-Smirnov distance; {middle}.")
    counts = [Counter(part.tolist()) for part in (train, test)]
    names = [name for name, _ in (counts[0] + counts[1]).most_common()]
    shares = np.array([[count[name] / count.total() for count in counts] for name in names])
    unseen = [name for name in names if counts[0][name] == 0]
    items_unseen = sum(counts[1][name] for name in unseen)
    shown = ", ".join(f"{name} {a:.1%}/{b:.1%}" for name, (a, b) in zip(names[:4], shares[:4], strict=True))
    meaning = f"Half the sum of differences of the classes' shares (training/test): {shown}{', …' if len(names) > 4 else ''}."
    meaning += f" Training lacks {', '.join(map(str, unseen[:5]))}; items: test items of these." if unseen else ""
    distance = float(np.abs(shares[:, 0] - shares[:, 1]).sum() / 2)
    return Row("label balance", items_unseen, items_unseen / len(test), distance, meaning)


def length_row(items: Items, lengths: np.ndarray) -> Row:
    """How well length alone predicts the label: a ruler as classifier, a tree of eight leaves fitted on training.

    Parameters
    ----------
    items
        n items.
    lengths
        Letters of each, int64 (n,).

    Returns
    -------
    Row
        Value: AUROC on test, the mean over classes (one against the rest), or Spearman's correlation for measured values.
    """
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    train, test = items.rows("train"), items.rows("test")
    leaf = {"max_leaf_nodes": 8, "min_samples_leaf": max(len(train) // 50, 1), "random_state": 0}
    x, y = lengths[:, None].astype(float), items.labels
    if items.measured:
        value = spearman(DecisionTreeRegressor(**leaf).fit(x[train], y[train]).predict(x[test]), y[test])
        meaning = "Spearman's correlation on test of a tree that sees lengths alone; 0 is chance."
    else:
        tree = DecisionTreeClassifier(**leaf).fit(x[train], y[train])
        value = mean_auroc(y[test], tree.predict_proba(x[test]), tree.classes_)
        meaning = "AUROC on test of a tree that sees lengths alone; 0.5 is chance. A model has to beat it."
    if len(set(lengths.tolist())) == 1:
        meaning += f" All items have {lengths[0]:,} letters."
    return Row("length alone", None, NAN, value, meaning)


def mean_auroc(labels: np.ndarray, probabilities: np.ndarray, classes: np.ndarray) -> float:
    """AUROC of each class against the rest, averaged over the classes that `labels` has.

    Parameters
    ----------
    labels
        Classes, (n,).
    probabilities
        (n, classes).
    classes
        The class of each column. A class without a column counts 0.5.

    Returns
    -------
    float
        In [0, 1]; NaN where `labels` has one class only.
    """
    from sklearn.metrics import roc_auc_score

    present = np.unique(labels)
    if len(present) < 2:
        return NAN
    column = {name: i for i, name in enumerate(classes.tolist())}
    scores = [roc_auc_score(labels == c, probabilities[:, column[c]]) if c in column else 0.5 for c in present.tolist()]
    return float(np.mean(scores))


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's correlation; NaN where fewer than three pairs are there or one side never varies."""
    if len(a) < 3 or len(np.unique(a)) < 2 or len(np.unique(b)) < 2:
        return NAN
    from scipy.stats import spearmanr

    return float(spearmanr(a, b).statistic)


def as_table(rows: Sequence[Row]) -> pd.DataFrame:
    """The lines as a table: check, items (Int64), share, value, meaning."""
    columns = ["check", "items", "share", "value", "meaning"]
    return pd.DataFrame([row[:5] for row in rows], columns=columns).astype({"items": "Int64", "share": float, "value": float})
