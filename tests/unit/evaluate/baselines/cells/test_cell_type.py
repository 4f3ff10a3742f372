"""Baselines of cell types: they learn from training cells only, and their columns are the task's classes."""

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from glmkit.data import split_cells
from glmkit.errors import BadInput
from glmkit.evaluate import cell_task, compare, modality_task
from glmkit.evaluate.baselines import cell_baselines
from glmkit.evaluate.baselines.cells.features import CellRows, Components


def cells(n: int = 90, genes: int = 41, types: int = 3, seed: int = 0) -> anndata.AnnData:
    """Counts in which each type has four genes of its own."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(types, n, p=[0.5, 0.3, 0.2])
    rate = np.full((n, genes), 1.5)
    for t in range(types):
        rate[np.ix_(kind == t, range(4 * t, 4 * t + 4))] = 8.0
    counts = sparse.csr_matrix(rng.poisson(rate).astype(np.float32))
    obs = pd.DataFrame({"kind": np.array(["B", "NK", "T"])[kind], "donor": [f"d{i % 7}" for i in range(n)]})
    obs.index = [f"cell{i}" for i in range(n)]
    return anndata.AnnData(counts, obs=obs, var=pd.DataFrame(index=[f"g{i}" for i in range(genes)]))


def test_baselines_tell_planted_types_apart_and_the_majority_does_not() -> None:
    adata = cells()
    task = cell_task(adata, "kind", split_cells(adata.obs, by="donor", label="kind", shares=(0.7, 0, 0.3)))
    table = compare(task, [], cell_baselines(adata, task.classes, genes=30, size=5), draws=50, seeds=(0, 1))
    values = {row.method: row.estimates["macro_f1"].value for row in table.rows}
    assert list(values) == ["majority", "PCA + logistic regression", "HVG + random forest", "k-NN label transfer"]
    assert values["majority"] < 0.3
    assert min(value for name, value in values.items() if name != "majority") > 0.7
    assert table.splits == ["by donor"]
    assert set(table.rows[0].groups) <= set(adata.obs["donor"])


def test_test_cells_teach_nothing() -> None:
    adata = cells()
    changed = adata.copy()
    changed.X = sparse.vstack([adata.X[:60], adata.X[60:].multiply(7)]).tocsr()
    names, labels = list(adata.obs_names[:60]), np.unique(adata.obs["kind"], return_inverse=True)[1][:60]
    judged = names[50:]
    for one, two in zip(cell_baselines(adata, 3, genes=20), cell_baselines(changed, 3, genes=20), strict=True):
        np.testing.assert_array_equal(one.fit(names, labels).score(judged), two.fit(names, labels).score(judged))


def test_a_class_without_training_cells_keeps_its_column() -> None:
    adata = cells()
    names, labels = list(adata.obs_names), np.unique(adata.obs["kind"], return_inverse=True)[1]
    without = [i for i in range(90) if labels[i] != 1]
    for baseline in cell_baselines(adata, ["B", "NK", "T", "never"]):
        scores = baseline.fit([names[i] for i in without], labels[without]).score(names[:11])
        assert scores.shape == (11, 4)
        np.testing.assert_allclose(scores.sum(1), 1)
        assert (scores[:, [1, 3]] == 0).all()


def test_few_cells_make_few_components() -> None:
    adata = cells()
    space = Components(CellRows(adata)).fit(list(adata.obs_names[:8]))
    assert space.transform(list(adata.obs_names[:13])).shape == (13, 7)


def test_dense_and_sparse_counts_give_the_same_and_the_input_stays_as_it_was() -> None:
    adata = cells()
    dense = anndata.AnnData(adata.X.toarray(), obs=adata.obs, var=adata.var)
    before = adata.X.copy()
    one, two = CellRows(adata), CellRows(dense)
    names = list(adata.obs_names[3:9])
    np.testing.assert_array_equal(one.values(names).toarray(), two.values(names).toarray())
    assert (before != adata.X).nnz == 0
    totals = np.expm1(one.values(names).toarray()).sum(1)
    np.testing.assert_allclose(totals, 1e4, rtol=1e-4)


def test_what_is_no_count_is_refused() -> None:
    adata = cells()
    logged = adata.copy()
    logged.X = logged.X.log1p()
    with pytest.raises(BadInput, match=r"X: expected raw counts, got .*Take layers\['counts'\] or raw"):
        cell_baselines(logged)
    twice = adata.copy()
    twice.obs_names = ["cell0", *adata.obs_names[:-1]]
    with pytest.raises(BadInput, match="obs_names: 'cell0' occurs more than once"):
        cell_baselines(twice)
    _majority, logistic, *_ = cell_baselines(adata)
    with pytest.raises(BadInput, match="PCA \\+ logistic regression has not been fitted"):
        logistic.score(["cell0"])
    with pytest.raises(BadInput, match="1 of 2 cells are not in the AnnData, the first is 'nobody'"):
        CellRows(adata).rows(["cell1", "nobody"])
    with pytest.raises(BadInput, match="at least two classes, got 5 labels with values \\[2\\]"):
        logistic.fit(list(adata.obs_names[:5]), np.full(5, 2))


def test_a_task_of_a_modality_has_an_output_a_column() -> None:
    adata = cells()
    values = pd.DataFrame(np.random.default_rng(0).random((90, 2)), index=adata.obs_names, columns=["CD3", "CD4"])
    task = modality_task(values, split_cells(adata.obs, by="donor", shares=(0.5, 0.2, 0.3)))
    assert (task.outputs, task.kind, list(task.splits)) == (("CD3", "CD4"), "multioutput", ["by donor"])
    with pytest.raises(BadInput, match="lacks 2 of 90 cells, the first is 'cell0'"):
        modality_task(values, split_cells(adata.obs.iloc[2:], by="donor", shares=(0.5, 0.2, 0.3)))
