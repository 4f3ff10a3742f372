"""A curve in bounded memory: extremes stay, counts add up, smoothing does not lag."""

import math

import numpy as np
import pytest
from glmkit_widgets.throttle import Throttle
from glmkit_widgets.training_monitor.curve import Curve, smooth


@pytest.mark.parametrize("points", [1, 7, 8, 9, 17, 1000, 4097])
def test_no_point_is_lost_in_merging(points):
    rng = np.random.default_rng(points)
    values = rng.normal(size=points)
    values[rng.random(points) < 0.1] = math.nan
    values[0] = 0.0
    curve = Curve(capacity=8)
    for step, value in enumerate(values):
        curve.add(3 * step, value)
    table = curve.table()
    assert table.shape[0] == 5
    assert table.shape[1] <= 8
    assert table[0, -1] == 3 * (points - 1)
    assert np.all(np.diff(table[0]) > 0)
    assert np.nanmin(table[1]) == np.nanmin(values)
    assert np.nanmax(table[2]) == np.nanmax(values)
    assert table[4].sum() == np.isnan(values).sum()


def test_no_points_no_columns():
    assert Curve().table().shape == (5, 0)


def test_winding_back_past_the_start_leaves_one_point():
    curve = Curve(capacity=4)
    for step in range(10, 40):
        curve.add(step, 1.0)
    curve.add(2, 5.0)
    assert curve.table()[:4].tolist() == [[2], [5], [5], [5]]


def test_smoothing_keeps_a_constant_and_a_straight_line_in_the_middle():
    line = np.arange(200.0)
    assert smooth(np.full(50, 3.0), 4.0) == pytest.approx(np.full(50, 3.0))
    assert smooth(line, 5.0)[20:-20] == pytest.approx(line[20:-20])  # no lag


def test_smoothing_leaves_gaps_out():
    values = np.array([1.0, 1.0, math.nan, 1.0, 9.0])
    got = smooth(values, 1.0)
    assert np.isnan(got).tolist() == [False, False, True, False, False]
    assert got[:2] == pytest.approx([1.0, 1.0], abs=0.2)
    assert np.array_equal(smooth(values, 0.0), values, equal_nan=True)
    assert smooth(np.array([2.0, 4.0]), 50.0) == pytest.approx([3.0, 3.0], rel=1e-3)  # window longer than the curve


def test_a_throttle_says_yes_once_an_interval():
    now = [0.0]
    throttle = Throttle(0.25, clock=lambda: now[0])
    said = []
    for tick in range(100):
        now[0] = tick / 16
        said.append(throttle.ready())
    assert said[0]
    assert sum(said) == 25
    throttle.restart()
    assert not throttle.ready()
