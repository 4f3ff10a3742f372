"""Rank-value tokens: the rule, ties, layouts, and the same tokens from every way a matrix can lie.

Covers ``glmkit.tokens.cells.csr_blocks``, ``glmkit.tokens.cells.inputs``, ``glmkit.tokens.cells.rank_kernel``.
"""

from pathlib import Path

import anndata
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from glmkit.bio import read_cells
from glmkit.errors import BadInput
from glmkit.tokens import Ragged, RankTokenizer, Tokenizer, load_tokenizer

GENES = [f"ENSG{i:011d}" for i in range(1, 31)]


def tokenizer(**more) -> RankTokenizer:
    return RankTokenizer(GENES, np.random.default_rng(1).lognormal(1, 0.8, len(GENES)), **more)


def cells(n: int = 23, extra: int = 4, seed: int = 0) -> anndata.AnnData:
    """`n` cells, most genes of the vocabulary in another order, and some that it does not hold."""
    rng = np.random.default_rng(seed)
    names = rng.permutation([*GENES[2:], *(f"OTHER{i}" for i in range(extra))])
    counts = rng.negative_binomial(1, 0.4, (n, len(names))) * (rng.random((n, len(names))) < 0.6)
    adata = anndata.AnnData(sparse.csr_matrix(counts.astype(np.float32)))
    adata.var_names, adata.obs_names = names, [f"cell{i}" for i in range(n)]
    return adata


def reference(adata: anndata.AnnData, tokenizer: RankTokenizer, totals: np.ndarray | None = None) -> list[list[int]]:
    """Geneformer's rule in NumPy and float64; equal values by gene index."""
    dense = np.asarray(adata.to_df()).astype(np.float64)
    totals = dense.sum(1) if totals is None else totals
    place = {name: i for i, name in enumerate(adata.var_names)}
    known = [i for i, gene in enumerate(tokenizer.genes) if gene in place]
    columns = dense[:, [place[tokenizer.genes[i]] for i in known]]
    found = []
    for row, total in zip(columns, totals, strict=True):
        values = row / total * 10000 / tokenizer.medians[known]
        order = np.argsort(-values, kind="stable")[: int((row > 0).sum())]
        room = tokenizer.length - len(tokenizer.prefix) - len(tokenizer.suffix)
        found.append([tokenizer.first + known[i] for i in order[:room]])
    return found


def rows(ragged: Ragged) -> list[list[int]]:
    return [ragged.item(i).tolist() for i in range(len(ragged.lengths))]


def test_worked_by_hand() -> None:
    rank = RankTokenizer(["a", "b", "c", "d"], [1.0, 2.0, 4.0, 0.5])
    assert rank.encode(np.array([3, 8, 0, 1])).tolist() == [3, 2, 5]  # values ∝ 3, 4, -, 2
    assert rank.encode(np.array([2, 4, 8, 1])).tolist() == [2, 3, 4, 5]  # all equal: by gene index
    assert rank.encode(np.zeros(4)).tolist() == []
    assert rank.decode(np.array([0, 3, 1, 2])) == "b <mask> a"


def test_layouts() -> None:
    first, second = tokenizer(), tokenizer(layout="v2")
    assert isinstance(first, Tokenizer)
    assert isinstance(second, Tokenizer)
    assert first.vocabulary[:3] == ("<pad>", "<mask>", GENES[0])
    assert second.vocabulary[:5] == ("<pad>", "<mask>", "<cls>", "<eos>", GENES[0])
    assert (first.length, first.prefix, first.suffix) == (2048, (), ())
    assert (second.length, second.prefix, second.suffix, second.bos_id, second.eos_id) == (4096, (2,), (3,), 2, 3)
    assert first.token_of[GENES[5]] == 7
    assert second.token_of[GENES[5]] == 9
    assert first.maskable.tolist() == [False] * 2 + [True] * 30
    assert first.bases_per_token is None
    assert first.dtype == np.uint8
    assert first.hash != second.hash


@pytest.mark.parametrize(("layout", "length"), [("v1", 2048), ("v1", 7), ("v2", 4096), ("v2", 7)])
def test_cells_equal_the_reference(layout: str, length: int) -> None:
    adata, rank = cells(), tokenizer(layout=layout, length=length)
    found = rank.encode_cells(adata, chunk=5)
    assert found.ids.dtype == rank.dtype
    assert found.offsets.dtype == np.int64
    assert rows(found) == reference(adata, rank)
    assert max(found.lengths) <= length - 2 * (layout == "v2")


