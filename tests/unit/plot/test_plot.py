"""Figures hold what they were given, say their units, and leave no global state.

Covers ``glmkit.plot._genomes``, ``glmkit.plot.logos``, ``glmkit.plot.motifs``, ``glmkit.plot.scores``,
``glmkit.plot.style``.
"""

import io
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from glmkit import plot
from glmkit.errors import BadInput


def texts(figure: Figure) -> str:
    """Every visible text of a figure."""
    found = [t for t in figure.findobj(lambda artist: hasattr(artist, "get_text")) if t.get_visible()]
    return "\n".join(t.get_text() for t in found)


def drawn(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=40)
    return buffer.getvalue()


SCORES = pd.DataFrame(
    {
        "method": ["net", "forest", "weights", "net"],
        "kind": ["model", "baseline", "baseline", "model"],
        "split": ["a", "a", "a", "b"],
        "auroc": [0.9, 0.7, 0.95, 0.5],
        "auroc_low": [0.88, 0.6, 0.94, 0.4],
        "auroc_high": [0.92, 0.8, 0.96, 0.6],
    }
)
HISTORY = pd.DataFrame(
    {"step": [0, 10, 20, 30], "loss": [2.0, 1.5, 1.4, np.nan], "validation_loss": [np.nan, 1.6, 1.45, 1.5], "other": 0}
)
BITS = pd.DataFrame({"name": ["net", "fresh"], "bits": [1.8, 1.95], "low": [1.79, np.nan], "high": [1.81, np.nan]})
EFFECTS = np.random.default_rng(0).normal(size=(3, 11, 4))
FIGURES = {
    "training": lambda: plot.training_curves(HISTORY, "Pretraining", smooth=0.5),
    "dots": lambda: plot.score_dots(SCORES, split="a"),
    "roc": lambda: plot.roc_curves({"net": (np.array([0, 0.2, 1]), np.array([0, 0.9, 1])), "coin": (np.array([0, 1]),) * 2}),
    "bits": lambda: plot.bits_bars(BITS, pd.DataFrame({"order": [0, 1, 2], "bits": [1.95, 1.9, 1.91]}), two_sided=True),
    "lines": lambda: plot.lines_with_bands(
        pd.DataFrame({"position": [1, 2], "effect": [0.1, 0.2], "low": [0, 0.1], "high": [0.2, 0.3]}),
        "place (bp)",
        "log-odds",
        marks=[(1, "x")],
    ),
    "logo": lambda: plot.logo(np.abs(EFFECTS[0]), first=-5, marks=[(-2, "site")], limit=0.5),
    "pair": lambda: plot.logo_pair(np.abs(EFFECTS[0]), EFFECTS[1], first=-5, heading="starts"),
    "map": lambda: plot.effect_map(EFFECTS[0], "ACGTACGTNAC", heading="one"),
    "mean map": lambda: plot.effect_map(EFFECTS),
}


@pytest.mark.parametrize("name", list(FIGURES))
def test_every_figure_draws_labels_its_axes_and_stays_unknown_to_pyplot(name: str) -> None:
    before = set(sys.modules["matplotlib.pyplot"].get_fignums()) if "matplotlib.pyplot" in sys.modules else set()
    figure = FIGURES[name]()
    assert isinstance(figure, Figure)
    assert drawn(figure).startswith(b"\x89PNG")
    main = figure.axes[0]
    assert main.get_ylabel() or name == "dots"
    assert figure.axes[-1].get_xlabel() or main.get_xlabel() or name == "bits"
    after = set(sys.modules["matplotlib.pyplot"].get_fignums()) if "matplotlib.pyplot" in sys.modules else set()
    assert after == before


def test_score_dots_put_the_best_on_top_and_write_the_numbers() -> None:
    figure = FIGURES["dots"]()
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["forest", "net", "weights"]
    assert "0.900  [0.880, 0.920]" in texts(figure)
    assert "0.500  [" not in texts(figure)  # the other split


def test_training_curves_mark_the_best_validation() -> None:
    assert "best 1.450 at step 20" in texts(FIGURES["training"]())


def test_roc_curves_write_the_area() -> None:
    assert "net (0.850)" in texts(FIGURES["roc"]())


def test_bits_hang_from_two_and_name_the_best_order() -> None:
    figure = FIGURES["bits"]()
    assert "best Markov model: order 1, 1.900" in texts(figure)
    assert "given both sides" in figure.axes[0].get_ylabel()
    bars = [p for p in figure.axes[0].patches if hasattr(p, "get_height") and p.get_width() == 0.6]
    assert sorted(round(p.get_y() + p.get_height(), 6) for p in bars) == [1.8, 1.95]
    assert {p.get_y() for p in bars} == {2}


def test_logo_coordinates_and_cut() -> None:
    figure = FIGURES["logo"]()
    assert figure.axes[0].get_xlim() == (-5.5, 5.5)
    assert figure.axes[0].get_ylim()[1] == 0.5
    assert "cut at 0.5; the tallest reaches" in texts(figure)
    assert "cut at" not in texts(plot.logo(np.full((2, 4), 0.1), limit=0.5))


def test_effect_map_colours_are_symmetric_about_zero() -> None:
    image = FIGURES["map"]().axes[0].images[0]
    assert image.norm.vmin == -image.norm.vmax
    assert image.get_array().shape == (4, 11)


def test_bad_input_says_what_is_wrong() -> None:
    with pytest.raises(BadInput, match=r"several splits \(a, b\)\. Choose one"):
        plot.score_dots(SCORES)
    with pytest.raises(BadInput, match="split: expected one of a, b, got 'c'"):
        plot.score_dots(SCORES, split="c")
    with pytest.raises(BadInput, match="frame: f1, f1_low, f1_high missing"):
        plot.score_dots(SCORES, "f1", split="a")
    with pytest.raises(BadInput, match="expected the columns step and loss, loss missing"):
        plot.training_curves(HISTORY.drop(columns="loss"))
    with pytest.raises(BadInput, match="at least one training loss, got none"):
        plot.training_curves(HISTORY.iloc[3:])
    with pytest.raises(BadInput, match="bits: low, high missing"):
        plot.bits_bars(BITS[["name", "bits"]])
    with pytest.raises(BadInput, match=r"heights: expected \(length, 4\), got \(3, 11, 4\)"):
        plot.logo(EFFECTS)
    with pytest.raises(BadInput, match="reference: expected 11 letters, got 4"):
        plot.effect_map(EFFECTS[0], "ACGT")
    with pytest.raises(BadInput, match="at least one, got none"):
        plot.roc_curves({})
