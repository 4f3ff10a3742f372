"""The studies of cells, end to end and headless: real cells with few steps, and cells with proteins drawn around their genes."""

import json
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest

from tests.small_study import CELL_STUDY, MODALITY_STUDY, glmkit, make_workspace, write_citeseq

TINY = {"steps": 6, "width": 16, "layers": 1, "heads": 2, "validate_every": 3, "checkpoint_every": 3, "batch_tokens": 2048}
TYPES = {
    "preprocess": {"length": 64},
    "pretrain": TINY,
    "finetune": {"epochs": 2, "seeds": [0, 1]},
    "evaluate": {"few_labels": [40], "few_seeds": 2, "draws": 100},
    "interpret": {"n_cells": 3, "n_genes": 6},
}
CITESEQ = {
    "preprocess": {"length": 48, "bins": 4},
    "pretrain": TINY | {"missing": 0.5},
    "finetune": {"epochs": 1, "seeds": [0, 1]},
    "evaluate": {"draws": 100},
}


def table(run: Path, stage: str, name: str) -> pd.DataFrame:
    return pd.read_csv(run / stage / "tables" / f"{name}.csv")


def finished(run: Path) -> dict[str, str]:
    return {path.parent.name: json.loads(path.read_text())["status"] for path in run.glob("*/run.json")}


@pytest.fixture(scope="module")
def types(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_workspace(tmp_path_factory.mktemp("cells"), TYPES, CELL_STUDY)
    done = glmkit(folder, "run", CELL_STUDY, "--name", "small", "--cores", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "runs/small"


@pytest.fixture(scope="module")
def citeseq(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("citeseq")
    make_workspace(folder, CITESEQ | {"acquire": write_citeseq(folder)}, MODALITY_STUDY)
    done = glmkit(folder, "run", MODALITY_STUDY, "--name", "small", "--cores", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "runs/small"


def test_every_stage_finishes_with_its_figures(types: Path) -> None:
    stages = ["acquire", "preprocess", "pretrain", "finetune", "evaluate", "interpret"]
    assert finished(types) == dict.fromkeys(stages, "FINISHED")
    figures = {stage: sorted(path.stem for path in (types / stage / "figures").glob("*.png")) for stage in stages}
    assert figures["evaluate"] == ["confusion", "macro_f1", "types", "umap"]
    assert all(figures[stage] for stage in stages)


def test_cell_types_are_compared_with_baselines_and_have_intervals(types: Path) -> None:
    result = table(types, "evaluate", "results").set_index("method")
    methods = {"pretrained, fine-tuned", "same network from scratch", "linear probe, pretrained", "linear probe, random weights"}
    methods |= {"majority", "PCA + logistic regression", "HVG + random forest", "k-NN label transfer"}
    assert set(result.index) == methods
    low, value, high = (result[f"macro_f1{end}"] for end in ("_low", "", "_high"))
    assert ((low >= 0) & (low <= value + 1e-9) & (value <= high + 1e-9) & (high <= 1)).all()
    assert value["PCA + logistic regression"] > 0.45
    assert value["majority"] < 0.1
    by_type = table(types, "evaluate", "types")
    assert by_type.set_index("class").rare.loc[["CD34+", "CD19+ B"]].tolist() == [True, False]


def test_the_vocabulary_comes_from_training_cells_alone(types: Path) -> None:
    split = pd.read_csv(types / "preprocess/split.csv")
    rna = anndata.read_h5ad(types / "acquire/rna.h5ad")
    train = rna[split.cell[split.part == "train"]]
    share = train.X.toarray() / train.X.toarray().sum(1, keepdims=True) * 1e4
    tokenizer = json.loads((types / "preprocess/tokenizer.json").read_text())
    gene = tokenizer["genes"][5]
    values = share[:, train.var_names.get_loc(gene)]
    assert tokenizer["medians"][5] == pytest.approx(np.median(values[values > 0]))
    assert split.part.value_counts().to_dict() == {"train": 421, "test": 209, "validation": 70}


def test_results_are_in_the_fields_that_scanpy_uses(types: Path) -> None:
    cells = anndata.read_h5ad(types / "evaluate/cells.h5ad")
    assert cells.obsm["X_glmkit"].shape == (700, 16)
    assert set(cells.obs["glmkit_pred"].cat.categories) <= set(cells.obs["bulk_labels"])
    assert cells.obs["glmkit_confidence"].between(0, 1).all()
    assert "X_umap" in cells.obsm
    assert len(cells.uns["glmkit"]["split"]) == 64


def test_deletions_have_a_control(types: Path) -> None:
    agreement = table(types, "interpret", "markers")
    assert {"Spearman with markers", "the same, random weights"} <= set(agreement.columns)
    assert agreement.genes.between(2, 6).all()
    added = table(types, "interpret", "added")
    assert added["probability before"].between(0, 1).all()


def test_proteins_are_predicted_from_rna_and_compared_with_ridge_and_the_own_gene(citeseq: Path) -> None:
    assert finished(citeseq) == dict.fromkeys(["acquire", "preprocess", "pretrain", "finetune", "evaluate"], "FINISHED")
    result = table(citeseq, "evaluate", "results").set_index("method").mean_spearman
    assert {"language model, masked", "pretrained, fine-tuned", "same network from scratch", "ridge on PCA", "own RNA"} <= set(
        result.index
    )
    assert result["own RNA"] > 0.5  # the antibodies were drawn around it
    features = table(citeseq, "evaluate", "features")
    assert features.groupby("output").method.nunique().min() == 5
    cells = anndata.read_h5ad(citeseq / "evaluate/cells.h5ad")
    assert list(cells.obsm["protein_pred"].columns) == list(cells.var_names)


def test_a_multimodal_model_says_its_modalities(citeseq: Path) -> None:
    tokenizer = json.loads((citeseq / "preprocess/tokenizer.json").read_text())
    assert tokenizer["kind"] == "cells"
    assert [panel["name"] for panel in tokenizer["panels"]] == ["protein"]
    config = json.loads((citeseq / "pretrain/model/config.json").read_text())
    assert len(config["segment_starts"]) == 2
