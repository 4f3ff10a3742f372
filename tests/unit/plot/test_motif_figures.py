"""Figures of motifs, importances and dependencies say what they show."""

import io
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from glmkit import plot
from glmkit.errors import BadInput

BARS = pd.DataFrame(
    {
        "kind": ["block", "snp", "snp"],
        "name": ["rs1 + 2 linked", "rs5", "rs6"],
        "importance": [2.0, 0.5, -0.1],
        "low": [1.5, 0.2, np.nan],
        "high": [2.5, 0.9, np.nan],
    }
)


def heights(length: int) -> np.ndarray:
    return np.random.default_rng(length).random((length, 4))


def words(figure: Figure) -> str:
    figure.savefig(io.BytesIO(), format="png", dpi=30)
    found = figure.findobj(lambda artist: hasattr(artist, "get_text"))
    return "\n".join(artist.get_text() for artist in found if artist.get_visible())


def test_logos_stand_beside_their_names() -> None:
    figure = plot.motif_logos([heights(8), heights(11)], ["one", "two"], ["5 places", ""], [None, heights(6)], heading="Found")
    assert len(figure.axes) == 5  # two names, two logos, one beside
    for text in ("one", "two", "5 places", "Found", "frequencies (bits)"):
        assert text in words(figure)
    limits = [ax.get_xlim() for ax in figure.axes if ax.axison and ax.get_xlim()[1] > 8]
    assert limits == [(0.5, 11.5)] * 2  # a letter is as wide in the short motif as in the long one
    assert len(plot.motif_logos([heights(5)], ["one"]).axes) == 2


def test_bars_stand_in_the_order_of_the_table() -> None:
    figure = plot.importance_bars(BARS, unit="rise of loss", heading="SNPs", most=2)
    text = words(figure)
    assert "SNPs  (2 of 3)" in text
    assert "rise of loss, 95% interval" in text
    assert "linkage block" in text
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["rs1 + 2 linked", "rs5"]
    assert figure.axes[0].get_ylim()[0] > figure.axes[0].get_ylim()[1]
    assert [bar.get_width() for bar in figure.axes[0].patches] == [2.0, 0.5]
    assert "linkage" not in words(plot.importance_bars(BARS.drop(columns="kind").rename(columns={"name": "gene"})[2:], "gene"))


def test_the_map_names_its_axes_and_frames_its_pairs() -> None:
    effects = np.random.default_rng(0).random((7, 7))
    np.fill_diagonal(effects, np.nan)
    figure = plot.dependency_map(effects, "ACGTTGC", marks=[(1, 5)], first=10, heading="Stem")
    text = words(figure)
    for expected in ("position that is read", "position that is substituted", "largest change (log-odds, nats)", "Stem", "T"):
        assert expected in text
    frame = figure.axes[0].patches[0]
    assert frame.get_xy() == (14.5, 10.5)  # row 1 of the map is the place that changes, and stands at 11
    assert words(plot.dependency_map(np.zeros((3, 3))))


@pytest.mark.parametrize(
    ("draw", "text"),
    [
        (lambda: plot.motif_logos([], []), "at least one motif"),
        (lambda: plot.motif_logos([heights(3)], ["a", "b"]), "a name .* for each of 1, got 2"),
        (lambda: plot.importance_bars(BARS, "gene"), "gene missing; got"),
        (lambda: plot.importance_bars(BARS[:0]), "at least one row"),
        (lambda: plot.dependency_map(np.zeros((3, 4))), r"expected \(L, L\), got \(3, 4\)"),
        (lambda: plot.dependency_map(np.zeros((3, 3)), "AC"), "expected 3 letters, got 2"),
        (lambda: plot.dependency_map(np.zeros((3, 3)), marks=[(0, 3)]), r"positions from 0 to 2, got \(0, 3\)"),
    ],
)
def test_what_cannot_be_drawn_is_said(draw: Callable[[], Figure], text: str) -> None:
    with pytest.raises(BadInput, match=text):
        draw()
