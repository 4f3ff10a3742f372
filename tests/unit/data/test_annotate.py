"""Results in an AnnData: scanpy's tools work on them at once, and files hold them."""

import anndata
import numpy as np
import pandas as pd
import pytest

from glmkit.data import annotate
from glmkit.errors import BadInput

CLASSES = ["B", "NK", "T"]


def results(n: int = 53) -> tuple[anndata.AnnData, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    adata = anndata.AnnData(rng.poisson(2, (n, 11)).astype(np.float32))
    adata.obs_names = [f"cell{i}" for i in range(n)]
    chances = rng.dirichlet(np.ones(3), n)
    return adata, rng.normal(size=(n, 5)) + 4 * chances.argmax(1)[:, None], chances


def test_results_stand_where_scanpy_looks_and_a_file_holds_them(tmp_path) -> None:
    adata, vectors, chances = results()
    given = {"model": "tiny", "seed": 3, "split": {"by": "donor", "shares": [0.5, 0.5]}, "layers": None, "mixed": [1, "a"]}
    assert annotate(adata, "net", embedding=vectors, probabilities=chances, classes=CLASSES, provenance=given) is adata
    np.testing.assert_allclose(adata.obsm["X_net"], vectors, rtol=1e-6)
    assert adata.obs["net_pred"].astype(str).tolist() == [CLASSES[i] for i in chances.argmax(1)]
    assert isinstance(adata.obs["net_pred"].dtype, pd.CategoricalDtype)
    np.testing.assert_allclose(adata.obs["net_confidence"], chances.max(1), rtol=1e-6)
    adata.write_h5ad(tmp_path / "cells.h5ad")
    again = anndata.read_h5ad(tmp_path / "cells.h5ad")
    record = again.uns["net"]
    assert (record["model"], record["seed"], record["split"]["by"], record["layers"]) == ("tiny", 3, "donor", "None")
    assert record["split"]["shares"].tolist() == [0.5, 0.5]
    assert record["mixed"] == '[1, "a"]'
    assert record["classes"].tolist() == CLASSES
    assert record["created"].endswith("+00:00")
    assert record["glmkit_version"]
    pd.testing.assert_series_equal(again.obs["net_pred"], adata.obs["net_pred"])
    np.testing.assert_array_equal(again.obsm["X_net"], adata.obsm["X_net"])
    np.testing.assert_array_equal(again.obsm["net_probabilities"], adata.obsm["net_probabilities"])


def test_scanpy_draws_them_at_once() -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    import scanpy as sc

    adata, vectors, chances = results()
    annotate(adata, "net", embedding=vectors, probabilities=chances, classes=CLASSES)
    sc.pp.neighbors(adata, use_rep="X_net", n_neighbors=8, method="gauss")  # needs no compilation, as UMAP's own does
    sc.tl.diffmap(adata, n_comps=3)
    adata.obsm["X_umap"] = adata.obsm["X_diffmap"][:, 1:]
    axes = sc.pl.umap(adata, color=["net_pred", "net_confidence"], show=False)
    assert [ax.get_title() for ax in axes] == ["net_pred", "net_confidence"]
    ax = sc.pl.embedding(adata, "X_net", color="net_pred", show=False)
    assert sorted(text.get_text() for text in ax.get_legend().get_texts()) == CLASSES
    plt.close("all")
    annotate(adata, "net", prediction=np.where(vectors[:, 0] > 4, "one", "other"))  # other categories: old colours go
    assert "net_pred_colors" not in adata.uns
    sc.pl.umap(adata, color="net_pred", show=False)
    plt.close("all")


def test_rows_are_matched_by_name() -> None:
    adata, vectors, chances = results()
    turned = np.arange(53)[::-1]
    names = adata.obs_names[turned]
    annotate(
        adata, "m",
        embedding=pd.DataFrame(vectors[turned], index=names),
        prediction=pd.Series(np.array(CLASSES)[chances.argmin(1)][turned], index=names),
        probabilities=pd.DataFrame(chances[turned], index=names, columns=CLASSES),
    )  # fmt: skip
    np.testing.assert_allclose(adata.obsm["X_m"], vectors, rtol=1e-6)
    np.testing.assert_allclose(adata.obs["m_confidence"], chances.min(1), rtol=1e-6)
    assert adata.obs["m_pred"].iloc[7] == CLASSES[chances[7].argmin()]


def test_a_prediction_that_is_none_of_the_classes_or_missing() -> None:
    adata, _, chances = results()
    called = ["doublet", None, *["B"] * 51]
    annotate(adata, "m", prediction=called, probabilities=chances, classes=CLASSES)
    assert adata.obs["m_pred"].cat.categories.tolist() == ["B", "doublet"]
    assert adata.obs["m_pred"].isna().sum() == 1
    np.testing.assert_allclose(adata.obs["m_confidence"].iloc[:3], [chances[0].max(), chances[1].max(), chances[2, 0]], rtol=1e-6)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"name": "my net"}, "name: expected letters, digits and _, the first a letter, got 'my net'"),
        ({}, "Nothing to write: give an embedding, a prediction or probabilities"),
        ({"embedding": np.zeros((52, 3))}, r"embedding: expected a row for each of 53 cells, got shape \(52, 3\)"),
        ({"embedding": np.full((53, 3), np.nan)}, "embedding: values of cell 'cell0' are not finite"),
        ({"probabilities": np.zeros((53, 3))}, "classes: expected 3 different names, one per column of probabilities, got None"),
        ({"probabilities": np.full((53, 3), 2.0), "classes": CLASSES}, "probabilities: expected values from 0 to 1, got 2 to 2"),
        ({"prediction": ["B"]}, r"prediction: expected a class for each of 53 cells, got shape \(1,\)"),
        ({"prediction": ["B"] * 53, "provenance": {"model": object()}}, r"provenance\['model'\]: object cannot be kept in a file"),
        ({"prediction": ["B"] * 53, "provenance": {"a/b": 1}}, "a key has to be text without '/', got 'a/b'"),
        ({"embedding": pd.DataFrame(np.zeros((53, 2)))}, "one row for each of 53 cells by name.*the first without one is 'cell0'"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_refused_before_anything_is(settings, words) -> None:
    adata, _, _ = results()
    with pytest.raises(BadInput, match=words):
        annotate(adata, **{"name": "m", **settings})
    assert (list(adata.obs.columns), list(adata.obsm), list(adata.uns)) == ([], [], [])
