"""Leakage audit of a split: what the test items share with the training items.

Scores do not show the faults of a split: copies, reverse complements, homologues with the same label, donors in training and in
test. The audit counts each of them. It also uses the label of the nearest training item as a prediction, which estimates the
score that memorisation alone can reach. The cost is one search of test against training. The audit cannot find remote
homologues (below about 25% identity for proteins, 70% for DNA), nor a common origin that is not recorded as a group.

References
----------
Whalen S, Schreiber J, Noble WS, Pollard KS (2022). Navigating the pitfalls of applying machine learning in genomics.
Nature Reviews Genetics 23, 169-181.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from glmkit.data.leakage.checks import NAN, Items, Row, as_table, balance_row, duplicate_rows, group_row, length_row
from glmkit.data.leakage.neighbours import CLOSE, SPAN, nearest_items, relative_rows, short_rows, strand_row
from glmkit.data.leakage.profiles import profile_keys, profile_neighbours, standardised
from glmkit.data.splits.base import PARTS
from glmkit.errors import BadInput
from glmkit.programs import SECONDS, find_program

_MANY = 50  # number of different values beyond which numeric labels count as measured values


@dataclass(frozen=True, kw_only=True)
class Audit:  # numpydoc ignore=PR02
    """Results of an audit; ``print`` shows all of them.

    Parameters
    ----------
    table
        One row per check: ``check``, ``items`` (number found; missing where the check counts none), ``share`` (of the test
        items), ``value`` (the figure of the check) and ``meaning`` (a sentence on both).
    nearest
        One row per test item: ``id``, ``nearest`` (training item; empty without one), ``identity``, ``coverage`` and ``strand``
        of their alignment (for numeric rows ``distance`` instead), ``label``, ``nearest_label`` and ``agrees``. Empty if no
        search was made.
    verdict
        Conclusion in one sentence.
    leaks
        Whether a fault was found that allows a model to score by memorisation.
    sizes
        Number of items in train, validation and test.
    name
        Name of the split.
    """

    table: pd.DataFrame
    nearest: pd.DataFrame
    verdict: str
    leaks: bool
    sizes: dict[str, int]
    name: str = ""

    def __str__(self) -> str:
        counts = ", ".join(f"{self.sizes[part]:,} {part}" for part in PARTS)
        width = max(map(len, self.table["check"]))
        lines = [f"Leakage audit{' of ' + self.name if self.name else ''}: {counts}"]
        lines.append(f"  {'check':<{width}} {'items':>8} {'share':>7} {'value':>8}")
        for check, items, share, value, meaning in self.table.to_numpy(dtype=object).tolist():
            counted = "" if pd.isna(items) else f"{items:,}"
            of_test = "" if pd.isna(share) else f"{share:.1%}"
            figure = "" if pd.isna(value) else f"{value:.3f}"
            shown = meaning if not (counted or figure) else ""
            lines.append(f"  {check:<{width}} {counted:>8} {of_test:>7} {figure:>8} {shown}".rstrip())
        return "\n".join([*lines, self.verdict])


def audit(
    sequences: Sequence[str] | np.ndarray | pd.DataFrame | None,
    labels: Sequence | np.ndarray,
    parts: Sequence[str] | np.ndarray,
    *,
    alphabet: Literal["protein", "dna"] = "protein",
    groups: Sequence | np.ndarray | None = None,
    ids: Sequence[str] | None = None,
    identity: float | None = None,
    coverage: float | None = None,
    sensitivity: float = 5.7,
    measured: bool | None = None,
    threads: int = 1,
    seconds: float = SECONDS,
    name: str = "",
) -> Audit:
    """Audit a split: copies, relatives and their labels, groups, label balance, length.

    Parameters
    ----------
    sequences
        n sequences; or n rows of numbers (an array or a table), among which copies and nearest neighbours are searched; or None,
        which leaves the audit of labels and groups.
    labels
        Class or measured value of each of n items.
    parts
        Part of each of n items: ``train``, ``validation`` or ``test``.
    alphabet
        Alphabet of the sequences. Proteins are searched with MMseqs2, DNA with BLASTN on both strands.
    groups
        Group of each item: chromosome, species, subject, study. Windows that overlap on a genome are found by their group.
    ids
        Name of each item; its number (from 0) by default.
    identity
        Identity from which two sequences count as relatives, in (0, 1]; by default 0.3 for proteins and 0.8 for DNA.
    coverage
        Least share of both sequences inside the alignment, in [0, 1]; by default 0.8 for proteins and 0.4 for DNA. Of windows
        tiled over two copies of a region some share only about half, whatever the offset.
    sensitivity
        Sensitivity of MMseqs2's search, 1 (fast) to 7.5.
    measured
        Whether labels are measured values. By default numbers with fractions, or more than 50 different numbers, are.
    threads
        Processor threads of the search.
    seconds
        Time limit of each program run.
    name
        Name of the split, for the heading.

    Returns
    -------
    Audit
        One line per check. If the search program is not installed, its line states this and how to install it.

    Raises
    ------
    BadInput
        Numbers that differ, an unknown part, no training or test items, a missing label, or an item that is no sequence.
    ResourceError
        The search program failed or exceeded the time limit.

    Examples
    --------
    >>> from glmkit.data import audit
    >>> found = audit(None, ["a", "b", "a", "b"], ["train", "train", "test", "test"], groups=["g1", "g2", "g2", "g3"])
    >>> found.leaks, found.verdict
    (True, 'The split leaks: 1 group is on both sides, with 50.0% of the test items.')
    >>> found.table[["check", "items"]].to_numpy().tolist()
    [['groups on both sides', 1], ['label balance', 0]]
    """
    items = audited_items(labels, parts, ids, measured)
    rows: list[Row] = []
    nearest = pd.DataFrame(columns=["id", "nearest", "label", "nearest_label", "agrees"])
    if isinstance(sequences, pd.DataFrame) or (isinstance(sequences, np.ndarray) and sequences.ndim == 2):
        values = standardised(items, sequences)
        rows += duplicate_rows(items, profile_keys(values), "row")
        nearest, found = profile_neighbours(items, values)
        rows += found
    elif sequences is not None:
        letters = _letters(sequences, items, alphabet)
        rows += duplicate_rows(items, letters)
        rows += [strand_row(items, letters)] if alphabet == "dna" else []
        least = CLOSE[alphabet] if identity is None else identity
        span = SPAN[alphabet] if coverage is None else coverage
        if absent := _absent(alphabet):
            rows.append(Row(f"relatives at {least:.0%}", None, NAN, NAN, f"Not checked. {absent}"))
        else:
            nearest = nearest_items(items, letters, alphabet, span, sensitivity, threads, seconds)
            rows += relative_rows(items, nearest, least, span, alphabet)
            rows += short_rows(items, letters) if alphabet == "protein" else []
        rows.append(length_row(items, np.array([len(sequence) for sequence in letters])))
    rows += [group_row(items, groups), balance_row(items)]
    return concluded(items, rows, nearest, name)


def audited_items(
    labels: Sequence | np.ndarray,
    parts: Sequence[str] | np.ndarray,
    ids: Sequence[str] | None = None,
    measured: bool | None = None,
) -> Items:
    """Check labels, parts and ids.

    Parameters
    ----------
    labels, parts, ids, measured
        As for :func:`audit`.

    Returns
    -------
    Items
        Labels, parts and ids as arrays.

    Raises
    ------
    BadInput
        As for :func:`audit`.
    """
    values = pd.Series(np.asarray(labels).tolist()).infer_objects().to_numpy() if np.ndim(labels) == 1 else np.asarray(labels)
    sides = np.asarray(parts).astype(str)
    names = [str(i) for i in range(len(values))] if ids is None else [str(name) for name in ids]
    if values.ndim != 1 or sides.shape != values.shape or len(names) != len(values):
        raise BadInput(
            f"Expected one label, part and id per item, got {values.shape} labels, {sides.shape} parts, {len(names)} ids."
        )
    if unknown := sorted(set(sides.tolist()) - set(PARTS)):
        raise BadInput(f"Unknown parts {unknown[:5]}: expected {', '.join(PARTS)}.")
    for part in ("train", "test"):
        if part not in sides:
            raise BadInput(f"No item is in the part {part!r}: an audit compares test with train.")
    if len(set(names)) < len(names):
        raise BadInput("ids: some occur twice. Give each item its own name, or leave ids out.")
    missing = pd.isna(values)
    if missing.any():
        raise BadInput(
            f"{int(missing.sum())} items have no label, the first is {names[int(np.argmax(missing))]!r}. Leave them out."
        )
    if values.dtype.kind == "f" and (endless := np.isinf(values)).any():
        raise BadInput(
            f"{int(endless.sum())} labels are infinite, the first is of {names[int(np.argmax(endless))]!r}. Correct them."
        )
    if measured is None:
        number = values.dtype.kind in "iuf"
        measured = bool(number and ((values % 1 != 0).any() or len(np.unique(values)) > _MANY))
    if measured and values.dtype.kind not in "iufb":
        raise BadInput(f"measured=True needs numbers as labels, got {values.dtype}.")
    if measured:
        return Items(names, values.astype(np.float64), sides, True)
    whole = values.dtype.kind == "f" and bool((values % 1 == 0).all())
    return Items(names, (values.astype(np.int64) if whole else values).astype(str), sides, False)


def concluded(items: Items, rows: Sequence[Row], nearest: pd.DataFrame, name: str) -> Audit:
    """Combine the lines of an audit and derive the verdict.

    Parameters
    ----------
    items
        n items.
    rows
        Lines of the audit.
    nearest
        As :attr:`Audit.nearest`.
    name
        Name of the split.

    Returns
    -------
    Audit
        Its ``leaks`` is True if any line has a finding.
    """
    findings = [row.finding for row in rows if row.finding]
    unchecked = [row.check for row in rows if row.meaning.startswith("Not checked")]
    open_ends = f" (not checked: {', '.join(unchecked)})" if unchecked else ""
    if findings:
        verdict = f"The split leaks: {'; '.join(findings)}{open_ends}."
    elif open_ends:
        verdict = f"No leak found by the checks that could be made{open_ends}."
    elif rows[0].check == "copies in training":
        near = [f"{row.share:.1%} {row.check}" for row in rows if row.check.startswith("relatives")][:1]
        verdict = f"No leak found: no copies, no group on both sides{', ' + near[0] if near else ''}."
    else:
        verdict = "No leak found in groups and labels; there were no sequences or rows of numbers to compare."
    sizes = {part: len(items.rows(part)) for part in PARTS}
    return Audit(table=as_table(rows), nearest=nearest, verdict=verdict, leaks=bool(findings), sizes=sizes, name=name)


def _letters(sequences: Sequence[str] | np.ndarray, items: Items, alphabet: str) -> list[str]:
    if alphabet not in CLOSE:
        raise BadInput(f"alphabet: expected protein or dna, got {alphabet!r}.")
    if len(sequences) != len(items.ids):
        raise BadInput(f"Expected one sequence for each of {len(items.ids)} labels, got {len(sequences)}.")
    for name, sequence in zip(items.ids, sequences, strict=True):
        if not isinstance(sequence, str) or not sequence:
            raise BadInput(f"Item {name!r}: expected a sequence of letters, got {sequence!r}. For rows of numbers give an array.")
    return [sequence.upper() for sequence in sequences]


def _absent(alphabet: str) -> str:
    """Sentence on the missing program; empty if all are installed."""
    try:
        for program in ("blastn", "makeblastdb") if alphabet == "dna" else ("mmseqs",):
            find_program(program)
    except BadInput as error:
        return str(error)
    return ""
