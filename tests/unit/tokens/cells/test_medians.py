"""Non-zero medians: exact, sketched within the stated error, over files and with genes that differ between them."""

from functools import partial
from pathlib import Path

import anndata
import numpy as np
import pytest
from scipy import sparse

from glmkit.bio import read_cells
from glmkit.errors import BadInput
from glmkit.tokens import gene_medians
from glmkit.tokens.cells.streaming_median import MedianSketch

AS_IS = partial(read_cells, genes="as_is", backed=True)  # names that are no genes


def corpus(n: int, genes: int, seed: int = 0) -> anndata.AnnData:
    rng = np.random.default_rng(seed)
    counts = rng.negative_binomial(0.6, 0.1, (n, genes)) * (rng.random((n, genes)) < 0.5)
    counts[:, -1] = 0
    adata = anndata.AnnData(sparse.csr_matrix(counts.astype(np.float32)))
    adata.obs_names, adata.var_names = [f"cell{i}" for i in range(n)], [f"gene{i}" for i in range(genes)]
    return adata


def by_numpy(adata: anndata.AnnData) -> np.ndarray:
    dense = adata.to_df().to_numpy(np.float64)
    dense = dense / np.maximum(dense.sum(1, keepdims=True), 1) * 10000
    return np.array([np.median(column[column > 0]) if (column > 0).any() else np.nan for column in dense.T])


@pytest.mark.parametrize("chunk", [7, 4096])
def test_exact_medians_equal_numpys(chunk: int) -> None:
    adata = corpus(61, 13)
    found = gene_medians(adata, chunk=chunk)
    np.testing.assert_allclose(found, by_numpy(adata), rtol=1e-14)
    assert list(found.index) == list(adata.var_names)
    assert np.isnan(found["gene12"])
    assert found.attrs == {"cells": 61, "exact": True, "relative_error": 0.0}
    few = gene_medians(adata, ["gene5", "other", "gene2"])
    np.testing.assert_allclose(few, [found["gene5"], np.nan, found["gene2"]])


@pytest.mark.parametrize("error", [0.01, 0.002])
def test_sketched_medians_are_within_the_stated_error(error: float) -> None:
    adata = corpus(900, 11)
    exact = by_numpy(adata)
    found = gene_medians(adata, budget=500, error=error, chunk=64)
    assert found.attrs == {"cells": 900, "exact": False, "relative_error": error}
    off = np.abs(found.to_numpy() / exact - 1)[:-1]
    assert off.max() <= error * (1 + 1e-9)
    assert off.max() > 0
    assert np.isnan(found.iloc[-1])


def test_files_of_different_genes_are_matched_by_name(tmp_path: Path) -> None:
    adata = corpus(50, 12)
    parts = [adata[:20, 6:].copy(), adata[20:, :8].copy()]
    paths = [tmp_path / "first.h5ad", tmp_path / "second.h5ad"]
    for part, path in zip(parts, paths, strict=True):
        part.obs["total"] = np.asarray(adata[part.obs_names].X.sum(1)).ravel()
        part.write_h5ad(path)
    expected = {}
    dense = adata.to_df().to_numpy(np.float64)
    dense = dense / np.maximum(dense.sum(1, keepdims=True), 1) * 10000
    dense[:20, :6], dense[20:, 8:] = 0, 0
    for name, column in zip(adata.var_names, dense.T, strict=True):
        expected[name] = np.median(column[column > 0]) if (column > 0).any() else np.nan
    for budget in (10**6, 40):
        found = gene_medians(iter(paths), total="total", budget=budget, chunk=9, read=AS_IS)
        assert list(found.index) == [f"gene{i}" for i in [*range(6, 12), *range(6)]]
        np.testing.assert_allclose(found, [expected[name] for name in found.index], rtol=0.01)


def test_memory_of_a_sketch_does_not_grow_and_sketches_add_up() -> None:
    rng = np.random.default_rng(3)
    genes, values = rng.integers(0, 5, 40_000), rng.lognormal(1, 2, 40_000)
    whole, first, second = MedianSketch(5), MedianSketch(5), MedianSketch(5)
    size = whole.counts.nbytes
    whole.add(genes, values)
    first.add(genes[:9_000], values[:9_000])
    second.add(genes[9_000:], values[9_000:])
    first.merge(second)
    np.testing.assert_array_equal(first.counts, whole.counts)
    assert whole.counts.nbytes == size
    expected = [np.median(values[genes == gene]) for gene in range(5)]
    np.testing.assert_allclose(whole.medians(), expected, rtol=0.01)
    with pytest.raises(BadInput, match=r"of 5 genes at 0.01 and of 6 at 0.01 cannot be merged"):
        whole.merge(MedianSketch(6))
    with pytest.raises(BadInput, match="between 0 and 1, got 0"):
        MedianSketch(5, 0)


def test_what_cannot_be_counted_is_named(tmp_path: Path) -> None:
    adata = corpus(9, 5)
    adata.X = adata.X.toarray()
    adata.X[4, 2] = 0.25
    path = tmp_path / "log.h5ad"
    adata.write_h5ad(path)
    with pytest.raises(BadInput, match=r"got 0.25 \(cell 'cell4'\)") as caught:
        gene_medians(path, chunk=2, read=partial(anndata.read_h5ad, backed="r"))
    assert caught.value.__notes__ == [f"file {path}"]
    with pytest.raises(BadInput, match="Expected cells to take medians of, got none"):
        gene_medians([])
    with pytest.raises(BadInput, match="Expected an AnnData or a path of one, got int"):
        gene_medians([3])
    with pytest.raises(BadInput, match=r"log.h5ad: no raw counts"):
        gene_medians(path)
    adata = corpus(9, 5)
    adata.var_names = ["a", "b", "c", "b", "d"]
    with pytest.raises(BadInput, match="The gene 'b' has two columns"):
        gene_medians(adata)
    adata = corpus(9, 5)
    adata.obs["total"] = 0
    with pytest.raises(BadInput, match="The cell 'cell0' has the total 0"):
        gene_medians(adata, total="total")
