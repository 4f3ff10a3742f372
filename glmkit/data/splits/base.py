"""Items divided into training, validation and test parts: what every kind of split offers.

A split is a table with one row per item and a column ``part``. The kinds differ in what an item is: a name
(:class:`Partition`), a genomic interval (:class:`glmkit.data.Split`), a cell (:class:`glmkit.data.splits.CellSplit`) or a pair
(:class:`glmkit.data.splits.PairSplit`). Code that trains or evaluates needs only the methods defined here. The file is a plain
CSV table, so that other programs can read it; the hash is that of the same text.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
import pandas as pd

from glmkit.errors import BadInput
from glmkit.files import write_text

PARTS = ("train", "validation", "test")
Item = TypeVar("Item")


@dataclass(frozen=True)
class Partition(Generic[Item]):  # numpydoc ignore=PR02
    """Items, each in one part.

    Parameters
    ----------
    table
        One row per item, in order: the columns that name it (here ``item``), ``part`` (``train``, ``validation`` or ``test``)
        and, if given, ``group``, the unit that was assigned to a part as a whole. All are str.
    notes
        Sentences on how far results under this split generalise. They are not written to the file.

    Raises
    ------
    BadInput
        A column is missing, a part is unknown, an item occurs twice, or a group is in more than one part.

    Examples
    --------
    >>> from glmkit.data.splits import Partition
    >>> split = Partition.of(["train", "test", "train", "validation"], ["a", "b", "c", "d"])
    >>> split.items("train")
    ['a', 'c']
    >>> split.counts()
    {'train': 2, 'validation': 1, 'test': 1}
    >>> split.part_of(["b", "x", "a"]).tolist()
    ['test', '', 'train']
    >>> train, test = split.train_test(["b", "x", "a"])
    >>> train.tolist(), test.tolist()
    ([2], [0])
    """

    table: pd.DataFrame
    notes: tuple[str, ...] = ()

    KEY: ClassVar[tuple[str, ...]] = ("item",)  # columns that name an item
    MORE: ClassVar[tuple[str, ...]] = ()  # required columns after "part"
    OPTIONAL: ClassVar[tuple[str, ...]] = ("group",)  # columns that are kept if they are there
    OUTSIDE: ClassVar[tuple[str, ...]] = ()  # values of "part" for items in no part

    def __post_init__(self) -> None:
        needed = [*self.KEY, "part", *self.MORE]
        if missing := [column for column in needed if column not in self.table.columns]:
            kind = type(self).__name__
            raise BadInput(f"{kind} needs the columns {needed}; missing {missing}, found {list(self.table.columns)}.")
        table = self._typed(self.table[needed + [name for name in self.OPTIONAL if name in self.table.columns]])
        object.__setattr__(self, "table", table)
        if unknown := sorted(set(table["part"]) - {*PARTS, *self.OUTSIDE}):
            raise BadInput(f"Unknown parts {unknown}: expected {', '.join(PARTS)}.")
        self._check(table)

    def _typed(self, table: pd.DataFrame) -> pd.DataFrame:
        return table.astype(str).reset_index(drop=True)

    def _check(self, table: pd.DataFrame) -> None:
        what = self.KEY[0]
        if (twice := table[what].duplicated()).any():
            raise BadInput(f"{what.capitalize()} {table[what][int(np.argmax(twice))]!r} occurs in the split more than once.")
        if "group" in table:
            parts = table.groupby("group")["part"].nunique()
            if (torn := parts[parts > 1]).size:
                raise BadInput(f"{torn.size} groups are in more than one part, the first is {torn.index[0]!r}.")

    def _items(self) -> list[Any]:
        """The items of the table, in order."""
        return self.table[self.KEY[0]].tolist()

    @property
    def parts(self) -> pd.Series:
        """The part of each item, by item, in the order of the table."""
        return pd.Series(self.table["part"].to_numpy(), index=self._items(), name="part")

    @property
    def groups(self) -> pd.Series:
        """The group of each item, by item: the unit that was assigned as a whole, or the item itself."""
        items = self._items()
        return pd.Series(self.table["group"].to_numpy() if "group" in self.table else items, index=items, name="group")

    def items(self, part: str) -> list[Item]:
        """The items of a part.

        Parameters
        ----------
        part
            One of train, validation, test.

        Returns
        -------
        list
            In the order of the table.

        Raises
        ------
        BadInput
            `part` is none of them.
        """
        chosen = self.mask(part)
        return [item for item, here in zip(self._items(), chosen.tolist(), strict=True) if here]

    def counts(self) -> dict[str, int]:
        """Number of items in each part.

        Returns
        -------
        dict
            Part to number, for train, validation and test.
        """
        return {name: int((self.table["part"] == name).sum()) for name in PARTS}

    def part_of(self, items: Iterable[Item], absent: str = "") -> np.ndarray:
        """The part of each of some items.

        Parameters
        ----------
        items
            n items, in any order.
        absent
            Value for an item that is in no part.

        Returns
        -------
        numpy.ndarray
            str (n,).

        Raises
        ------
        BadInput
            None of the items is in the split: the split probably belongs to other data.
        """
        wanted = list(items)
        known = {item: part for item, part in zip(self._items(), self.table["part"].tolist(), strict=True) if part in PARTS}
        if wanted and known and not any(item in known for item in wanted):
            raise BadInput(
                f"None of {len(wanted)} items is in the split: {wanted[0]!r} was given, the split has {next(iter(known))!r}. "
                "Is it the split of these data?"
            )
        return np.array([known.get(item, absent) for item in wanted], dtype=str)

    def mask(self, part: str, items: Iterable[Item] | None = None) -> np.ndarray:
        """Which items are in a part.

        Parameters
        ----------
        part
            One of train, validation, test.
        items
            n items, in any order; None for the rows of the table.

        Returns
        -------
        numpy.ndarray
            bool (n,).

        Raises
        ------
        BadInput
            `part` is none of them.
        """
        if part not in PARTS:
            raise BadInput(f"Unknown part {part!r}: expected {', '.join(PARTS)}.")
        return np.asarray((self.table["part"] if items is None else self.part_of(items)) == part, dtype=bool)

    def train_test(self, items: Iterable[Item] | None = None, train: Sequence[str] = ("train",)) -> tuple[np.ndarray, np.ndarray]:
        """Positions of the items to train and to test on, as :class:`glmkit.evaluate.Fold` takes them.

        Parameters
        ----------
        items
            n items, in any order; None for the rows of the table. Items in no part are in neither array.
        train
            Parts on the training side, such as ``("train", "validation")``.

        Returns
        -------
        tuple of numpy.ndarray
            Two int64 arrays of increasing positions among the items.

        Raises
        ------
        BadInput
            An unknown part, or the test part on the training side.
        """
        wanted = None if items is None else list(items)
        if "test" in train:
            raise BadInput(f"train: expected train and perhaps validation, got {tuple(train)}.")
        sides = np.any([self.mask(part, wanted) for part in train], axis=0)
        return np.flatnonzero(sides).astype(np.int64), np.flatnonzero(self.mask("test", wanted)).astype(np.int64)

    @property
    def hash(self) -> str:
        """SHA-256 of the table as CSV."""
        return hashlib.sha256(self._csv().encode("utf-8")).hexdigest()

    def to_csv(self, path: str | Path) -> None:
        """Write the table as CSV; on failure no partial file is left.

        Parameters
        ----------
        path
            File to write.
        """
        write_text(path, self._csv())

    @classmethod
    def from_csv(cls, path: str | Path) -> Self:
        """Read what :meth:`to_csv` wrote; names such as ``NA`` or ``1E5`` stay text.

        Parameters
        ----------
        path
            File to read.

        Returns
        -------
        Partition
            Of the class that this method is called on, without notes.

        Raises
        ------
        BadInput
            No such file, not a table, or a table that the class refuses (a missing column, an unknown part).
        """
        try:
            return cls(pd.read_csv(path, dtype=str, keep_default_na=False).rename(columns=cls._renamed()))
        except BadInput as error:
            error.add_note(f"file {path}")
            raise
        except (ValueError, OSError) as error:
            raise BadInput(f"{path} is not a split that can be read ({error}). Write it with {cls.__name__}.to_csv.") from error

    @classmethod
    def _renamed(cls) -> dict[str, str]:
        """Columns of files written by earlier versions: protein corpora had a name and a family."""
        return {"name": "item", "family": "group"} if cls is Partition else {}

    def _csv(self) -> str:
        return self.table.to_csv(index=False, lineterminator="\n")

    @staticmethod
    def of(
        parts: Sequence[str] | np.ndarray | pd.Series,
        items: Iterable[str] | None = None,
        groups: Iterable[str] | None = None,
        notes: Sequence[str] = (),
    ) -> "Partition[str]":
        """A partition from an array of part names, such as :func:`glmkit.data.split_groups` returns.

        Parameters
        ----------
        parts
            Part of each of n items.
        items
            Name of each item; the row number as text by default.
        groups
            Group of each item, if whole groups were assigned.
        notes
            As for the class.

        Returns
        -------
        Partition
            With n rows, in the order given.

        Raises
        ------
        BadInput
            Numbers that differ, or what the class refuses.

        Examples
        --------
        >>> from glmkit.data.splits import Partition, split_groups
        >>> split = Partition.of(split_groups(["a", "a", "b", "c"], (0.5, 0.25, 0.25), seed=1))
        >>> split.counts()
        {'train': 2, 'validation': 1, 'test': 1}
        """
        columns = {"item": np.arange(len(parts)).astype(str) if items is None else list(items), "part": list(parts)}
        if groups is not None:
            columns["group"] = list(groups)
        if len({len(column) for column in columns.values()}) > 1:
            raise BadInput(f"Expected one item and group for each part, got { ({k: len(v) for k, v in columns.items()}) }.")
        return Partition(pd.DataFrame(columns), tuple(notes))


def check_fractions(fractions: Sequence[float], seed: int) -> None:
    """Refuse shares of the parts that do not sum to 1, and a negative seed.

    Parameters
    ----------
    fractions
        Shares of train, validation and test, each at least 0.
    seed
        Seed of a random generator, at least 0.

    Raises
    ------
    BadInput
        One of them is out of range.
    """
    if len(fractions) != len(PARTS) or min(fractions) < 0 or not abs(sum(fractions) - 1) < 1e-6:
        raise BadInput(f"Expected three shares (train, validation, test) that sum to 1, got {tuple(fractions)}.")
    if seed < 0:
        raise BadInput(f"Expected a seed of at least 0, got {seed}.")
