"""CellStore: what goes in comes out, in any order, whole or not at all.

Covers ``glmkit.data.corpora.cell_kernel``.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import anndata
import numpy as np
import pytest
from scipy import sparse

from glmkit.bio import read_cells
from glmkit.data import CellStore
from glmkit.errors import BadInput

AS_IS = partial(read_cells, genes="as_is", backed=True)  # names that are no genes


def cells(n: int = 37, features: int = 23, seed: int = 0, most: int = 60) -> anndata.AnnData:
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, most, (n, features)) * (rng.random((n, features)) < 0.3)
    adata = anndata.AnnData(sparse.csr_matrix(counts.astype(np.float32)))
    adata.obs_names, adata.var_names = [f"cell{seed}_{i}" for i in range(n)], [f"f{i}" for i in range(features)]
    return adata


def dense(adata: anndata.AnnData) -> np.ndarray:
    return adata.to_df().to_numpy(np.float32)


def test_rows_in_any_order_and_more_than_once(tmp_path: Path) -> None:
    adata = cells()
    store = CellStore.write(tmp_path / "store", adata, chunk=5)
    assert (len(store), store.shape, store.names[3], store.var_names) == (37, (37, 23), "cell0_3", list(adata.var_names))
    chosen = np.array([30, 2, 2, 36, 0])
    found = store.rows(chosen)
    assert isinstance(found, sparse.csr_matrix)
    assert (found.dtype, found.shape) == (np.float32, (5, 23))
    np.testing.assert_array_equal(found.toarray(), dense(adata)[chosen])
    found.check_format(full_check=True)
    assert sparse.csr_matrix((found.data, found.indices, found.indptr), found.shape).has_canonical_format
    found.data[:] = 0  # the caller's own
    np.testing.assert_array_equal(store.rows(chosen.tolist()).toarray(), dense(adata)[chosen])
    assert store.rows([]).shape == (0, 23)
    np.testing.assert_array_equal(store.dense(chosen), dense(adata)[chosen])
    out = np.full((5, 23), 7, np.float32)
    assert store.dense(chosen, out) is out
    np.testing.assert_array_equal(out, dense(adata)[chosen])


def test_every_source_gives_the_same_store(tmp_path: Path) -> None:
    first, second = cells(), cells(11, seed=1)
    first.write_h5ad(tmp_path / "first.h5ad")
    second.write_zarr(tmp_path / "second.zarr")
    other = second[:, np.random.default_rng(2).permutation(23)].copy()
    zeros = first.copy()
    cell = int(np.flatnonzero(dense(first)[:, 22] == 0)[0])
    place, indptr = first.X.indptr[cell + 1], first.X.indptr + (np.arange(38) > cell)
    values, columns = np.insert(first.X.data, place, 0), np.insert(first.X.indices, place, 22)
    zeros.X = sparse.csr_matrix((values, columns, indptr), shape=first.X.shape)  # one zero is stored
    forms = [anndata.AnnData(form(first.X), first.obs, first.var) for form in (lambda x: x.toarray(), sparse.csc_matrix)]

    def made() -> Iterator[anndata.AnnData]:
        yield from (first[:20], first[20:], second)

    sources = [[first, second], [tmp_path / "first.h5ad", tmp_path / "second.zarr"], made(), [first, other], [zeros, second]]
    sources += [[form, second] for form in forms]
    stores = [CellStore.write(tmp_path / f"store{i}", source, chunk=7 + i, read=AS_IS) for i, source in enumerate(sources)]
    assert len({store.hash for store in stores}) == 1
    np.testing.assert_array_equal(stores[0].rows(np.arange(48)).toarray(), np.concatenate([dense(first), dense(second)]))


@pytest.mark.parametrize(("most", "dtype"), [(65_535, "uint16"), (65_536, "uint32"), (9_000_000, "uint32")])
def test_counts_take_two_bytes_until_one_needs_four(tmp_path: Path, most: int, dtype: str) -> None:
    adata = cells()
    adata.X = adata.X.toarray()
    adata.X[29, 4] = most
    store = CellStore.write(tmp_path / "store", adata, chunk=4)
    assert store._counts.dtype == np.dtype(dtype)
    assert store._columns.dtype == np.dtype("uint16")
    np.testing.assert_array_equal(store.rows(np.arange(37)).toarray(), dense(adata))
    assert sorted(path.name for path in store.folder.iterdir()) == [
        "cells.json", "columns.bin", "counts.bin", "features.json", "manifest.json", "offsets.npy",
    ]  # fmt: skip
    assert CellStore.open(store.folder, verify=True).hash == store.hash


def test_more_features_than_two_bytes_number(tmp_path: Path) -> None:
    matrix = sparse.random(3, 65_537, 0.001, "csr", np.float32, random_state=1).ceil().tolil()
    matrix[2, 65_536] = 5
    matrix = sparse.csr_matrix(matrix)
    store = CellStore.write(tmp_path / "store", anndata.AnnData(matrix))
    assert store._columns.dtype == np.dtype("uint32")
    assert (store.rows([2, 0]) != matrix[[2, 0]]).nnz == 0
    assert store.dense([2])[0, 65_536] == 5


def test_batches_hold_every_cell_once_in_an_order_that_the_seed_decides(tmp_path: Path) -> None:
    adata = cells()
    store = CellStore.write(tmp_path / "store", adata)
    batches = list(store.batches(size=8, seed=3))
    assert [len(chosen) for chosen, _ in batches] == [8, 8, 8, 8, 5]
    order = np.concatenate([chosen for chosen, _ in batches])
    assert sorted(order) == list(range(37))
    assert (np.abs(np.diff(order)) > 1).mean() > 0.8
    for chosen, counts in batches:
        np.testing.assert_array_equal(counts.toarray(), dense(adata)[chosen])
    again, other = ([c.tolist() for c, _ in store.batches(8, seed)] for seed in (3, 4))
    assert again == [c.tolist() for c, _ in batches]
    assert again != other
    with pytest.raises(BadInput, match="batches of at least 1 cell, got 0"):
        next(store.batches(0))


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ([3, 37], "There is no cell 37: .* has 37, from 0"),
        ([-1], "There is no cell -1"),
        ([0.5], "numbers of cells"),
        ([[1]], "numbers of"),
    ],
)
def test_cells_that_are_not_there_are_named(tmp_path: Path, chosen: list, words: str) -> None:
    store = CellStore.write(tmp_path / "store", cells())
    with pytest.raises(BadInput, match=words):
        store.rows(chosen)
    with pytest.raises(BadInput, match=words):
        store.dense(chosen)
    with pytest.raises(BadInput, match=r"to fill of float32 \(2, 23\), got float64 \(2, 23\)"):
        store.dense([1, 2], np.zeros((2, 23)))


@pytest.mark.parametrize("value", [-1.0, 0.5, np.nan, np.inf, 2.0**32])
def test_values_that_are_no_counts_leave_the_older_store(tmp_path: Path, value: float) -> None:
    before = CellStore.write(tmp_path / "store", cells()).hash
    adata = cells(9)
    adata.X = adata.X.toarray()
    adata.X[6, 5] = value
    with pytest.raises(BadInput, match=r"Expected raw counts, got .* \(cell 'cell0_6'\)"):
        CellStore.write(tmp_path / "store", adata, chunk=4)
    assert CellStore.open(tmp_path / "store", verify=True).hash == before
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_names_and_features_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    adata, folder = cells(), tmp_path / "store"
    with pytest.raises(BadInput, match="The name 'cell0_0' stands for two cells"):
        CellStore.write(folder, [adata, adata])
    with pytest.raises(BadInput, match=r"lacks 2 features of the first \(f0, f1\) and has 0 others"):
        CellStore.write(folder, [adata, cells(seed=1)[:, 2:]])
    twice = cells()
    twice.var_names = ["f0", "f0", *twice.var_names[2:]]
    with pytest.raises(BadInput, match="The feature 'f0' names two columns"):
        CellStore.write(folder, twice)
    with pytest.raises(BadInput, match="No cells to store"):
        CellStore.write(folder, [])
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_was_changed_is_refused(tmp_path: Path) -> None:
    folder = CellStore.write(tmp_path / "store", cells()).folder
    content = (folder / "counts.bin").read_bytes()
    (folder / "counts.bin").write_bytes(bytes([content[0] ^ 1]) + content[1:])
    CellStore.open(folder)
    with pytest.raises(BadInput, match=r"counts.bin was changed after it was written"):
        CellStore.open(folder, verify=True)
    (folder / "counts.bin").write_bytes(content[:-2])
    with pytest.raises(BadInput, match=r"counts.bin has [\d,]+ bytes, the manifest says"):
        CellStore.open(folder)
    (folder / "counts.bin").unlink()
    with pytest.raises(BadInput, match=r"counts.bin is missing"):
        CellStore.open(folder)
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text.replace('"cells": 37', '"cells": 36'))
    with pytest.raises(BadInput, match="its hash does not fit"):
        CellStore.open(folder)
    (folder / "manifest.json").write_text(text.replace('"version": 1', '"version": 2'))
    with pytest.raises(BadInput, match="has format version 2; this glmkit reads 1"):
        CellStore.open(folder)
    with pytest.raises(BadInput, match=r"is not a cell store: it has no manifest.json. Write one with CellStore.write"):
        CellStore.open(tmp_path)
