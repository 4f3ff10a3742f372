"""Translation starts and other ATGs, as the reference classification task.

A positive is a window around the first base of an annotated start codon, on the gene's strand. A decoy is a window around an
ATG that is no annotated start, on either strand, from the same contig. Both are centred on the codon's first base, so most
windows have the same three letters in the middle and differ in their context only. The annotation is taken as the truth. A
decoy may be an unannotated start, which limits the score that any model can reach.
"""

import zlib
from collections.abc import Iterable

import numpy as np
import pandas as pd

from glmkit.bio import DataReport, Feature, Interval, Record
from glmkit.data.windows.labelled_windows import Cutter, LabelledWindows
from glmkit.errors import BadInput

STARTS = ("ATG", "GTG", "TTG")


def start_windows(
    records: Iterable[Record], flank: int = 60, seed: int = 0, decoys_per_start: int = 1, report: DataReport | None = None
) -> LabelledWindows:
    """Windows around annotated starts (label 1) and around other ATGs (label 0).

    Starts are those of CDS that are not pseudogenes, are complete at their 5' end and begin with ATG, GTG or TTG. No decoy is
    the 5' end of any annotated CDS or gene, whole or not. Each contig gives as many decoys as starts, times `decoys_per_start`.

    Parameters
    ----------
    records
        Annotated records.
    flank
        Bases on either side of the start codon's first base, which is at index `flank` of a window of 2·`flank` + 1 letters.
    seed
        Seed of the choice of decoys; the decoys of a contig do not depend on other contigs.
    decoys_per_start
        Number of decoys per start.
    report
        Report that counts what is left out: ``cds_pseudo``, ``cds_partial_5``, ``cds_remote``, ``cds_other_start``,
        ``start_twice``, ``decoys_short`` and the codes of dropped windows.

    Returns
    -------
    LabelledWindows
        Windows in order of record and position. ``extra`` has ``codon`` (str): the three letters at the centre.

    Raises
    ------
    BadInput
        A parameter out of range, or no start at all.

    Examples
    --------
    >>> from glmkit.bio import Feature, Interval, Location, Record
    >>> from glmkit.data import start_windows
    >>> sequence = "GGAGGTTTCATGAAACCCTAAGTCATGGCTTAACCGT"
    >>> gene = Feature("CDS", Location((Interval("c1", 9, 21, 1),), "c1"), {})
    >>> windows = start_windows([Record("c1", sequence, features=(gene,))], flank=6)
    >>> windows.sequences, windows.labels.tolist()
    (['GGTTTCATGAAAC', 'TAAGTCATGGCTT'], [1, 0])
    """
    if flank < 2 or seed < 0 or decoys_per_start < 0:
        raise BadInput(f"Expected flank >= 2, seed >= 0 and decoys_per_start >= 0, got {flank}, {seed} and {decoys_per_start}.")
    cutter = Cutter(report)
    rows: list[tuple[str, int, Interval]] = []
    for record in records:
        starts = _starts(record, cutter.report)
        found = [_window(cutter, record, position, strand, flank, 1) for position, strand in sorted(starts)]
        kept = [row for row in found if row]
        wanted = decoys_per_start * len(kept)
        taken = _five_primes(record)
        for position, strand in _shuffled_atgs(record, seed):
            if wanted == 0:
                break
            if (position, strand) not in taken and (row := _window(cutter, record, position, strand, flank, 0)):
                kept.append(row)
                wanted -= 1
        if wanted:
            cutter.report.count("decoys_short", wanted, where=record.id)
        rows += sorted(kept, key=lambda row: (row[2].start, row[2].strand))
    if not any(label for _, label, _ in rows):
        raise BadInput("No annotated start found: expected records with complete CDS features, such as read_genbank gives.")
    sequences = [letters for letters, _, _ in rows]
    places = [place for _, _, place in rows]
    codons = pd.DataFrame({"codon": [letters[flank : flank + 3] for letters in sequences]})
    labels = np.array([label for _, label, _ in rows])
    return LabelledWindows(sequences, labels, [place.reference for place in places], places, codons)


def five_prime(feature: Feature) -> tuple[int, int] | None:
    """Position (0-based) and strand of a feature's first base, or None if it lies on another record."""
    first = feature.location.parts[0]
    if first.reference != feature.location.reference:
        return None
    return (first.end - 1, -1) if first.strand < 0 else (first.start, 1)


def _five_primes(record: Record) -> set[tuple[int, int] | None]:
    """The 5' ends of all genes and CDS, including pseudogenes and partial ones."""
    return {five_prime(feature) for feature in record.features if feature.kind in {"CDS", "gene"}}


def _starts(record: Record, report: DataReport) -> set[tuple[int, int]]:
    """Position and strand of each annotated start that can be a positive."""
    starts: set[tuple[int, int]] = set()
    for feature in record.features:
        if feature.kind != "CDS":
            continue
        location = feature.location
        where = f"{record.id}:{location.parts[0].start}-{location.parts[0].end}"
        first = five_prime(feature)
        if feature.pseudo:
            report.count("cds_pseudo", where=where)
        elif location.partial_5 or feature.codon_start != 1:
            report.count("cds_partial_5", where=where)
        elif first is None or location.remote:
            report.count("cds_remote", where=where)
        elif location.extract(record.sequence)[:3] not in STARTS:
            report.count("cds_other_start", where=where)
        elif first in starts:
            report.count("start_twice", where=where)
        else:
            starts.add(first)
    return starts


def _shuffled_atgs(record: Record, seed: int) -> list[tuple[int, int]]:
    """Position of the A and strand of every ATG on either strand, in random order."""
    letters = np.frombuffer(record.sequence.encode("ascii"), np.uint8)
    if len(letters) < 3:
        return []
    triples = np.lib.stride_tricks.sliding_window_view(letters, 3)
    forward = np.flatnonzero((triples == np.frombuffer(b"ATG", np.uint8)).all(axis=1))
    backward = np.flatnonzero((triples == np.frombuffer(b"CAT", np.uint8)).all(axis=1)) + 2
    positions = np.concatenate([forward, backward])
    strands = np.repeat([1, -1], [len(forward), len(backward)])
    order = np.random.default_rng([seed, zlib.crc32(record.id.encode())]).permutation(len(positions))
    return list(zip(positions[order].tolist(), strands[order].tolist(), strict=True))


def _window(
    cutter: Cutter, record: Record, position: int, strand: int, flank: int, label: int
) -> tuple[str, int, Interval] | None:
    start, end = position - flank, position + flank + 1
    letters = cutter.cut(record, start, end, strand)
    return None if letters is None else (letters, label, Interval(record.id, start, end, strand))
