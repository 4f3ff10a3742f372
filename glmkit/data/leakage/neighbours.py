"""Nearest training neighbours of the test items, and the accuracy of their labels as predictions.

A relative in training is a leak only if its label predicts that of the test item. The label of the nearest training item is
therefore used as a prediction for the test items that have one. Its accuracy is reported with that of the best constant
prediction for the same items. A model's score on the split has to be compared with both.

References
----------
Steinegger M, Söding J (2017). Nature Biotechnology 35, 1026-1028 (MMseqs2, for proteins).
Camacho C, et al. (2009). BMC Bioinformatics 10, 421 (BLAST+, for DNA).
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from glmkit.bio import reverse_complement
from glmkit.data.leakage.checks import NAN, Items, Row, copies_found, spearman
from glmkit.data.search.dna import HALF, closest_dna
from glmkit.data.search.proteins import SHORTEST, closest

TOLERATED = 0.01  # share of test items with a relative up to which the verdict reports no leak
BANDS = {"protein": (0.5, 0.9), "dna": (0.9, 0.99)}
CLOSE = {"protein": 0.3, "dna": 0.8}
SPAN = {"protein": 0.8, "dna": HALF}


def nearest_items(
    items: Items, sequences: Sequence[str], alphabet: str, coverage: float, sensitivity: float, threads: int, seconds: float
) -> pd.DataFrame:
    """The nearest training item of each test item.

    Parameters
    ----------
    items
        n items.
    sequences
        n sequences.
    alphabet
        ``protein`` (searched by MMseqs2) or ``dna`` (by BLASTN, both strands).
    coverage, sensitivity, threads, seconds
        As for :func:`glmkit.data.search.closest`; BLASTN has no sensitivity.

    Returns
    -------
    pandas.DataFrame
        As :attr:`glmkit.data.Audit.nearest`.

    Raises
    ------
    BadInput, ResourceError
        As for :func:`glmkit.data.search.closest` and :func:`glmkit.data.search.closest_dna`.
    """
    test, train = ({items.ids[i]: sequences[i] for i in items.rows(part)} for part in ("test", "train"))
    if alphabet == "dna":
        table = closest_dna(test, train, coverage, threads=threads, seconds=seconds)
    else:
        table = closest(test, train, coverage, sensitivity, threads=threads, seconds=seconds).assign(strand="")
    return with_labels(items, table)


def with_labels(items: Items, table: pd.DataFrame) -> pd.DataFrame:
    """Add the labels of test items and neighbours, and whether they agree.

    Parameters
    ----------
    items
        n items.
    table
        One row per test item, in the order of the items, with a column ``nearest``: the id of a training item, or empty.

    Returns
    -------
    pandas.DataFrame
        The table with the columns ``label``, ``nearest_label`` (None without a neighbour) and ``agrees`` (boolean; missing
        without a neighbour and for measured values).
    """
    label = dict(zip(items.ids, items.labels.tolist(), strict=True))
    found = (table["nearest"] != "").to_numpy()
    own = items.labels[items.rows("test")].tolist()
    theirs = [label[name] if name else None for name in table["nearest"]]
    agrees = [a == b if there and not items.measured else None for a, b, there in zip(own, theirs, found, strict=True)]
    kind = float if items.measured else object
    return table.assign(
        label=pd.Series(own, dtype=kind), nearest_label=pd.Series(theirs, dtype=kind), agrees=pd.Series(agrees, dtype="boolean")
    )


def relative_rows(items: Items, nearest: pd.DataFrame, identity: float, coverage: float, alphabet: str) -> list[Row]:
    """Lines on relatives at `identity`, and at the higher identities listed for the alphabet.

    Parameters
    ----------
    items
        n items.
    nearest
        From :func:`nearest_items`.
    identity
        Least identity of a relative, in (0, 1].
    coverage
        Coverage of the search, in [0, 1].
    alphabet
        ``protein`` or ``dna``.

    Returns
    -------
    list of Row
        For each identity, the share of test items with a relative and, as value, the accuracy of its label; then the accuracy of
        the best constant prediction for the items at `identity`.
    """
    rows = []
    for least in (identity, *(band for band in BANDS[alphabet] if band > identity)):
        close = ((nearest["identity"] >= least) & (nearest["nearest"] != "")).to_numpy()
        share = float(close.mean())
        value, right = label_match(items, nearest[close])
        span = f" over {coverage:.0%} of both" if least == identity else ""
        meaning = f"Test items with a training sequence at {least:.0%} identity or more{span}; value: {right}."
        leak = least == identity and share > TOLERATED
        clause = "" if np.isnan(value) else f", whose label {'correlates at' if items.measured else 'is theirs in'} "
        clause += "" if np.isnan(value) else f"{value:.2f}" if items.measured else f"{value:.0%}"
        finding = (
            f"{share:.1%} of the test items have a relative in training at {least:.0%} identity or more{clause}" if leak else ""
        )
        rows.append(Row(f"relatives at {least:.0%}", int(close.sum()), share, value, meaning, finding))
        if least == identity and not items.measured and close.any():
            name, n = Counter(nearest.loc[close, "label"]).most_common(1)[0]
            meaning = f"Share of items with a relative that have their most common label, {name}: accuracy without the neighbour."
            rows.append(Row("majority rate of those", int(close.sum()), share, n / int(close.sum()), meaning))
    return rows


def label_match(items: Items, nearest: pd.DataFrame) -> tuple[float, str]:
    """Agreement between the labels of test items and of their neighbours, with a phrase that explains it.

    Parameters
    ----------
    items
        n items.
    nearest
        Rows of test items that have a neighbour.

    Returns
    -------
    tuple
        Accuracy or Spearman's correlation (NaN if there are too few items), and a phrase with the 95% interval (Wilson).
    """
    from scipy.stats import binomtest

    if items.measured:
        value = spearman(nearest["label"].to_numpy(float), nearest["nearest_label"].to_numpy(float))
        return value, "Spearman's correlation of their values with the neighbours'"
    if len(nearest) == 0:
        return NAN, "how often the label is the neighbour's"
    right = int(nearest["agrees"].sum())
    low, high = binomtest(right, len(nearest)).proportion_ci(method="wilson")
    return right / len(nearest), f"how often the label is the neighbour's (95% interval {low:.3f} to {high:.3f})"


def strand_row(items: Items, sequences: Sequence[str]) -> Row:
    """Test items whose reverse complement is in training.

    Parameters
    ----------
    items
        n items.
    sequences
        n DNA sequences, upper case.

    Returns
    -------
    Row
        Test items that are also copies of a training item (palindromes) are counted with the copies, not here.
    """
    train = {sequences[i] for i in items.rows("train")}
    test = items.rows("test")
    count = sum(sequences[i] not in train and reverse_complement(sequences[i]) in train for i in test)
    share = count / len(test)
    finding = copies_found(count, len(test), "the reverse complement of a training item", "reverse complements of training items")
    meaning = "Test items whose reverse complement is in training: the same region of DNA."
    return Row("other strand in training", count, share, NAN, meaning, finding)


def short_rows(items: Items, sequences: Sequence[str]) -> list[Row]:
    """Line on test peptides that are too short for the search.

    Parameters
    ----------
    items
        n items.
    sequences
        n proteins.

    Returns
    -------
    list of Row
        One line, or none if there are no such peptides.
    """
    test = items.rows("test")
    short = sum(len(sequences[i]) < SHORTEST for i in test)
    meaning = f"Test peptides under {SHORTEST} residues: the search finds copies of them, but no relatives."
    return [Row("too short to search", short, short / len(test), NAN, meaning)] if short else []
