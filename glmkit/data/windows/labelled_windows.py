"""Labelled windows: short sequences cut from records, each with a label, a group and its place in the record.

The group is the unit of independence (the contig): splits and bootstrap samples are drawn over groups, never over windows. The
file is a plain tab-separated table; labels are written as integers, and names stay text.
"""

import csv
import gzip
import hashlib
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from glmkit.bio import DataReport, Interval, Record, reverse_complement
from glmkit.data.splits.base import Partition
from glmkit.errors import BadInput
from glmkit.files import atomic_path

COLUMNS = ["sequence", "label", "group", "reference", "start", "end", "strand"]
_ACGT = re.compile("[ACGT]+")
_INTEGER = re.compile("0|-?[1-9][0-9]*")


@dataclass
class LabelledWindows:
    """Sequences with labels, groups and places.

    Attributes
    ----------
    sequences
        Sequence of each of n windows, read on its strand.
    labels
        Class of each window, int64 (n,).
    groups
        Unit of independence of each window, such as its contig.
    where
        Place of each window (0-based, half-open) with the strand on which it is read.
    extra
        Further columns, n rows, each int64 or str.

    Examples
    --------
    >>> import pandas as pd
    >>> from glmkit.bio import Interval
    >>> from glmkit.data import LabelledWindows
    >>> where = [Interval("chr1", 10, 14), Interval("chr1", 130, 134, -1), Interval("chr2", 5, 9)]
    >>> windows = LabelledWindows(["ACGT", "TTGA", "GGCA"], [1, 0, 1], ["chr1", "chr1", "chr2"], where)
    >>> windows.extra["part"] = ["train", "train", "test"]
    >>> len(windows.part("train")), windows.part("test").sequences
    (2, ['GGCA'])
    >>> windows.by_block(100).groups
    ['chr1:0', 'chr1:1', 'chr2:0']
    >>> windows.counts().to_numpy().tolist()
    [['train', 1, 1, 1], ['test', 1, 0, 1]]
    """

    sequences: list[str]
    labels: np.ndarray
    groups: list[str]
    where: list[Interval]
    extra: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __post_init__(self) -> None:
        self.labels = np.asarray(self.labels, np.int64)
        if len(self.extra.columns) == 0:
            self.extra = pd.DataFrame(index=range(len(self.sequences)))
        sizes = {len(self.sequences), len(self.labels), len(self.groups), len(self.where), len(self.extra)}
        if len(sizes) != 1:
            raise BadInput(f"Sequences, labels, groups, places and extra columns differ in number: {sorted(sizes)}.")

    def __len__(self) -> int:
        return len(self.sequences)

    @property
    def hash(self) -> str:
        """SHA-256 of the table as text."""
        return hashlib.sha256(self._text().encode("utf-8")).hexdigest()

    def select(self, mask: np.ndarray | Sequence[int]) -> "LabelledWindows":
        """A subset of the windows.

        Parameters
        ----------
        mask
            Whether to take each window, bool (n,), or integer indices.

        Returns
        -------
        LabelledWindows
            In the order of the windows, or of the indices.
        """
        chosen = np.arange(len(self))[np.asarray(mask)]
        return LabelledWindows(
            [self.sequences[i] for i in chosen],
            self.labels[chosen],
            [self.groups[i] for i in chosen],
            [self.where[i] for i in chosen],
            self.extra.iloc[chosen].reset_index(drop=True),
        )

    def part(self, name: str, column: str = "part") -> "LabelledWindows":
        """The windows of one part.

        Parameters
        ----------
        name
            One of train, validation, test.
        column
            Column of ``extra`` that holds the part of each window.

        Returns
        -------
        LabelledWindows
            In their order.

        Raises
        ------
        BadInput
            An unknown part, or no such column (those found are listed).
        """
        return self.select(self.partition(column).mask(name))

    def partition(self, column: str = "part") -> Partition[str]:
        """The parts of the windows as a split of row numbers.

        Parameters
        ----------
        column
            Column of ``extra`` that holds the part of each window.

        Returns
        -------
        Partition
            Its ``train_test()`` gives the positions of the windows of training and test.

        Raises
        ------
        BadInput
            No such column (those found are listed), or a value that is no part.
        """
        return Partition.of(self._column(column))

    def counts(self, column: str = "part", default: str = "") -> pd.DataFrame:
        """How many windows each part has.

        Parameters
        ----------
        column
            Column of ``extra`` that holds the part of each window.
        default
            Part of all windows where there is no such column.

        Returns
        -------
        pandas.DataFrame
            One row per part, in order of first appearance: ``part`` and the numbers of windows with label 1 (``positive``), with
            label 0 (``negative``) and of groups (``groups``).
        """
        parts = self.extra[column].to_numpy() if column in self.extra else np.full(len(self), default)
        groups, rows = np.array(self.groups, dtype=object), []
        for part in dict.fromkeys(parts.tolist()):
            labels = self.labels[parts == part]
            rows.append((part, int((labels == 1).sum()), int((labels == 0).sum()), len(set(groups[parts == part]))))
        return pd.DataFrame(rows, columns=["part", "positive", "negative", "groups"])

    def by_block(self, size: int) -> "LabelledWindows":
        """A copy whose groups are blocks of the genome, for genomes that consist of few records.

        Parameters
        ----------
        size
            Bases of a block, at least 1.

        Returns
        -------
        LabelledWindows
            Its groups are ``reference:number``, by the start of each window.

        Raises
        ------
        BadInput
            A size below 1.
        """
        return self._grouped(block_names(self.where, size))

    def by_column(self, column: str) -> "LabelledWindows":
        """A copy whose groups come from a column of ``extra``.

        Parameters
        ----------
        column
            Name of the column, such as ``id``: each window is then its own group.

        Returns
        -------
        LabelledWindows
            With the column's values, as text, for groups.

        Raises
        ------
        BadInput
            No such column (those found are listed).
        """
        return self._grouped([str(value) for value in self._column(column).tolist()])

    def _column(self, name: str) -> pd.Series:
        if name not in self.extra:
            raise BadInput(f"The windows have no column {name!r}; they have {list(self.extra.columns)}.")
        return self.extra[name]

    def _grouped(self, groups: list[str]) -> "LabelledWindows":
        copy = self.select(np.arange(len(self)))
        copy.groups = groups
        return copy

    def save(self, path: str | Path) -> None:
        """Write a gzipped tab-separated table.

        Equal windows give equal bytes. On failure no partial file is left.

        Parameters
        ----------
        path
            File to write.
        """
        data = gzip.compress(self._text().encode("utf-8"), mtime=0)
        with atomic_path(path, len(data)) as temporary:
            temporary.write_bytes(data)

    @classmethod
    def load(cls, path: str | Path) -> "LabelledWindows":
        """Read what :meth:`save` wrote.

        Parameters
        ----------
        path
            File to read.

        Returns
        -------
        LabelledWindows
            Equal to those saved.

        Raises
        ------
        BadInput
            Not such a table, a column is missing (those found are listed), or a label or coordinate is no plain integer (``1.0``,
            ``01``); the line is named.
        """
        try:
            with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
                table = pd.read_csv(file, sep="\t", dtype=str, keep_default_na=False)
        except (OSError, EOFError, ValueError) as error:
            raise BadInput(f"{path} is not a gzipped table of windows that can be read ({error}). Make it again.") from error
        if missing := [name for name in COLUMNS if name not in table.columns]:
            raise BadInput(f"{path} lacks the columns {missing}; it has {list(table.columns)}.")
        numbers = {name: _integers(table[name], path) for name in ("label", "start", "end", "strand")}
        extra = {}
        for name in table.columns[len(COLUMNS) :]:
            short, _, kind = name.rpartition(":")
            extra[short] = _integers(table[name], path) if kind == "int" else table[name].to_numpy()
        coordinates = zip(table["reference"], numbers["start"], numbers["end"], numbers["strand"], strict=True)
        where = [Interval(reference, int(start), int(end), int(strand)) for reference, start, end, strand in coordinates]
        index = range(len(table))
        return cls(list(table["sequence"]), numbers["label"], list(table["group"]), where, pd.DataFrame(extra, index=index))

    def _text(self) -> str:
        out = io.StringIO()
        writer = csv.writer(out, delimiter="\t", lineterminator="\n")
        kinds = {name: "int" if self.extra[name].dtype.kind in "iu" else "str" for name in self.extra.columns}
        writer.writerow([*COLUMNS, *(f"{name}:{kind}" for name, kind in kinds.items())])
        more = [self.extra[name].tolist() for name in kinds]
        for i, place in enumerate(self.where):
            row = [self.sequences[i], int(self.labels[i]), self.groups[i], place.reference, place.start, place.end, place.strand]
            writer.writerow(row + [column[i] for column in more])
        return out.getvalue()


