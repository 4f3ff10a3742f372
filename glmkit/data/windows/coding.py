"""Coding and non-coding windows, with the reading frame as a finer label.

A coding window lies wholly inside one CDS and overlaps no other gene, so it has one frame. A non-coding window overlaps no
annotated gene on either strand. Both strands and all three frames are equally frequent, so the position of the
cut carries no information on the label. Windows of one kind do not overlap. Every contig (and part of a split)
gives equal numbers of coding and non-coding windows, so the composition of a contig does not predict the label.
"""

import zlib
from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from glmkit.bio import DataReport, Interval, Record
from glmkit.data.splits.base import PARTS
from glmkit.data.splits.blocks import Split
from glmkit.data.windows.labelled_windows import Cutter, LabelledWindows
from glmkit.errors import BadInput

RNA = {"tRNA", "rRNA", "ncRNA", "tmRNA", "misc_RNA", "precursor_RNA"}
GENES = RNA | {"CDS", "gene", "mRNA", "exon", "intron", "V_segment", "D_segment", "J_segment", "C_region"}
_Row = tuple[str, Interval, int, int, str]  # sequence, place, frame, coding strand, part


def coding_windows(
    records: Iterable[Record],
    split: Split | None = None,
    length: int = 120,
    per_record: int | None = None,
    seed: int = 0,
    report: DataReport | None = None,
) -> LabelledWindows:
    """Windows inside coding sequences (label 1) and windows without any annotated gene (label 0).

    Parameters
    ----------
    records
        Annotated records.
    split
        Split to place windows in: each window lies inside one interval, and ``extra`` has its ``part``. Gaps are not used.
    length
        Bases of a window, at least 3.
    per_record
        Largest number of windows of each label from one record (and part); no limit by default.
    seed
        Seed of positions and strands. The windows of a record do not depend on other records, except for duplicates.
    report
        Report that counts what is left out: ``cds_pseudo``, ``cds_remote``, ``cds_slippage``, ``record_without_split`` and the
        codes of dropped windows.

    Returns
    -------
    LabelledWindows
        Windows in order of record and position, with these columns of ``extra``:

        - ``frame``: codon position, 0 to 2, of the first base on the coding strand; -1 without a gene;
        - ``coding_strand``: 1 for a window on the gene's strand, -1 for its reverse complement, 0 without a gene;
        - ``fine``: 0 non-coding, 1 to 3 for frames 0 to 2 on the gene's strand, 4 to 6 for the reverse complement;
        - ``part``, with a split only.

    Raises
    ------
    BadInput
        A parameter out of range, or no window at all.

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.bio import Feature, Interval, Location, Record
    >>> from glmkit.data import coding_windows
    >>> sequence = "".join(np.random.default_rng(0).choice(list("ACGT"), 400))
    >>> gene = Feature("CDS", Location((Interval("c1", 100, 250, 1),), "c1"), {})
    >>> windows = coding_windows([Record("c1", sequence, features=(gene,))], length=30)
    >>> windows.labels.tolist()
    [0, 1, 1, 1, 1, 0, 0, 0]
    >>> windows.extra.columns.tolist()
    ['frame', 'coding_strand', 'fine']
    """
    if length < 3 or seed < 0 or (per_record is not None and per_record < 1):
        raise BadInput(f"Expected length >= 3, seed >= 0 and per_record >= 1, got {length}, {seed} and {per_record}.")
    cutter = Cutter(report)
    rows: list[_Row] = []
    for record in records:
        rng = np.random.default_rng([seed, zlib.crc32(record.id.encode())])
        parts = _paint(record, split)
        if not parts.any():
            cutter.report.count("record_without_split", where=record.id)
        coding = _coding_tiles(record, parts, length, rng, cutter.report)
        free = _free_tiles(record, parts, length, rng)
        for number in range(1, len(PARTS) + 1):
            some = _non_coding(cutter, record, [t for t in free if t[1] == number], length, per_record, rng)
            many = _coding(cutter, record, [t for t in coding if t[3] == number], length, len(some), rng)
            rows += sorted(many + some[: len(many)], key=lambda row: row[1].start)
    if not rows:
        raise BadInput(f"No windows of {length} bases: expected records with CDS features and with {length} bases between genes.")
    places = [row[1] for row in rows]
    frame, strand = (np.array([row[i] for row in rows], np.int64) for i in (2, 3))
    extra = pd.DataFrame({"frame": frame, "coding_strand": strand})
    extra["fine"] = np.where(strand == 0, 0, 1 + frame + 3 * (strand < 0))
    if split is not None:
        extra["part"] = [row[4] for row in rows]
    labels = (strand != 0).astype(np.int64)
    return LabelledWindows([row[0] for row in rows], labels, [place.reference for place in places], places, extra)


