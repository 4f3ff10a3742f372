"""Attributions along positions and over regions, against means taken by hand."""

import numpy as np
import pytest

from glmkit.errors import BadInput
from glmkit.interpret import Explanation
from glmkit.interpret.attribution import per_base, position_profile, rank_correlations, region_means, stretch_sums
from glmkit.statistics import mean

NAN = np.nan
VALUES = np.array([[1.0, -2.0, 4.0, NAN], [3.0, 0.0, NAN, NAN], [5.0, 8.0, 2.0, 6.0]])
GROUPS = ["a", "a", "b"]


def test_a_profile_has_the_mean_of_the_inputs_that_reach_a_position() -> None:
    profile = position_profile(VALUES, GROUPS, first=-1)
    assert profile.position.tolist() == [-1, 0, 1]
    assert profile.effect.tolist() == [3.0, 2.0, 3.0]
    assert tuple(profile.iloc[1, 1:]) == tuple(mean([-2.0, 0.0, 8.0], GROUPS))
    assert len(position_profile(VALUES, GROUPS, least=10)) == 2  # only positions that all three reach


def test_region_means_leave_out_inputs_that_end_before_the_region() -> None:
    regions = {"first two": slice(0, 2), "third": np.array([False, False, True, False]), "last": slice(3, 4), "none": slice(4, 9)}
    table = region_means(VALUES, regions, GROUPS, {"model": VALUES, "control": np.ones((2, 4))}).set_index("region")
    assert table.index.tolist() == ["first two", "third"]
    assert table.effect.tolist() == [(-0.5 + 1.5 + 6.5) / 3, 3.0]
    assert tuple(table.loc["third", ["effect", "effect_low", "effect_high"]]) == tuple(mean([4.0, 2.0], ["a", "b"]))
    whole = np.nanmean(np.abs(VALUES))
    assert table["relative size, model"].tolist() == pytest.approx([19 / 6 / whole, 3 / whole])
    assert table["relative size, control"].tolist() == [1.0, 1.0]


def test_rank_correlations_are_taken_input_by_input() -> None:
    rho = rank_correlations([np.arange(5.0), np.array([3.0, 1.0, 2.0])], [np.arange(5.0) ** 3, np.array([1.0, 3.0, 2.0])])
    assert rho.tolist() == pytest.approx([1.0, -1.0])


def test_words_are_shared_among_their_bases_and_keep_their_sum() -> None:
    words = np.arange(12.0).reshape(2, 6) ** 2
    bases = per_base(words, 9)  # words of four bases
    assert bases.shape == (2, 9)
    assert bases[1, 3] == pytest.approx(words[1, 0:4].sum() / 4)
    assert bases.sum(1) == pytest.approx(words.sum(1))
    assert np.array_equal(per_base(words, 6), words)
    with pytest.raises(BadInput, match="at most one for each of 5 bases, got 6"):
        per_base(words, 5)


def test_stretch_sums_are_centred_and_shorter_at_the_ends() -> None:
    (sums,) = stretch_sums(np.array([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 99.0]]), [6], span=5)
    assert sums.tolist() == [6.0, 10.0, 15.0, 20.0, 18.0, 15.0]


def test_explanations_of_one_width_are_joined() -> None:
    one = Explanation(values=np.ones((2, 3)), score=np.array([1.0, 2.0]), base=np.zeros(2), method="gradient")
    two = Explanation(values=np.full((1, 3), 7.0), score=np.array([3.0]), base=np.ones(1), method="gradient")
    joined = Explanation.joined([one, two])
    assert joined.values[:, 0].tolist() == [1.0, 1.0, 7.0]
    assert (joined.score.tolist(), joined.base.tolist(), joined.method) == ([1.0, 2.0, 3.0], [0.0, 0.0, 1.0], "gradient")
    with pytest.raises(BadInput, match="same number of positions, got 3, 4"):
        Explanation.joined([one, Explanation(values=np.ones((1, 4)), score=np.ones(1), base=np.ones(1), method="gradient")])
