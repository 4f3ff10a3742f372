"""Figures of cells: what they draw, in which order, and what they refuse."""

import numpy as np
import pandas as pd
import pytest

from glmkit.errors import BadInput
from glmkit.plot import class_dots, confusion_matrix, embedding_scatter, output_dots, shift_bars


def texts(items) -> list[str]:
    return [item.get_text() for item in items]


def test_classes_get_a_legend_with_their_sizes_and_a_look_of_their_own() -> None:
    rng = np.random.default_rng(0)
    names = np.repeat([f"type {i}" for i in range(14)], np.arange(14, 0, -1)).astype(object)
    names[0] = None
    figure = embedding_scatter(rng.normal(size=(105, 2)), names, "Cells", axis="PC", label="type")
    ax = figure.axes[0]
    legend = texts(ax.get_legend().get_texts())
    assert legend[:3] == ["no label (1)", "type 0 (13)", "type 1 (13)"]
    assert legend[-1] == "type 13 (1)"
    looks = {(tuple(dots.get_facecolor()[0]), dots.get_paths()[0].vertices.tobytes()) for dots in ax.collections[1:]}
    assert len(looks) == 14
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_legend().get_title().get_text()) == ("PC 1", "PC 2", "type")
    turned = embedding_scatter(rng.normal(size=(3, 2)), ["a", "b", "b"], order=["a", "c", "b"])
    assert texts(turned.axes[0].get_legend().get_texts()) == ["a (1)", "b (2)"]


def test_numbers_get_a_colour_bar() -> None:
    figure = embedding_scatter(np.eye(2), np.array([0.5, 3.0]), label="confidence")
    assert figure.axes[1].get_ylabel() == "confidence"
    assert figure.axes[0].collections[0].get_array().tolist() == [0.5, 3.0]


def test_a_confusion_is_shown_as_shares_of_the_true_class() -> None:
    ax = confusion_matrix(np.array([[3.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.0, 500.0, 1.0]]), ["B", "T", "NK"], "x").axes[0]
    (image,) = ax.get_images()
    np.testing.assert_allclose(np.asarray(image.get_array()), [[0.75, 0.25, 0], [0, 0, 0], [0, 500 / 501, 1 / 501]])
    assert texts(ax.get_yticklabels()) == ["B (4)", "T (0)", "NK (501)"]
    assert texts(ax.texts) == ["75", "25", "100"]


def by_output() -> pd.DataFrame:
    frame = pd.DataFrame({"output": ["CD3", "CD4", "flat", "CD8"], "spearman": [0.2, 0.7, np.nan, 0.4]})
    frame[["low", "high"]] = np.stack([frame["spearman"] - 0.1, frame["spearman"] + 0.1], 1)
    return pd.concat([frame.assign(method="ridge"), frame.assign(method="own RNA", spearman=0.1, low=0.0, high=0.2)])


def test_outputs_are_in_the_order_of_the_first_method() -> None:
    ax = output_dots(by_output(), "x").axes[0]
    assert texts(ax.get_yticklabels()) == ["CD3", "CD8", "CD4"]
    assert texts(ax.get_legend().get_texts()) == ["ridge", "own RNA"]
    ridge = next(line for line in ax.lines if line.get_label() == "ridge")
    np.testing.assert_allclose(ridge.get_xdata(), [0.2, 0.7, 0.4])
    np.testing.assert_allclose(ridge.get_ydata(), [0.26, 2.26, 1.26])
    assert texts(output_dots(by_output(), top=2).axes[0].get_yticklabels()) == ["CD8", "CD4"]
    alone = output_dots(by_output().iloc[:4].drop(columns="method"))
    assert alone.axes[0].get_legend() is None


def test_rare_classes_are_grey() -> None:
    frame = pd.DataFrame(
        {"class": ["B", "T", "gone"], "n_test": [1200, 4, 0], "f1": [0.9, 0.5, np.nan], "f1_low": [0.8, 0.1, np.nan],
         "f1_high": [0.95, 0.9, np.nan], "rare": [False, True, True]}
    )  # fmt: skip
    ax = class_dots(frame, "x").axes[0]
    assert texts(ax.get_yticklabels()) == ["T (4)", "B (1,200)"]
    assert [label.get_fontstyle() for label in ax.get_yticklabels()] == ["italic", "normal"]
    assert "rare classes in grey italics" in ax.get_xlabel()


def test_the_largest_shift_is_on_top() -> None:
    frame = pd.DataFrame({"shift": [0.1, 0.4, np.nan, 0.2], "cells": [3, 1000, 0, 5]}, index=pd.Index(list("abcd"), name="gene"))
    frame["low"], frame["high"] = frame["shift"] * 0.9, frame["shift"] * 1.2
    ax = shift_bars(frame, top=2).axes[0]
    assert texts(ax.get_yticklabels()) == ["d (5)", "b (1,000)"]
    assert [bar.get_width() for bar in ax.patches] == [0.2, 0.4]
    named = shift_bars(frame.reset_index().drop(columns="cells").assign(symbol=["A", "B", "C", None]))
    assert texts(named.axes[0].get_yticklabels()) == ["A", "d", "B"]
    assert "cells with the gene" not in named.axes[0].get_xlabel()


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(BadInput, match=r"Expected coordinates \(n, 2\) and one label per cell, got \(4, 3\) and 4 labels"):
        embedding_scatter(np.zeros((4, 3)), ["a"] * 4)
    with pytest.raises(BadInput, match="order lacks the class 'b'; it has a"):
        embedding_scatter(np.eye(2), ["a", "b"], order=["a"])
    with pytest.raises(BadInput, match=r"Expected counts \(2, 2\)"):
        confusion_matrix(np.zeros((3, 3)), ["a", "b"])
    with pytest.raises(BadInput, match="frame: low, high missing"):
        output_dots(by_output().drop(columns=["low", "high"]))
    with pytest.raises(BadInput, match=r"a method has several rows of one output\. Add a column 'method'"):
        output_dots(by_output().drop(columns="method"))
    with pytest.raises(BadInput, match="expected a value of shift for at least one gene, got none in 1 rows"):
        shift_bars(pd.DataFrame({"gene": ["a"], "shift": [np.nan], "low": [0.0], "high": [0.0]}))
