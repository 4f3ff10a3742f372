"""A hidden panel's expected values, against the full softmax worked out by hand."""

from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import torch

from glmkit.errors import BadInput
from glmkit.models import LanguageModel, TransformerConfig, new_model
from glmkit.models.networks import pack
from glmkit.score import predict_modality
from glmkit.tokens import BaseTokenizer, CellTokenizer, Panel, RankTokenizer, surround

GENES, PROTEINS, PEAKS = tuple(f"gene {i}" for i in range(9)), ("CD3", "CD4", "CD19"), ("a", "b")
N = 7


def matrix(features: tuple[str, ...], seed: int, mean: float) -> anndata.AnnData:
    counts = np.random.default_rng(seed).poisson(mean, (N, len(features))).astype(np.float32)
    counts[:, 0] += np.arange(N) % 2 + 1
    obs, var = pd.DataFrame(index=[f"cell {i}" for i in range(N)]), pd.DataFrame(index=list(features))
    return anndata.AnnData(counts, obs=obs, var=var)


@pytest.fixture
def cells() -> dict[str, anndata.AnnData]:
    return {"rna": matrix(GENES, 0, 0.8), "protein": matrix(PROTEINS, 1, 4), "atac": matrix(PEAKS, 2, 0.5)}


def model_of(cells: dict[str, Any], layout: str = "v2", **changes: Any) -> LanguageModel:
    panels = [Panel.fit("atac", cells["atac"], normalise="binary"), Panel.fit("protein", cells["protein"], bins=3)]
    tokenizer = CellTokenizer(RankTokenizer(GENES, np.ones(9), layout=layout), panels)
    shape = {"width": 12, "layers": 2, "heads": 2, "feedforward": 20, "segments": 3, "segment_starts": tokenizer.segment_starts}
    model = new_model(TransformerConfig(vocabulary_size=len(tokenizer.vocabulary), **(shape | changes)), tokenizer, seed=1)
    with torch.no_grad():
        generator = torch.Generator().manual_seed(5)
        for parameter in model.parameters():
            parameter.add_(0.4 * torch.randn(parameter.shape, generator=generator))
    return model


@pytest.mark.parametrize("layout", ["v1", "v2"])
@pytest.mark.parametrize("tied", [True, False])
def test_expected_values_by_hand(cells: dict[str, Any], layout: str, tied: bool) -> None:
    model = model_of(cells, layout, tie_embeddings=tied)
    tokenizer, panel = model.tokenizer, model.tokenizer.panel("protein")
    found = predict_modality(model, cells, "protein", batch_tokens=30)
    assert found.index.tolist() == [f"cell {i}" for i in range(N)]
    assert found.columns.tolist() == list(PROTEINS)
    hidden = tokenizer.encode_cells({"rna": cells["rna"], "atac": cells["atac"]})
    for i in range(N):
        with torch.no_grad():
            logits = model.logits(*pack([surround(hidden.item(i), tokenizer.prefix, tokenizer.suffix)])).double()
        for j, feature in enumerate(PROTEINS):
            bins = [tokenizer.vocabulary.index(f"{feature}:{b}") for b in range(panel.bins[j])]
            chances = logits[len(tokenizer.prefix) + 2 + j, bins].softmax(-1).numpy()
            assert found.iloc[i, j] == pytest.approx(chances @ panel.centres[j], abs=1e-6)
    assert found.to_numpy().std(0).min() > 1e-4


def test_the_panel_itself_is_never_looked_at(cells: dict[str, Any]) -> None:
    model = model_of(cells)
    expected = predict_modality(model, cells, "protein")
    cells["protein"] = cells["protein"][::-1].copy()
    pd.testing.assert_frame_equal(predict_modality(model, cells, "protein"), expected)
    del cells["protein"]
    pd.testing.assert_frame_equal(predict_modality(model, cells, "protein"), expected)
    alone = predict_modality(model, cells["rna"], "protein")
    pd.testing.assert_frame_equal(predict_modality(model, {"rna": cells["rna"]}, "protein"), alone)
    assert np.abs(alone.to_numpy() - expected.to_numpy()).max() > 1e-3  # peaks were of use
    assert predict_modality(model, {"protein": matrix(PROTEINS, 1, 4)}, "atac").shape == (N, 2)


def test_what_is_refused(cells: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="has no panel 'hashtag'; it has 'atac', 'protein'"):
        predict_modality(model_of(cells), cells, "hashtag")
    with pytest.raises(BadInput, match="expected a modality other than 'protein'"):
        predict_modality(model_of(cells), {"protein": cells["protein"]}, "protein")
    with pytest.raises(BadInput, match="needs a masked LanguageModel over a CellTokenizer"):
        predict_modality(model_of(cells, causal=True), cells, "protein")
    letters = new_model(TransformerConfig(vocabulary_size=10, width=8, layers=1, heads=2, feedforward=8), BaseTokenizer())
    with pytest.raises(BadInput, match="got a LanguageModel over a BaseTokenizer"):
        predict_modality(letters, cells, "protein")
