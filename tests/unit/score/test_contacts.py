"""Contacts: special tokens dropped, pairs corrected by hand, a head fitted that finds the attention heads which know."""

from typing import Any

import numpy as np
import pytest
import torch

from glmkit.errors import BadInput
from glmkit.models import LSTMConfig, TransformerConfig, new_model
from glmkit.score import contacts, fit_contact_head
from glmkit.score._contacts import corrected
from glmkit.tokens import make_tokenizer


def model() -> Any:
    config = TransformerConfig(vocabulary_size=33, width=24, layers=2, heads=3, feedforward=20)
    return new_model(config, make_tokenizer("protein"), seed=2)


def protein(length: int, seed: int) -> str:
    return "".join(np.random.default_rng(seed).choice(list("ACDEFGHIKLMNPQRSTVWY"), length))


def test_average_product_correction_by_hand() -> None:
    map_LL = torch.tensor([[[1.0, 3.0, 2.0], [3.0, 0.0, 5.0], [2.0, 5.0, 4.0]]])
    rows, total = [6, 8, 11], 25
    expected = [[map_LL[0, i, j].item() - rows[i] * rows[j] / total for j in range(3)] for i in range(3)]
    np.testing.assert_allclose(corrected(map_LL)[0], expected, atol=1e-6)


def test_contacts_by_hand() -> None:
    m, sequence, head = model().train(), protein(17, 0), torch.nn.Linear(6, 1)
    ids = torch.tensor([0, *m.tokenizer.encode(sequence).tolist(), 2])
    logits = np.full((17, 17), head.bias.item())
    with torch.no_grad():
        maps = m.network.eval().attentions(ids, torch.tensor([0, 19]))[0].numpy()
    for weight, attention in zip(head.weight[0].tolist(), maps.reshape(6, 19, 19), strict=True):
        inner = attention[1:18, 1:18] + attention[1:18, 1:18].T
        logits += weight * (inner - np.outer(inner.sum(1), inner.sum(0)) / inner.sum())
    out = contacts(m.train(), sequence, head=head)
    np.testing.assert_allclose(out, 1 / (1 + np.exp(-logits)), rtol=1e-5)
    np.testing.assert_allclose(out, out.T, rtol=1e-5)
    assert m.training
    m.contact_head = head
    np.testing.assert_array_equal(contacts(m, sequence), out)


def test_a_fitted_head_finds_what_attention_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    m = model()
    truth: dict[int, np.ndarray] = {}

    def attentions(tokens: torch.Tensor, boundaries: torch.Tensor) -> list[torch.Tensor]:
        """Head 1 of layer 1 looks at contacts, the others at nothing in particular."""
        length = len(tokens) - 2
        rng = np.random.default_rng(length)
        far = np.triu(rng.random((length, length)) < 0.1, 6)
        truth[length] = (far | far.T).astype(float)
        maps = rng.random((2, 3, length + 2, length + 2)).astype(np.float32)
        maps[1, 1, 1:-1, 1:-1] += 3 * truth[length]
        return [torch.from_numpy(maps / maps.sum(-1, keepdims=True))]

    monkeypatch.setattr(m.network, "attentions", attentions)
    sequences = [protein(length, length) for length in (31, 44)]
    for sequence in sequences:
        m.network.attentions(torch.zeros(len(sequence) + 2), None)
    maps = [truth[31].copy(), truth[44].copy()]
    maps[0][3:5] = maps[0][:, 3:5] = np.nan
    head = fit_contact_head(m, sequences, maps, C=1.0)
    weights = head.weight[0].tolist()
    assert weights[4] > 0
    assert [weight == 0 for weight in weights].count(True) >= 3  # the penalty is L1
    predicted = contacts(m, protein(37, 0), head=head)
    pairs = np.triu_indices(37, 6)
    known = truth[37][pairs] > 0
    assert predicted[pairs][known].min() > predicted[pairs][~known].max()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: contacts(m, "MKV"), "no contact head: only ESM's checkpoints include one. Fit one"),
        (lambda m: contacts(m, "MKV", head=torch.nn.Linear(7, 1)), r"weights for 7 attention heads, but the model has 6"),
        (lambda m: contacts(m, "M" * 1023, head=torch.nn.Linear(6, 1)), r"expected at most 1022 residues .the model's context., got 1023"),
        (lambda m: fit_contact_head(m, ["MKV"], []), "expected one map per sequence, got 1 sequences and 0 maps"),
        (lambda m: fit_contact_head(m, ["MKV"], [np.zeros((3, 4))]), r"contact_maps\[0\]: expected \(3, 3\) for its sequence, got \(3, 4\)"),
        (lambda m: fit_contact_head(m, ["MKV"], [np.full((3, 3), 7.5)]), r"contact_maps\[0\]: expected 0, 1 or NaN. Convert distances"),
        (lambda m: fit_contact_head(m, ["MKVLAAGH"], [np.zeros((8, 8))]), "contacts and non-contacts among pairs 6 or more residues apart, got 3 pairs with 0 contacts"),
    ],
)  # fmt: skip
def test_bad_inputs(call: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        call(model())


def test_a_network_without_attention_is_refused() -> None:
    lstm = new_model(LSTMConfig(vocabulary_size=33, width=8), make_tokenizer("protein"))
    with pytest.raises(BadInput, match=r"predicted from attention, which LSTM does not have\. Use a Transformer"):
        contacts(lstm, "MKV", head=torch.nn.Linear(6, 1))
