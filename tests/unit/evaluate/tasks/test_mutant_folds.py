"""Folds over mutants: every item tested once, no position on both sides, and the schemes by hand."""

import numpy as np
import pytest

from glmkit.bio import Mutation
from glmkit.errors import BadInput
from glmkit.evaluate.tasks import split_positions

POSITIONS = [3, 3, 4, 7, 9, 9, 9, 12, 15, 16, 21]


@pytest.mark.parametrize("kind", ["modulo", "contiguous", "random"])
def test_each_mutant_is_tested_once(kind: str) -> None:
    folds = split_positions(POSITIONS, 3, kind, seed=2)
    assert sorted(np.concatenate([fold.test for fold in folds]).tolist()) == list(range(11))
    for fold in folds:
        assert sorted([*fold.train, *fold.test]) == list(range(11))
        both = {POSITIONS[i] for i in fold.train} & {POSITIONS[i] for i in fold.test}
        assert fold.shares_groups == (kind == "random")
        assert kind == "random" or not both


def test_the_schemes_by_hand() -> None:
    held = [[POSITIONS[i] for i in fold.test] for fold in split_positions(POSITIONS, 3, "modulo")]
    assert held == [[3, 3, 9, 9, 9, 12, 15, 21], [4, 7, 16], []]
    held = [[POSITIONS[i] for i in fold.test] for fold in split_positions(POSITIONS, 3, "contiguous")]
    assert held == [[3, 3, 4, 7], [9, 9, 9, 12, 15], [16, 21]]
    one, other = (split_positions(POSITIONS, 2, "random", seed)[0].test.tolist() for seed in (0, 1))
    assert one == split_positions(POSITIONS, 2, "random", 0)[0].test.tolist() != other


def test_text_counts_from_one_and_a_mutant_of_two_positions_needs_both() -> None:
    mutants = ["A4V", Mutation.parse("A5V"), "A4V:A5V", "A6L", 6]  # positions 3; 4; 3 and 4; 5; 6
    folds = split_positions(mutants, 2, "modulo")
    assert [fold.test.tolist() for fold in folds] == [[1, 4], [0, 3]]
    assert [fold.train.tolist() for fold in folds] == [[0, 3], [1, 4]]
    together = split_positions(["A4V", "A4V:A6L", "A6L", "A5L"], 2, "modulo")
    assert together[1].test.tolist() == [0, 1, 2]


def test_bad_input_says_what_is_wrong() -> None:
    with pytest.raises(BadInput, match="kind: expected one of modulo, contiguous, random, got 'blocks'"):
        split_positions(POSITIONS, 3, "blocks")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="folds: expected 2 to 8, the number of mutated positions, got 9"):
        split_positions(POSITIONS, 9)
    with pytest.raises(BadInput, match="'V600'"):
        split_positions(["A4V", "V600"], 2)
