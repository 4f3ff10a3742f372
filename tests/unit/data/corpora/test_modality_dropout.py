"""Masking by modality: a hidden value is that feature's unknown, a random one its kin, and whole modalities go missing."""

import numpy as np
import pytest
import torch

from glmkit.data.corpora import hide_lost, lose_modalities, mask_tokens
from glmkit.data.corpora.masking import Masked
from glmkit.errors import BadInput
from glmkit.models import TransformerConfig, new_model
from glmkit.tokens import BaseTokenizer, CellTokenizer, Panel, RankTokenizer
from glmkit.train import MaskedLanguageModel
from glmkit.train.objectives.batches import Batch

GENES = tuple(f"gene {i}" for i in range(13))
PROTEIN = Panel("protein", ["CD3", "CD4", "CD19"], "clr", [[0.0, 1.0], [0.5], []], [[-1.0, 0.5, 2.0], [0.0, 1.0], [0.0]])
PEAKS = Panel("atac", ["a", "b"], "binary", [[1.0], [1.0]], [[0.0, 1.0], [0.0, 1.0]])
TOKENIZER = CellTokenizer(RankTokenizer(GENES, np.ones(13)), [PROTEIN, PEAKS])
IDS = {name: i for i, name in enumerate(TOKENIZER.vocabulary)}
UNKNOWN = np.array([name.endswith(":?") for name in TOKENIZER.vocabulary])


def batch(n: int = 40, seed: int = 0, **left_out: bool) -> tuple[np.ndarray, np.ndarray]:
    """Cells with all modalities, or without those named."""
    rng = np.random.default_rng(seed)
    cells = []
    for _ in range(n):
        values = [IDS[f"CD3:{rng.integers(3)}"], IDS[f"CD4:{rng.integers(2)}"], IDS["CD19:0"]]
        peaks = [IDS[f"a:{rng.integers(2)}"], IDS[f"b:{rng.integers(2)}"]]
        values = [IDS["CD3:?"], IDS["CD4:?"], IDS["CD19:?"]] if left_out.get("protein") else values
        peaks = [IDS["a:?"], IDS["b:?"]] if left_out.get("atac") else peaks
        genes = [] if left_out.get("rna") else (rng.permutation(13)[: rng.integers(4, 10)] + 2).tolist()
        cells.append(np.array(values + peaks + genes, np.uint16))
    return np.concatenate(cells), np.cumsum([0, *map(len, cells)])


def test_a_hidden_token_is_hidden_by_its_own_and_replaced_by_its_kin() -> None:
    ids, edges = batch(3000)
    masked = mask_tokens(ids, TOKENIZER, np.random.default_rng(2), 0.5, boundaries=edges)
    seen, true = masked.inputs[masked.positions], masked.targets
    assert not np.isin(true, [IDS["CD19:0"]]).any()
    assert masked.inputs.dtype == ids.dtype
    own = seen == TOKENIZER.hidden_by[true]
    genes = TOKENIZER.modality[true] == 0
    assert (seen[own & genes] == TOKENIZER.mask_id).all()
    assert UNKNOWN[seen[own & ~genes]].all()
    kin = TOKENIZER.kin[true]
    assert ((seen >= kin[:, 0]) & (seen < kin[:, 1]) | own).all()
    for part in (genes, ~genes):
        assert abs(own[part].mean() - 0.8) < 0.02
    others = np.bincount(seen[genes & ~own], minlength=len(IDS))[2:15]
    assert others.min() > 0.7 * others.mean()
    strangers = seen[(true == IDS["CD3:2"]) & ~own]
    assert {TOKENIZER.vocabulary[i] for i in strangers} == {"CD3:0", "CD3:1", "CD3:2"}
    runs = mask_tokens(ids, TOKENIZER, np.random.default_rng(2), 0.3, boundaries=edges, span=3)
    np.testing.assert_array_equal(runs.inputs[runs.positions], TOKENIZER.hidden_by[runs.targets])


def test_other_tokenizers_draw_what_they_always_drew() -> None:
    """Ids and places as before a tokenizer could say what hides a token."""
    tokenizer = BaseTokenizer()
    ids = np.random.default_rng(5).integers(4, 8, 60).astype(np.uint8)
    rng = np.random.default_rng(6)
    masked = mask_tokens(ids, tokenizer, rng, 0.4)
    again = np.random.default_rng(6)
    chosen = np.flatnonzero(again.random(60) < 0.4)
    np.testing.assert_array_equal(masked.positions, chosen)
    fate = again.random(len(chosen))
    random = np.flatnonzero(tokenizer.maskable)[again.integers(0, 4, len(chosen))]
    expected = np.where(fate < 0.8, tokenizer.mask_id, np.where(fate < 0.9, random, ids[chosen]))
    np.testing.assert_array_equal(masked.inputs[chosen], expected)
    assert rng.random() == again.random()


