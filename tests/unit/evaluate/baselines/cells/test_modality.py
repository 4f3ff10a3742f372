"""Predicting one modality from another: antibodies and their genes, and baselines that learn from training cells only."""

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

from glmkit.data import split_cells
from glmkit.errors import BadInput
from glmkit.evaluate import compare, modality_task
from glmkit.evaluate.baselines import modality_baselines, modality_values
from glmkit.evaluate.baselines.protein import antibody_genes

SYMBOLS = [
    "CD3D",
    "CD3E",
    "CD3G",
    "CD8A",
    "PTPRC",
    "HLA-DRA",
    "PDCD1",
    "IL7R",
    "CCR7",
    "TIGIT",
    "HAVCR2",
    "ITGAX",
    "TRBC1",
    "HLA-A",
]


@pytest.mark.parametrize(
    ("name", "genes", "how"),
    [
        ("CD3", ("CD3D", "CD3E", "CD3G"), "table"),
        ("CD8", ("CD8A",), "table"),  # CD8B was not measured
        ("CD8a_TotalSeqB", ("CD8A",), "table"),
        ("anti-human CD45RA", ("PTPRC",), "table"),
        ("B220 (CD45R)", ("PTPRC",), "table"),
        ("HLA-DR", ("HLA-DRA",), "table"),
        ("MHCII (HLA-DR)", ("HLA-DRA",), "table"),
        ("PD-1 (CD279)", ("PDCD1",), "table"),
        ("IL7Ralpha (CD127)", ("IL7R",), "table"),
        ("CD366 (tim3)", ("HAVCR2",), "table"),
        ("ccr7", ("CCR7",), "symbol"),
        ("TIGIT-ADT", ("TIGIT",), "symbol"),
        ("HLA-A,B,C", ("HLA-A",), "table"),
        ("IgG2a", (), "control"),
        ("Mouse IgG1 isotype", (), "control"),
        ("CD56", (), "not measured"),
        ("Streptavidin", (), "unknown"),
    ],
)
def test_antibodies_find_their_genes_by_name(name: str, genes: tuple[str, ...], how: str) -> None:
    row = antibody_genes([name], SYMBOLS).iloc[0]
    assert (row["protein"], row["genes"], row["how"], row["matched"]) == (name, genes, how, bool(genes))
    prefixed = antibody_genes([name], [f"hg19_{symbol}" for symbol in SYMBOLS]).iloc[0]
    assert prefixed["genes"] == tuple(f"hg19_{gene}" for gene in genes)


def test_normalised_values_are_those_worked_out_by_hand() -> None:
    adata = anndata.AnnData(sparse.csr_matrix(np.array([[0.0, 1.0, 7.0], [3.0, 3.0, 3.0]], dtype=np.float32)))
    adata.obs_names, adata.var_names = ["a", "b"], ["CD3", "CD4", "CD8"]
    logs = np.log([1, 2, 8])
    np.testing.assert_allclose(modality_values(adata).loc["a"], logs - logs.mean())
    np.testing.assert_allclose(modality_values(adata).loc["b"], 0, atol=1e-12)
    np.testing.assert_allclose(modality_values(adata, "log1p").loc["a"], np.log1p([0, 1250, 8750]))
    assert modality_values(adata, "binary").loc["a"].tolist() == [0, 1, 1]
    with pytest.raises(BadInput, match="expected clr, log1p or binary, got 'zscore'"):
        modality_values(adata, "zscore")