def test_dense_csr_csc_backed_and_shuffled_columns_give_equal_tokens(tmp_path: Path) -> None:
    adata, rank = cells(), tokenizer()
    expected = rows(rank.encode_cells(adata))
    for form in (lambda x: x.toarray(), sparse.csc_matrix, sparse.csr_array, lambda x: x.astype(np.int32), sparse.coo_matrix):
        other = anndata.AnnData(sparse.csr_matrix(adata.X) if form is sparse.coo_matrix else form(adata.X), adata.obs, adata.var)
        assert rows(rank.encode_cells(other, chunk=6)) == expected
        other.write_h5ad(tmp_path / "cells.h5ad")
        before = (tmp_path / "cells.h5ad").read_bytes()
        backed = anndata.read_h5ad(tmp_path / "cells.h5ad", backed="r")
        assert rows(rank.encode_cells(backed, chunk=6)) == expected
        backed.file.close()
        assert (tmp_path / "cells.h5ad").read_bytes() == before
    shuffled = adata[:, np.random.default_rng(3).permutation(adata.n_vars)]
    assert rows(rank.encode_cells(shuffled)) == expected
    assert rows(rank.encode_cells(adata[[4, 2, 9]])) == [expected[i] for i in (4, 2, 9)]


def test_a_selection_of_a_file_is_read_a_block_at_a_time(tmp_path: Path) -> None:
    adata, rank = cells(), tokenizer()
    adata.X[[3, 11]] = 0
    adata.X.eliminate_zeros()
    adata.var["feature_types"] = ["Peaks" if name.startswith("OTHER") else "Gene Expression" for name in adata.var_names]
    expected = rank.encode_cells(adata[np.delete(np.arange(23), [3, 11]), [not name.startswith("O") for name in adata.var_names]])
    for name, form in (("csr", sparse.csr_matrix), ("csc", sparse.csc_matrix), ("dense", lambda x: x.toarray())):
        path = tmp_path / f"{name}.h5ad"
        anndata.AnnData(form(adata.X), adata.obs, adata.var).write_h5ad(path)
        backed = read_cells(path, "rna", genes="as_is", backed=True)
        assert backed.is_view
        assert rows(rank.encode_cells(backed, chunk=4)) == rows(expected)


def test_entries_of_one_gene_in_pieces_count_together() -> None:
    adata, rank = cells(3), tokenizer()
    twice = sparse.csr_matrix(
        (np.repeat(adata.X.data, 2), np.repeat(adata.X.indices, 2), 2 * adata.X.indptr), shape=adata.X.shape
    )
    doubled = anndata.AnnData(twice, adata.obs, adata.var)
    assert rows(rank.encode_cells(doubled)) == rows(rank.encode_cells(adata))
    assert doubled.X.nnz == 2 * adata.X.nnz  # the caller's matrix is as it was


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_counts_and_medians_equal_the_reference(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 130))
    seed = data.draw(st.integers(0, 2**31))
    rng = np.random.default_rng(seed)
    few = data.draw(st.booleans())  # many ties, or none
    medians = rng.choice([0.5, 1.0, 3.0], n) if few else rng.lognormal(0, data.draw(st.sampled_from([1e-9, 1.0, 60.0])), n)
    counts = rng.integers(0, data.draw(st.sampled_from([2, 40, 10**9])), (1, n))
    rank = RankTokenizer([f"g{i}" for i in range(n)], medians, length=data.draw(st.sampled_from([3, 4096])))
    adata = anndata.AnnData(counts.astype(np.float64))
    adata.var_names = list(rank.genes)
    if counts.sum():
        assert rows(rank.encode_cells(adata)) == reference(adata, rank)
        assert rank.encode(counts[0]).tolist() == reference(adata, rank)[0]


def test_more_genes_than_sixteen_bits_in_any_order() -> None:
    n = 70_001
    rng = np.random.default_rng(2)
    rank = RankTokenizer([f"g{i}" for i in range(n)], rng.choice([1.0, 1.5], n), length=n)
    adata = anndata.AnnData(sparse.random(2, n, 0.3, "csr", np.float32, random_state=4).ceil())
    adata.var_names = rng.permutation(list(rank.genes))
    assert rows(rank.encode_cells(adata)) == reference(adata, rank)


