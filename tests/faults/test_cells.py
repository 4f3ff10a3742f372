"""Bad and odd files of cells: one test a row of the list of bad inputs, each named by its row and asserting words."""

import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import zarr
from scipy import sparse

from glmkit.bio import DataReport, cell_report, read_cells, read_modalities
from glmkit.errors import BadInput
from tests.faults.cells import CELLS, GENES, IDS, SYMBOLS, counts, fingerprint, make

pytestmark = pytest.mark.filterwarnings("ignore:Writing zarr v2 data:UserWarning")


def refused(path: Path, *words: str, **options: Any) -> str:
    """Reading fails within five seconds with exit code 2, the file's name and all `words`, in memory and backed; nothing is written."""
    before = fingerprint(path.parent)
    for backed in (False, True):
        start = time.monotonic()
        with pytest.raises(BadInput) as caught:
            read_cells(path, **options, backed=backed)
        assert time.monotonic() - start < 5
        assert caught.value.exit_code == 2
        for word in (str(path), *words):
            assert word in str(caught.value)
    assert fingerprint(path.parent) == before
    return str(caught.value)


def test_log_normalised_X(save: Callable[..., Path]) -> None:
    raw = counts()
    logged = np.log1p(raw / raw.sum(axis=1, keepdims=True) * 1e4)
    largest = f"{logged.max():.4g}"
    path = save(make(logged))
    refused(
        path,
        "no raw counts",
        "X: it looks log-normalised",
        f"largest {largest}",
        "Keep the raw counts in X, layers['counts'] or raw",
    )
    path = save(make(logged, layers={"counts": raw, "scaled": logged - 1}))
    refused(
        path, "X holds no raw counts", "Counts are in layers/counts: give counts='counts', or leave counts='auto'", counts="X"
    )
    refused(path, "layers/scaled holds no raw counts", "negative", counts="scaled")
    refused(path, "layers/umis, which does not exist. It has X, layers/counts, layers/scaled", counts="umis")
    assert cell_report(read_cells(path))["counts"] == "layers/counts"
    np.testing.assert_array_equal(read_cells(path).X.toarray(), raw)
    with_raw = make(raw)
    with_raw.raw = with_raw
    with_raw = with_raw[:, 2:5].copy()
    with_raw.X = logged[:, 2:5]
    path = save(with_raw)
    refused(path, "Counts are in raw/X: give counts='raw'", counts="X")
    found = read_cells(path)
    assert (cell_report(found)["counts"], found.n_vars) == ("raw/X", GENES)
    np.testing.assert_array_equal(found.X.toarray(), raw)


def sparse_and_dense(values: np.ndarray) -> list[Any]:
    return [values, sparse.csr_matrix(values), sparse.csc_matrix(values)]


@pytest.mark.parametrize("kind", [0, 1, 2], ids=["dense", "CSR", "CSC"])
def test_negative(save: Callable[..., Path], kind: int) -> None:
    values = counts()
    values[7, 4] = -3
    refused(save(make(sparse_and_dense(values)[kind])), "X: it holds a negative value (-3)")


