"""The co-expression graph against correlations worked out the plain way."""

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from glmkit.data import coexpression_graph
from glmkit.errors import BadInput

GENES = 17


def cells(n: int = 60) -> anndata.AnnData:
    """Genes in three groups that rise and fall together, one that is rare and one that is never seen."""
    rng = np.random.default_rng(0)
    activity = rng.gamma(1.0, 4.0, (n, 3))
    counts = rng.poisson(activity[:, np.arange(GENES) % 3] * 2).astype(np.float32)
    counts[:, 15], counts[:, 16] = 0, 0
    counts[:4, 15] = 3
    obs, var = pd.DataFrame(index=[f"c{i}" for i in range(n)]), pd.DataFrame(index=[f"g{i}" for i in range(GENES)])
    return anndata.AnnData(sp.csr_matrix(counts), obs=obs, var=var)


def test_neighbours_are_those_of_highest_correlation() -> None:
    adata = cells()
    graph = coexpression_graph(adata, 3)
    dense = adata.X.toarray().astype(float)
    logs = np.log1p(dense / dense.sum(1, keepdims=True) * 1e4)[:, :15]
    correlation = np.corrcoef(logs.T)
    np.fill_diagonal(correlation, -2)
    assert graph.neighbours.shape == (GENES, 3)
    np.testing.assert_array_equal(graph.neighbours[:15], np.argsort(-correlation, 1)[:, :3])
    assert (graph.neighbours[:15] % 3 == np.arange(15)[:, None] % 3).mean() > 0.9
    assert (graph.neighbours[15:] == -1).all()
    assert not np.isin([15, 16], graph.neighbours).any()
    sources, targets = graph.edges
    assert sources.tolist() == graph.neighbours[:15].ravel().tolist()
    assert targets.tolist() == np.repeat(np.arange(15), 3).tolist()


def test_only_positive_correlations_join() -> None:
    wide = coexpression_graph(cells(), 14)
    counts = (wide.neighbours[:15] >= 0).sum(1)
    assert (counts < 14).all()
    assert (counts >= 3).all()


def test_storage_and_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    adata = cells()
    before = adata.X.copy()
    expected = coexpression_graph(adata, 4).neighbours
    assert (before != adata.X).nnz == 0
    dense = anndata.AnnData(adata.X.toarray(), obs=adata.obs, var=adata.var)
    np.testing.assert_array_equal(coexpression_graph(dense, 4).neighbours, expected)
    monkeypatch.setattr("glmkit.data.gene_graph.BLOCK", 4)
    np.testing.assert_array_equal(coexpression_graph(adata, 4).neighbours, expected)


def test_what_is_refused() -> None:
    with pytest.raises(BadInput, match="expected 1 or more, got 0 and 10"):
        coexpression_graph(cells(), 0)
    with pytest.raises(BadInput, match="needs at least three cells, got 2"):
        coexpression_graph(cells()[:2])
    with pytest.raises(BadInput, match="0 of 17 genes vary and are expressed in 61 cells or more"):
        coexpression_graph(cells(), least_cells=61)