def _paint(record: Record, split: Split | None) -> np.ndarray:
    """Part of each base: int8 (length,), 0 none, 1 train, 2 validation, 3 test; all 1 without a split."""
    if split is None:
        return np.ones(len(record.sequence), np.int8)
    canvas = np.zeros(len(record.sequence), np.int8)
    for number, name in enumerate(PARTS, 1):
        for interval in split.items(name):
            if interval.reference == record.id:
                canvas[interval.start : interval.end] = number
    return canvas


def _coverage(record: Record, kinds: set[str]) -> np.ndarray:
    """Number of features of `kinds` that cover each base, introns included: int32 (length,)."""
    change = np.zeros(len(record.sequence) + 1, np.int32)
    for feature in record.features:
        if feature.kind in kinds:
            local = [part for part in feature.location.parts if part.reference == record.id]
            spans = [(part.start, part.end) for part in local]
            if local and not feature.location.crosses_origin:
                spans = [(feature.location.start, feature.location.end)]
            for start, end in spans:
                change[start] += 1
                change[end] -= 1
    return np.cumsum(change[:-1])


def _runs(values: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """Maximal runs of one non-zero value: start, end, value."""
    edges = np.flatnonzero(np.diff(values)) + 1
    for start, end in zip([0, *edges], [*edges, len(values)], strict=True):
        if end > start and values[start]:
            yield int(start), int(end), int(values[start])


def _tiles(values: np.ndarray, size: int, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    """Start of each tile of `size` that fits into a run, from a random offset, with the run's value."""
    for start, end, value in _runs(values):
        if (count := (end - start) // size) > 0:
            first = start + int(rng.integers(0, (end - start) % size + 1))
            yield from ((first + i * size, value) for i in range(count))


def _free_tiles(record: Record, parts: np.ndarray, length: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Tiles without a gene: start, part number."""
    return list(_tiles(np.where(_coverage(record, GENES) == 0, parts, 0), length, rng))


def _coding_tiles(
    record: Record, parts: np.ndarray, length: int, rng: np.random.Generator, report: DataReport
) -> list[tuple[int, int, int, int]]:
    """Tiles inside one CDS, two bases longer than a window: start, phase of that base, gene's strand, part number.

    The phase of a base is its position in its codon (0 to 2), read on the gene's strand. The two extra bases allow any frame.
    """
    alone = (_coverage(record, {"CDS"}) == 1) & (_coverage(record, RNA) == 0)
    usable = np.where(alone, parts, 0)
    tiles = []
    for feature in record.features:
        if feature.kind != "CDS":
            continue
        location = feature.location
        where = f"{record.id}:{location.parts[0].start}-{location.parts[0].end}"
        if feature.pseudo:
            report.count("cds_pseudo", where=where)
            continue
        if location.remote or "ribosomal_slippage" in feature.qualifiers:
            report.count("cds_remote" if location.remote else "cds_slippage", where=where)
            continue
        before = 1 - feature.codon_start
        for part in location.parts:
            for start, number in _tiles(usable[part.start : part.end], length + 2, rng):
                phase = (before + (len(part) - 1 - start if part.strand < 0 else start)) % 3
                tiles.append((part.start + start, phase, part.strand, number))
            before += len(part)
    return tiles


def _non_coding(
    cutter: Cutter, record: Record, tiles: list[tuple[int, int]], length: int, most: int | None, rng: np.random.Generator
) -> list[_Row]:
    rows: list[_Row] = []
    for i in rng.permutation(len(tiles)):
        if len(rows) == most:
            break
        start, number = tiles[i]
        strand = 1 if rng.random() < 0.5 else -1
        if letters := cutter.cut(record, start, start + length, strand):
            rows.append((letters, Interval(record.id, start, start + length, strand), -1, 0, PARTS[number - 1]))
    return rows


def _coding(
    cutter: Cutter, record: Record, tiles: list[tuple[int, int, int, int]], length: int, most: int, rng: np.random.Generator
) -> list[_Row]:
    """Up to `most` coding windows; the six combinations of frame and strand alternate, from a random one on."""
    rows: list[_Row] = []
    turn = int(rng.integers(6))
    for i in rng.permutation(len(tiles)):
        if len(rows) == most:
            break
        start, phase, gene, number = tiles[i]
        frame, side = (turn + len(rows)) % 3, 1 if (turn + len(rows)) % 6 < 3 else -1
        # On the forward strand the window's first base determines the frame, on the reverse strand its last one.
        shift = (frame - phase) % 3 if gene > 0 else (phase - (length - 1) - frame) % 3
        first = start + shift
        if letters := cutter.cut(record, first, first + length, gene * side):
            rows.append((letters, Interval(record.id, first, first + length, gene * side), frame, side, PARTS[number - 1]))
    return rows
