"""Every family against `transformers` on a tiny random model: logits, every layer's states, both precisions, extreme lengths.

Covers ``glmkit.models.families.bert``, ``glmkit.models.families.family``, ``glmkit.models.families.gpt_neox``.
"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from glmkit.models import LanguageModel, load, save
from glmkit.models.networks import pack

transformers = pytest.importorskip("transformers")

VOCABULARY, PAD, MASK = 29, 1, 27
SIZES = {"vocab_size": VOCABULARY, "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 44}
IDS = {"pad_token_id": PAD, "mask_token_id": MASK, "bos_token_id": 0, "eos_token_id": 2}
ESM = {"position_embedding_type": "rotary", "token_dropout": True, "max_position_embeddings": 21}
ESM_1B = ESM | {"position_embedding_type": "absolute", "emb_layer_norm_before": True}
NT = ESM_1B | {"emb_layer_norm_before": False, "token_dropout": False, "tie_word_embeddings": False}
NEOX = {"rotary_pct": 1.0, "use_parallel_residual": False, "max_position_embeddings": 21}
LONGEST = 19  # tokens: what 21 positions leave behind the two that ESM-1b and RoBERTa do not use
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "ESM-2": ("Esm", ESM),
    "ESM-2, untied": ("Esm", ESM | {"tie_word_embeddings": False}),
    "ESM-1b": ("Esm", ESM_1B),
    "Nucleotide Transformer": ("Esm", NT),
    "BERT": ("Bert", {"max_position_embeddings": LONGEST}),
    "BERT, relu (Geneformer)": ("Bert", {"max_position_embeddings": LONGEST, "hidden_act": "relu"}),
    "RoBERTa (Sapiens)": ("Roberta", {"max_position_embeddings": 21, "type_vocab_size": 1}),
    "GPT-NeoX": ("GPTNeoX", NEOX),
}


def tokenizer() -> Any:
    """Ids without letters: what a model's loader needs of a tokenizer."""
    ids = {"bos_id": 0, "pad_id": PAD, "eos_id": 2, "unk_id": 3, "mask_id": MASK}
    return SimpleNamespace(vocabulary=tuple(map(str, range(VOCABULARY))), hash="ids", prefix=(), suffix=(), **ids)


def sequences() -> list[np.ndarray]:
    """One token, the longest, lengths that repeat; masks at both ends and beside each other, never padding."""
    rng = np.random.default_rng(4)
    found = [np.where((ids := rng.integers(0, 26, length)) == PAD, 5, ids) for length in (7, 1, LONGEST, 7, 12, 3)]
    found[0][[0, -1]] = MASK
    found[2][4:7] = MASK
    found[4][0] = MASK
    return found


