"""Start windows: centred on annotated starts or on other ATGs, one as many as the other in each contig."""

from collections import Counter

import numpy as np
import pytest

from glmkit.acquire import sample
from glmkit.bio import DataReport, Feature, Interval, Location, Record, read_genbank, reverse_complement
from glmkit.data import LabelledWindows, start_windows
from glmkit.errors import BadInput


def cds(reference: str, start: int, end: int, strand: int, partial_5: bool = False, **qualifiers: str) -> Feature:
    location = Location((Interval(reference, start, end, strand),), reference, partial_5=partial_5)
    return Feature("CDS", location, {name: [value] for name, value in qualifiers.items()})


@pytest.fixture(scope="module")
def contig() -> Record:
    """1,000 random bases with genes put in: two good ones, and one of each sort that must not serve."""
    letters = np.random.default_rng(5).choice(list("ACGT"), 1000)
    for position, codon in [(200, "ATG"), (400, "ATG"), (500, "ATG"), (600, "CTG"), (5, "GTG"), (700, "GTG"), (750, "ATG")]:
        letters[position : position + 3] = list(codon)
    letters[297:300] = list(reverse_complement("TTG"))
    letters[770] = "R"
    features = (
        cds("one", 200, 260, 1),
        cds("one", 240, 300, -1),
        cds("one", 400, 460, 1, pseudo=""),
        cds("one", 500, 560, 1, partial_5=True),
        cds("one", 600, 660, 1),
        cds("one", 5, 65, 1),
        cds("one", 700, 730, 1, codon_start="2"),
        cds("one", 200, 290, 1),
        cds("one", 750, 780, 1),
    )
    return Record("one", "".join(letters), features=features)


def test_positives_and_what_was_left_out(contig: Record) -> None:
    report = DataReport()
    windows = start_windows([contig], flank=30, report=report)
    positives = windows.select(windows.labels == 1)
    assert positives.where == [Interval("one", 170, 231, 1), Interval("one", 269, 330, -1)]
    assert positives.extra["codon"].tolist() == ["ATG", "TTG"]
    assert [s[30:33] for s in positives.sequences] == ["ATG", "TTG"]
    counts = {code: entry["count"] for code, entry in report.as_dict().items()}
    places = counts.pop("window_beyond_contig"), counts.pop("window_not_acgt")
    assert min(places) >= 1
    assert counts == {"cds_pseudo": 1, "cds_partial_5": 2, "cds_other_start": 1, "start_twice": 1}


def test_decoys_are_every_other_atg_and_no_annotated_end(contig: Record) -> None:
    report = DataReport()
    windows = start_windows([contig], flank=30, decoys_per_start=500, report=report)
    decoys = windows.select(windows.labels == 0)
    centres = {(place.start + 30, place.strand) for place in decoys.where}
    ends = {(200, 1), (299, -1), (400, 1), (500, 1), (600, 1), (5, 1), (700, 1), (750, 1)}
    expected = set()
    for i in range(30, 1000 - 30):
        for strand, codon in ((1, contig.sequence[i : i + 3]), (-1, reverse_complement(contig.sequence[i - 2 : i + 1]))):
            if codon == "ATG" and (i, strand) not in ends and "R" not in contig.sequence[i - 30 : i + 31]:
                expected.add((i, strand))
    assert centres == expected
    assert len(expected) > 10
    assert report["decoys_short"] == 2 * 500 - len(expected)


@pytest.fixture(scope="module")
def genome() -> list[Record]:
    return list(read_genbank(sample("leptospira_kirschneri_h1")))


def test_a_real_genome(genome: list[Record]) -> None:
    report = DataReport()
    windows = start_windows(genome, report=report)
    assert Counter(windows.labels.tolist()) == {0: 3584, 1: 3584}
    by_contig = Counter(zip(windows.groups, windows.labels.tolist(), strict=True))
    assert all(by_contig[name, 0] == by_contig[name, 1] for name in set(windows.groups))
    assert set(map(len, windows.sequences)) == {121}
    assert len({min(s, reverse_complement(s)) for s in windows.sequences}) == len(windows)
    records = {record.id: record for record in genome}
    assert all(
        s == place.extract(records[place.reference].sequence) for s, place in zip(windows.sequences, windows.where, strict=True)
    )
    assert windows.groups == [place.reference for place in windows.where]
    assert set(windows.extra["codon"][windows.labels == 1]) == {"ATG", "GTG", "TTG"}
    assert set(windows.extra["codon"][windows.labels == 0]) == {"ATG"}
    strands = np.array([place.strand for place in windows.where])
    assert abs(strands[windows.labels == 0].mean()) < 0.06
    assert report["cds_pseudo"] == 465


def test_the_seed_and_nothing_else_decides(genome: list[Record]) -> None:
    few = genome[-6:]
    first = start_windows(few)
    assert first.hash == start_windows(few).hash != start_windows(few, seed=1).hash
    alone = start_windows(few[2:3])
    assert alone.hash == first.select(np.array(first.groups) == few[2].id).hash


def test_a_record_without_genes_is_refused(contig: Record) -> None:
    with pytest.raises(BadInput, match="No annotated start found"):
        start_windows([Record("bare", contig.sequence)])
    with pytest.raises(BadInput, match="Expected flank >= 2"):
        start_windows([contig], flank=1)


def test_windows_are_a_table(tmp_path, contig: Record) -> None:
    windows = start_windows([contig], flank=30)
    assert isinstance(windows, LabelledWindows)
    windows.save(tmp_path / "a.tsv.gz")
    windows.save(tmp_path / "b.tsv.gz")
    assert (tmp_path / "a.tsv.gz").read_bytes() == (tmp_path / "b.tsv.gz").read_bytes()
    loaded = LabelledWindows.load(tmp_path / "a.tsv.gz")
    assert loaded.hash == windows.hash
    assert (loaded.sequences, loaded.groups, loaded.where) == (windows.sequences, windows.groups, windows.where)
    assert loaded.labels.tolist() == windows.labels.tolist()
    assert loaded.extra["codon"].tolist() == windows.extra["codon"].tolist()
