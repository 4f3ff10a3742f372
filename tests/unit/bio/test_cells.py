"""Cells read from every format are the same cells; genes map as real files need it.

Covers ``glmkit.bio.cells.assemble``, ``glmkit.bio.cells.checks``, ``glmkit.bio.cells.chunks``,
``glmkit.bio.cells.features``, ``glmkit.bio.cells.modalities``, ``glmkit.bio.cells.opening``, ``glmkit.bio.cells.source``,
``glmkit.bio.cells.tenx``.
"""

import gzip
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import h5py
import mudata
import numpy as np
import pandas as pd
import pytest
from scipy import io, sparse

from glmkit.acquire import acquire, sample
from glmkit.bio import cell_report, map_genes, read_cells, read_modalities, write_cells
from glmkit.errors import BadInput

GENES = {"ENSG00000141510": "TP53", "ENSG00000198851": "CD3E", "ENSG00000090382": "LYZ", "ENSG00000075624": "ACTB"}
TAGS = ["CD3_TotalSeqB", "CD19_TotalSeqB", "Hashtag_1"]
PEAKS = ["chr1:100-600", "chr2:7-90"]
TYPES = ["Gene Expression"] * 4 + ["Antibody Capture"] * 3 + ["Peaks"] * 2
NAMES = {"rna": list(GENES), "protein": TAGS[:2], "hashtag": TAGS[2:], "atac": PEAKS}
BARCODES = [f"AAAC{letter}GT-1" for letter in "ACGTNRYKMSW"]
pytestmark = [
    pytest.mark.filterwarnings("ignore:Writing zarr v2 data:UserWarning"),
    pytest.mark.filterwarnings("ignore:zarr v3 autosharding:UserWarning"),
]


def values() -> np.ndarray:
    counts = np.random.default_rng(5).poisson(0.8, (len(BARCODES), len(TYPES))).astype(np.int32)
    counts[:, [0, 4]] += 1
    return counts


def tenx_h5(path: Path, version: int) -> Path:
    """A file as Cell Ranger 2 or 3 lays it out: features by cells, stored by column."""
    counts = sparse.csc_matrix(values().T)
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix" if version == 3 else "GRCh38")
        for name in ("data", "indices", "indptr"):
            group[name] = getattr(counts, name)
        group["shape"] = counts.shape
        group["barcodes"] = np.array(BARCODES, dtype="S")
        ids, names = [*GENES, *TAGS, *PEAKS], [*GENES.values(), *TAGS, *PEAKS]
        if version == 3:
            features = group.create_group("features")
            columns = {"id": ids, "name": names, "feature_type": TYPES, "genome": ["GRCh38"] * len(ids)}
            for name, column in columns.items():
                features[name] = np.array(column, dtype="S")
        else:
            group["genes"], group["gene_names"] = np.array(ids, dtype="S"), np.array(names, dtype="S")
    return path


def mtx(folder: Path, version: int, zipped: bool) -> Path:
    """A folder as Cell Ranger writes it, compressed or not."""
    folder.mkdir()
    columns = [*GENES.items(), *((name, name) for name in [*TAGS, *PEAKS])]
    wide = range(len(TYPES)) if version == 3 else range(4)
    rows = ["\t".join([*columns[at], *([TYPES[at]] if version == 3 else [])]) for at in wide]
    (folder / ("features.tsv" if version == 3 else "genes.tsv")).write_text("\n".join(rows) + "\n")
    (folder / "barcodes.tsv").write_text("\n".join(BARCODES) + "\n")
    io.mmwrite(folder / "matrix.mtx", sparse.coo_matrix(values()[:, list(wide)].T))
    for file in list(folder.iterdir()) if zipped else []:
        with gzip.open(f"{file}.gz", "wb") as target:
            target.write(file.read_bytes())
        file.unlink()
    return folder


def muon(path: Path) -> Path:
    """MuData with one modality a table, in the names of muon, and a column for all cells."""
    counts = sparse.csr_matrix(values().astype(np.float32))
    obs = pd.DataFrame(index=BARCODES)
    rna = anndata.AnnData(counts[:, :4], obs=obs, var=pd.DataFrame({"gene_ids": list(GENES)}, index=list(GENES.values())))
    prot = anndata.AnnData(counts[::-1, 4:6].tocsr(), obs=obs[::-1], var=pd.DataFrame(index=TAGS[:2]))
    atac = anndata.AnnData(counts[:, 7:], obs=obs, var=pd.DataFrame(index=PEAKS))
    with mudata.set_options(pull_on_update=False):
        both = mudata.MuData({"prot": prot, "rna": rna, "atac": atac})
        both.obs["donor"] = [f"donor {name[4]}" for name in both.obs_names]
        both.write_h5mu(path) if path.suffix == ".h5mu" else both.write_zarr(path)
    return path