def pair(n: int = 110, genes: int = 37) -> tuple[anndata.AnnData, pd.DataFrame]:
    """RNA with a hidden factor, and three proteins: one follows its gene, one the factor, one nothing."""
    rng = np.random.default_rng(4)
    factor = rng.normal(size=n)
    rate = np.exp(1.0 + np.outer(factor, np.r_[np.ones(10), np.zeros(genes - 10)]) * 0.7)
    rate[:, 20] = np.exp(rng.normal(1.5, 1.0, n))  # CD14, on its own
    rna = anndata.AnnData(sparse.csr_matrix(rng.poisson(rate).astype(np.float32)))
    rna.obs_names = [f"cell{i}" for i in range(n)]
    rna.var_names = [f"ENSG{i}" for i in range(genes)]
    rna.var["symbol"] = [f"G{i}" for i in range(20)] + ["CD14"] + [f"G{i}" for i in range(21, genes)]
    own = np.log1p(np.asarray(rna.X[:, [20]].todense()).ravel())
    values = {"CD14": own + rng.normal(0, 0.1, n), "factor": factor, "noise": rng.normal(size=n)}
    return rna, pd.DataFrame(values, index=rna.obs_names)


def test_each_baseline_finds_what_it_can_see() -> None:
    rna, values = pair()
    task = modality_task(values, split_cells(rna.obs, shares=(0.7, 0, 0.3)))
    baselines = modality_baselines(rna, task.outputs, genes=30, size=3)
    assert [baseline.name for baseline in baselines] == ["mean", "own RNA", "ridge on PCA", "k-NN"]
    assert baselines[1].table["genes"].tolist() == [("ENSG20",), (), ()]
    assert "(1 of 3 matched by name)" in baselines[1].description
    table = compare(task, [], baselines, draws=50)
    per = {row.method: table.per_output(row.method).set_index("output")["spearman"] for row in table.rows}
    assert (per["mean"] == 0).all()
    assert per["own RNA"]["CD14"] > 0.8
    assert per["own RNA"][["factor", "noise"]].tolist() == [0, 0]
    assert per["ridge on PCA"]["factor"] > 0.8
    assert per["k-NN"]["factor"] > 0.6
    assert abs(per["ridge on PCA"]["noise"]) < 0.5
    assert len(modality_baselines(rna)) == 3


def test_own_rna_is_a_line_that_never_falls() -> None:
    rna, values = pair()
    own = modality_baselines(rna, ["CD14"])[1]
    names = list(rna.obs_names)
    scores = own.fit(names[:80], values[["CD14"]].to_numpy()[:80]).score(names[80:])
    x = own.cells.values(names).toarray()[:, 20].astype(float)
    line = stats.linregress(x[:80], values["CD14"].to_numpy()[:80])
    np.testing.assert_allclose(scores[:, 0], line.intercept + line.slope * x[80:])
    falling = own.fit(names[:80], -values[["CD14"]].to_numpy()[:80]).score(names[80:])
    assert np.ptp(falling) == 0
    with pytest.raises(BadInput, match=r"own RNA: expected values \(80, 1\), got \(80, 3\)"):
        own.fit(names[:80], values.to_numpy()[:80])


def test_test_cells_teach_nothing() -> None:
    rna, values = pair()
    changed = rna.copy()
    changed.X = sparse.vstack([rna.X[:80], rna.X[80:].multiply(9)]).tocsr()
    names, y = list(rna.obs_names), values.to_numpy()
    for one, two in zip(modality_baselines(rna, values.columns), modality_baselines(changed, values.columns), strict=True):
        expected = one.fit(names[:80], y[:80]).score(names[:9])
        np.testing.assert_array_equal(expected, two.fit(names[:80], y[:80]).score(names[:9]))


def test_proteins_of_real_cells(shared_data) -> None:
    adata = anndata.read_h5ad(shared_data("citeseq_pbmc_500.h5ad"))
    kinds = adata.var["feature_types"]
    rna, protein = (adata[:, (kinds == kind).to_numpy()].copy() for kind in ("Gene Expression", "Antibody Capture"))
    task = modality_task(modality_values(protein), split_cells(adata.obs, shares=(0.7, 0, 0.3)))
    baselines = modality_baselines(rna, task.outputs)
    how = baselines[1].table["how"].value_counts()
    assert (how["control"], how["not measured"], how.get("unknown", 0)) == (2, 4, 0)
    table = compare(task, [], baselines, draws=50)
    assert table.difference("ridge on PCA", "own RNA").low > 0
    assert table.row("own RNA").estimates["mean_spearman"].value > 0.1