def test_each_cell_loses_at_most_one_modality_and_never_all() -> None:
    ids, edges = batch(600)
    lost = lose_modalities(ids, edges, TOKENIZER, np.random.default_rng(1), 0.6)
    kinds, owner = TOKENIZER.modality[ids], np.repeat(np.arange(600), np.diff(edges))
    gone = np.zeros((600, 3), bool)
    for place, missing in enumerate((~lost.kept, lost.hidden, lost.hidden)):
        for cell in range(600):
            here = missing[(owner == cell) & (kinds == place)]
            assert here.all() or not here.any()
            gone[cell, place] = here.all()
    assert gone.sum(1).max() == 1
    assert abs(gone.any(1).mean() - 0.6) < 0.06
    assert (np.abs(gone.sum(0) / gone.sum() - 1 / 3) < 0.08).all()
    again = lose_modalities(ids, edges, TOKENIZER, np.random.default_rng(1), 0.6)
    np.testing.assert_array_equal(again.kept, lost.kept)


@pytest.mark.parametrize("left_out", [{"protein", "atac"}, {"rna", "protein"}])
def test_the_only_modality_stays(left_out: set[str]) -> None:
    ids, edges = batch(50, **dict.fromkeys(left_out, True))
    lost = lose_modalities(ids, edges, TOKENIZER, np.random.default_rng(1), 1.0)
    assert lost.kept.all()
    assert not lost.hidden.any()


def test_a_modality_that_is_unknown_is_not_lost_again() -> None:
    ids, edges = batch(300, protein=True)
    lost = lose_modalities(ids, edges, TOKENIZER, np.random.default_rng(1), 1.0)
    assert not lost.hidden[TOKENIZER.modality[ids] == 1].any()
    assert abs(lost.hidden[TOKENIZER.modality[ids] == 2].mean() - 0.5) < 0.1


def test_lost_values_are_unknown_and_scored() -> None:
    ids, edges = batch(5)
    hidden = (TOKENIZER.modality[ids] == 1) & (np.arange(len(ids)) < edges[2])
    masked = Masked(ids.copy(), np.array([7, 30]), ids[[7, 30]], np.ones(2, np.float32))
    masked.inputs[[7, 30]] = 1
    found = hide_lost(masked, ids, hidden, TOKENIZER, np.arange(len(ids)))
    assert UNKNOWN[found.inputs[hidden]].all()
    second = int(edges[1])
    assert found.positions.tolist() == sorted([0, 1, second, second + 1, 7, 30])  # not CD19, which never varies
    np.testing.assert_array_equal(found.targets, ids[found.positions])
    np.testing.assert_array_equal(found.weights, found.positions)
    assert masked.inputs[0] == ids[0]


def test_the_objective_hides_and_takes_out() -> None:
    ids, edges = batch(200)
    model = new_model(TransformerConfig(vocabulary_size=len(IDS), width=8, layers=1, heads=2, feedforward=8), TOKENIZER)
    given = Batch(np.arange(200), ids, edges, np.ones(len(ids), np.float32))
    examples = MaskedLanguageModel(0.15, missing=0.9).prepare(model, given, np.random.default_rng(3))
    assert len(examples.tokens) == examples.boundaries[-1] < len(ids)
    assert examples.boundaries.dtype == np.int64
    lengths = np.diff(examples.boundaries)
    without_rna = lengths == 5
    assert 0.2 < without_rna.mean() < 0.4
    np.testing.assert_array_equal(lengths[~without_rna], np.diff(edges)[~without_rna])
    kinds = TOKENIZER.modality[examples.targets]
    assert (np.bincount(kinds) > 40).all()
    loss = MaskedLanguageModel(0.15, missing=0.9).score(model, examples)
    assert torch.isfinite(loss.total)
    plain, zero = (
        objective.prepare(model, given, np.random.default_rng(3))
        for objective in (MaskedLanguageModel(), MaskedLanguageModel(missing=0.0))
    )
    np.testing.assert_array_equal(plain.tokens, zero.tokens)
    assert "missing" not in MaskedLanguageModel().settings()
    assert MaskedLanguageModel(**MaskedLanguageModel(missing=0.2).settings()).missing == 0.2


def test_what_is_refused() -> None:
    with pytest.raises(BadInput, match=r"must lie in \[0, 1\), got 1.0"):
        MaskedLanguageModel(missing=1.0)
    model = new_model(TransformerConfig(vocabulary_size=10, width=8, layers=1, heads=2, feedforward=8), BaseTokenizer())
    with pytest.raises(BadInput, match=r"missing=0.3 is for cells of several modalities, but a BaseTokenizer has one"):
        MaskedLanguageModel(missing=0.3).suits(model, None)
