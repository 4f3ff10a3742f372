"""The audit of cells: donors, equal profiles, and the nearest training cell."""

from collections.abc import Callable
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from glmkit.data import Audit, audit_cells, split_cells
from glmkit.errors import BadInput


def line(found: Audit, check: str) -> pd.Series:
    return found.table.set_index("check").loc[check]


@pytest.fixture(scope="module")
def cells() -> ad.AnnData:
    """120 cells × 70 genes of two kinds and eight donors, at depths that differ tenfold."""
    rng = np.random.default_rng(0)
    kind = np.arange(120) % 2
    rates = np.ones((120, 70))
    rates[kind == 1, :15] *= 6
    rates *= rng.uniform(1, 10, size=(120, 1))
    obs = pd.DataFrame({"kind": pd.Categorical(np.where(kind == 1, "T", "B")), "donor": [f"d{i // 15}" for i in range(120)]})
    obs.index = [f"cell{i}" for i in range(120)]
    return ad.AnnData(sp.csr_matrix(rng.poisson(rates).astype(np.float32)), obs)


def test_a_split_by_donor_holds_and_the_nearest_cell_is_shown_beside_the_majority(cells: ad.AnnData) -> None:
    split = split_cells(cells.obs, by="donor", label="kind", shares=(0.5, 0.25, 0.25))
    found = audit_cells(cells, "kind", split.parts, split.groups, name="made up")
    assert not found.leaks
    assert found.sizes == {"train": 60, "validation": 30, "test": 30}
    assert line(found, "nearest neighbour").value > 0.9
    assert line(found, "majority rate").value == pytest.approx(0.5, abs=0.04)
    assert line(found, "donors on both sides")["items"] == 0
    assert found.nearest.columns.tolist() == ["id", "nearest", "distance", "label", "nearest_label", "agrees"]
    assert found.nearest.id.tolist() == split.items("test")
    assert set(found.nearest.nearest) <= set(split.items("train"))


def test_equal_profiles_and_donors_on_both_sides_are_counted(cells: ad.AnnData) -> None:
    copied = cells.copy()
    matrix = copied.X.tolil()
    matrix[100], matrix[101] = matrix[3], matrix[4]
    matrix[102] = matrix[5] = 0
    copied.X = matrix.tocsr()
    parts = np.where(np.arange(120) < 80, "train", "test")
    found = audit_cells(copied, "kind", parts, "donor")
    assert line(found, "copies in training")["items"] == 2, "empty profiles are no copies"
    assert line(found, "copies in training").value == 0, "cells 100 and 101 are of the other kind than 3 and 4"
    groups = line(found, "donors on both sides")
    assert (groups["items"], groups.value) == (10, 1.0)
    assert found.verdict == (
        "The split leaks: 2 of the test items (5.0%) are copies of training items; 1 donor is on both sides, with 25.0% of the "
        "test items."
    )
    dense = copied.copy()
    dense.X = copied.X.toarray()
    pd.testing.assert_frame_equal(audit_cells(dense, "kind", parts, "donor").table, found.table)


def test_backed_cells_missing_labels_and_values_that_are_no_counts(cells: ad.AnnData, tmp_path: Path) -> None:
    part = pd.Series(np.where(np.arange(110) < 80, "train", "test"), index=cells.obs_names[:110])
    labels = cells.obs["kind"].astype(object).copy()
    labels.iloc[0] = None
    cells.write_h5ad(tmp_path / "cells.h5ad")
    before = (tmp_path / "cells.h5ad").read_bytes()
    backed = ad.read_h5ad(tmp_path / "cells.h5ad", backed="r")
    found = audit_cells(backed, labels, part, "donor", noun="patient")
    backed.file.close()
    assert (tmp_path / "cells.h5ad").read_bytes() == before
    assert found.sizes == {"train": 79, "validation": 0, "test": 30}
    assert line(found, "cells left out")["items"] == 11
    assert line(found, "patients on both sides")["items"] == 10
    pd.testing.assert_frame_equal(audit_cells(cells, labels, part, "donor", noun="patient").table, found.table)
    scores = ad.AnnData(np.log1p(cells.X.toarray()) - 1, cells.obs)
    without = audit_cells(scores, "kind", np.where(np.arange(120) < 80, "train", "test"))
    assert without.verdict == "No leak found by the checks that could be made (not checked: donors on both sides)."


def test_real_cells(shared_data: Callable[[str], Path]) -> None:
    cells = ad.read_h5ad(shared_data("atac_rna_100.h5ad"))
    split = split_cells(cells.obs, label="seurat_clusters")
    found = audit_cells(cells, "seurat_clusters", split.parts)
    assert found.sizes == {"train": 60, "validation": 20, "test": 20}
    assert line(found, "copies in training")["items"] == 0
    assert line(found, "nearest neighbour").value >= line(found, "majority rate").value


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"labels": "type"}, r"labels: obs has no column 'type'; it has \['kind', 'donor'\]"),
        ({"parts": ["train", "test"]}, "parts: expected one value for each of 120 cells, got 2"),
        ({"parts": pd.Series({"x": "train"})}, r"parts: no cell of obs_names \('cell0', …\) occurs in it"),
        ({"groups": pd.Series({"cell0": "d0"})}, "groups: 119 cells have none, the first is 'cell1'. Name their donor"),
    ],
)
def test_bad_input_says_what_is_wrong(cells: ad.AnnData, arguments: dict, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        audit_cells(cells, **({"labels": "kind", "parts": ["train", "test"] * 60} | arguments))


def test_genes_that_never_vary_leave_nothing_to_compare() -> None:
    flat = ad.AnnData(
        np.ones((6, 5), dtype=np.float32), pd.DataFrame({"kind": list("abababa")[:6]}, index=[f"c{i}" for i in range(6)])
    )
    with pytest.raises(BadInput, match="None of 5 features varies among the training cells"):
        audit_cells(flat, "kind", ["train"] * 4 + ["test"] * 2)
