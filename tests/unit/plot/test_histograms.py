"""Histograms over a logarithmic axis."""

import pytest

from glmkit.errors import BadInput
from glmkit.plot import log_histogram


def test_the_legend_says_how_many_and_how_long() -> None:
    figure = log_histogram({"one": [30, 100, 170], "two": [50, 4000, 0]}, "length (residues)", "proteins", heading="Lengths")
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert texts == ["one (3, median 100)", "two (2, median 2,025)"]
    assert figure.axes[0].get_xscale() == "log"
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("length (residues)", "share of proteins")
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["50", "100", "200", "500", "1,000", "2,000"]
    with pytest.raises(BadInput, match="none empty"):
        log_histogram({"one": [0]}, "counts", "cells")