def theirs_of(family: str) -> Any:
    """A random model of `transformers`, its numbers moved away from zeros and ones so that a forgotten tensor shows."""
    kind, settings = FAMILIES[family]
    config = getattr(transformers, f"{kind}Config")(**SIZES, **IDS, **settings)
    torch.manual_seed(11)
    model = getattr(transformers, f"{kind}For{'CausalLM' if kind == 'GPTNeoX' else 'MaskedLM'}")(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.add_((0.05 if "contact" in name else 0.3) * torch.randn(parameter.shape))
    return model


@pytest.fixture(params=list(FAMILIES))
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def pair(family: str, tmp_path: Path) -> tuple[Any, LanguageModel]:
    theirs = theirs_of(family)
    theirs.save_pretrained(tmp_path / "published")
    return theirs, load(tmp_path / "published", device="cpu", tokenizer=tokenizer())


def run(theirs: Any, ids: np.ndarray) -> Any:
    """`transformers` on one sequence alone, so that its padding cannot matter."""
    with torch.no_grad():
        return theirs(torch.from_numpy(ids)[None], attention_mask=torch.ones(1, len(ids)), output_hidden_states=True)


def test_logits_and_every_layer(pair: tuple[Any, LanguageModel], family: str, differs: Any) -> None:
    theirs, ours = pair
    given = sequences()
    tokens, boundaries = pack(given)
    with torch.no_grad():
        logits, states = ours.logits(tokens, boundaries), ours.network.hidden_states(tokens, boundaries)
    answers = [run(theirs, ids) for ids in given]
    expected = torch.cat([answer.logits[0] for answer in answers])
    assert expected.std() > 0.5
    assert differs(family, "logits", logits, expected) <= 1e-5
    assert len(states) == SIZES["num_hidden_layers"] + 1 == len(answers[0].hidden_states)
    for depth, state in enumerate(states):
        assert differs(family, "hidden states", state, torch.cat([a.hidden_states[depth][0] for a in answers])) <= 1e-5


def test_bf16(pair: tuple[Any, LanguageModel], family: str, differs: Any) -> None:
    """Rounding differs along the way; both must stay as near to the float32 answer."""
    theirs, ours = pair
    given = sequences()
    exact = torch.cat([run(theirs, ids).logits[0] for ids in given])
    rough = torch.cat([run(theirs.to(torch.bfloat16), ids).logits[0].float() for ids in given])
    with torch.no_grad():
        mine = ours.to(torch.bfloat16).logits(*pack(given)).float()
    allowed = 2 * ((rough - exact).abs().max() / exact.abs().max()).item()
    assert differs(family, "logits, bf16 (against float32)", mine, exact) <= max(allowed, 0.02)


def test_batch_composition_and_scored_positions_change_nothing(
    pair: tuple[Any, LanguageModel], family: str, differs: Any
) -> None:
    ours, given = pair[1], sequences()
    tokens, boundaries = pack(given)
    asked = torch.tensor([30, 0, 6, 7, 29, 29, 44, 8])
    with torch.no_grad():
        whole = ours.logits(tokens, boundaries)
        alone = torch.cat([ours.logits(*pack([ids])) for ids in given])
        turned = torch.cat(ours.logits(*pack(given[::-1])).split([len(ids) for ids in given[::-1]])[::-1])
        some = ours.logits(tokens, boundaries, asked)
    for what, other in (("each alone", alone), ("reversed batch", turned)):
        assert differs(family, f"batch composition: {what}", other, whole) <= 1e-5
    assert differs(family, "scored positions only", some, whole[asked]) <= 1e-5


def test_saved_again_it_opens_in_transformers(
    pair: tuple[Any, LanguageModel], family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, differs: Any
) -> None:
    theirs, ours = pair
    ours.tokenizer.save = lambda folder: (folder / "tokenizer.json").write_text('{"hash": "ids"}')
    save(ours, tmp_path / "saved")
    opener = transformers.AutoModelForCausalLM if ours.causal else transformers.AutoModelForMaskedLM
    again, report = opener.from_pretrained(tmp_path / "saved", output_loading_info=True)
    assert {key for key in report["missing_keys"] if "inv_freq" not in key and "position_ids" not in key} == set()
    assert not report["unexpected_keys"]
    assert type(again) is type(theirs)
    for ids in sequences():
        assert differs(family, "saved, then transformers", run(again.eval(), ids).logits, run(theirs, ids).logits) <= 1e-6


def test_attention_weights(pair: tuple[Any, LanguageModel], family: str, differs: Any) -> None:
    theirs, ours = pair
    theirs.set_attn_implementation("eager")
    given = sequences()
    with torch.no_grad():
        found = ours.network.attentions(*pack(given))
        for ids, weights in zip(given, found, strict=True):
            expected = theirs(torch.from_numpy(ids)[None], output_attentions=True).attentions
            assert differs(family, "attention weights", weights, torch.cat(expected)) <= 1e-5


def test_a_sequence_beyond_learned_positions_is_refused(pair: tuple[Any, LanguageModel]) -> None:
    ours = pair[1]
    if ours.network.config.positions != "learned":
        assert ours.logits(*pack([np.full(LONGEST + 1, 5)])).shape == (LONGEST + 1, VOCABULARY)
        return
    assert ours.context == LONGEST
    with pytest.raises(
        Exception, match=rf"has {LONGEST + 1} tokens .special ones included., but this model has learned positions for"
    ):
        ours.logits(*pack([np.full(LONGEST + 1, 5)]))