def test_the_total_may_come_from_a_column() -> None:
    adata, rank = cells(), tokenizer()
    adata.obs["n_counts"] = np.linspace(300, 5000, adata.n_obs)
    assert rows(rank.encode_cells(adata, total="n_counts")) == reference(adata, rank, adata.obs["n_counts"].to_numpy())
    with pytest.raises(BadInput, match=r"Expected cell totals in obs\['total'\]; the columns are \['n_counts'\]"):
        rank.encode_cells(adata, total="total")
    adata.obs.iloc[6, 0] = 0
    with pytest.raises(BadInput, match=r"The cell 'cell6' has the total 0.0"):
        rank.encode_cells(adata, total="n_counts")
    adata.obs["n_counts"] = "many"
    with pytest.raises(BadInput, match="Expected numbers of counts in obs"):
        rank.encode_cells(adata, total="n_counts")


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    rank = tokenizer(layout="v2", length=9, symbols={GENES[3]: "TP53", "unknown": "X"})
    rank.save(tmp_path)
    again = load_tokenizer(tmp_path)
    assert isinstance(again, RankTokenizer)
    assert (again.hash, again.vocabulary, again.length, again.symbols) == (rank.hash, rank.vocabulary, 9, {GENES[3]: "TP53"})
    np.testing.assert_array_equal(again.medians, rank.medians)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (-1.0, "got -1.0 .*which is negative"),
        (np.nan, "got nan .*missing"),
        (np.inf, "got inf"),
        (1.7, "got 1.7.*fraction .log-normalised.*read_cells"),
    ],
)
def test_values_that_are_no_counts_are_named(value: float, words: str) -> None:
    adata = cells(11)
    adata.X = adata.X.toarray()
    adata.X[7, 3] = value
    with pytest.raises(BadInput, match=f"(?s)Expected raw counts, {words}") as caught:
        tokenizer().encode_cells(adata, chunk=4)
    assert "cell7" in str(caught.value)
    assert adata.var_names[3] in str(caught.value)


def test_names_that_do_not_fit_are_refused() -> None:
    adata = cells()
    adata.var_names = [f"hg19_{name}" for name in adata.var_names]
    with pytest.raises(BadInput, match=r"None of the 32 var_names \(hg19_.*is a gene of this tokenizer.*read_cells"):
        tokenizer().encode_cells(adata)
    adata.var_names = [GENES[4], *adata.var_names[1:9], GENES[4], *adata.var_names[10:]]
    with pytest.raises(BadInput, match=r"'ENSG00000000005' has the columns \[0, 9\].*sum_duplicates"):
        tokenizer().encode_cells(adata)
    adata.X = None
    adata.var_names = cells().var_names
    with pytest.raises(BadInput, match="has no X"):
        tokenizer().encode_cells(adata)
    with pytest.raises(BadInput, match=r"shape \(30,\), one per gene of the tokenizer, got \(29,\)"):
        tokenizer().encode(np.ones(29))


@pytest.mark.parametrize(
    ("genes", "medians", "more", "words"),
    [
        (["a", "a"], [1, 1], {}, "'a' twice"),
        (["a"], [1, 1], {}, "Expected one median per gene"),
        (["a", "b"], [1, 0], {}, "Expected positive medians, got 0.0 for 'b'"),
        (["a", "b"], [1, np.nan], {}, "got nan for 'b'"),
        ([], [], {}, "at least one gene"),
        (["a"], [1], {"layout": "v3"}, "Unknown layout 'v3'"),
        (["a"], [1], {"layout": "v2", "length": 2}, "no room for a gene"),
    ],
)
def test_what_makes_no_tokenizer(genes: list[str], medians: list[float], more: dict, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        RankTokenizer(genes, medians, **more)


def test_ragged_rows_join() -> None:
    parts = [Ragged(np.array([1, 2, 3], np.uint8), np.array([0, 3, 3])), Ragged(np.array([4], np.uint8), np.array([0, 1]))]
    whole = Ragged.join(parts, np.dtype(np.uint8))
    assert rows(whole) == [[1, 2, 3], [], [4]]
    assert rows(Ragged.join([], np.dtype(np.uint8))) == []
