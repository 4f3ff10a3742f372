"""Panels: what a value is, which bin it is in, and that both are the same however the counts are stored."""

from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from glmkit.errors import BadInput
from glmkit.tokens import Panel
from glmkit.tokens.cells.panel import quantile_edges

FEATURES = ("CD3", "CD4", "CD8", "CD19", "CD56")


def cells(counts: Any, features: tuple[str, ...] = FEATURES) -> anndata.AnnData:
    obs = pd.DataFrame(index=[f"cell {i}" for i in range(counts.shape[0])])
    return anndata.AnnData(counts, obs=obs, var=pd.DataFrame(index=list(features)))


def protein(n: int = 37, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.poisson(np.array([30.0, 8.0, 2.0, 0.4, 0.0]) * rng.gamma(2, 0.5, (n, 1))).astype(np.float32)


def test_values_by_hand() -> None:
    counts = np.array([[3, 0, 0, 1, 0], [7, 7, 7, 7, 7]], np.float32)
    made = {how: Panel("protein", FEATURES, how, [[]] * 5, [[0]] * 5).values(cells(counts)) for how in ("clr", "binary", "log1p")}
    logs = np.log([4, 1, 1, 2, 1])
    np.testing.assert_allclose(made["clr"], [logs - logs.mean(), np.zeros(5)], atol=1e-12)
    np.testing.assert_array_equal(made["binary"], [[1, 0, 0, 1, 0], [1] * 5])
    np.testing.assert_allclose(made["log1p"], np.log1p(np.array([[7500, 0, 0, 2500, 0], [2000] * 5])))


@settings(deadline=None)
@given(hnp.arrays(np.int64, st.integers(1, 60), elements=st.integers(0, 6)), st.integers(2, 9))
def test_no_bin_is_empty_and_edges_are_values(values: np.ndarray, bins: int) -> None:
    edges = quantile_edges(values.astype(float), bins)
    assert len(edges) < bins
    assert np.isin(edges, values).all()
    assert (np.diff(edges) > 0).all()
    counts = np.bincount(np.searchsorted(edges, values, "right"), minlength=len(edges) + 1)
    assert (counts > 0).all()
    assert len(edges) >= min(1, len(set(values.tolist())) - 1)  # what varies has two bins or more


def test_zeros_are_a_bin_of_their_own_where_they_are_many() -> None:
    values = np.array([0.0] * 90 + list(range(1, 11)))
    np.testing.assert_array_equal(quantile_edges(values, 4), [1, 4, 7])
    np.testing.assert_array_equal(quantile_edges(np.arange(100.0), 4), [24, 49, 74])
    np.testing.assert_array_equal(quantile_edges(np.array([0.0] * 99 + [5]), 2), [5])
    assert len(quantile_edges(np.full(9, 3.0), 4)) == 0


def test_bins_centres_and_tokens() -> None:
    panel = Panel.fit("protein", cells(protein()), bins=4, normalise="log1p")
    values = panel.values(cells(protein()))
    assert panel.bins.tolist() == [4, 4, 4, 4, 1]  # the last was never seen
    assert panel.tokens[:6] == ("CD3:?", "CD3:0", "CD3:1", "CD3:2", "CD3:3", "CD4:?")
    assert len(panel.tokens) == panel.starts[-1] == 5 + 17
    places = panel.places(cells(protein()))
    for feature in range(5):
        which = places[:, feature] - panel.starts[feature] - 1
        for bin in range(panel.bins[feature]):
            assert panel.centres[feature][bin] == pytest.approx(values[which == bin, feature].mean())
        assert (np.diff(panel.centres[feature]) > 0).all()
    again = Panel.from_description(panel.description())
    np.testing.assert_array_equal(again.places(cells(protein(seed=1))), panel.places(cells(protein(seed=1))))


def test_peaks_are_open_or_closed_however_rare() -> None:
    counts = np.zeros((50, 3), np.float32)
    counts[7, 0], counts[:, 1] = 2, 1
    peaks = cells(counts, ("chr1:5-9", "chr1:20-30", "chr2:1-2"))
    panel = Panel.fit("atac", peaks, normalise="binary")
    assert panel.bins.tolist() == [2, 1, 1]
    assert [panel.tokens[i] for i in panel.places(peaks)[7]] == ["chr1:5-9:1", "chr1:20-30:0", "chr2:1-2:0"]
    assert [panel.tokens[i] for i in panel.places(peaks)[8]] == ["chr1:5-9:0", "chr1:20-30:0", "chr2:1-2:0"]


def test_the_order_of_cells_and_columns_and_the_way_of_storing_change_nothing() -> None:
    counts = protein()
    panel = Panel.fit("protein", cells(counts))
    turned = Panel.fit("protein", cells(counts[::-1].copy()))
    assert panel.description() == turned.description()
    expected = panel.places(cells(counts))
    for stored in (sp.csr_matrix(counts), sp.csc_matrix(counts), counts.astype(np.int64)):
        np.testing.assert_array_equal(panel.places(cells(stored)), expected)
    shuffled = cells(counts[:, [3, 0, 4, 1, 2]], tuple(FEATURES[i] for i in (3, 0, 4, 1, 2)))
    np.testing.assert_array_equal(panel.places(shuffled), expected)
    np.testing.assert_array_equal(np.concatenate(list(panel.place_blocks(cells(counts), chunk=10))), expected)


def test_a_feature_that_the_cells_lack_is_unknown() -> None:
    panel = Panel.fit("protein", cells(protein()), normalise="log1p")
    found = panel.places(cells(protein()[:, :3], FEATURES[:3]))
    assert {panel.tokens[i] for i in found[:, 3:].ravel()} == {"CD19:?", "CD56:?"}
    assert not any(panel.tokens[i].endswith("?") for i in found[:, :3].ravel())


def test_what_is_refused() -> None:
    counts = protein()
    panel = Panel.fit("protein", cells(counts))
    with pytest.raises(BadInput, match=r"have none of its 5 features \(CD3, …\); they have a, b"):
        panel.values(cells(counts[:, :3], ("a", "b", "c")))
    with pytest.warns(UserWarning, match="not unique"):
        twice = cells(counts, ("CD3", "CD3", "CD4", "CD8", "CD19"))
    with pytest.raises(BadInput, match="have the feature 'CD3' twice"):
        panel.values(twice)
    with pytest.raises(BadInput, match="expected raw counts, 0 or more, got -1"):
        panel.values(cells(counts - 1))
    with pytest.raises(BadInput, match="1 features are not among the 5 of the training cells, the first 'CD45'"):
        Panel.fit("protein", cells(counts), features=["CD3", "CD45"])
    with pytest.raises(BadInput, match="bins: expected 2 or more, got 1"):
        Panel.fit("protein", cells(counts), bins=1)
    with pytest.raises(BadInput, match="expected two training cells or more, got 1"):
        Panel.fit("protein", cells(counts[:1]))
    with pytest.raises(BadInput, match="expected features, each once, got 'CD4' twice"):
        Panel("protein", ["CD4", "CD4"], "clr", [[], []], [[0], [0]])
    with pytest.raises(BadInput, match="one centre more than edges"):
        Panel("protein", ["CD4"], "clr", [[1.0]], [[0.0]])
    with pytest.raises(BadInput, match="the edges of a feature must be increasing"):
        Panel("protein", ["CD4"], "clr", [[1.0, 1.0]], [[0.0, 1.0, 2.0]])
    with pytest.raises(BadInput, match="normalise: expected one of clr, binary, log1p, got 'zscore'"):
        Panel.fit("protein", cells(counts), normalise="zscore")
