"""Coding windows: inside one gene and in its frame; the others: outside all genes; as many of each everywhere."""

from collections import Counter

import numpy as np
import pytest

from glmkit.acquire import sample
from glmkit.bio import DataReport, Feature, Interval, Location, Record, read_genbank, reverse_complement, translate
from glmkit.data import LabelledWindows, Split, coding_windows, split_blocks
from glmkit.errors import BadInput


@pytest.fixture(scope="module")
def genome() -> list[Record]:
    return list(read_genbank(sample("leptospira_kirschneri_h1")))


@pytest.fixture(scope="module")
def split(genome: list[Record]) -> Split:
    return split_blocks({record.id: len(record.sequence) for record in genome})


@pytest.fixture(scope="module")
def windows(genome: list[Record], split: Split) -> LabelledWindows:
    return coding_windows(genome, split)


def test_as_many_of_each_label_frame_and_strand(windows: LabelledWindows) -> None:
    assert len(windows) > 12_000
    mix = Counter(zip(windows.groups, windows.extra["part"], windows.labels.tolist(), strict=True))
    assert all(mix[group, part, 0] == mix[group, part, 1] for group, part, _ in mix)
    fine = np.bincount(windows.extra["fine"], minlength=7)
    assert fine[0] == fine[1:].sum()
    assert fine[1:].max() < 1.05 * fine[1:].min()
    assert (windows.labels == (windows.extra["fine"] > 0)).all()
    strands = np.array([place.strand for place in windows.where])
    assert abs(strands[windows.labels == 0].mean()) < 0.05
    assert abs(strands[windows.labels == 1].mean()) < 0.05


def test_the_frame_has_no_stop_in_it(windows: LabelledWindows) -> None:
    """Independent of how windows are placed: read in the stated frame, coding windows have no stop; in another, most do."""
    coding = windows.select(windows.labels == 1)
    stops = np.zeros(3)
    for letters, frame, strand in zip(coding.sequences, coding.extra["frame"], coding.extra["coding_strand"], strict=True):
        sense = letters if strand > 0 else reverse_complement(letters)
        for off in range(3):
            codons = sense[(off - frame) % 3 :][:108]
            stops[off] += "*" in translate(codons)
    assert stops[0] == 0
    assert stops[1:].min() > 0.5 * len(coding)


def test_windows_lie_where_they_say_and_where_they_must(genome: list[Record], split: Split, windows: LabelledWindows) -> None:
    records = {record.id: record for record in genome}
    genic = {name: np.zeros(len(record.sequence), int) for name, record in records.items()}
    for record in genome:
        for feature in record.features:
            if feature.kind in {"CDS", "gene", "tRNA", "rRNA", "ncRNA", "tmRNA"}:
                for part in feature.location.parts:
                    genic[record.id][part.start : part.end] += 1
    allowed = {(part, i.reference, i.start, i.end) for part in ("train", "validation", "test") for i in split.items(part)}
    edges = {(part, reference): [] for part, reference, _, _ in allowed}
    for part, reference, start, end in allowed:
        edges[part, reference].append((start, end))
    used = {name: np.zeros((2, len(record.sequence)), int) for name, record in records.items()}
    for letters, label, place, part in zip(windows.sequences, windows.labels, windows.where, windows.extra["part"], strict=True):
        assert letters == place.extract(records[place.reference].sequence)
        assert any(start <= place.start and place.end <= end for start, end in edges[part, place.reference])
        inside = genic[place.reference][place.start : place.end]
        assert (inside > 0).all() if label else (inside == 0).all()
        used[place.reference][label, place.start : place.end] += 1
    assert max(int(array.max()) for array in used.values()) == 1
    assert len({min(s, reverse_complement(s)) for s in windows.sequences}) == len(windows)


@pytest.mark.parametrize("strand", [1, -1])
@pytest.mark.parametrize("codon_start", [1, 2, 3])
def test_frames_of_a_spliced_gene_by_hand(strand: int, codon_start: int) -> None:
    """A gene in two exons: the codon position of every window's leading base, counted along the spliced sequence."""
    letters = "".join(np.random.default_rng(3).choice(list("ACGT"), 900))
    exons = [Interval("c", 100, 201, strand), Interval("c", 260, 420, strand)][::strand]
    feature = Feature("CDS", Location(tuple(exons), "c"), {"codon_start": [str(codon_start)]})
    windows = coding_windows([Record("c", letters, features=(feature,))], length=10)
    along = [
        x for exon in exons for x in (range(exon.start, exon.end) if strand > 0 else range(exon.end - 1, exon.start - 1, -1))
    ]
    position = {x: (i - (codon_start - 1)) % 3 for i, x in enumerate(along)}
    coding = windows.select(windows.labels == 1)
    assert len(coding) == 21
    for place, frame, side in zip(coding.where, coding.extra["frame"], coding.extra["coding_strand"], strict=True):
        assert position[place.start if strand > 0 else place.end - 1] == frame
        assert place.strand == strand * side
        assert any(exon.start <= place.start and place.end <= exon.end for exon in exons)
    free = windows.select(windows.labels == 0)
    assert all(place.end <= 100 or place.start >= 420 for place in free.where)


def test_what_is_left_out_is_counted(genome: list[Record]) -> None:
    report = DataReport()
    few = genome[:9]
    windows = coding_windows(few, split_blocks({few[1].id: len(few[1].sequence)}), per_record=4, report=report)
    assert Counter(zip(windows.extra["part"], windows.labels.tolist(), strict=True)).most_common(1)[0][1] == 4
    assert set(windows.groups) == {few[1].id}
    assert report["record_without_split"] == 8
    assert report["cds_pseudo"] == sum(f.pseudo for r in few for f in r.of_kind("CDS"))
    assert coding_windows(few, seed=1).hash == coding_windows(few, seed=1).hash != coding_windows(few).hash


def test_nothing_to_cut_is_refused(genome: list[Record]) -> None:
    with pytest.raises(BadInput, match="No windows of 120 bases"):
        coding_windows([Record("bare", "ACGT" * 100)])
    with pytest.raises(BadInput, match="Expected length >= 3"):
        coding_windows(genome[:1], length=2)