def block_names(where: Iterable[Interval], size: int) -> list[str]:
    """Names of the genome blocks in which places start, as groups to draw intervals over.

    Parameters
    ----------
    where
        n places.
    size
        Bases of a block, at least 1.

    Returns
    -------
    list of str
        ``reference:number`` for each place; block 0 starts at the first base.

    Raises
    ------
    BadInput
        A size below 1.

    Examples
    --------
    >>> from glmkit.bio import Interval
    >>> from glmkit.data.windows import block_names
    >>> block_names([Interval("chr1", 90, 130), Interval("chr1", 250, 290)], 100)
    ['chr1:0', 'chr1:2']
    """
    if size < 1:
        raise BadInput(f"Expected blocks of at least 1 base, got size={size}.")
    return [f"{place.reference}:{place.start // size}" for place in where]


class Cutter:
    """Cuts windows out of records and counts those that are dropped in a report.

    Three kinds of windows are dropped: those that extend beyond their contig (``window_beyond_contig``), those with a letter other
    than A, C, G, T (``window_not_acgt``), and those with the sequence of an earlier window on either strand
    (``window_duplicate``). The last rule keeps a repeat from being in two parts.

    Parameters
    ----------
    report
        Report for the counts; a new one if None.
    """

    def __init__(self, report: DataReport | None = None) -> None:
        self.report = DataReport() if report is None else report
        self._seen: set[str] = set()

    def cut(self, record: Record, start: int, end: int, strand: int) -> str | None:
        """The sequence of ``[start, end)`` on `strand`, or None if the window is dropped."""
        where = f"{record.id}:{start}-{end}"
        if start < 0 or end > len(record.sequence):
            self.report.count("window_beyond_contig", where=where)
            return None
        forward = record.sequence[start:end]
        if not _ACGT.fullmatch(forward):
            self.report.count("window_not_acgt", where=where)
            return None
        backward = reverse_complement(forward)
        key = min(forward, backward)
        if key in self._seen:
            self.report.count("window_duplicate", where=where)
            return None
        self._seen.add(key)
        return forward if strand >= 0 else backward


def _integers(column: pd.Series, path: str | Path) -> np.ndarray:
    for line, text in enumerate(column, 2):
        if not _INTEGER.fullmatch(text):
            raise BadInput(f"{path}, line {line}: {column.name} is {text!r}, expected an integer such as 0, 1 or -1.")
    return column.astype(np.int64).to_numpy()
