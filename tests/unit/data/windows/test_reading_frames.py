"""Coding frames: by hand on small records, by codons on a real genome, and alike on both strands."""

import numpy as np
import pytest

from glmkit.acquire import sample
from glmkit.bio import DataReport, Feature, Interval, Location, Record, read_genbank, reverse_complement
from glmkit.data.windows import FRAMES, OTHER_STRAND, coding_frames


def cds(*parts: tuple[int, int, int], kind: str = "CDS", partial_5: bool = False, partial_3: bool = False, **qualifiers: str):
    intervals = tuple(Interval("r", start, end, strand) for start, end, strand in parts)
    return Feature(kind, Location(intervals, "r", partial_5, partial_3), {key: [value] for key, value in qualifiers.items()})


def labelled(*features: Feature, length: int = 20) -> str:
    labels = coding_frames(Record("r", "A" * length, features=features))
    assert labels.dtype == np.int64
    return "".join("?" if label < 0 else str(label) for label in labels)


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ([cds((2, 11, 1))], "00123123123000000000"),
        ([cds((2, 11, -1))], "00654654654000000000"),
        ([cds((2, 6, 1), (9, 14, 1))], "00123100023123000000"),
        ([cds((9, 14, -1), (2, 6, -1))], "00654600054654000000"),
        ([cds((0, 8, 1), partial_5=True)], "23123123000000000000"),  # counted from the stop, whatever codon_start says
        ([cds((12, 20, -1), partial_5=True, codon_start="1")], "00000000000065465465"),
        ([cds((13, 20, 1), partial_3=True)], "00000000000001231231"),
        ([cds((13, 20, 1), partial_5=True, partial_3=True, codon_start="3")], "00000000000002312312"),
        ([cds((2, 12, 1))], "00??????????00000000"),  # ten bases, complete: no frame
        ([cds((2, 11, 1), pseudo="")], "00?????????000000000"),
        ([cds((2, 11, 1), kind="gene", pseudo="")], "00?????????000000000"),
        ([cds((2, 11, 1), kind="gene")], "0" * 20),
        ([cds((2, 11, 1), kind="tRNA")], "0" * 20),
        ([cds((2, 8, 1), (7, 13, 1), ribosomal_slippage="")], "00???????????0000000"),
        ([cds((2, 8, 1), (7, 13, 1))], "00???????????0000000"),  # one base read twice
        ([cds((2, 11, 1)), cds((5, 11, 1))], "00123123123000000000"),  # two starts, one frame
        ([cds((2, 11, 1)), cds((7, 16, -1))], "0012312????546540000"),
        ([cds((0, 9, 1)), cds((2, 11, -1)), cds((6, 9, 1))], "12???????54000000000"),
    ],
)
def test_by_hand(features: list[Feature], expected: str) -> None:
    assert labelled(*features) == expected


def test_what_is_open_is_counted() -> None:
    report = DataReport()
    features = (cds((2, 11, 1)), cds((8, 17, -1)), cds((18, 24, 1), pseudo=""), cds((25, 29, 1)))
    coding_frames(Record("r", "A" * 30, features=features), report)
    counts = {code: entry["count"] for code, entry in report.as_dict().items()}
    assert counts == {"frame_overlap_bases": 3, "frame_pseudo": 1, "frame_unknown": 1}


def test_real_codons_and_the_other_strand() -> None:
    records = [record for record in read_genbank(sample("leptospira_kirschneri_h1")) if 20_000 < len(record) < 60_000][:3]
    stops, codons = 0, 0
    for record in records:
        labels = coding_frames(record)
        turned = coding_frames(mirrored(record))
        swap = np.array([*OTHER_STRAND, -1])
        assert (turned == swap[labels[::-1]]).all()
        for letters, frame in ((record.sequence, labels), (reverse_complement(record.sequence), turned)):
            firsts = np.flatnonzero((frame[:-2] == 1) & (frame[1:-1] == 2) & (frame[2:] == 3))
            codons += len(firsts)
            stops += sum(letters[i : i + 3] in {"TAA", "TAG", "TGA"} for i in firsts)
    genes = sum(1 for record in records for _ in record.of_kind("CDS"))
    assert codons > 10_000
    assert stops <= genes
    assert len(FRAMES) == len(OTHER_STRAND) == 7


def mirrored(record: Record) -> Record:
    """The record read from its other end."""
    length = len(record)
    features = []
    for feature in record.features:
        location = feature.location
        parts = tuple(Interval(p.reference, length - p.end, length - p.start, -p.strand) for p in location.parts)
        where = Location(parts, location.reference, location.partial_5, location.partial_3, ordered=location.ordered)
        features.append(Feature(feature.kind, where, feature.qualifiers))
    return Record(record.id, reverse_complement(record.sequence), features=tuple(features))
