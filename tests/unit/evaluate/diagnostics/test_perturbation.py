"""Perturbations: predictions and metrics by hand-worked numbers."""

import anndata
import numpy as np
import pandas as pd
import pytest

from glmkit.errors import BadInput
from glmkit.evaluate.diagnostics import (
    Effects,
    additive,
    mean_effect,
    no_change,
    perturbation_effects,
    perturbation_scores,
    perturbation_summary,
)

GENES = ["g1", "g2", "g3", "g4"]


def effects() -> Effects:
    changes = pd.DataFrame(
        [[1.0, 0.0, -1.0, 0.0], [0.0, 2.0, 0.0, 0.0], [1.0, 2.0, -1.0, 1.0]], index=["A", "B", "A+B"], columns=GENES
    )
    return Effects(
        control=pd.Series([4.0, 3.0, 2.0, 1.0], index=GENES), changes=changes, cells=pd.Series([5, 6, 7], index=changes.index)
    )


def test_predictions_by_hand() -> None:
    training = effects().only(["A", "B"])
    assert no_change(training, ["A+B"]).loc["A+B"].tolist() == [4, 3, 2, 1]
    assert mean_effect(training, ["A+B"]).loc["A+B"].tolist() == [4.5, 4, 1.5, 1]
    assert additive(training, ["A+B"]).loc["A+B"].tolist() == [5, 5, 1, 1]
    assert additive(training, ["B"]).loc["B"].tolist() == [4, 5, 2, 1]
    with pytest.raises(BadInput, match="No effect is known of 1 perturbations, the first is 'C'; known are A, B"):
        additive(training, ["A+C"])


def test_metrics_by_hand() -> None:
    training, observed = effects().only(["A", "B"]), effects()
    wanted = ["A+B"]
    predicted = {"none": no_change(training, wanted), "mean": mean_effect(training, wanted), "sum": additive(training, wanted)}
    scores = perturbation_scores(predicted, observed).set_index("method")
    assert scores["l2"].to_dict() == pytest.approx({"none": np.sqrt(7), "mean": np.sqrt(0.25 + 1 + 0.25 + 1), "sum": 1.0})
    # changes of the sum (1, 2, -1, 0) against (1, 2, -1, 1): centred (.5, 1.5, -1.5, -.5) and (.25, 1.25, -1.75, .25)
    assert scores.loc["sum", "pearson_delta"] == pytest.approx(4.5 / np.sqrt(5.0 * 4.75))
    assert scores.loc["none", "pearson_delta"] == 0
    top = perturbation_scores(predicted, observed, genes=3).set_index("method")  # the three highest in control: not g4
    assert top.loc["sum", "l2"] == 0
    assert top.loc["sum", "pearson_delta"] == pytest.approx(1)
    assert perturbation_scores(predicted, observed, genes=["g4"])["l2"].tolist() == [1, 1, 1]
    with pytest.raises(BadInput, match="sum: 1 of the genes or perturbations"):
        perturbation_scores({"sum": predicted["sum"].drop(columns="g1")}, observed)
    with pytest.raises(BadInput, match="expected at least one method"):
        perturbation_scores({}, observed)


def test_effects_are_means_over_cells_less_the_controls() -> None:
    counts = np.array([[10, 10, 0], [30, 10, 0], [0, 5, 5], [20, 20, 20], [7, 0, 0]], dtype=np.float32)
    adata = anndata.AnnData(counts)
    adata.obs_names, adata.var_names = list("abcde"), ["x", "y", "z"]
    adata.obs["guide"] = pd.Categorical(["control", "control", "KLF1", "KLF1", None])
    found = perturbation_effects(adata, "guide", "control")
    log = np.log1p(counts / counts.sum(1, keepdims=True) * 1e4)
    np.testing.assert_allclose(found.control, log[:2].mean(0), rtol=1e-5)
    np.testing.assert_allclose(found.changes.loc["KLF1"], log[2:4].mean(0) - log[:2].mean(0), rtol=1e-4, atol=1e-5)
    assert found.cells.to_dict() == {"KLF1": 2}
    with pytest.raises(BadInput, match=r"obs\['guide'\] has no cell with the control 'NT'; it has KLF1, control"):
        perturbation_effects(adata, "guide", "NT")
    with pytest.raises(BadInput, match="obs has no column 'target'; it has guide"):
        perturbation_effects(adata, "target", "control")


def test_a_summary_draws_perturbations() -> None:
    rng = np.random.default_rng(0)
    names = [f"p{i}" for i in range(9)]
    changes = pd.DataFrame(rng.normal(size=(9, 4)), index=names, columns=GENES)
    observed = Effects(control=effects().control, changes=changes, cells=pd.Series(1, index=names))
    near = changes + observed.control + rng.normal(0, 0.2, (9, 4))
    scores = perturbation_scores({"none": no_change(observed, names), "near": near}, observed)
    summary = perturbation_summary(scores).set_index("method")
    assert summary.index.tolist() == ["near", "none"]
    assert summary.loc["near", "l2"] == pytest.approx(scores.loc[scores["method"] == "near", "l2"].mean())
    assert summary.loc["near", "l2_low"] < summary.loc["near", "l2"] < summary.loc["near", "l2_high"]
    assert summary.loc["none", ["pearson_delta", "pearson_delta_low", "pearson_delta_high"]].tolist() == [0, 0, 0]
    assert summary.loc["near", "perturbations"] == 9
    with pytest.raises(BadInput, match="at least 2 perturbations to resample, got 1"):
        perturbation_summary(scores[scores["perturbation"] == "p1"])


def test_effects_that_do_not_fit_are_refused() -> None:
    whole = effects()
    with pytest.raises(BadInput, match="different genes, or another order"):
        Effects(control=whole.control.iloc[::-1], changes=whole.changes, cells=whole.cells)
    with pytest.raises(BadInput, match="finite numbers"):
        Effects(control=whole.control, changes=whole.changes * np.nan, cells=whole.cells)
