"""Figures of overfitting: a sweep's lines, and the gap between training and validation."""

import numpy as np
import pandas as pd
import pytest

from glmkit.errors import BadInput
from glmkit.plot import curves
from glmkit.plot.sweeps import sweep_lines
from glmkit.plot.training import validation_gap


def points() -> pd.DataFrame:
    rows = [(d, w, s) for d in (0.3, 0.0, 0.1) for w in (0.05, 0.0) for s in (0, 1)]
    frame = pd.DataFrame(rows, columns=["dropout", "weight_decay", "seed"])
    frame["auroc"] = frame["dropout"] + frame["seed"] / 10
    frame["auroc_low"], frame["auroc_high"] = frame["auroc"] - 0.2, frame["auroc"] + 0.2
    frame["best"] = np.where(frame["dropout"] == 0.1, "best", "")
    frame.loc[0, "auroc"] = np.nan
    return frame


def test_a_line_for_each_value_through_the_means_of_the_seeds() -> None:
    ax = sweep_lines(points(), "dropout", "auroc", by="weight_decay", heading="x").axes[0]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0.0", "0.1", "0.3"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["weight_decay = 0.0", "weight_decay = 0.05"]
    other = next(line for line in ax.lines if line.get_label() == "weight_decay = 0.05")
    np.testing.assert_allclose(other.get_ydata(), [0.05, 0.15, 0.4])  # at 0.3 one seed failed
    np.testing.assert_allclose(np.diff(other.get_xdata()), 1)
    assert sum(len(lines.get_segments()) for lines in ax.collections) == 11
    rings = [line for line in ax.lines if line.get_markersize() == 9]
    assert [len(line.get_xdata()) for line in rings] == [2, 2]


def test_texts_keep_their_order_and_one_line_needs_no_legend() -> None:
    frame = pd.DataFrame({"pool": ["mean", "last", "first"], "f1": ["0.5", "", "0.7"]})
    ax = sweep_lines(frame, "pool", "f1", ylabel="macro F1").axes[0]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["mean", "first"]
    assert (ax.get_legend(), ax.get_ylabel()) == (None, "macro F1")


def test_what_cannot_be_drawn_is_said() -> None:
    with pytest.raises(BadInput, match="frame: expected the columns decay; got"):
        sweep_lines(points(), "dropout", "auroc", by="decay")
    with pytest.raises(BadInput, match=r"no row has a number in 'auroc'\. Has any point finished"):
        sweep_lines(points().head(1), "dropout", "auroc")


def history() -> pd.DataFrame:
    steps = np.arange(1, 41)
    frame = pd.DataFrame({"step": steps, "loss": 2.0 - steps / 40})
    held = pd.DataFrame({"step": [10, 20, 30, 40], "validation_loss": [1.9, 1.6, 1.7, 2.0]})
    return pd.concat([frame, held]).sort_values("step", kind="stable", ignore_index=True)


def test_the_gap_is_against_the_training_loss_since_the_validation_before() -> None:
    gap = validation_gap(history())
    np.testing.assert_allclose(gap["loss"], 2 - np.array([5.5, 15.5, 25.5, 35.5]) / 40)
    np.testing.assert_allclose(gap["gap"], gap["validation_loss"] - gap["loss"])


def test_the_best_step_is_marked_and_the_gap_given_there_and_at_the_end() -> None:
    ax = curves(history(), "x").axes[0]
    assert ax.texts[0].get_text() == "best 1.600 at step 20\ngap -0.012 there, +0.887 at the end"


def test_one_validation_has_no_gap_to_follow() -> None:
    ax = curves(history().head(15), "x").axes[0]
    assert [text.get_text() for text in ax.texts] == ["best 1.900 at step 10"]


def test_curves_need_the_validation_loss() -> None:
    with pytest.raises(BadInput, match="validation_loss missing"):
        curves(history().drop(columns="validation_loss"))
