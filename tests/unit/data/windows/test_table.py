"""Tables of labelled sequences: what is read, what is counted, and which faults are refused in which words."""

import gzip
from pathlib import Path

import pytest

from glmkit.bio import DataReport
from glmkit.data import read_table
from glmkit.errors import BadInput


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_two_files_train_and_test(tmp_path: Path) -> None:
    train = write(tmp_path / "a.csv", "sequences,labels\nACDE,1\nacdf,0\nACDE,1\n")
    test = tmp_path / "b.tsv.gz"
    test.write_bytes(gzip.compress(b"labels\tsequences\n0\tWWYV\n1\tACDE\n"))
    report = DataReport()
    table = read_table([train, test], "sequences", "labels", report=report)
    assert table["sequence"].tolist() == ["ACDE", "ACDF", "WWYV", "ACDE"]
    assert table["label"].tolist() == [1, 0, 0, 1]
    assert table["part"].tolist() == ["train", "train", "test", "test"]
    assert table["id"].tolist() == ["a.csv:2", "a.csv:3", "b.tsv.gz:2", "b.tsv.gz:3"]
    assert report["copy_left_out"] == report["copy_across_parts"] == 1


def test_a_column_says_the_part_and_values_are_measured(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "\ufeffsequence,target,set\nACDE,1E-3,train\nACDF,-2,TEST\nACDG,3,valid\n")
    table = read_table([path], label="target", part="set", kind="regression")
    assert table["label"].tolist() == [0.001, -2, 3]
    assert table["part"].tolist() == ["train", "test", "validation"]


def test_text_labels_need_to_know_which_is_class_1(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "sequence,label\nACDE,NA\nACDF,in\nACDG,out\n")
    assert read_table([path], positive="NA")["label"].tolist() == [1, 0, 0]
    assert read_table([path], positive="in")["part"].tolist() == ["", "", ""]
    with pytest.raises(BadInput, match=r"labels are \['NA', 'in', 'out'\]: give the label of class 1 as positive="):
        read_table([path])
    with pytest.raises(BadInput, match="No sequence is labelled 'membrane'"):
        read_table([path], positive="membrane")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sequence,label\n", "has a header and no rows"),
        ("seq,label\nACD,1\n", r"lacks the column 'sequence'; it has \['seq', 'label'\]"),
        ("sequence,label\nACD,1\n,0\n", r"a\.csv:3: the sequence is empty"),
        ("sequence,label\nACD,1\nAC1D,0\n", r"a\.csv:3: '1' at residue 3 is no amino acid"),
        ("sequence,label\nACD,1\nACE,\n", r"a\.csv:3: the label is empty"),
        ("sequence,label\nACD,1\nACE,1\n", "All 2 labels are '1'"),
        ("sequence,label\nACD,1\nACE,1.0\nACF,0\n", r"'1' and '1\.0' look like one number"),
        ("sequence,label\nACD,1\nACE,0\nACD,0\n", r"a\.csv:2 and a\.csv:4 are one sequence with two labels"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        read_table([write(tmp_path / "a.csv", text)])


def test_values_must_be_finite_and_differ(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"a\.csv:3: the value is 'inf', expected a finite number"):
        read_table([write(tmp_path / "a.csv", "sequence,label\nACD,1\nACE,inf\n")], kind="regression")
    with pytest.raises(BadInput, match="All 2 values are 4"):
        read_table([write(tmp_path / "a.csv", "sequence,label\nACD,4\nACE,4.0\n")], kind="regression")


def test_files_and_parts_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is not a file"):
        read_table([tmp_path / "none.csv"])
    with pytest.raises(BadInput, match="one to three tables"):
        read_table([])
    path = write(tmp_path / "a.csv", "sequence,label,set\nACD,1,train\nACE,0,holdout\n")
    with pytest.raises(BadInput, match=r"line 3: the column 'set' holds 'holdout'; expected train, validation, test"):
        read_table([path], part="set")
