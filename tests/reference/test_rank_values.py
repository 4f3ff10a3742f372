"""Rank tokens of every cell of two real data sets, under the published vocabulary, against Geneformer's rule in NumPy.

What is compared: ``x / total * 10000 / median`` in float64, from the largest down, equal values by gene index. SciPy's own product of
a sparse matrix with a vector of reciprocals rounds differently, and the order of equal values is open in the published code, so both
are fixed here: columns are taken in the order of the vocabulary, and a stable sort leaves ties in that order.
"""

from collections.abc import Callable
from pathlib import Path

import anndata
import numpy as np
import pytest
from scipy import sparse

from glmkit.acquire import sample
from glmkit.bio import read_cells
from glmkit.tokens import RankTokenizer, load_tokenizer, rank_tokenizer_from, write_cell_tokens

VOCABULARY = "geneformer_v1_genes.tsv.gz"


@pytest.fixture(scope="module")
def rank(shared_data: Callable[[str], Path]) -> RankTokenizer:
    return rank_tokenizer_from(shared_data(VOCABULARY))


def reference(adata: anndata.AnnData, rank: RankTokenizer, totals: np.ndarray | None = None) -> list[np.ndarray]:
    """Tokens of each cell, one cell after another."""
    place = {name: i for i, name in enumerate(adata.var_names)}
    genes = np.array([i for i, gene in enumerate(rank.genes) if gene in place])
    counts = sparse.csr_matrix(adata.X).astype(np.float64)
    totals = np.asarray(counts.sum(1)).ravel() if totals is None else totals
    known = counts[:, [place[rank.genes[i]] for i in genes]].toarray()
    found = []
    for row, total in zip(known, totals, strict=True):
        values = row / total * 10000 / rank.medians[genes]
        detected = np.flatnonzero(values)
        order = detected[np.argsort(-values[detected], kind="stable")]
        found.append((genes[order] + len(rank.vocabulary) - len(rank.genes))[: rank.length])
    return found


def data_set(name: str, shared_data: Callable[[str], Path]) -> anndata.AnnData:
    return read_cells(sample("pbmc68k")) if name == "pbmc68k" else read_cells(shared_data("citeseq_pbmc_500.h5ad"), "rna")


def same(found: object, expected: list[np.ndarray]) -> None:
    assert len(found.lengths) == len(expected)
    for cell, ids in enumerate(expected):
        np.testing.assert_array_equal(found.item(cell), ids)


@pytest.mark.parametrize(("name", "cells", "least"), [("citeseq_pbmc_500", 500, 300), ("pbmc68k", 700, 80)])
def test_every_cell_equals_the_reference(
    name: str, cells: int, least: int, rank: RankTokenizer, shared_data: Callable[[str], Path], tmp_path: Path
) -> None:
    adata = data_set(name, shared_data)
    expected = reference(adata, rank)
    assert len(expected) == cells
    assert np.median([len(ids) for ids in expected]) > least
    same(rank.encode_cells(adata), expected)
    for form in (lambda x: x.toarray(), sparse.csc_matrix):
        same(rank.encode_cells(anndata.AnnData(form(adata.X), adata.obs, adata.var), chunk=111), expected)
    anndata.AnnData(adata.X, adata.obs, adata.var).write_h5ad(tmp_path / "cells.h5ad")
    backed = anndata.read_h5ad(tmp_path / "cells.h5ad", backed="r")
    same(rank.encode_cells(backed, chunk=64), expected)
    store = write_cell_tokens(tmp_path / "store", tmp_path / "cells.h5ad", rank, chunk=97)
    assert store.names == list(adata.obs_names)
    np.testing.assert_array_equal(np.concatenate(list(expected)), store.tokens)
    shuffled = adata[:, np.random.default_rng(0).permutation(adata.n_vars)].copy()
    same(rank.encode_cells(shuffled), expected)


def test_the_total_over_all_genes_of_a_subset(rank: RankTokenizer) -> None:
    """The 765 genes of the sample are a choice of all that were counted; its column of totals knows the rest."""
    adata = read_cells(sample("pbmc68k"))
    totals = adata.obs["total_counts_all_genes"].to_numpy(np.float64)
    assert (totals > np.asarray(adata.X.sum(1)).ravel()).all()
    same(rank.encode_cells(adata, total="total_counts_all_genes"), reference(adata, rank, totals))


def test_the_second_layout_leaves_room_for_its_two_tokens(rank: RankTokenizer, shared_data: Callable[[str], Path]) -> None:
    adata = read_cells(shared_data("citeseq_pbmc_500.h5ad"), "rna")
    second = RankTokenizer(rank.genes, rank.medians, layout="v2", length=302)
    found, expected = second.encode_cells(adata), reference(adata, rank)
    for cell, ids in enumerate(expected):
        np.testing.assert_array_equal(found.item(cell), ids[:300] + 2)


def test_the_published_vocabulary_is_saved_whole(rank: RankTokenizer, tmp_path: Path) -> None:
    assert (len(rank.vocabulary), rank.vocabulary[:2], rank.layout, rank.length) == (25_426, ("<pad>", "<mask>"), "v1", 2048)
    assert rank.token_of["ENSG00000000003"] == 2
    assert rank.symbols["ENSG00000000003"] == "TSPAN6"
    assert rank.medians[0] == 2.001186019549122
    rank.save(tmp_path)
    again = load_tokenizer(tmp_path)
    assert again.hash == rank.hash
    np.testing.assert_array_equal(again.medians, rank.medians)
