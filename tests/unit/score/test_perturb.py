"""Deleting and lifting genes, against ids edited by hand."""

from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import torch

from glmkit.errors import BadInput
from glmkit.models import TransformerConfig, new_classifier, new_model
from glmkit.score import class_probabilities, embed, perturb
from glmkit.tokens import BaseTokenizer, CellTokenizer, Panel, RankTokenizer

GENES = tuple(f"ENSG{i:011d}" for i in range(9))
SYMBOLS = dict(zip(GENES, ["CD3E", "CD19", "GNLY", "TWIN", "TWIN", "MS4A1", "LYZ"], strict=False))
N = 12


def matrix(features: tuple[str, ...], seed: int) -> anndata.AnnData:
    counts = np.random.default_rng(seed).poisson(0.9, (N, len(features))).astype(np.float32)
    counts[:, 0] += 1
    obs, var = pd.DataFrame(index=[f"cell {i}" for i in range(N)]), pd.DataFrame(index=list(features))
    return anndata.AnnData(counts, obs=obs, var=var)


def model_of(layout: str = "v2", length: int | None = None, panel: bool = False) -> Any:
    tokenizer: Any = RankTokenizer(GENES, np.arange(1.0, 10), layout=layout, length=length, symbols=SYMBOLS)
    if panel:
        tokenizer = CellTokenizer(tokenizer, [Panel.fit("protein", matrix(("CD3", "CD4"), 4))])
    config = TransformerConfig(vocabulary_size=len(tokenizer.vocabulary), width=12, layers=2, heads=2, feedforward=20)
    model = new_model(config, tokenizer, seed=1)
    with torch.no_grad():
        generator = torch.Generator().manual_seed(5)
        for parameter in model.parameters():
            parameter.add_(0.4 * torch.randn(parameter.shape, generator=generator))
    return model


