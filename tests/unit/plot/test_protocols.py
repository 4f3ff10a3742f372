"""Figures of the protocols: what is drawn is what the tables say."""

import numpy as np
import pandas as pd
import pytest

from glmkit import plot
from glmkit.errors import BadInput


def few(methods=("net", "forest"), sizes=(8, 24, 96), split: str = "homology") -> pd.DataFrame:
    rows = [
        {"method": m, "kind": "model" if m == "net" else "baseline", "split": f"{split}, {size} labels", "n_train": size}
        | {"auroc": 0.5 + 0.1 * i + 0.05 * j, "auroc_low": 0.45 + 0.1 * i, "auroc_high": 0.6 + 0.1 * i + 0.05 * j}
        for i, size in enumerate(sizes)
        for j, m in enumerate(methods)
    ]
    return pd.DataFrame(rows)


def test_few_shot_curves_draw_a_line_a_method_over_the_sizes() -> None:
    (ax,) = plot.few_shot_curves(few(), heading="Few labels").axes
    assert [line.get_xdata().tolist() for line in ax.lines] == [[8, 24, 96]] * 2
    np.testing.assert_allclose(ax.lines[1].get_ydata(), [0.55, 0.65, 0.75])
    assert ax.lines[0].get_linestyle() == "-"
    assert ax.lines[1].get_linestyle() == "--"
    assert sorted(text.get_text() for text in ax.texts) == ["forest", "net"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["8", "24", "96"]
    both = pd.concat([few(), few(split="random")])
    with pytest.raises(BadInput, match=r"several splits \(homology, random\)\. Choose one with split="):
        plot.few_shot_curves(both)
    assert len(plot.few_shot_curves(both, split="random").axes[0].lines) == 2
    with pytest.raises(BadInput, match=r"expected at least two sizes for a curve, got \[8\] for split 'homology'"):
        plot.few_shot_curves(few(sizes=(8,)))
    with pytest.raises(BadInput, match="frame: spearman, spearman_low, spearman_high missing"):
        plot.few_shot_curves(few(), "spearman")


def test_reliability_draws_what_came_true_over_what_was_claimed() -> None:
    table = pd.DataFrame({"claimed": [0.1, 0.5, 0.9], "came_true": [0.2, 0.5, 0.8], "n": [30, 31, 32]})
    table = table.assign(low=table["came_true"] - 0.1, high=table["came_true"] + 0.05)
    (ax,) = plot.reliability({"net": table, "forest": table.iloc[:2]}, "Believed?").axes
    np.testing.assert_allclose(ax.lines[0].get_xydata(), [[0, 0], [1, 1]])
    np.testing.assert_allclose(ax.lines[1].get_xydata(), [[0.1, 0.2], [0.5, 0.5], [0.9, 0.8]])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["net (93 items)", "forest (61 items)"]
    with pytest.raises(BadInput, match="tables: net: low missing"):
        plot.reliability({"net": table.drop(columns="low")})
    with pytest.raises(BadInput, match="expected at least one, got none"):
        plot.reliability({})


def test_a_table_becomes_a_figure_as_large_as_its_text() -> None:
    frame = pd.DataFrame({"method": ["net", "a method with a name that is much too long for a cell"], "auroc": [0.91234, 0.8]})
    figure = plot.table_figure(frame, "Scores", widest=30)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == [
        "Scores", "method", "auroc", "net", "0.912", "a method with a name that is\nmuch too long for a cell", "0.800",
    ]  # fmt: skip
    assert [text.get_ha() for text in figure.axes[0].texts[3:5]] == ["left", "right"]
    assert plot.table_figure(pd.concat([frame] * 4)).get_figheight() > 2 * figure.get_figheight()
    with pytest.raises(BadInput, match="expected rows and columns, got 0 and 2"):
        plot.table_figure(frame.iloc[:0])
