"""Intervals, locations, proteins of features, and the data report."""

import json
from pathlib import Path

import pytest

from glmkit.bio import DataReport, Feature, Interval, Location, Record
from glmkit.bio.coding import protein_of
from glmkit.errors import BadInput


def test_interval_extracts_on_its_strand() -> None:
    assert Interval("c", 1, 4).extract("AACCGG") == "ACC"
    assert Interval("c", 1, 4, -1).extract("AACCGG") == "GGT"
    assert len(Interval("c", 1, 4)) == 3


@pytest.mark.parametrize(
    ("values", "words"),
    [(("c", 5, 4), "0 <= start <= end"), (("c", -1, 4), "0 <= start <= end"), (("c", 1, 4, 2), "-1, 0 or 1")],
)
def test_interval_refuses(values: tuple, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        Interval(*values)


def test_interval_beyond_the_end() -> None:
    with pytest.raises(BadInput, match=r"\[1, 9\) ends beyond 'c', which has 6 bases"):
        Interval("c", 1, 9).extract("AACCGG")


def test_location_wholly_elsewhere_has_no_extremes() -> None:
    with pytest.raises(BadInput, match=r"lies entirely on 'other', not on 'own'"):
        _ = Location((Interval("other", 0, 3, 1),), "own").start


def coding(*parts: tuple[int, int, int], **qualifiers: str) -> Feature:
    location = Location(tuple(Interval("c", *part) for part in parts), "c")
    return Feature("CDS", location, {name: [value] for name, value in qualifiers.items()})


def test_selenocysteine_is_put_in_from_either_strand() -> None:
    sequence = "ATGAAATGACCCTAA"
    assert protein_of(coding((0, 15, 1), transl_table="11", transl_except="(pos:7..9,aa:Sec)"), sequence) == "MKUP"
    turned = "TTAGGGTCATTTCAT"
    assert protein_of(coding((0, 15, -1), transl_table="11", transl_except="(pos:complement(7..9),aa:Sec)"), turned) == "MKUP"
    split = coding((0, 6, 1), (8, 17, 1), transl_table="11", transl_except="(pos:9..11,aa:Sec)")
    assert protein_of(split, sequence[:6] + "GG" + sequence[6:]) == "MKUP"


def test_bad_exception_is_refused() -> None:
    with pytest.raises(BadInput, match=r"expected .pos:START..END,aa:Xxx."):
        protein_of(coding((0, 6, 1), transl_except="somewhere"), "ATGAAA")
    with pytest.raises(BadInput, match=r"lies outside its CDS 1..6"):
        protein_of(coding((0, 6, 1), transl_except="(pos:9..11,aa:Sec)"), "ATGAAATTTTTT")


def test_record_lists_features_of_a_kind() -> None:
    record = Record("c", "ATGAAA", features=(coding((0, 6, 1)), Feature("gene", Location((Interval("c", 0, 6, 1),), "c"))))
    assert [feature.kind for feature in record.of_kind("CDS")] == ["CDS"]
    assert (len(record), record.soft_masked.shape) == (6, (0, 2))


def test_report_counts_and_keeps_five_places(tmp_path: Path) -> None:
    report = DataReport()
    assert str(report) == "no remarks"
    for line in range(7):
        report.count("blanks_stripped", 2, f"line {line}", of=100)
    report.count("too_short", 0, "line 9")
    assert report.as_dict() == {
        "blanks_stripped": {"count": 14, "places": [f"line {n}" for n in range(5)], "of": 700, "fraction": 0.02}
    }
    assert report.write(tmp_path) == tmp_path / "data_report.json"
    assert json.loads((tmp_path / "data_report.json").read_text())["blanks_stripped"]["count"] == 14
    assert str(report).startswith("blanks_stripped: 14 (2.00%), first at line 0; line 1")