def shift(model: Any, before: list[np.ndarray], after: list[np.ndarray], **settings: Any) -> np.ndarray:
    a, b = (embed(model, ids, **settings).astype(np.float64) for ids in (before, after))
    return 1 - (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def items(model: Any, cells: Any) -> list[np.ndarray]:
    ragged = model.tokenizer.encode_cells(cells)
    return [ragged.item(i) for i in range(N)]


@pytest.mark.parametrize("settings", [{}, {"pool": "cls", "layer": 1}])
def test_deletion_by_hand(settings: dict[str, Any]) -> None:
    model, cells = model_of(), matrix(GENES, 0)
    ids = items(model, cells)
    found = perturb(model, cells, ["CD19", GENES[5]], **settings)
    assert found.index.tolist() == ["CD19", GENES[5]]
    for name, gene in (("CD19", 1), (GENES[5], 5)):
        token = gene + 4
        touched = [i for i in range(N) if token in ids[i]]
        assert 2 <= len(touched) < N
        expected = shift(model, [ids[i] for i in touched], [ids[i][ids[i] != token] for i in touched], **settings)
        row = found.loc[name]
        assert row["cells"] == len(touched)
        assert row["shift"] == pytest.approx(expected.mean(), abs=1e-6)
        assert row["low"] <= row["shift"] <= row["high"]
        assert row["shift"] > 1e-4


@pytest.mark.parametrize("panel", [False, True])
def test_overexpression_by_hand(panel: bool) -> None:
    model, cells = model_of("v1", panel=panel), {"rna": matrix(GENES, 0), "protein": matrix(("CD3", "CD4"), 4)}
    token, first = 2 + 6, 2 if panel else 0
    ids = items(model, cells if panel else cells["rna"])
    lifted = [np.concatenate([cell[:first], [token], (rest := cell[first:])[rest != token]]) for cell in ids]
    found = perturb(model, cells, ["LYZ"], "overexpress", per_cell=True)
    assert found.columns.tolist() == ["gene", "cell", "shift"]
    assert found["cell"].tolist() == [f"cell {i}" for i in range(N)]
    np.testing.assert_allclose(found["shift"], shift(model, ids, lifted), atol=1e-6)


def test_a_full_cell_loses_its_last_gene_to_the_lifted_one() -> None:
    model, cells = model_of("v2", length=5), matrix(GENES, 0)
    ids = items(model, cells)
    assert {len(cell) for cell in ids} == {3}
    found = perturb(model, cells, ["GNLY"], "overexpress", per_cell=True)
    lifted = [np.concatenate([[6], cell[cell != 6]])[:3] for cell in ids]
    np.testing.assert_allclose(found["shift"], shift(model, ids, lifted), atol=1e-6)


def test_genes_together() -> None:
    model, cells = model_of(), matrix(GENES, 0)
    ids = items(model, cells)
    found = perturb(model, cells, ["CD19", "GNLY"], combine=True, per_cell=True)
    assert set(found["gene"]) == {"CD19+GNLY"}
    touched = [i for i in range(N) if np.isin([5, 6], ids[i]).any()]
    after = [ids[i][~np.isin(ids[i], [5, 6])] for i in touched]
    np.testing.assert_allclose(found["shift"], shift(model, [ids[i] for i in touched], after), atol=1e-6)
    both = perturb(model, cells, ["CD19", "GNLY"], "overexpress", combine=True)
    assert both.loc["CD19+GNLY", "cells"] == N


def test_towards_a_class() -> None:
    classifier, cells = new_classifier(model_of(), ["B", "T", "NK"], hidden=7), matrix(GENES, 0)
    with torch.no_grad():
        classifier.out.weight.mul_(60)
    ids = items(classifier, cells)
    found = perturb(classifier, cells, ["CD3E"], towards="T")
    after = [cell[cell != 4] for cell in ids]
    change = class_probabilities(classifier, after)[:, 1] - class_probabilities(classifier, ids)[:, 1]
    assert found.loc["CD3E", "cells"] == N
    assert found.loc["CD3E", "change"] == pytest.approx(change.mean())
    assert found.columns.tolist() == ["cells", "shift", "low", "high", "change", "change_low", "change_high"]
    assert abs(change).max() > 1e-3
    pd.testing.assert_frame_equal(perturb(classifier, cells, ["CD3E"], towards=1), found)
    np.testing.assert_allclose(perturb(classifier, cells, ["CD3E"], towards=1, per_cell=True)["change"], change)


def test_intervals_over_donors_and_genes_that_no_cell_has() -> None:
    model, cells = model_of(), matrix(GENES, 0)
    cells.X[:, 7] = 0
    cells.X[1:, 8] = 0
    cells.X[0, 8] = 3
    donors = ["a"] * 5 + ["b"] * 4 + ["c"] * 3
    found = perturb(model, cells, [GENES[0], GENES[7], GENES[8]], groups=donors)
    plain = perturb(model, cells, [GENES[0]])
    assert found.loc[GENES[0], "shift"] == plain.loc[GENES[0], "shift"]
    assert found.loc[GENES[0], "high"] != plain.loc[GENES[0], "high"]
    assert found["cells"].tolist() == [N, 0, 1]
    assert np.isnan(found.loc[GENES[7], "shift"])
    assert found.loc[GENES[8], "shift"] > 0
    assert np.isnan(found.loc[GENES[8], "low"])


def test_what_is_refused() -> None:
    model, cells = model_of(), matrix(GENES, 0)
    with pytest.raises(BadInput, match=r"'CD3D' is neither an id nor a symbol of the model's 9 genes. Did you mean 'CD3E'"):
        perturb(model, cells, ["CD3D"])
    with pytest.raises(BadInput, match=f"the symbol 'TWIN' is ambiguous: {GENES[3]}, {GENES[4]}. Use one"):
        perturb(model, cells, ["TWIN"])
    with pytest.raises(BadInput, match="a gene occurs twice, by its id and by its symbol"):
        perturb(model, cells, ["CD19", GENES[1]])
    with pytest.raises(BadInput, match="expected a list of genes, each once, got 'CD19'"):
        perturb(model, cells, "CD19")
    with pytest.raises(BadInput, match="kind: expected one of delete, overexpress, got 'knock out'"):
        perturb(model, cells, ["CD19"], "knock out")
    with pytest.raises(BadInput, match="towards='T' needs a Classifier of cells, got a LanguageModel"):
        perturb(model, cells, ["CD19"], towards="T")
    with pytest.raises(BadInput, match="expected one of the classes 'B', 'T' or its index, got 'NK'"):
        perturb(new_classifier(model, ["B", "T"]), cells, ["CD19"], towards="NK")
    with pytest.raises(BadInput, match="expected one group for each of 12 cells, got 3"):
        perturb(model, cells, ["CD19"], groups=["a", "b", "c"])
    letters = new_model(TransformerConfig(vocabulary_size=10, width=8, layers=1, heads=2, feedforward=8), BaseTokenizer())
    with pytest.raises(BadInput, match="expected a tokenizer of ranked genes, got a BaseTokenizer"):
        perturb(letters, cells, ["CD19"])