def check(cells: dict[str, Any], names: dict[str, list[str]]) -> None:
    columns = [*GENES, *TAGS, *PEAKS]
    assert list(cells) == list(names)
    for name, adata in cells.items():
        assert adata.var_names.tolist() == names[name]
        assert adata.obs_names.tolist() == BARCODES
        matrix = adata[:].X
        np.testing.assert_array_equal(
            matrix.toarray() if sparse.issparse(matrix) else matrix, values()[:, [columns.index(each) for each in names[name]]]
        )
    assert cells["rna"].var["symbol"].tolist() == list(GENES.values())


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("version", [2, 3])
def test_10x_folder(tmp_path: Path, version: int, zipped: bool) -> None:
    path = mtx(tmp_path / "out", version, zipped)
    check(read_modalities(path), NAMES if version == 3 else {"rna": NAMES["rna"]})
    assert cell_report(read_cells(path, "rna"))["genes"]["taken_from"] == "gene_ids"
    end = ".gz" if zipped else ""
    barcodes = path / f"barcodes.tsv{end}"
    barcodes.rename(tmp_path / "elsewhere")
    with pytest.raises(BadInput, match=rf"no barcodes.tsv \(.gz or not\); the folder has .*matrix.mtx{end}"):
        read_modalities(path)
    with (gzip.open if zipped else open)(barcodes, "wt") as file:
        file.write("AAA-1\nAAC-1\n")
    with pytest.raises(BadInput, match=r"the matrix has \d features and 11 barcodes, the tables list \d and 2"):
        read_modalities(path)


def test_cut_10x_folder(tmp_path: Path) -> None:
    path = mtx(tmp_path / "out", 3, True)
    matrix = path / "matrix.mtx.gz"
    matrix.write_bytes(matrix.read_bytes()[:-20])
    with pytest.raises(BadInput, match=r"out cannot be read: it is truncated, damaged"):
        read_modalities(path)


def test_10x_h5(tmp_path: Path) -> None:
    check(read_modalities(tenx_h5(tmp_path / "filtered.h5", 3)), NAMES)
    old = read_cells(tenx_h5(tmp_path / "old.h5", 2), genes="as_is", counts="X")
    assert old.var["gene_ids"].tolist()[:4] == list(GENES)


@pytest.mark.parametrize("ending", ["h5mu", "zarr"])
@pytest.mark.parametrize("backed", [False, True])
def test_MuData(tmp_path: Path, ending: str, backed: bool) -> None:
    """Cells come in the order of the first modality asked for, whatever order each table has."""
    path = muon(tmp_path / f"cells.{ending}")
    cells = read_modalities(path, ["rna", "protein", "atac"], backed=backed)
    check(cells, {name: NAMES[name] for name in ("rna", "protein", "atac")})
    assert cells["protein"].obs["donor"].tolist() == [f"donor {name[4]}" for name in BARCODES]
    assert cells["protein"].obs_names.tolist() == BARCODES
    assert read_cells(path, "protein").obs_names.tolist() == BARCODES[::-1]


def test_modalities_of_different_cells(tmp_path: Path) -> None:
    path = muon(tmp_path / "cells.h5mu")
    cells = read_modalities(path, ["rna", "protein"])
    write_cells({"rna": cells["rna"][:8].copy(), "protein": cells["protein"][3:].copy()}, tmp_path / "some.h5mu")
    found = read_modalities(tmp_path / "some.h5mu")
    assert found["rna"].obs_names.tolist() == found["protein"].obs_names.tolist() == BARCODES[3:8]
    assert cell_report(found["protein"])["remarks"]["cells_not_in_all_modalities"]["count"] == 3
    write_cells({"rna": cells["rna"][:5].copy(), "protein": cells["protein"][6:].copy()}, tmp_path / "none.h5mu")
    with pytest.raises(BadInput, match=r"the modalities rna, protein have no cell in common"):
        read_modalities(tmp_path / "none.h5mu")


