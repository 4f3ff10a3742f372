"""Checks of labels before training.

Each of these faults lets training run and gives a meaningless score: with a single class accuracy is 100%, and a sequence that
occurs in training and in test can be memorised.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from glmkit.bio import DataReport, reverse_complement
from glmkit.errors import BadInput

SHOWN = 5


def check_labels(
    sequences: Sequence[str],
    labels: Sequence | np.ndarray,
    parts: Sequence[str] | np.ndarray | None = None,
    ids: Sequence[str] | None = None,
    report: DataReport | None = None,
) -> None:
    """Refuse labels that make every score meaningless.

    Parameters
    ----------
    sequences
        n sequences; letter case does not matter.
    labels
        Class of each sequence, (n,).
    parts
        Part (train, validation, test) of each; None leaves out the checks across parts.
    ids
        Name of each sequence for messages; its number (from 0) by default.
    report
        Report that counts ``reverse_complement_across_parts``: a DNA sequence whose reverse complement is in another part.

    Raises
    ------
    BadInput
        No sequences; numbers that differ; one class only; one sequence with two labels; one sequence in two parts.

    Examples
    --------
    >>> from glmkit.data import check_labels
    >>> check_labels(["ACGT", "ACGA"], [0, 1], parts=["train", "test"])
    >>> check_labels(["ACGT", "ACGT", "GGGG"], [0, 0, 1], parts=["train", "test", "train"])
    Traceback (most recent call last):
    ...
    glmkit.errors.BadInput: 1 sequences are in more than one part: 0 (train) and 1 (test). Drop the copies, or split by group.
    """
    if len(sequences) == 0:
        raise BadInput("No labelled sequences: expected at least two, got none. Were all of them filtered out?")
    names = [str(i) for i in range(len(sequences))] if ids is None else list(ids)
    values = np.asarray(labels).tolist()
    sides = None if parts is None else np.asarray(parts).tolist()
    if {len(values), len(names)} | ({len(sides)} if sides is not None else set()) != {len(sequences)}:
        raise BadInput(f"Expected one label, id and part for each of {len(sequences)} sequences, got {len(values)} labels.")
    if len(set(values)) == 1:
        raise BadInput(
            f"All {len(values)} labels are {values[0]!r}: expected at least two classes. Is the label column the right one?"
        )
    letters = [sequence.upper() for sequence in sequences]
    if clash := _disagree(letters, values, names):
        raise BadInput(f"{clash[0]} sequences have conflicting labels: {clash[1]}. Correct or drop them.")
    if sides is not None:
        if clash := _disagree(letters, sides, names):
            raise BadInput(f"{clash[0]} sequences are in more than one part: {clash[1]}. Drop the copies, or split by group.")
        if report is not None:
            _count_other_strands(letters, sides, names, report)


def check_stratified(labels: Sequence | np.ndarray, parts: int = 2) -> None:
    """Refuse a class too small to be in every part of a stratified split.

    Parameters
    ----------
    labels
        n labels.
    parts
        Number of parts (or folds) in which each class must occur.

    Raises
    ------
    BadInput
        A class with fewer members than parts (named, with its size).
    """
    sizes = Counter(np.asarray(labels).tolist())
    if small := [f"{label!r} ({n})" for label, n in sorted(sizes.items(), key=str) if n < parts]:
        raise BadInput(f"Classes too small for a stratified split into {parts}: {', '.join(small[:SHOWN])}. Merge or drop them.")


def _disagree(keys: list[str], values: list, names: list[str]) -> tuple[int, str] | None:
    """How many keys have more than one value, and the first few as text."""
    first: dict[str, int] = {}
    clashes: dict[str, str] = {}
    for i, key in enumerate(keys):
        j = first.setdefault(key, i)
        if values[j] != values[i] and key not in clashes:
            clashes[key] = f"{names[j]} ({values[j]}) and {names[i]} ({values[i]})"
    return (len(clashes), "; ".join(list(clashes.values())[:SHOWN])) if clashes else None


def _count_other_strands(letters: list[str], parts: list, names: list[str], report: DataReport) -> None:
    part_of = dict(zip(letters, parts, strict=True))
    for sequence, part, name in zip(letters, parts, names, strict=True):
        if set(sequence) <= set("ACGTN") and part_of.get(reverse_complement(sequence), part) != part:
            report.count("reverse_complement_across_parts", where=name)
