"""Contacts against `transformers`' ESM, which carries the published regression."""

import numpy as np
import pytest
import torch

from glmkit.models import LanguageModel, TransformerConfig, new_model
from glmkit.score import contacts
from glmkit.tokens import make_tokenizer

transformers = pytest.importorskip("transformers")
PROTEINS = ["MKTAYIAKQRQISFVKSHFSRQLEERLG", "MWKDELR", "GSHMLEDPVXAGHKLRRNDEQSTVWYACFIK"]


def theirs() -> torch.nn.Module:
    torch.manual_seed(8)
    config = transformers.EsmConfig(
        vocab_size=33, hidden_size=24, num_hidden_layers=3, num_attention_heads=4, intermediate_size=40, pad_token_id=1,
        mask_token_id=32, position_embedding_type="rotary", token_dropout=True, emb_layer_norm_before=False, attn_implementation="eager",
    )  # fmt: skip
    model = transformers.EsmForMaskedLM(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
    return model


def test_contacts_are_equal(tmp_path_factory: pytest.TempPathFactory) -> None:
    from glmkit.models import load

    reference, tokenizer = theirs(), make_tokenizer("protein")
    folder = tmp_path_factory.mktemp("esm")
    reference.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(tokenizer.vocabulary))
    model = load(folder, device="cpu")
    assert isinstance(model, LanguageModel)
    for protein in PROTEINS:
        ids = torch.tensor([[*tokenizer.prefix, *tokenizer.encode(protein).tolist(), *tokenizer.suffix]])
        with torch.no_grad():
            expected = reference.predict_contacts(ids, torch.ones_like(ids))[0].numpy()
        ours = contacts(model, protein)
        assert ours.shape == (len(protein), len(protein))
        assert ours.dtype == np.float32
        assert np.ptp(expected) > 0.01
        assert (np.abs(ours - expected) / np.abs(expected)).max() <= 1e-5


def test_a_model_of_ours_that_opens_there_has_equal_contacts() -> None:
    config = TransformerConfig(vocabulary_size=33, width=24, layers=3, heads=4, feedforward=40)
    model = new_model(config, make_tokenizer("protein"), seed=2)
    head = torch.nn.Linear(12, 1)
    tokens = torch.tensor([0, *model.tokenizer.encode(PROTEINS[0]).tolist(), 2])
    with torch.no_grad():
        maps = model.network.attentions(tokens, torch.tensor([0, len(tokens)]))[0].reshape(12, 30, 30)
        module = transformers.models.esm.modeling_esm.EsmContactPredictionHead(12, eos_idx=2)
        module.regression = head
        expected = module(tokens[None], maps.view(1, 3, 4, 30, 30))[0].numpy()
    np.testing.assert_allclose(contacts(model, PROTEINS[0], head=head), expected, rtol=1e-5)