def test_a_cell_without_one_modality_stays(tmp_path: Path) -> None:
    cells = read_modalities(muon(tmp_path / "cells.h5mu"), ["rna", "protein", "atac"])
    for at, names in enumerate([("protein",), ("rna", "protein", "atac")]):
        for name in names:
            matrix = cells[name].X.tolil()
            matrix[cells[name].obs_names.get_loc(BARCODES[at])] = 0
            cells[name].X = matrix.tocsr()
    write_cells(cells, tmp_path / "some.h5mu")
    for backed in (False, True):
        found = read_modalities(tmp_path / "some.h5mu", ["rna", "protein"], backed=backed)
        assert found["protein"].obs_names.tolist() == [BARCODES[0], *BARCODES[2:]]
        assert cell_report(found["rna"])["empty_cells_dropped"] == 1


@pytest.mark.parametrize("ending", ["h5ad", "zarr"])
def test_what_is_written_reads_the_same(tmp_path: Path, ending: str) -> None:
    cells = read_cells(sample("pbmc68k"))[:40, :30].copy()
    cells = cells[np.asarray(cells.X.sum(axis=1)).ravel() > 0].copy()
    cells.obsm["X_model"] = np.arange(3.0 * cells.n_obs).reshape(-1, 3)
    path = write_cells(cells, tmp_path / "deeper" / f"cells.{ending}")
    for backed in (False, True):
        again = read_cells(path, backed=backed)
        assert (again[:].X != cells.X).nnz == 0
        assert again.var["name_in_file"].tolist() == cells.var["name_in_file"].tolist()
        assert again.obs["bulk_labels"].tolist() == cells.obs["bulk_labels"].tolist()
        np.testing.assert_array_equal(again.obsm["X_model"], cells.obsm["X_model"])
    stored = anndata.io.read_zarr(path) if ending == "zarr" else anndata.read_h5ad(path)
    assert cell_report(stored) == cell_report(cells)
    with pytest.raises(BadInput, match=r"one modality is written as .h5ad or .zarr, got '.h5mu'"):
        write_cells(cells, tmp_path / "cells.h5mu")
    with pytest.raises(BadInput, match=r"several modalities are written as .h5mu, got '.h5ad'"):
        write_cells({"rna": cells}, tmp_path / "cells.h5ad")
    with pytest.raises(BadInput, match=r"have no read report"):
        cell_report(anndata.AnnData(np.ones((2, 3))))


def test_other_files_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["weights"] = np.ones(3)
    with pytest.raises(BadInput, match=r"is HDF5 but has no cells: it has weights. Expected .h5ad"):
        read_cells(tmp_path / "other.h5")
    (tmp_path / "table.csv").write_text("cell,gene\n")
    with pytest.raises(BadInput, match=r"is not an HDF5 file: it starts with b'cell,gene"):
        read_cells(tmp_path / "table.csv")
    with pytest.raises(BadInput, match=r"is a folder of no known format; it has other.h5, table.csv"):
        read_cells(tmp_path)
    with pytest.raises(BadInput, match=r"none.h5ad does not exist"):
        read_cells(tmp_path / "none.h5ad")


def test_genes_of_every_kind() -> None:
    names = ["hg19_TP53", "FAM46B", "ENSG00000000003.15", "GRCh38_ENSG00000141510", "Actb", "mm10_Actb", "ATPIF1", "made_up"]
    found = map_genes(names)
    assert found.ids[:4] == ("ENSG00000141510", "ENSG00000158246", "ENSG00000000003", "ENSG00000141510")
    assert found.ids[4:] == ("Actb", "mm10_Actb", "ENSG00000130770", "made_up")
    assert found.symbols == ("TP53", "TENT5B", "TSPAN6", "TP53", "Actb", "Actb", "ATP5IF1", "made_up")
    assert found.known == (True, True, True, True, False, False, True, False)
    wanted = {"ids": 2, "symbols": 1, "earlier_symbols": 2, "clashes": 0, "unknown": 3, "versions_removed": 1}
    assert {name: found.report[name] for name in wanted} == wanted
    assert found.report["prefixes"] == {"hg19": 1, "GRCh38": 1, "mm10": 1}
    assert found.report["first_unknown"] == ["Actb", "mm10_Actb", "made_up"]
    assert map_genes(["Actb", "mm10_Actb"], "mouse").ids == ("ENSMUSG00000029580",) * 2
    with pytest.raises(BadInput, match=r"No gene names of species 'zebrafish' ship with glmkit; it has human, mouse"):
        map_genes(["tp53"], "zebrafish")


def test_an_earlier_symbol_never_takes_the_place_of_todays() -> None:
    """FAM46B is TENT5B today: a file with both keeps two genes."""
    found = map_genes(["FAM46B", "TENT5B", "CD3E"])
    assert found.ids == ("FAM46B", "ENSG00000158246", "ENSG00000198851")
    assert (found.report["clashes"], found.known) == (1, (False, True, True))


