"""Integration metrics and scvi's models, where the extra is installed; what is said where it is not.

Covers ``glmkit.extras``.
"""

import sys

import anndata
import numpy as np
import pytest
from scipy import sparse

from glmkit.data import split_cells
from glmkit.errors import BadInput, ResourceError
from glmkit.evaluate import compare, modality_task
from glmkit.evaluate.baselines import modality_values
from glmkit.evaluate.baselines.cells.scvi import MultiVI, TotalVI
from glmkit.evaluate.diagnostics import integration_metrics


def embedded(n: int = 130) -> anndata.AnnData:
    rng = np.random.default_rng(0)
    kinds, batches = rng.integers(0, 4, n), rng.integers(0, 2, n)
    adata = anndata.AnnData(np.zeros((n, 3), dtype=np.float32))
    adata.obs_names = [f"cell{i}" for i in range(n)]
    adata.obs["kind"], adata.obs["batch"] = [f"k{i}" for i in kinds], [f"b{i}" for i in batches]
    noise = rng.normal(size=(n, 5))
    adata.obsm["X_good"] = noise + 6 * np.eye(4, 5)[kinds]
    adata.obsm["X_torn"] = adata.obsm["X_good"] + 15 * batches[:, None] * np.eye(5)[4]
    adata.obsm["X_noise"] = noise
    return adata


def test_metrics_tell_batches_from_types() -> None:
    pytest.importorskip("scib_metrics", reason="needs the extra: pip install 'glmkit[cells]'")
    found = integration_metrics(embedded(), ["X_good", "X_torn", "X_noise"], "batch", "kind").set_index("embedding")
    assert found.loc["X_good", "total"] > max(found.loc["X_torn", "total"], found.loc["X_noise", "total"]) + 0.2
    assert found.loc["X_torn", "batches"] < 0.6 < found.loc["X_noise", "batches"]
    assert found.loc["X_noise", "types"] < 0.4 < found.loc["X_torn", "types"]
    parts = found.loc["X_good", ["nmi", "ari", "silhouette_label", "clisi"]].mean()
    assert found.loc["X_good", "types"] == pytest.approx(parts)  # each type is in each batch: none is isolated
    assert found.loc["X_good", "total"] == pytest.approx(
        0.6 * found.loc["X_good", "types"] + 0.4 * found.loc["X_good", "batches"]
    )
    assert found["cells"].tolist() == [130] * 3


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"embedding": "X_pca"}, "obsm has no 'X_pca'; it has X_good, X_torn, X_noise"),
        ({"batch": "donor"}, "obs has no column 'donor'; it has kind, batch"),
        ({"batch": "one"}, r"obs\['one'\]: expected at least two values in 130 cells, got \['a'\]"),
    ],
)
def test_what_cannot_be_measured_is_refused_first(settings, words) -> None:
    adata = embedded()
    if settings.get("batch") == "one":
        adata.obs["one"] = "a"
    with pytest.raises(BadInput, match=words):
        integration_metrics(adata, **{"embedding": "X_good", "batch": "batch", "label": "kind", **settings})


def test_an_absent_package_is_named_with_the_extra(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "scib_metrics", None)
    monkeypatch.setitem(sys.modules, "scvi", None)
    with pytest.raises(
        ResourceError, match=r"scib-metrics is required here but not installed.*Run: pip install 'glmkit\[cells\]'"
    ):
        integration_metrics(embedded(), "X_good", "batch", "kind")
    rna, protein = modalities()
    with pytest.raises(ResourceError, match=r"scvi-tools is required here but not installed.*Run: pip install 'glmkit\[cells\]'"):
        TotalVI(rna, protein)


def modalities(n: int = 60) -> tuple[anndata.AnnData, anndata.AnnData]:
    rng = np.random.default_rng(1)
    factor = rng.integers(0, 2, n)[:, None]
    rna = anndata.AnnData(sparse.csr_matrix(rng.poisson(1 + 5 * factor, (n, 23)).astype(np.float32)))
    protein = anndata.AnnData(sparse.csr_matrix(rng.poisson(3 + 30 * factor * [1, 0, 0, 0], (n, 4)).astype(np.float32)))
    rna.obs_names = protein.obs_names = [f"cell{i}" for i in range(n)]
    protein.var_names = ["CD3", "CD4", "CD8", "CD19"]
    return rna, protein


def test_totalvi_and_multivi_fit_into_a_comparison(tmp_path, monkeypatch) -> None:
    pytest.importorskip("scvi", reason="needs the extra: pip install 'glmkit[cells]'")
    monkeypatch.chdir(tmp_path)
    rna, protein = modalities()
    split = split_cells(rna.obs, shares=(0.7, 0, 0.3))
    task = modality_task(modality_values(protein), split)
    table = compare(task, [], [TotalVI(rna, protein, epochs=3), MultiVI(rna, protein, epochs=2)], seeds=(0,), draws=20)
    assert np.isfinite(table.frame["mean_spearman"]).all()
    hidden = protein.copy()
    test = np.flatnonzero(split.parts.to_numpy() == "test")
    hidden.X = sparse.csr_matrix(hidden.X.toarray() * (~np.isin(np.arange(60), test))[:, None])
    names, judged = split.items("train"), split.items("test")
    values = modality_values(protein).loc[names].to_numpy()
    one, two = (TotalVI(rna, seen, epochs=2).fit(names, values, seed=1).score(judged) for seen in (protein, hidden))
    np.testing.assert_allclose(one, two, rtol=1e-5)  # the proteins of test cells are not looked at
    with pytest.raises(BadInput, match="totalVI: 1 cells to predict are training cells, such as"):
        TotalVI(rna, protein).fit(names, values).score([*judged, names[0]])


def test_modalities_of_other_cells_are_refused() -> None:
    rna, protein = modalities()
    with pytest.raises(BadInput, match="totalVI: both modalities need the same cells in the same order"):
        TotalVI(rna, protein[::-1].copy())
    with pytest.raises(BadInput, match="to: expected atac or rna, got 'protein'"):
        MultiVI(rna, protein, to="protein")
