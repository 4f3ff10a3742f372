"""Splits of pairs: the classes mean what they say, whatever is drawn."""

import numpy as np
import pandas as pd
import pytest

from glmkit.data.splits import PairSplit, split_pairs
from glmkit.errors import BadInput


def drawn(n: int, partners: int, seed: int) -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(seed)
    return [f"p{i}" for i in rng.integers(partners, size=n)], [f"p{i}" for i in rng.integers(partners, size=n)]


def seen_partners(left: list[str], right: list[str], split: PairSplit) -> list[int]:
    """How many of a pair's partners stand in training pairs."""
    train = split.mask("train")
    seen = {*np.array(left)[train].tolist(), *np.array(right)[train].tolist()}
    return [(a in seen) + (b in seen) for a, b in zip(left, right, strict=True)]


@pytest.mark.parametrize("seed", range(4))
def test_classes_count_the_partners_that_training_has_seen(seed: int) -> None:
    left, right = drawn(900, 60, seed)
    split = split_pairs(left, right, (0.7, 0.1, 0.2), seed)
    seen = seen_partners(left, right, split)
    for part, name, count in zip(split.parts.tolist(), split.classes.tolist(), seen, strict=True):
        assert name == ({2: "C1", 1: "C2", 0: "C3"}[count] if part in ("validation", "test") else "")
    sizes = split.sizes
    assert (sizes.loc["test", ["C1", "C2", "C3"]] > 5).all()
    assert sizes["all"].sum() == 900
    assert sizes.loc["dropped", "all"] == split.dropped > 0
    assert sizes.loc["train", "all"] / 900 == pytest.approx(0.7**3, abs=0.06)
    assert sizes.loc["test", "C2"] / 900 == pytest.approx(2 * 0.7 * 0.2, abs=0.07)


def test_new_partners_of_test_and_validation_never_meet() -> None:
    left, right = drawn(800, 50, 9)
    split = split_pairs(left, right, (0.6, 0.2, 0.2), 1)
    of_part = {}
    for part in ("train", "validation", "test"):
        here = split.mask(part)
        of_part[part] = {*np.array(left)[here].tolist(), *np.array(right)[here].tolist()}
    new = {part: of_part[part] - of_part["train"] for part in ("validation", "test")}
    assert new["validation"]
    assert new["test"]
    assert not new["validation"] & new["test"]


def test_one_pair_stays_together_in_either_order_and_the_order_of_rows_does_not_matter() -> None:
    left, right = drawn(300, 25, 2)
    split = split_pairs([*left, *right], [*right, *left], seed=5)
    parts, classes = split.parts.to_numpy(), split.classes.to_numpy()
    assert (parts[:300] == parts[300:]).all()
    assert (classes[:300] == classes[300:]).all()
    order = np.random.default_rng(0).permutation(300)
    turned = split_pairs(np.array(left)[order].tolist(), np.array(right)[order].tolist(), seed=5)
    assert (turned.parts.to_numpy() == split_pairs(left, right, seed=5).parts.to_numpy()[order]).all()
    assert (split_pairs(left, right, seed=6).parts.to_numpy() != parts[:300]).any()


def test_two_kinds_of_partners_are_dealt_out_apart() -> None:
    rng = np.random.default_rng(3)
    drugs, targets = rng.integers(30, size=700).astype(str).tolist(), rng.integers(45, size=700).astype(str).tolist()
    split = split_pairs(drugs, targets, (0.7, 0.0, 0.3), 0, bipartite=True)
    train = split.mask("train")
    known = set(np.array(drugs)[train].tolist()), set(np.array(targets)[train].tolist())
    assert abs(len(known[0]) - 21) <= 1
    assert abs(len(known[1]) - 31) <= 1
    for drug, target, part, name in zip(drugs, targets, split.parts.tolist(), split.classes.tolist(), strict=True):
        if part == "test":
            assert name == f"C{3 - (drug in known[0]) - (target in known[1])}"
    assert split.dropped == 0, "without validation nothing is mixed"


def test_a_split_of_pairs_survives_its_file_and_finds_its_pairs(tmp_path) -> None:
    left, right = drawn(300, 25, 4)
    split = split_pairs(left, right, (0.6, 0.2, 0.2), seed=1)
    split.to_csv(tmp_path / "pairs.csv")
    again = PairSplit.from_csv(tmp_path / "pairs.csv")
    assert again.hash == split.hash
    pairs = list(zip(left, right, strict=True))
    dropped = [pair for pair, part in zip(pairs, split.parts.tolist(), strict=True) if part == "dropped"]
    assert len(dropped) == split.dropped > 0
    assert again.part_of([dropped[0], *split.items("test")[:1], ("p0", "nobody")]).tolist() == ["", "test", ""]
    train, test = again.train_test(pairs)
    assert (split.parts.iloc[train] == "train").all()
    assert len(train) + len(test) + split.counts()["validation"] + split.dropped == 300


def test_one_pair_in_two_parts_is_refused() -> None:
    rows = [("a", "b", "train", ""), ("a", "b", "test", "C1")]
    with pytest.raises(BadInput, match=r"1 pairs are in more than one part, the first is \('a', 'b'\)"):
        PairSplit(pd.DataFrame(rows, columns=["left", "right", "part", "class"]))
    with pytest.raises(BadInput, match=r"Unknown classes \['C4'\]: expected C1, C2, C3 or empty text"):
        PairSplit(pd.DataFrame([("a", "b", "test", "C4")], columns=["left", "right", "part", "class"]))


@pytest.mark.parametrize(
    ("left", "right", "fractions", "words"),
    [
        (["a"], ["b", "c"], (0.8, 0.1, 0.1), "as many left as right partners and at least one, got 1 and 2"),
        ([], [], (0.8, 0.1, 0.1), "at least one, got 0 and 0"),
        (["a", None], ["b", "c"], (0.8, 0.1, 0.1), "left: pair 1 lacks this partner"),
        (["a", "b"], ["b", "a"], (0.8, 0.1, 0.1), "test would be empty"),
        (["a", "b"], ["b", "a"], (0.8, 0.1, 0.2), "three shares .* that sum to 1"),
        (["a", "c"], ["b", "d"], (0.25, 0.0, 0.75), "No pair joins two training partners"),
    ],
)
def test_bad_pairs_are_refused(left: list, right: list, fractions: tuple, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        split_pairs(left, right, fractions)
