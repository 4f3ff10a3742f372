"""Which bases may be learnt from, and which are kept to judge by.

Neighbouring bases are not independent, so a random split of windows leaks. Here a genome is cut into blocks, each block goes
to one part, and wherever two neighbours go to different parts `gap` bases between them go to none; a window is only ever
drawn inside one interval of one part, so none can straddle. Stronger still is to hold out whole contigs or species
(:func:`split_groups`, :func:`hold_out`). The trade-off of a gap is a little less data; of whole groups, coarser fractions.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from glmkit.bio import Interval
from glmkit.errors import BadInput
from glmkit.files import write_text

PARTS = ("train", "validation", "test")
COLUMNS = ["reference", "start", "end", "part"]


@dataclass(frozen=True)
class Split:
    """Intervals of references, each in one part; what stands in no interval belongs to no part.

    Attributes
    ----------
    table
        Columns ``reference`` (str), ``start``, ``end`` (int64, 0-based, half-open) and ``part`` (``train``, ``validation`` or
        ``test``), sorted by reference and start. Intervals never overlap.
    """

    table: pd.DataFrame

    def __post_init__(self) -> None:
        missing = [column for column in COLUMNS if column not in self.table.columns]
        if missing:
            raise BadInput(f"A split needs the columns {COLUMNS}; missing {missing}, found {list(self.table.columns)}.")
        table = self.table[COLUMNS].astype({"reference": str, "start": np.int64, "end": np.int64, "part": str})
        table = table.sort_values(["reference", "start"], kind="stable", ignore_index=True)
        object.__setattr__(self, "table", table)
        if unknown := sorted(set(table["part"]) - set(PARTS)):
            raise BadInput(f"Unknown parts {unknown}: expected {', '.join(PARTS)}.")
        same = table["reference"].to_numpy()[1:] == table["reference"].to_numpy()[:-1]
        start, end = table["start"].to_numpy(), table["end"].to_numpy()
        wrong = (start < 0) | (end <= start)
        wrong[1:] |= same & (start[1:] < end[:-1])
        if wrong.any():
            row = table.iloc[int(np.argmax(wrong))]
            raise BadInput(f"{row['reference']}:{row['start']}-{row['end']} is empty or overlaps the interval before it.")

    def part(self, name: str) -> list[Interval]:
        """The intervals of a part, in order.

        Raises
        ------
        BadInput
            `name` is none of train, validation, test.
        """
        if name not in PARTS:
            raise BadInput(f"Unknown part {name!r}: expected {', '.join(PARTS)}.")
        rows = self.table[self.table["part"] == name]
        return [Interval(r, int(s), int(e)) for r, s, e in zip(rows["reference"], rows["start"], rows["end"], strict=True)]

    def bases(self) -> dict[str, int]:
        """Bases of each part."""
        size = (self.table["end"] - self.table["start"]).groupby(self.table["part"]).sum()
        return {name: int(size.get(name, 0)) for name in PARTS}

    @property
    def hash(self) -> str:
        """SHA-256 of the table as CSV."""
        return hashlib.sha256(self._csv().encode("utf-8")).hexdigest()

    def to_csv(self, path: str | Path) -> None:
        """Write the table, whole or not at all."""
        write_text(path, self._csv())

    @classmethod
    def from_csv(cls, path: str | Path) -> "Split":
        """Read what :meth:`to_csv` wrote; names such as ``NA`` or ``1E5`` stay text.

        Raises
        ------
        BadInput
            A column is missing, a part is unknown, or intervals overlap.
        """
        try:
            table = pd.read_csv(path, dtype=str, keep_default_na=False)
            return cls(table)
        except (ValueError, FileNotFoundError) as error:
            if isinstance(error, BadInput):
                error.add_note(f"file {path}")
                raise
            raise BadInput(f"{path} is not a split that can be read ({error}). Write it with Split.to_csv.") from error

    def _csv(self) -> str:
        return self.table.to_csv(index=False, lineterminator="\n")


def split_blocks(
    lengths: Mapping[str, int],
    block: int = 20_000,
    gap: int = 500,
    fractions: Sequence[float] = (0.8, 0.1, 0.1),
    seed: int = 0,
) -> Split:
    """Cut references into blocks and deal them out to train, validation and test.

    The last block of a reference takes its remainder (`block` to 2·`block` - 1 bases; a shorter reference is one block).
    Neighbouring blocks of one part are joined. Between neighbours of different parts `gap` bases are left out, half from each.

    Parameters
    ----------
    lengths
        Bases of each reference.
    block
        Bases of a block, more than `gap`.
    gap
        Bases between parts that belong to no part. Take at least the length of a window.
    fractions
        Shares of train, validation and test, summing to 1.
    seed
        Decides which block goes where; the same arguments give the same split, whatever the order of `lengths`.

    Raises
    ------
    BadInput
        A parameter out of range, or so few blocks that a part with a share above 0 would be empty.
    """
    _check_fractions(fractions, seed)
    if not (0 <= gap < block):
        raise BadInput(f"Expected 0 <= gap < block, got gap={gap} and block={block}.")
    if not lengths or min(lengths.values()) < 1:
        raise BadInput(f"Expected references of at least one base, got {dict(list(lengths.items())[:3])}.")
    blocks: list[tuple[str, int, int]] = []
    for name in sorted(lengths):
        edges = [*range(0, max(lengths[name] - block, 0) + 1, block), lengths[name]]
        blocks += [(name, start, end) for start, end in pairwise(edges)]
    part_of = _deal(np.array([end - start for _, start, end in blocks]), fractions, np.random.default_rng(seed))
    rows: list[list] = []
    for (name, start, end), part in zip(blocks, part_of, strict=True):
        if rows and rows[-1][0] == name:
            if rows[-1][3] == part:
                rows[-1][2] = end
                continue
            rows[-1][2] -= gap - gap // 2
            start += gap // 2
        rows.append([name, start, end, part])
    return Split(pd.DataFrame(rows, columns=COLUMNS))


def split_groups(groups: Sequence[str], fractions: Sequence[float] = (0.8, 0.1, 0.1), seed: int = 0) -> np.ndarray:
    """Deal items out to train, validation and test so that no group (contig, species, family) is in two parts.

    Parameters
    ----------
    groups
        Group of each item, n of them.
    fractions
        Shares of the items in train, validation and test, summing to 1. A group is never cut, so shares are met as closely as
        the groups' sizes allow.
    seed
        Decides which group goes where; the order of the items does not.

    Returns
    -------
    numpy.ndarray
        str (n,): the part of each item.

    Raises
    ------
    BadInput
        No items, a parameter out of range, or fewer groups than parts.
    """
    _check_fractions(fractions, seed)
    if len(groups) == 0:
        raise BadInput("Expected at least one item to split, got none.")
    _, inverse, sizes = np.unique(np.asarray(groups, dtype=str), return_inverse=True, return_counts=True)
    return _deal(sizes, fractions, np.random.default_rng(seed))[inverse]


def hold_out(groups: Sequence[str], held: Collection[str], rest: Sequence[str] | None = None) -> np.ndarray:
    """Put whole groups into the test part.

    Parameters
    ----------
    groups
        Group of each item, n of them.
    held
        Groups to hold out.
    rest
        Part of each item otherwise (from :func:`split_groups`, say); ``train`` by default.

    Returns
    -------
    numpy.ndarray
        str (n,): the part of each item.

    Raises
    ------
    BadInput
        A held group that no item has (the known ones are listed), or nothing left to train on.
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


def _check_fractions(fractions: Sequence[float], seed: int) -> None:
    if len(fractions) != len(PARTS) or min(fractions) < 0 or not abs(sum(fractions) - 1) < 1e-6:
        raise BadInput(f"Expected three shares (train, validation, test) that sum to 1, got {tuple(fractions)}.")
    if seed < 0:
        raise BadInput(f"Expected a seed of at least 0, got {seed}.")


def _deal(sizes: np.ndarray, fractions: Sequence[float], rng: np.random.Generator) -> np.ndarray:
    """Part of each group: large ones first (in random order within a factor of two), each to the part that lacks most."""
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
