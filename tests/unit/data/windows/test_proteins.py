"""Labels joined to proteins: what is left over is counted, what cannot be meant is refused."""

import gzip
from pathlib import Path

import pytest

from glmkit.bio import DataReport, Record
from glmkit.data import labelled_proteins, read_labels
from glmkit.errors import BadInput


def records(**sequences: str) -> list[Record]:
    return [Record(name, sequence) for name, sequence in sequences.items()]


def test_labels_are_read_from_plain_and_gzipped_tables(tmp_path: Path) -> None:
    text = "id\tplace\tnote\nP1\tout\tx\nNA\tin\t\n"
    (tmp_path / "a.tsv").write_text(text)
    (tmp_path / "a.tsv.gz").write_bytes(gzip.compress(text.encode()))
    expected = {"P1": "out", "NA": "in"}
    assert read_labels(tmp_path / "a.tsv", "place") == read_labels(tmp_path / "a.tsv.gz", "place") == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id\tlocation\nP1\tout\n", "lacks the column 'place'; it has \\['id', 'location'\\]"),
        ("id\tplace\nP1\tout\nP2\t \n", "line 3: the label of 'P2' is empty"),
        ("id\tplace\nP1\tout\nP1\tin\n", "'P1' has two lines"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "labels.tsv").write_text(text)
    with pytest.raises(BadInput, match=words):
        read_labels(tmp_path / "labels.tsv", "place")


def test_a_table_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere\.tsv is not a file"):
        read_labels(tmp_path / "nowhere.tsv", "place")


def test_the_join_keeps_what_both_have_and_counts_the_rest() -> None:
    report = DataReport()
    some = records(a="MACD", b="KLM", c="MWWW", d="ACD")
    joined = labelled_proteins(some, {"a": "out", "b": "in", "d": "out", "z": "in"}, "out", report=report)
    assert joined.sequences == ["ACD", "KLM"]
    assert joined.labels.tolist() == [1, 0]
    assert joined.groups == ["a", "b"]
    counted = {code: entry["count"] for code, entry in report.as_dict().items()}
    expected = {"protein_without_label": 1, "label_without_protein": 1, "protein_duplicate": 1, "first_methionine_dropped": 1}
    assert counted == expected


def test_the_methionine_may_stay() -> None:
    joined = labelled_proteins(records(a="MACD", b="KLM"), {"a": "out", "b": "in"}, "out", drop_methionine=False)
    assert joined.sequences == ["MACD", "KLM"]


def test_one_sequence_with_two_labels_is_refused() -> None:
    with pytest.raises(BadInput, match=r"'a' \(out\) and 'b' \(in\) are one sequence with two labels"):
        labelled_proteins(records(a="MACD", b="ACD"), {"a": "out", "b": "in"}, "out")


@pytest.mark.parametrize(
    ("labels", "positive", "words"),
    [({"a": "out"}, "in", "No protein is labelled 'in'"), ({"x": "out"}, "out", "no id occurs in both files")],
)
def test_labels_that_fit_nothing_are_refused(labels: dict[str, str], positive: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        labelled_proteins(records(a="MACD"), labels, positive)
