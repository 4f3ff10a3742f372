"""Verbs that take sequences take cells too: whole, in their order, and refused with their names."""

from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import torch

from glmkit.errors import BadInput
from glmkit.models import LanguageModel, TransformerConfig, new_classifier, new_model
from glmkit.models.networks import pack
from glmkit.score import class_probabilities, embed
from glmkit.tokens import BaseTokenizer, Ragged

ENTRIES, GENES = 23, 11


class Ranked:
    """Genes in falling order of their counts, behind two special ids, with or without tokens around a cell."""

    vocabulary = tuple(map(str, range(ENTRIES)))
    hash = "ranked"

    def __init__(self, around: bool) -> None:
        self.prefix, self.suffix = ((2,), (3,)) if around else ((), ())

    def encode_cells(self, cells: Any) -> Ragged:
        counts = cells.X
        rows = [np.argsort(-row, kind="stable")[: (row > 0).sum()] + 4 for row in counts]
        return Ragged(np.concatenate(rows), np.cumsum([0, *map(len, rows)]))


def model_of(around: bool = True, **changes: Any) -> LanguageModel:
    shape = {"vocabulary_size": ENTRIES, "width": 12, "layers": 2, "heads": 2, "feedforward": 20}
    model = new_model(TransformerConfig(**(shape | changes)), Ranked(around), seed=1)
    with torch.no_grad():
        generator = torch.Generator().manual_seed(5)
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model


def cells(n: int = 6) -> anndata.AnnData:
    counts = np.random.default_rng(0).poisson(0.8, (n, GENES)).astype(np.float32)
    counts[:, 3] = 2
    obs, var = pd.DataFrame(index=[f"cell {i}" for i in range(n)]), pd.DataFrame(index=[f"gene {i}" for i in range(GENES)])
    return anndata.AnnData(counts, obs=obs, var=var)


def test_cells_are_embedded_as_their_ids_are() -> None:
    model, given = model_of(), cells()
    ragged = model.tokenizer.encode_cells(given)
    ids = np.split(ragged.ids, ragged.offsets[1:-1])
    assert len({len(item) for item in ids}) > 1
    np.testing.assert_array_equal(embed(model, given), embed(model, ids))
    np.testing.assert_array_equal(embed(model, {"rna": given}), embed(model, ids))
    assert embed(model, given).shape == (6, 12)


def test_the_state_of_the_special_token_stands_for_a_cell() -> None:
    model, given = model_of(), cells()
    ids = model.tokenizer.encode_cells(given)
    first = np.concatenate([[2], ids.ids[: ids.offsets[1]], [3]])
    with torch.no_grad():
        expected = model.network(*pack([first]))[0].numpy()
    np.testing.assert_allclose(embed(model, given, pool="cls")[0], expected, atol=1e-6)
    with pytest.raises(BadInput, match="has no special token before its inputs"):
        embed(model_of(around=False), given, pool="cls")
    with pytest.raises(BadInput, match="more than the 3 tokens that are read at once"):
        embed(model, [np.arange(4, 12)], pool="cls", context=5)


def test_a_cell_is_never_cut_into_windows() -> None:
    model = model_of(around=False)
    model.card["context"] = 4
    np.testing.assert_array_equal(embed(model, cells()), embed(model_of(around=False), cells()))
    short = model_of(positions="learned", maximum_positions=4)
    with pytest.raises(BadInput, match="this model has learned positions for 4"):
        embed(short, cells())


def test_classes_of_cells() -> None:
    classifier, given = new_classifier(model_of(), ["B", "T", "NK"], pool="mean"), cells()
    found = class_probabilities(classifier, given)
    assert found.shape == (6, 3)
    np.testing.assert_allclose(found.sum(1), 1)
    np.testing.assert_allclose(found[2:4], class_probabilities(classifier, given[2:4]), atol=1e-6)


def test_empty_cells_and_readers_of_sequences_are_refused() -> None:
    given = cells()
    given.X[[1, 4]] = 0
    with pytest.raises(BadInput, match=r"2 of 6 cells have no token, the first 'cell 1', 'cell 4': none of the genes"):
        embed(model_of(), given)
    sequence_model = new_model(TransformerConfig(vocabulary_size=10, width=8, layers=1, heads=2, feedforward=8), BaseTokenizer())
    with pytest.raises(BadInput, match=r"BaseTokenizer\) reads sequences, got cells"):
        embed(sequence_model, given)
    with pytest.raises(BadInput, match="reads 'rna' alone, got 'protein', 'atac'"):
        embed(model_of(), {"protein": given, "atac": given})
    with pytest.raises(BadInput, match="got an empty one"):
        embed(model_of(), {})
