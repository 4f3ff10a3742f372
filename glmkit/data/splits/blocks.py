"""Splits of genomes into blocks, and of items into whole groups.

Neighbouring bases are not independent, so a random split of windows leaks. Here a genome is cut into blocks and each block is
assigned to one part. Between neighbouring blocks of different parts `gap` bases belong to no part. Every window is drawn inside
one interval of one part, so no window spans two parts. A stricter test holds out whole contigs or species
(:func:`split_groups`, :func:`hold_out`). A gap costs a small share of the data; whole groups give coarser fractions.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
import pandas as pd

from glmkit.bio import Interval
from glmkit.data.splits.base import PARTS, Partition, check_fractions
from glmkit.errors import BadInput


@dataclass(frozen=True)
class Split(Partition[Interval]):  # numpydoc ignore=PR02
    """Intervals of references, each in one part; bases outside all intervals belong to no part.

    Parameters
    ----------
    table
        Columns ``reference`` (str), ``start``, ``end`` (int64, 0-based, half-open) and ``part`` (``train``, ``validation`` or
        ``test``), sorted by reference and start. Intervals never overlap.
    notes
        As for :class:`glmkit.data.splits.Partition`, which has the methods that all splits share.

    Raises
    ------
    BadInput
        A column is missing, a part is unknown, or intervals are empty or overlap.

    Examples
    --------
    >>> from glmkit.bio import Interval
    >>> from glmkit.data import split_blocks
    >>> split = split_blocks({"chr1": 1000}, block=100, gap=20, fractions=(0.6, 0.2, 0.2), seed=1)
    >>> split.bases()
    {'train': 550, 'validation': 170, 'test': 160}
    >>> split.items("test")[0]
    Interval(reference='chr1', start=110, end=190, strand=0)
    >>> split.part_of([Interval("chr1", 120, 150), Interval("chr1", 180, 220)]).tolist()
    ['test', '']
    """

    KEY: ClassVar[tuple[str, ...]] = ("reference", "start", "end")
    OPTIONAL: ClassVar[tuple[str, ...]] = ()

    def _typed(self, table: pd.DataFrame) -> pd.DataFrame:
        table = table.astype({"reference": str, "start": np.int64, "end": np.int64, "part": str})
        return table.sort_values(["reference", "start"], kind="stable", ignore_index=True)

    def _check(self, table: pd.DataFrame) -> None:
        same = table["reference"].to_numpy()[1:] == table["reference"].to_numpy()[:-1]
        start, end = table["start"].to_numpy(), table["end"].to_numpy()
        wrong = (start < 0) | (end <= start)
        wrong[1:] |= same & (start[1:] < end[:-1])
        if wrong.any():
            row = table.iloc[int(np.argmax(wrong))]
            raise BadInput(f"{row['reference']}:{row['start']}-{row['end']} is empty or overlaps the interval before it.")

    def _items(self) -> list[Interval]:
        columns = (self.table[name].tolist() for name in self.KEY)
        return [Interval(reference, start, end) for reference, start, end in zip(*columns, strict=True)]

    @property
    def groups(self) -> pd.Series:
        """The reference of each interval, by interval."""
        return pd.Series(self.table["reference"].to_numpy(), index=self._items(), name="group")

    def part_of(self, items: Iterable[Interval], absent: str = "") -> np.ndarray:
        """The part of each of some places, such as those of windows.

        Parameters
        ----------
        items
            n places; their strands do not matter.
        absent
            Value for a place that lies in no interval as a whole, such as one in a gap or on another reference.

        Returns
        -------
        numpy.ndarray
            str (n,).
        """
        nothing: list[np.ndarray] = [np.empty(0, np.int64)] * 3
        of_reference = {
            name: [rows[column].to_numpy() for column in ("start", "end", "part")]
            for name, rows in self.table.groupby("reference")
        }
        found = []
        for place in items:
            start, end, part = of_reference.get(place.reference, nothing)
            row = int(np.searchsorted(start, place.start, "right")) - 1
            found.append(part[row] if row >= 0 and place.end <= end[row] else absent)
        return np.array(found, dtype=str)

    def bases(self) -> dict[str, int]:
        """Bases of each part.

        Returns
        -------
        dict
            Part to number of bases, for train, validation and test.
        """
        size = (self.table["end"] - self.table["start"]).groupby(self.table["part"]).sum()
        return {name: int(size.get(name, 0)) for name in PARTS}

    @classmethod
    def of_references(cls, lengths: Mapping[str, int], part_of: Mapping[str, str], default: str = "train") -> "Split":
        """Whole references (contigs, chromosomes) as intervals.

        Parameters
        ----------
        lengths
            Bases of each reference.
        part_of
            Part of each reference, by name.
        default
            Part of a reference that `part_of` lacks.

        Returns
        -------
        Split
            One interval per reference.

        Raises
        ------
        BadInput
            An unknown part, or a reference without bases.

        Examples
        --------
        >>> from glmkit.data import Split
        >>> Split.of_references({"c1": 500, "c2": 80, "c3": 20}, {"c2": "test"}).bases()
        {'train': 520, 'validation': 0, 'test': 80}
        """
        rows = [(name, 0, length, part_of.get(name, default)) for name, length in lengths.items()]
        return cls(pd.DataFrame(rows, columns=[*cls.KEY, "part"]))


def split_blocks(
    lengths: Mapping[str, int],
    block: int = 20_000,
    gap: int = 500,
    fractions: Sequence[float] = (0.8, 0.1, 0.1),
    seed: int = 0,
) -> Split:
    """Cut references into blocks and assign each block to train, validation or test.

    The last block of a reference takes its remainder (`block` to 2·`block` - 1 bases; a shorter reference is one block).
    Neighbouring blocks of one part are joined. Between neighbours of different parts `gap` bases are left out, half from each.

    Parameters
    ----------
    lengths
        Bases of each reference.
    block
        Bases of a block, more than `gap`.
    gap
        Bases between parts that belong to no part; at least the length of a window is advisable.
    fractions
        Shares of train, validation and test, summing to 1.
    seed
        Seed of the assignment. The same arguments give the same split, whatever the order of `lengths`.

    Returns
    -------
    Split
        Joined blocks as intervals.

    Raises
    ------
    BadInput
        A parameter out of range, or so few blocks that a part with a share above 0 would be empty.

    Examples
    --------
    >>> from glmkit.data import split_blocks
    >>> split = split_blocks({"chr1": 300_000, "plasmid": 5_000}, block=20_000, gap=500, seed=0)
    >>> split.bases()
    {'train': 239000, 'validation': 39500, 'test': 24500}
    """
    check_fractions(fractions, seed)
    if not (0 <= gap < block):
        raise BadInput(f"Expected 0 <= gap < block, got gap={gap} and block={block}.")
    if not lengths or min(lengths.values()) < 1:
        raise BadInput(f"Expected references of at least one base, got {dict(list(lengths.items())[:3])}.")
    blocks: list[tuple[str, int, int]] = []
    for name in sorted(lengths):
        edges = [*range(0, max(lengths[name] - block, 0) + 1, block), lengths[name]]
        blocks += [(name, start, end) for start, end in pairwise(edges)]
    part_of = _assign(np.array([end - start for _, start, end in blocks]), fractions, np.random.default_rng(seed))
    rows: list[list] = []
    for (name, start, end), part in zip(blocks, part_of, strict=True):
        if rows and rows[-1][0] == name:
            if rows[-1][3] == part:
                rows[-1][2] = end
                continue
            rows[-1][2] -= gap - gap // 2
            start += gap // 2
        rows.append([name, start, end, part])
    return Split(pd.DataFrame(rows, columns=[*Split.KEY, "part"]))


def split_groups(groups: Sequence[str], fractions: Sequence[float] = (0.8, 0.1, 0.1), seed: int = 0) -> np.ndarray:
    """Assign items to train, validation and test so that no group (contig, species, family) is in two parts.

    Parameters
    ----------
    groups
        Group of each item, n of them.
    fractions
        Shares of the items in train, validation and test, summing to 1. Groups are not divided, so shares are met as closely as
        the groups' sizes allow.
    seed
        Seed of the assignment; the order of the items has no influence.

    Returns
    -------
    numpy.ndarray
        str (n,): the part of each item. See :meth:`glmkit.data.splits.Partition.of`.

    Raises
    ------
    BadInput
        No items, a parameter out of range, or fewer groups than parts.

    Examples
    --------
    >>> from glmkit.data import split_groups
    >>> split_groups(["mouse", "mouse", "human", "yeast"], (0.5, 0.25, 0.25), seed=0).tolist()
    ['train', 'train', 'test', 'validation']
    """
    check_fractions(fractions, seed)
    if len(groups) == 0:
        raise BadInput("Expected at least one item to split, got none.")
    _, inverse, sizes = np.unique(np.asarray(groups, dtype=str), return_inverse=True, return_counts=True)
    return _assign(sizes, fractions, np.random.default_rng(seed))[inverse]


def hold_out(groups: Sequence[str], held: Collection[str], rest: Sequence[str] | None = None) -> np.ndarray:
    """Put whole groups into the test part.

    Parameters
    ----------
    groups
        Group of each item, n of them.
    held
        Groups to hold out.
    rest
        Part of each of the other items, such as :func:`split_groups` returns; ``train`` by default.

    Returns
    -------
    numpy.ndarray
        str (n,): the part of each item.

    Raises
    ------
    BadInput
        A held group that no item has (the known ones are listed), or nothing left to train on.

    Examples
    --------
    >>> from glmkit.data.splits import hold_out
    >>> hold_out(["mouse", "human", "yeast"], ["yeast"]).tolist()
    ['train', 'train', 'test']
    """
    names = np.asarray(groups, dtype=str)
    if absent := sorted(set(held) - set(names.tolist())):
        known = sorted(set(names.tolist()))
        raise BadInput(f"Cannot hold out {absent}: expected some of {known[:10]}{'…' if len(known) > 10 else ''}.")
    parts = np.where(
        np.isin(names, sorted(held)), "test", np.asarray(["train"] * len(names) if rest is None else rest, dtype="<U10")
    )
    if "train" not in parts:
        raise BadInput(f"Holding out {sorted(held)} leaves nothing to train on. Hold out fewer groups.")
    return parts


def _assign(sizes: np.ndarray, fractions: Sequence[float], rng: np.random.Generator) -> np.ndarray:
    """Part of each group: large groups first (in random order within a factor of two), each to the part that lacks most."""
    order = np.lexsort((rng.random(len(sizes)), -np.floor(np.log2(sizes))))
    lacks = np.asarray(fractions, float) * sizes.sum()
    wanted = lacks > 0
    part = np.zeros(len(sizes), int)
    for group in order:
        part[group] = int(np.argmax(np.where(wanted, lacks, -np.inf)))
        lacks[part[group]] -= sizes[group]
    if empty := [PARTS[i] for i in np.flatnonzero(wanted) if i not in part]:
        raise BadInput(
            f"{len(sizes)} blocks or groups are too few for shares {tuple(fractions)}: {', '.join(empty)} would be empty. "
            "Take smaller blocks, more groups, or a share of 0."
        )
    return np.array(PARTS)[part]
