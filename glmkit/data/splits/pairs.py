"""Splits of pairs (interactions) with a class for the number of partners that occur in training.

A model of interactions can score well from the number of interactions of each protein alone. Park and Marcotte therefore
evaluate three classes separately: C1, both partners occur in training pairs; C2, one does; C3, none. Here partners are assigned
to parts first, and the part of a pair follows from its partners. Pairs of a validation partner and a test partner are dropped and
counted.

References
----------
Park Y, Marcotte EM (2012). Flaws in evaluation schemes for pair-input computational predictions. Nature Methods 9, 1134-1136.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from glmkit.data.splits.base import PARTS, Partition
from glmkit.data.splits.blocks import split_groups
from glmkit.errors import BadInput

CLASSES = ("C1", "C2", "C3")


@dataclass(frozen=True)
class PairSplit(Partition[tuple[str, str]]):  # numpydoc ignore=PR02
    """Pairs, each in a part and a class.

    Parameters
    ----------
    table
        Columns ``left``, ``right``, ``part`` (``train``, ``validation``, ``test`` or ``dropped``) and ``class``, all str, in the
        order of the pairs. The class of pairs of validation and test is ``C1`` (both partners occur in training pairs), ``C2``
        (one) or ``C3`` (none); it is empty for others.
    notes
        As for :class:`glmkit.data.splits.Partition`, which has the methods that all splits share.

    Raises
    ------
    BadInput
        A column is missing, a part or class is unknown, or one pair is in two parts.

    Examples
    --------
    >>> from glmkit.data.splits import split_pairs
    >>> names = [f"p{i}" for i in range(12)]
    >>> pairs = [(a, b) for a in names for b in names if a < b]
    >>> split = split_pairs(*zip(*pairs), fractions=(0.6, 0.2, 0.2), seed=0)
    >>> split.counts(), split.dropped
    ({'train': 13, 'validation': 28, 'test': 19}, 6)
    >>> split.sizes.loc["test"].to_dict()
    {'all': 19, 'C1': 4, 'C2': 14, 'C3': 1}
    """

    KEY: ClassVar[tuple[str, ...]] = ("left", "right")
    OPTIONAL: ClassVar[tuple[str, ...]] = ()
    MORE: ClassVar[tuple[str, ...]] = ("class",)
    OUTSIDE: ClassVar[tuple[str, ...]] = ("dropped",)

    def _check(self, table: pd.DataFrame) -> None:
        if unknown := sorted(set(table["class"]) - {*CLASSES, ""}):
            raise BadInput(f"Unknown classes {unknown}: expected {', '.join(CLASSES)} or empty text.")
        parts = table.groupby(list(self.KEY))["part"].nunique()
        if (torn := parts[parts > 1]).size:
            raise BadInput(f"{torn.size} pairs are in more than one part, the first is {torn.index[0]}.")

    def _items(self) -> list[tuple[str, str]]:
        return list(zip(self.table["left"].tolist(), self.table["right"].tolist(), strict=True))

    @property
    def classes(self) -> pd.Series:
        """The class of each pair, by pair: ``C1``, ``C2``, ``C3`` or empty text."""
        return pd.Series(self.table["class"].to_numpy(), index=self._items(), name="class")

    @property
    def dropped(self) -> int:
        """Number of pairs in no part."""
        return int((self.table["part"] == "dropped").sum())

    @property
    def sizes(self) -> pd.DataFrame:
        """Pairs by part (rows, with ``dropped``) and class (columns; training and dropped pairs under ``all``)."""
        rows = {}
        for part in (*PARTS, "dropped"):
            here = self.table.loc[self.table["part"] == part, "class"]
            rows[part] = {"all": len(here)} | {name: int((here == name).sum()) for name in CLASSES}
        return pd.DataFrame.from_dict(rows, orient="index")


def split_pairs(
    left: Sequence[str],
    right: Sequence[str],
    fractions: Sequence[float] = (0.8, 0.1, 0.1),
    seed: int = 0,
    *,
    bipartite: bool = False,
) -> PairSplit:
    """Assign pairs to train, validation and test by their partners.

    Partners are assigned by `fractions`. Pairs of two training partners are training pairs, except that the same shares of them
    go to validation and test as class C1. Pairs with at least one test partner go to test, and likewise for validation. Equal
    pairs are kept together, in either order unless `bipartite`.

    Parameters
    ----------
    left, right
        Names of the two partners of each of n pairs. To keep homologues in one part, give the names of their clusters.
    fractions
        Shares of the partners, and of the pairs among training partners, in train, validation and test, summing to 1.
    seed
        Seed of the assignment; the order of the pairs has no influence.
    bipartite
        Whether left and right are of two kinds (drug and target), so that equal names on both sides are different partners.

    Returns
    -------
    PairSplit
        With n rows. Its ``sizes`` count the pairs of each class; with 0.1 of the partners in test, C3 has about 1% of the pairs.

    Raises
    ------
    BadInput
        Numbers that differ, no pairs, a missing name, shares out of range, or so few partners that a part would be empty.
    """
    if len(left) != len(right) or len(left) == 0:
        raise BadInput(f"Expected pairs: as many left as right partners and at least one, got {len(left)} and {len(right)}.")
    names = [np.asarray(side, dtype=object) for side in (left, right)]
    for what, side in zip(("left", "right"), names, strict=True):
        if (missing := pd.isna(side)).any():
            raise BadInput(f"{what}: pair {int(np.argmax(missing))} lacks this partner. Leave it out.")
    pairs = [_pair(str(a), str(b), bipartite) for a, b in zip(*names, strict=True)]
    part_of = _partners(pairs, fractions, seed, bipartite)
    where: dict[tuple, str] = {}
    inner: list[tuple] = []
    for pair in sorted(set(pairs)):
        sides = {part_of[partner] for partner in pair}
        if sides == {"train"}:
            inner.append(pair)
        elif sides == {"validation", "test"}:
            where[pair] = "dropped"
        else:
            where[pair] = (sides - {"train"}).pop()
    where |= _inner(inner, fractions, seed)
    parts = np.array([where[pair] for pair in pairs], dtype="<U10")
    if "train" not in parts:
        raise BadInput(f"No pair joins two training partners: {len(set(pairs))} pairs are too few for {len(part_of)} partners.")
    seen = {partner for pair, part in where.items() if part == "train" for partner in pair}
    classes = [
        CLASSES[sum(partner not in seen for partner in pair)] if part in PARTS[1:] else ""
        for pair, part in zip(pairs, parts.tolist(), strict=True)
    ]
    return PairSplit(pd.DataFrame({"left": names[0], "right": names[1], "part": parts, "class": classes}))


def _pair(a: str, b: str, bipartite: bool) -> tuple[Hashable, Hashable]:
    """The pair as a key: partners marked by side, or sorted."""
    return (("left", a), ("right", b)) if bipartite else (min(a, b), max(a, b))


def _partners(pairs: list, fractions: Sequence[float], seed: int, bipartite: bool) -> dict[Hashable, str]:
    """The part of each partner; two kinds are assigned separately."""
    kinds = [sorted({pair[i] for pair in pairs}) for i in (0, 1)] if bipartite else [sorted({p for pair in pairs for p in pair})]
    part_of: dict[Hashable, str] = {}
    for number, kind in enumerate(kinds):
        try:
            parts = split_groups([str(i).zfill(12) for i in range(len(kind))], fractions, seed + number)
        except BadInput as error:
            error.add_note(f"The split assigns {len(kind)} different partners.")
            raise
        part_of |= dict(zip(kind, parts.tolist(), strict=True))
    return part_of


def _inner(pairs: list[tuple], fractions: Sequence[float], seed: int) -> dict[tuple, str]:
    """Parts of the pairs of two training partners; one is held out only while training keeps another pair of both partners."""
    degree = Counter(partner for pair in pairs for partner in set(pair))
    wanted = {part: round(len(pairs) * share) for part, share in zip(PARTS[1:], fractions[1:], strict=True)}
    where = dict.fromkeys(pairs, "train")
    for i in np.random.default_rng(seed).permutation(len(pairs)).tolist():
        part = max(wanted, key=lambda name: wanted[name])
        if wanted[part] <= 0:
            break
        if all(degree[partner] > 1 for partner in pairs[i]):
            where[pairs[i]] = part
            wanted[part] -= 1
            degree.subtract(set(pairs[i]))
    return where
