"""Lines of a leakage audit that need no search: copies, groups, label balance and sequence length.

Lines count test items, because the size of a leak is the number of test items that the model has seen in some form. Differences
that are no leak but affect scores (lengths that differ between classes, a class absent from training) also get a line. They
never enter the verdict.
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
        Name of the check.
    items
        Number of items found; None where the check does not count items.
    share
        Share of the test items, in [0, 1]; NaN where undefined.
    value
        Figure of the check: an accuracy, an AUROC, a distance; NaN where undefined.
    meaning
        Explanation of the figures in one or two sentences.
    finding
        Clause for the verdict; empty if the result is no leak.
    """

    check: str
    items: int | None
    share: float
    value: float
    meaning: str
    finding: str = ""


class Items(NamedTuple):  # numpydoc ignore=PR02
    """Items of an audit, checked and as arrays.

    Parameters
    ----------
    ids
        Name of each of n items.
    labels
        Classes as text or measured values as float64, (n,).
    parts
        Part of each item, str (n,).
    measured
        Whether labels are measured values.
    """

    ids: list[str]
    labels: np.ndarray
    parts: np.ndarray
    measured: bool

    def rows(self, part: str) -> np.ndarray:
        """Indices of the items of a part, int64 (m,)."""
        return np.flatnonzero(self.parts == part)


def duplicate_rows(items: Items, keys: Sequence[Hashable], noun: str = "sequence") -> list[Row]:
    """Equal items in different parts, or with different labels.

    Parameters
    ----------
    items
        n items.
    keys
        n keys; items with equal keys are copies.
    noun
        Word for a key in sentences.

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
            f"Test items whose {noun} is also in training; value: share of them with the same label there.",
            copies_found(len(copies), len(test), "a copy of a training item", "copies of training items"),
        )
    ]  # fmt: skip
    if of_part["validation"]:
        seen = [i for i in test if keys[i] in of_part["validation"]]
        also = [i for i in items.rows("validation") if keys[i] in of_part["train"]]
        meaning = f"Test items whose {noun} is also in validation, where a model is selected."
        finding = copies_found(len(seen), len(test), "a copy of a validation item", "copies of validation items")
        rows.append(Row("copies in validation", len(seen), len(seen) / len(test), NAN, meaning, finding))
        meaning = f"Validation items whose {noun} is also in training: the validation score is too optimistic."
        rows.append(Row("validation copies in training", len(also), NAN, NAN, meaning))
    torn = [i for where in places.values() if len({items.labels[i] for i in where}) > 1 for i in where]
    meaning = (
        f"Items, of any part, whose {noun} has another label elsewhere: one label is wrong, or the {noun} does not determine it."
    )
    return [*rows, Row("copies with another label", len(torn), NAN, NAN, meaning)]


def copies_found(count: int, total: int, one: str, many: str) -> str:
    """Clause of the verdict on copies; empty if there are none.

    Parameters
    ----------
    count, total
        Numbers of copies and of test items.
    one, many
        Words for one copy and for several.

    Returns
    -------
    str
        Clause without a full stop.
    """
    return f"{count:,} of the test items ({count / total:.1%}) {f'is {one}' if count == 1 else f'are {many}'}" if count else ""


def group_row(items: Items, groups: Sequence | np.ndarray | None, noun: str = "group") -> Row:
    """Groups (donors, chromosomes, studies) that occur in training and in test.

    Parameters
    ----------
    items
        n items.
    groups
        Group of each item; None gives a line that states that this was not checked.
    noun
        Word for a group in sentences.

    Returns
    -------
    Row
        Its value is the number of groups in both parts.
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
        f"Test items whose {noun} is also in training; value: number of such {noun}s out of {len(set(test))} in test{first}."
    )
    finding = (
        f"{len(both):,} {noun}{'s are' if len(both) > 1 else ' is'} on both sides, with {count / len(test):.1%} of the test items"
        if count
        else ""
    )
    return Row(check, count, count / len(test), float(len(both)), meaning, finding)


def balance_row(items: Items) -> Row:
    """Difference between the label distributions of training and test.

    Parameters
    ----------
    items
        n items.

    Returns
    -------
    Row
        Its value is, for classes, half the sum of the absolute differences of their shares (total variation distance); for
        measured values, the Kolmogorov-Smirnov distance.
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
    """Prediction of the label from sequence length alone, by a decision tree of eight leaves fitted on training.

    Parameters
    ----------
    items
        n items.
    lengths
        Length of each sequence in letters, int64 (n,).

    Returns
    -------
    Row
        Its value is the AUROC on test, averaged over classes (one against the rest), or Spearman's correlation for measured
        values.
    """
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    train, test = items.rows("train"), items.rows("test")
    leaf = {"max_leaf_nodes": 8, "min_samples_leaf": max(len(train) // 50, 1), "random_state": 0}
    x, y = lengths[:, None].astype(float), items.labels
    if items.measured:
        value = spearman(DecisionTreeRegressor(**leaf).fit(x[train], y[train]).predict(x[test]), y[test])
        meaning = "Spearman's correlation on test of a decision tree on length alone; 0 is chance."
    else:
        tree = DecisionTreeClassifier(**leaf).fit(x[train], y[train])
        value = mean_auroc(y[test], tree.predict_proba(x[test]), tree.classes_)
        meaning = "AUROC on test of a decision tree on length alone; 0.5 is chance. A model has to exceed it."
    if len(set(lengths.tolist())) == 1:
        meaning += f" All items have {lengths[0]:,} letters."
    return Row("length alone", None, NAN, value, meaning)


def mean_auroc(labels: np.ndarray, probabilities: np.ndarray, classes: np.ndarray) -> float:
    """AUROC of each class against the rest, averaged over the classes that occur in `labels`.

    Parameters
    ----------
    labels
        True class of each item, (n,).
    probabilities
        Predicted probabilities, (n, classes).
    classes
        Class of each column. A class without a column counts as AUROC 0.5.

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
    """Spearman's correlation; NaN for fewer than three pairs or a constant side."""
    if len(a) < 3 or len(np.unique(a)) < 2 or len(np.unique(b)) < 2:
        return NAN
    from scipy.stats import spearmanr

    return float(spearmanr(a, b).statistic)


def as_table(rows: Sequence[Row]) -> pd.DataFrame:
    """Lines as a table with the columns check, items (Int64), share, value and meaning."""
    columns = ["check", "items", "share", "value", "meaning"]
    return pd.DataFrame([row[:5] for row in rows], columns=columns).astype({"items": "Int64", "share": float, "value": float})