@pytest.mark.parametrize("kind", [0, 1, 2], ids=["dense", "CSR", "CSC"])
def test_a_bad_value_far_down_is_named(tmp_path: Path, kind: int) -> None:
    """Beyond the first look, the cell, the feature and the value stand in the message, however the file is stored."""
    values = counts(300)
    values[233, 4] = -3
    path = tmp_path / "cells.h5ad"
    make(sparse_and_dense(values)[kind]).write_h5ad(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("glmkit.bio.cells.counts.LOOK", 3)
        refused(path, "X, cell 'c233', feature 'NKG7': it holds a negative value (-3); raw counts are whole numbers from 0")


@pytest.mark.parametrize("kind", [0, 1, 2], ids=["dense", "CSR", "CSC"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_NaN(tmp_path: Path, kind: int, value: float) -> None:
    values = counts()
    values[7, 4] = value
    path = tmp_path / "cells.h5ad"
    make(sparse_and_dense(values)[kind]).write_h5ad(path)
    refused(path, f"X: it holds {value}")


@pytest.mark.filterwarnings("ignore:Variable names are not unique")
def test_duplicate_var_names(save: Callable[..., Path]) -> None:
    names = ["TP53", "CD3E", "TP53", "MS4A1", "CD3E", "LYZ", "TP53"]
    path = save(make(names=names))
    message = "2 names of genes (var names) occur more than once, first 'TP53', 'CD3E'. Sum their counts with sum_duplicates=True"
    refused(path, message)
    refused(path, "2 names of features occur more than once, first 'TP53', 'CD3E'", genes="as_is")
    report = DataReport()
    found = read_cells(path, sum_duplicates=True, report=report)
    assert found.var["symbol"].tolist() == ["TP53", "CD3E", "MS4A1", "LYZ"]
    values = counts()
    np.testing.assert_array_equal(found.X.toarray()[:, 0], values[:, [0, 2, 6]].sum(axis=1))
    np.testing.assert_array_equal(found.X.toarray()[:, 3], values[:, 5])
    assert report["features_added_up"] == 3
    with pytest.raises(
        BadInput, match=r"cannot be summed on disk. Read it with backed=False, write it with glmkit.bio.write_cells"
    ):
        read_cells(path, sum_duplicates=True, backed=True)


def test_symbols_where_Ensembl_ids_are_needed(save: Callable[..., Path]) -> None:
    path = save(make())
    found = read_cells(path)
    assert found.var_names.tolist() == IDS
    assert found.var["symbol"].tolist() == found.var["name_in_file"].tolist() == SYMBOLS
    genes = cell_report(found)["genes"]
    assert (genes["symbols"], genes["known_share"], genes["taken_from"]) == (7, 1.0, "var_names")
    refused(
        save(make(names=[f"gene{i}" for i in range(GENES)])), "Expected Ensembl ids or gene symbols of human", "map_genes(names)"
    )


def test_under_half_of_the_genes_known(save: Callable[..., Path]) -> None:
    path = save(make(names=[*SYMBOLS[:2], "x1", "x2", "x3", "x4", "x5"]))
    refused(
        path, "29% of the 7 gene names are known, at least 50% are needed. Unknown: 'x1', 'x2', 'x3', 'x4', 'x5'", "lower known="
    )
    report = DataReport()
    found = read_cells(path, known=0.25, report=report)
    assert found.var_names.tolist() == [*IDS[:2], "x1", "x2", "x3", "x4", "x5"]
    assert (found.var["known"].sum(), report["genes_unknown"]) == (2, 5)
    with pytest.raises(BadInput, match=r"known=1.5; expected a fraction of genes from 0 to 1"):
        read_cells(path, known=1.5)


def test_shape_0_5(save: Callable[..., Path]) -> None:
    empty = np.zeros((0, 5), np.float32)
    refused(save(make(empty, SYMBOLS[:5])), "no cells (shape (0, 5)); expected at least one")
    refused(save(make(sparse.csr_matrix((5, 0), dtype=np.float32), [])), "no features (shape (5, 0))")


def test_missing_obs_column(save: Callable[..., Path]) -> None:
    adata = make()
    adata.obs["age"] = np.arange(CELLS)
    refused(save(adata), "no column 'batch', 'sex' in obs. It has: donor, age", required_obs=["batch", "donor", "sex"])


def test_string_X(tmp_path: Path) -> None:
    path = tmp_path / "cells.h5ad"
    make(counts().astype(int).astype(str).astype(object)).write_h5ad(path)
    refused(path, "no raw counts", "X: text (type object), not numbers")


def mixed() -> anndata.AnnData:
    adata = make(counts(genes=11), [*SYMBOLS, "CD3_tag", "HTO1", "Hashtag_2", "chr1:100-250"])
    adata.var["feature_types"] = ["Gene Expression"] * 7 + ["Antibody Capture"] * 3 + ["Peaks"]
    return adata


def test_mixed_modalities_with_none_chosen(save: Callable[..., Path]) -> None:
    path = save(mixed())
    listed = "rna (7 features), protein (1 features), hashtag (2 features), atac (1 features)"
    refused(path, f"several modalities and none chosen. The file has: {listed}", "modality='rna'", "read_modalities")
    refused(path, f"there is no modality 'spatial'. The file has: {listed}", modality="spatial")
    for backed in (False, True):
        cells = read_modalities(path, ["hashtag", "rna"], backed=backed)
        assert {name: each.var_names.tolist() for name, each in cells.items()} == {"hashtag": ["HTO1", "Hashtag_2"], "rna": IDS}
        np.testing.assert_array_equal(cells["hashtag"].X.toarray(), counts(genes=11)[:, 8:10])


@pytest.mark.parametrize("kept", [4, 300, 0.5, -40])
def test_truncated_file(tmp_path: Path, kept: float) -> None:
    path = tmp_path / "cells.h5ad"
    make(sparse.csr_matrix(counts())).write_h5ad(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: kept if isinstance(kept, int) else int(len(whole) * kept)])
    message = refused(path)
    assert re.search("truncated, damaged|is not an HDF5 file", message)
    path.write_bytes(b"")
    refused(path, "is empty (0 bytes). Copy or download it again.")


def test_a_damaged_block(tmp_path: Path) -> None:
    path = tmp_path / "cells.h5ad"
    make(sparse.csr_matrix(counts(400, 7))).write_h5ad(path, compression="gzip")
    content = bytearray(path.read_bytes())
    at = content.index(b"\x78\x5e") if b"\x78\x5e" in content else content.index(b"\x78\x9c")
    content[at : at + 60] = b"\xff" * 60
    path.write_bytes(content)
    refused(path, "cannot be read: it is truncated, damaged or not of its format", "Copy or download it again")


@pytest.mark.parametrize("text", ["<!DOCTYPE html><html>Sign in</html>", '{"error": "not found"}', "503 Service Unavailable"])
def test_HTML_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "cells.h5ad"
    path.write_text(text)
    refused(path, "expected an HDF5 file, got what looks like a web page or a server's response", "Download the file again")


@pytest.mark.parametrize(
    ("version", "chunk"),
    [(2, "X/data/1"), (2, "X/indices/0"), (2, "obs/_index/0"), (3, "X/data/c/2"), (3, "X/indptr/c/0"), (3, "var/_index/c/0")],
)
def test_deleted_zarr_chunk(tmp_path: Path, version: int, chunk: str) -> None:
    path = tmp_path / "cells.zarr"
    values = sparse.csr_matrix(counts())
    group = zarr.open_group(path, mode="w", zarr_format=version)
    anndata.io.write_elem(group, "/", make(values))
    anndata.io.write_elem(group, "X", values, dataset_kwargs={"chunks": (23,)})
    found = read_cells(path)
    assert cell_report(found)["remarks"] == {}
    np.testing.assert_array_equal(found.X.toarray(), counts())
    (path / chunk).unlink()
    element = re.sub(r"(/c)?/\d$", "", chunk)
    refused(
        path, f"{element} lacks 1 of its chunks, the first {chunk}; zarr would read zeros in its place. Copy the folder again"
    )


def test_deleted_zarr_chunk_of_a_dense_matrix(tmp_path: Path) -> None:
    path = tmp_path / "cells.zarr"
    make().write_zarr(path, chunks=(4, GENES))
    (path / "X" / "2.0").unlink()
    refused(path, "X lacks 1 of its chunks, the first X/2.0", "If the zeros are real, write the matrix as CSR")


def test_a_zarr_column_of_zeros_is_no_damage_but_counted(tmp_path: Path) -> None:
    path, adata = tmp_path / "cells.zarr", make()
    adata.obs["batch"] = pd.Categorical(["one"] * CELLS)
    adata.write_zarr(path)
    assert not (path / "obs/batch/codes/0").exists()  # zarr stores no chunk of zeros
    report = DataReport()
    assert read_cells(path, report=report).obs["batch"].tolist() == ["one"] * CELLS
    assert report["zarr_chunks_missing"] == 1


@pytest.mark.filterwarnings("ignore:Observation names are not unique")
def test_duplicate_obs_names(save: Callable[..., Path]) -> None:
    adata = make()
    adata.obs_names = ["c0", "c1", "c2", "c1", "c4", "c5", "c5", "c5", "c8", "c9", "c10"]
    refused(save(adata), "2 names of cells occur more than once, first 'c1', 'c5'. Make them unique")


@pytest.mark.parametrize(
    "names",
    [
        ["Actb", "Trp53", "Cd3e", "Cd19", "Ms4a1", "Nkg7", "Lyz2"],
        ["ENSMUSG00000029580", "ENSMUSG00000059552.8", *(f"ENSMUSG0000000{i}" for i in ("0001", "0003", "0028", "0031", "0037"))],
        [f"mm10_{name}" for name in ["Actb", "Trp53", "Cd3e", "Cd19", "Ms4a1", "Nkg7", "Lyz2"]],
    ],
    ids=["symbols", "ids", "prefixed"],
)
def test_mouse_genes_on_a_human_model(save: Callable[..., Path], names: list[str]) -> None:
    path = save(make(names=names))
    refused(path, "0% of the 7 genes are human genes, 100% are mouse genes", "give species='mouse'", repr(names[0]))
    assert read_cells(path, species="mouse").var_names.str.fullmatch(r"ENSMUSG\d{11}").all()


def test_empty_cells(save: Callable[..., Path]) -> None:
    values = counts()
    values[[2, 6, 7]] = 0
    for kind in sparse_and_dense(values):
        path, report = save(make(kind)), DataReport()
        found = read_cells(path, report=report)
        assert found.obs_names.tolist() == [f"c{i}" for i in (0, 1, 3, 4, 5, 8, 9, 10)]
        np.testing.assert_array_equal(found.X.toarray(), np.delete(values, [2, 6, 7], axis=0))
        assert report.as_dict()["empty_cells"] == {"count": 3, "places": [f"{path}, rna"], "of": 11, "fraction": 3 / 11}
        assert cell_report(found)["empty_cells_dropped"] == 3
        backed = read_cells(path, backed=True)
        assert backed.obs_names.equals(found.obs_names)
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_all_cells_empty(tmp_path: Path) -> None:
    path = tmp_path / "cells.h5ad"
    for kind in sparse_and_dense(np.zeros((CELLS, GENES), np.float32)):
        make(kind).write_h5ad(path)
        refused(path, "all 11 cells are empty (no counts at all). Check which matrix holds the counts")


def test_backed_is_in_memory_with_the_file_untouched(save: Callable[..., Path]) -> None:
    for kind in sparse_and_dense(counts()):
        path = save(make(kind))
        before = fingerprint(path)
        memory, backed = read_cells(path), read_cells(path, backed=True)
        assert memory.var.equals(backed.var)
        assert memory.obs.equals(backed.obs)
        assert not isinstance(backed.X, np.ndarray | sparse.csr_matrix)
        for start, stop in [(0, 4), (4, 11), (0, 11)]:
            block = backed[start:stop].X
            np.testing.assert_array_equal(block.toarray() if sparse.issparse(block) else block, memory.X[start:stop].toarray())
        assert fingerprint(path) == before
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_dense_is_CSR_is_CSC(save: Callable[..., Path]) -> None:
    values = counts()
    values[3, 2] = 0
    for kind in [
        *sparse_and_dense(values),
        *sparse_and_dense(values.astype(np.int64)),
        *sparse_and_dense(values.astype(np.uint8)),
    ]:
        path = save(make(kind))
        found = read_cells(path)
        assert isinstance(found.X, sparse.csr_matrix)
        assert (found.X.dtype, found.X.has_sorted_indices, found.X.nnz) == (np.float32, True, np.count_nonzero(values))
        np.testing.assert_array_equal(found.X.toarray(), values)
        assert found.var_names.tolist() == IDS
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.filterwarnings("ignore:Variable names are not unique")
def test_version_suffix(save: Callable[..., Path]) -> None:
    path = save(make(names=[f"{gene}.{at + 2}" for at, gene in enumerate(IDS)]))
    found = read_cells(path)
    assert found.var_names.tolist() == IDS
    assert found.var["symbol"].tolist() == SYMBOLS
    assert cell_report(found)["genes"]["versions_removed"] == GENES
    names = [f"{IDS[0]}.3", *IDS[1:6], f"{IDS[0]}.9"]
    path = save(make(names=names))
    refused(
        path,
        f"1 Ensembl ids, once versions and prefixes are off (var names), occur more than once, first '{IDS[0]}'",
        "sum_duplicates=True",
    )
    summed = read_cells(path, sum_duplicates=True)
    np.testing.assert_array_equal(summed.X.toarray()[:, 0], counts()[:, [0, 6]].sum(axis=1))
    assert summed.n_vars == 6
