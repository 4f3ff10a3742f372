"""Estimates with intervals: format, comparison with 0, and the mean over groups."""

import numpy as np
import pytest

from glmkit.statistics import Estimate, mean, ratio


def test_an_estimate_is_formatted_as_a_whole() -> None:
    estimate = Estimate(0.12345, -0.5, 1.0)
    assert f"{estimate}" == str(estimate) == "0.123 [-0.500, 1.000]"
    assert f"{estimate:+.1f}" == "+0.1 [-0.5, +1.0]"


@pytest.mark.parametrize(("low", "high", "word"), [(0.1, 0.2, "above"), (-0.2, -0.1, "below"), (-0.1, 0.2, "neither")])
def test_the_place_of_the_interval_chooses_the_text(low: float, high: float, word: str) -> None:
    assert Estimate(0.0, low, high).choose("above", "below", "neither") == word


def test_a_mean_is_a_ratio_to_the_number_of_items() -> None:
    values, groups = np.array([1.0, 2.0, 3.0, 7.0, 9.0]), ["a", "a", "b", "b", "c"]
    assert mean(values, groups, seed=3) == ratio(values, np.ones(5), groups, seed=3)
    assert mean([1.0, 2.0, 6.0]).value == 3.0
