"""Splits: no base in two parts, gaps as wide as asked, shares near what was asked."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from glmkit.bio import Interval
from glmkit.data import Split, split_blocks, split_groups
from glmkit.data.splits import hold_out
from glmkit.errors import BadInput

LENGTHS = {"chromosome": 2_821_361, "plasmid": 24_653, "NA": 900}


def painted(split: Split, lengths: dict[str, int]) -> dict[str, np.ndarray]:
    """Part of each base: 0 none, 1 train, 2 validation, 3 test; fails if a base is painted twice."""
    canvas = {name: np.zeros(n, np.int8) for name, n in lengths.items()}
    for number, part in enumerate(("train", "validation", "test"), 1):
        for interval in split.items(part):
            view = canvas[interval.reference][interval.start : interval.end]
            assert len(view) == interval.end - interval.start, "beyond the end"
            assert not view.any(), "a base in two parts"
            view[:] = number
    return canvas


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 900), min_size=1, max_size=6),
    st.integers(2, 90),
    st.integers(0, 89),
    st.integers(0, 5),
    st.sampled_from([(0.8, 0.1, 0.1), (0.5, 0.0, 0.5), (1.0, 0.0, 0.0)]),
)
def test_no_base_in_two_parts_and_gaps_as_asked(sizes: list[int], block: int, gap: int, seed: int, fractions: tuple) -> None:
    lengths = {f"contig{i}": n for i, n in enumerate(sizes)}
    gap = min(gap, block - 1)
    try:
        split = split_blocks(lengths, block, gap, fractions, seed)
    except BadInput:
        reject()
    for name, parts in painted(split, lengths).items():
        changes = np.flatnonzero(np.diff(np.r_[-1, parts]))
        runs = [(parts[start], stop - start) for start, stop in zip(changes, [*changes[1:], len(parts)], strict=True)]
        assert runs[0][0] != 0, f"{name} starts with a gap"
        assert runs[-1][0] != 0, f"{name} ends with a gap"
        assert all(size == gap for part, size in runs if part == 0)
        if gap:
            assert all(0 in (a, b) for (a, _), (b, _) in pairwise(runs))
        for (a, _), (b, _), (c, _) in zip(runs, runs[1:], runs[2:], strict=False):
            assert b != 0 or a != c, "a gap inside one part"


@pytest.mark.parametrize("seed", range(4))
def test_shares_are_near(seed: int) -> None:
    split = split_blocks(LENGTHS, seed=seed)
    bases = np.array(list(split.bases().values()))
    assert bases.sum() > 0.95 * sum(LENGTHS.values())
    assert np.abs(bases / bases.sum() - [0.8, 0.1, 0.1]).max() < 0.015


def test_a_split_is_a_function_of_its_arguments() -> None:
    backwards = dict(reversed(LENGTHS.items()))
    assert split_blocks(LENGTHS).hash == split_blocks(backwards).hash != split_blocks(LENGTHS, seed=1).hash


def test_a_csv_keeps_text_as_text(tmp_path: Path) -> None:
    split = split_blocks(LENGTHS | {"1E5": 500, "001": 700})
    split.to_csv(tmp_path / "split.csv")
    read = Split.from_csv(tmp_path / "split.csv")
    assert read.hash == split.hash
    pd.testing.assert_frame_equal(read.table, split.table)
    assert {"NA", "1E5", "001"} <= set(read.table["reference"])


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("a", 0, 9, "train"), ("a", 8, 12, "test")], "a:8-12 is empty or overlaps the interval before it"),
        ([("a", 5, 5, "train")], "a:5-5 is empty"),
        ([("a", 0, 5, "dev")], "Unknown parts ['dev']: expected train, validation, test"),
    ],
)
def test_a_table_that_is_no_split_is_refused(rows: list, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        Split(pd.DataFrame(rows, columns=["reference", "start", "end", "part"]))
    assert words in str(caught.value)


def test_a_file_that_is_no_split_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "split.csv"
    with pytest.raises(BadInput, match="is not a split that can be read"):
        Split.from_csv(path)
    path.write_text("reference,start,end\na,0,5\n")
    with pytest.raises(BadInput, match="missing \\['part'\\], found \\['reference', 'start', 'end'\\]"):
        Split.from_csv(path)
    path.write_text("reference,start,end,part\na,0,five,test\n")
    with pytest.raises(BadInput, match="five"):
        Split.from_csv(path)


def test_parts_are_intervals() -> None:
    split = split_blocks({"a": 50}, block=50, fractions=(1, 0, 0), gap=0)
    assert split.items("train") == [Interval("a", 0, 50)]
    assert split.items("test") == []
    with pytest.raises(BadInput, match="Unknown part 'dev'"):
        split.items("dev")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"block": 500, "gap": 500}, "Expected 0 <= gap < block, got gap=500 and block=500"),
        ({"fractions": (0.8, 0.3, 0.1)}, "sum to 1"),
        ({"fractions": (float("nan"), 0.5, 0.5)}, "sum to 1"),
        ({"seed": -1}, "Expected a seed of at least 0, got -1"),
        ({"block": 3_000_000}, "validation, test would be empty"),
        ({"lengths": {"a": 0}}, "at least one base"),
    ],
)
def test_parameters_out_of_range_are_refused(arguments: dict, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        split_blocks(**({"lengths": {"chromosome": 2_821_361}} | arguments))
    assert words in str(caught.value)


def test_a_group_is_never_cut() -> None:
    groups = [f"contig{i}" for i in range(75) for _ in range(1 + i * 3)]
    parts = split_groups(groups, seed=3)
    assert all(len(set(parts[np.array(groups) == group])) == 1 for group in set(groups))
    shares = [np.mean(parts == part) for part in ("train", "validation", "test")]
    assert np.abs(np.array(shares) - [0.8, 0.1, 0.1]).max() < 0.02
    shuffled = np.random.default_rng(0).permutation(len(groups))
    assert (split_groups([groups[i] for i in shuffled], seed=3) == parts[shuffled]).all()
    assert (split_groups(groups, seed=4) != parts).any()


def test_hold_out_moves_whole_groups() -> None:
    groups = ["coli", "aureus", "pylori", "aureus", "coli"]
    assert hold_out(groups, {"pylori"}).tolist() == ["train", "train", "test", "train", "train"]
    rest = ["train", "validation", "validation", "validation", "train"]
    assert hold_out(groups, ["pylori"], rest).tolist() == ["train", "validation", "test", "validation", "train"]
    with pytest.raises(BadInput, match="Cannot hold out \\['pilori'\\]: expected some of \\['aureus', 'coli', 'pylori'\\]"):
        hold_out(groups, {"pilori"})
    with pytest.raises(BadInput, match="leaves nothing to train on"):
        hold_out(groups, set(groups))


def test_places_have_the_part_of_the_interval_that_holds_them() -> None:
    split = Split(pd.DataFrame([("a", 0, 50, "train"), ("a", 60, 90, "test")], columns=["reference", "start", "end", "part"]))
    places = [Interval("a", 0, 50, -1), Interval("a", 49, 51), Interval("a", 60, 61), Interval("a", 89, 91), Interval("b", 0, 5)]
    assert split.part_of(places).tolist() == ["train", "", "test", "", ""]
    assert split.part_of(places[1:2], absent="none").tolist() == ["none"]
    train, test = split.train_test(places)
    assert (train.tolist(), test.tolist()) == ([0], [2])
    assert train.dtype == test.dtype == np.int64


def test_whole_references() -> None:
    lengths = {"c2": 30, "c1": 50, "c3": 9}
    split = Split.of_references(lengths, {"c1": "test"})
    assert split.items("test") == [Interval("c1", 0, 50)]
    assert split.part_of([Interval(name, 0, size) for name, size in lengths.items()]).tolist() == ["train", "test", "train"]
    assert Split.of_references(lengths, {}, default="validation").counts() == {"train": 0, "validation": 3, "test": 0}
    assert split.groups.tolist() == ["c1", "c2", "c3"]
