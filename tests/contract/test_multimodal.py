"""A model of RNA, proteins and peaks: trained, saved in BERT's format, opened by `transformers` with token types, and opened here again."""

from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import torch

from glmkit.data import EncodedCells
from glmkit.models import TransformerConfig, load, load_regressor, new_model, new_regressor, save, save_head
from glmkit.score import embed, predict_modality, predicted_values
from glmkit.tokens import CellTokenizer, Panel, RankTokenizer
from glmkit.train import MaskedLanguageModel, Regression, TrainConfig, fit

GENES, PROTEINS, PEAKS = tuple(f"gene {i}" for i in range(14)), ("CD3", "CD4", "CD19"), ("chr1:1-5", "chr2:7-9")
N = 48
TRAINING: dict[str, Any] = {"batch_tokens": 400, "device": "cpu", "precision": "float32", "learning_rate": 5e-3}


def matrix(counts: np.ndarray, features: tuple[str, ...]) -> anndata.AnnData:
    obs, var = pd.DataFrame(index=[f"cell {i}" for i in range(N)]), pd.DataFrame(index=list(features))
    return anndata.AnnData(counts.astype(np.float32), obs=obs, var=var)


@pytest.fixture(scope="module")
def cells() -> dict[str, anndata.AnnData]:
    """Cells of two kinds, which genes, proteins and peaks all tell apart."""
    rng = np.random.default_rng(0)
    kind = np.arange(N) % 2
    rna = rng.poisson(np.where((np.arange(14) % 2)[None] == kind[:, None], 6.0, 0.5))
    protein = rng.poisson(np.stack([3 + 20 * kind, 23 - 20 * kind, np.full(N, 9)], 1))
    atac = np.stack([kind, 1 - kind], 1) + rng.poisson(0.1, (N, 2))
    return {"rna": matrix(rna, GENES), "protein": matrix(protein, PROTEINS), "atac": matrix(atac, PEAKS)}


@pytest.fixture(scope="module")
def model(cells: dict[str, anndata.AnnData]) -> Any:
    panels = [Panel.fit("protein", cells["protein"], bins=4), Panel.fit("atac", cells["atac"], normalise="binary")]
    tokenizer = CellTokenizer(RankTokenizer(GENES, np.ones(14), layout="v2", length=12), panels)
    config = TransformerConfig(
        vocabulary_size=len(tokenizer.vocabulary),
        width=24,
        layers=2,
        heads=2,
        feedforward=40,
        positions="learned",
        maximum_positions=tokenizer.length,
        norm="post",
        activation="relu",
        embedding_norm=True,
        segments=len(tokenizer.segment_starts),
        segment_starts=tokenizer.segment_starts,
    )
    model = new_model(config, tokenizer, seed=2)
    fit(model, EncodedCells(cells, tokenizer), MaskedLanguageModel(0.2, missing=0.5), TrainConfig(steps=250, **TRAINING))
    return model


def test_transformers_with_token_types_gives_equal_logits(model: Any, cells: dict[str, anndata.AnnData], tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    save(model, tmp_path / "model")
    theirs, report = transformers.AutoModelForMaskedLM.from_pretrained(tmp_path / "model", output_loading_info=True)
    assert type(theirs).__name__ == "BertForMaskedLM"
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    tokenizer, ragged = model.tokenizer, model.tokenizer.encode_cells(cells)
    for i in (0, 7):
        ids = torch.tensor([*tokenizer.prefix, *ragged.item(i).tolist(), *tokenizer.suffix])
        kinds = torch.bucketize(ids, torch.tensor(tokenizer.segment_starts), right=True) - 1
        assert set(kinds.tolist()) == {0, 1, 2}
        with torch.no_grad():
            ours = model.logits(ids, torch.tensor([0, len(ids)]))
            expected = theirs.eval()(ids[None], token_type_ids=kinds[None], attention_mask=torch.ones(1, len(ids))).logits[0]
        assert (ours - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_opened_again_it_says_the_same_of_cells(model: Any, cells: dict[str, anndata.AnnData], tmp_path: Path) -> None:
    again = load(save(model, tmp_path / "model"), device="cpu")
    assert again.network.config.segment_starts == model.tokenizer.segment_starts
    for given in (cells, {"rna": cells["rna"]}, {"protein": cells["protein"]}):
        np.testing.assert_array_equal(embed(again, given, pool="cls"), embed(model, given, pool="cls"))
    pd.testing.assert_frame_equal(predict_modality(again, cells, "protein"), predict_modality(model, cells, "protein"))


def test_it_has_learnt_each_modality_from_the_others(model: Any, cells: dict[str, anndata.AnnData]) -> None:
    kind = np.arange(N) % 2
    for name, feature in (("protein", "CD3"), ("protein", "CD4"), ("atac", "chr1:1-5")):
        for given in ("rna", "atac" if name == "protein" else "protein"):
            found = predict_modality(model, {given: cells[given]}, name)[feature].to_numpy()
            measured = model.tokenizer.panel(name).values(cells[name])[
                :, list(model.tokenizer.panel(name).features).index(feature)
            ]
            assert np.corrcoef(found, measured)[0, 1] > 0.8, (name, feature, given)
            assert abs(found[kind == 0].mean() - found[kind == 1].mean()) > 0.3


@pytest.mark.long
def test_several_outputs_from_rna(model: Any, cells: dict[str, anndata.AnnData], tmp_path: Path) -> None:
    rna, panel = {"rna": cells["rna"]}, model.tokenizer.panel("protein")
    targets = panel.values(cells["protein"])
    regressor = new_regressor(model, panel.features, targets=targets, dropout=0.0)
    fit(regressor, EncodedCells(rna, model.tokenizer), Regression(targets), TrainConfig(steps=40, **TRAINING))
    found = predicted_values(regressor, rna)
    assert found.shape == (N, 3)
    assert np.corrcoef(found[:, 0], targets[:, 0])[0, 1] > 0.8
    assert np.abs(found.mean(0) - targets.mean(0)).max() < 0.4 * targets.std(0).max()
    again = load_regressor(save_head(regressor, tmp_path / "regressor"), device="cpu")
    assert again.outputs == PROTEINS
    np.testing.assert_allclose(predicted_values(again, cells["rna"]), found, atol=1e-6)