def geneformer(shared_data: Callable[[str], Path]) -> set[str]:
    table = pd.read_csv(shared_data("geneformer_v1_genes.tsv.gz"), sep="\t")
    return set(table["ensembl_id"])


def test_CITE_seq_for_real(shared_data: Callable[[str], Path], record_property: Callable[[str, Any], None]) -> None:
    cells = read_modalities(shared_data("citeseq_pbmc_500.h5ad"))
    assert {name: each.shape for name, each in cells.items()} == {"rna": (500, 19521), "protein": (500, 49), "hashtag": (500, 4)}
    genes = cell_report(cells["rna"])["genes"]
    assert genes["prefixes"] == {"hg19": 19521}
    assert (genes["symbols"], genes["earlier_symbols"], genes["clashes"]) == (15608, 634, 5)
    assert genes["known_share"] == pytest.approx(0.832, abs=1e-3)
    unknown = cells["rna"].var.loc[~cells["rna"].var["known"], "symbol"]
    clones = unknown.str.fullmatch(r"[A-Z]{1,2}\d{5,6}\.\d+")  # GENCODE named these by clone then and not at all now
    assert clones.mean() > 0.9
    in_vocabulary = cells["rna"].var_names.isin(geneformer(shared_data))
    record_property("share of CITE-seq genes in Geneformer V1", float(in_vocabulary.mean()))
    assert in_vocabulary.sum() == 14628
    counts = np.asarray(cells["rna"].X.sum(axis=0)).ravel()
    assert counts[in_vocabulary].sum() / counts.sum() > 0.95


def test_pbmc68k_for_real(shared_data: Callable[[str], Path], record_property: Callable[[str, Any], None]) -> None:
    cells = read_cells(sample("pbmc68k"))
    in_vocabulary = cells.var_names.isin(geneformer(shared_data))
    record_property("share of pbmc68k genes in Geneformer V1", float(in_vocabulary.mean()))
    assert in_vocabulary.sum() == 739
    assert cell_report(cells)["genes"]["known"] == 754


def test_RNA_and_peaks_for_real(shared_data: Callable[[str], Path]) -> None:
    cells = read_modalities(shared_data("atac_rna_100.h5ad"))
    assert {name: each.shape for name, each in cells.items()} == {"rna": (100, 500), "atac": (100, 323)}
    assert cells["atac"].var_names[0].startswith("chr1-")


def test_the_sample_is_counts_with_labels(tmp_path: Path) -> None:
    card = acquire("sample:pbmc68k", tmp_path)
    assert "Zheng et al. 2017" in card.source
    assert "BSD-3-Clause" in card.licence
    assert (tmp_path / "pbmc68k.h5ad.card.json").is_file()
    cells = read_cells(card.path, required_obs=["bulk_labels", "louvain", "percent_mito", "total_counts_all_genes"])
    assert cells.shape == (700, 765)
    assert cells.obs["bulk_labels"].value_counts().iloc[[0, -1]].to_dict() == {"Dendritic": 240, "CD4+/CD45RA+/CD25- Naive T": 8}
    totals = np.asarray(cells.X.sum(axis=1)).ravel()
    assert (totals < cells.obs["total_counts_all_genes"]).all()
    assert (cells.X.data.min(), cells.X.data.max(), cells.X.nnz) == (1, 259, 174_400)


def test_pbmc68k_is_what_scanpy_normalises_back(tmp_path: Path) -> None:
    """The other way round: counts, to 10,000 of each cell's total, log1p, are the values that scanpy ships."""
    from scanpy import datasets

    path = tmp_path / "old.h5ad"
    shutil.copyfile(Path(datasets.__file__).parent / "10x_pbmc68k_reduced.h5ad", path)
    with pytest.raises(BadInput, match=r"X: it holds a negative value \(-0.326\); raw/X: it looks log-normalised"):
        read_cells(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a dozen, on the layout of old files
        shipped = anndata.read_h5ad(path).raw
    cells = anndata.read_h5ad(sample("pbmc68k"))
    assert cells.var_names.tolist() == shipped.var_names.tolist()
    normalised = np.log1p(cells.X / cells.obs["total_counts_all_genes"].to_numpy()[:, None] * 1e4)
    np.testing.assert_allclose(shipped.X.toarray(), normalised, rtol=0, atol=2e-3)
