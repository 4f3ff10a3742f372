"""Other families through transformers: the packed face gives the logits that transformers gives, whatever is in the batch.

Covers ``glmkit.models.adapter.tokenizer``.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from glmkit.errors import BadInput
from glmkit.models.adapter.adapter import open_with_transformers
from glmkit.models.adapter.network import rectangles
from glmkit.models.networks import pack
from glmkit.score import embed, log_likelihood

LETTERS = "LAGVSERTIDPKQNFYMHWC"
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS]
SHARED = {"vocab_size": 25, "pad_token_id": 0}
KINDS = {
    "distilbert": (
        "DistilBertForMaskedLM",
        {"dim": 12, "n_layers": 2, "n_heads": 3, "hidden_dim": 20, "max_position_embeddings": 40},
    ),
    "electra": (
        "ElectraForMaskedLM",
        {"embedding_size": 8, "hidden_size": 12, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 20},
    ),
    "modernbert": (
        "ModernBertForMaskedLM",
        {"hidden_size": 12, "num_hidden_layers": 4, "num_attention_heads": 3, "intermediate_size": 20, "local_attention": 6}
        | {"cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3},
    ),
    "gpt2": (
        "GPT2LMHeadModel",
        {"n_embd": 12, "n_layer": 2, "n_head": 3, "n_positions": 50, "bos_token_id": 2, "eos_token_id": 3},
    ),
    "fnet": ("FNetForMaskedLM", {"hidden_size": 12, "num_hidden_layers": 2, "intermediate_size": 20}),
    "convbert": (
        "ConvBertForMaskedLM",
        {"embedding_size": 12, "hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 20},
    ),
}
LEAKY = {"fnet", "convbert"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each family with small random weights, written by transformers."""
    out = {}
    for kind, (name, settings) in KINDS.items():
        torch.manual_seed(len(kind))
        model = getattr(transformers, name)(transformers.CONFIG_MAPPING[kind](**SHARED, **settings)).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.2)
        out[kind] = tmp_path_factory.mktemp(kind)
        model.save_pretrained(out[kind])
        (out[kind] / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    return out


def reference(folder: Path, kind: str) -> Any:
    return getattr(transformers, KINDS[kind][0]).from_pretrained(folder).eval()


def sequences() -> list[np.ndarray]:
    rng = np.random.default_rng(2)
    return [np.array([2, *rng.integers(5, 25, size), 3]) for size in (9, 3, 21, 9, 4, 10)]


@pytest.mark.parametrize("kind", KINDS)
def test_logits_are_those_of_transformers(folders: dict[str, Path], kind: str) -> None:
    model, theirs = open_with_transformers(folders[kind], device="cpu"), reference(folders[kind], kind)
    tokens, boundaries = pack(sequences())
    with torch.no_grad():
        wanted = torch.cat([theirs(torch.from_numpy(ids)[None]).logits[0] for ids in sequences()])
        got = model.logits(tokens, boundaries)
        some = torch.tensor([40, 3, 17])
        assert got.shape == (len(tokens), 25)
        torch.testing.assert_close(got, wanted, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(model.logits(tokens, boundaries, some), wanted[some], atol=1e-4, rtol=1e-4)
        hidden = theirs.base_model(torch.from_numpy(sequences()[2])[None]).last_hidden_state[0]
        torch.testing.assert_close(model.hidden(tokens, boundaries)[16:39], hidden, atol=1e-4, rtol=1e-4)
    assert model.causal == (kind == "gpt2")
    assert ("padding leaks" in model.card["runs"]) == (kind in LEAKY)
    assert model.card["runs"].startswith("through transformers, slower")
    assert model.card["architecture"] == KINDS[kind][0]


@pytest.mark.parametrize("kind", KINDS)
def test_the_batch_changes_nothing(folders: dict[str, Path], kind: str) -> None:
    model = open_with_transformers(folders[kind], device="cpu")
    texts = ["LAGVSERT", "MKTAYIAKQRQISFVKSHFSRQ", "WC", "LAGVSERA"]
    together = embed(model, texts)
    alone = np.concatenate([embed(model, [text]) for text in texts])
    assert together.shape == (4, 12)
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(
        log_likelihood(model, texts), np.concatenate([log_likelihood(model, [text]) for text in texts]), atol=1e-4
    )


@pytest.mark.parametrize("kind", ["distilbert", "gpt2"])
def test_every_layer_is_there(folders: dict[str, Path], kind: str) -> None:
    model, theirs = open_with_transformers(folders[kind], device="cpu"), reference(folders[kind], kind)
    tokens, boundaries = pack(sequences())
    with torch.no_grad():
        states = model.network.hidden_states(tokens, boundaries)
        wanted = theirs(torch.from_numpy(sequences()[0])[None], output_hidden_states=True).hidden_states
    assert len(states) == model.network.config.layers + 1 == len(wanted)
    for state, want in zip(states, wanted, strict=True):
        assert state.shape == (len(tokens), 12)
        torch.testing.assert_close(state[:11], want[0], atol=1e-4, rtol=1e-4)


def test_context_is_what_the_positions_reach(folders: dict[str, Path]) -> None:
    assert open_with_transformers(folders["distilbert"], device="cpu").context == 40
    assert open_with_transformers(folders["gpt2"], device="cpu").context == 50


def test_rectangles_waste_little_and_cover_all() -> None:
    lengths = np.random.default_rng(0).integers(5, 400, 150).tolist()
    groups = rectangles(lengths)
    assert sorted(i for group in groups for i in group) == list(range(150))
    assert all(max(lengths[i] for i in g) * len(g) <= 1.2 * sum(lengths[i] for i in g) for g in groups)
    assert len(groups) < 40
    assert all(len({lengths[i] for i in group}) == 1 for group in rectangles(lengths, 1.0))


def copy(folder: Path, target: Path, **changes: Any) -> Path:
    target.mkdir()
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    config = json.loads((target / "config.json").read_text())
    (target / "config.json").write_text(json.dumps(config | changes))
    return target


def test_what_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    base = folders["distilbert"]
    canary = tmp_path / "canary"
    coded = copy(base, tmp_path / "coded", auto_map={"AutoModelForMaskedLM": "code.Model"})
    (coded / "code.py").write_text(f"open({str(canary)!r}, 'w')")
    with pytest.raises(BadInput, match=r"has 'auto_map': the model needs Python code that came with it, which glmkit never"):
        open_with_transformers(coded)
    assert not canary.exists()
    with pytest.raises(BadInput, match=r"model_type 'protmamba', which is no masked or causal language model that the installed"):
        open_with_transformers(copy(base, tmp_path / "unknown", model_type="protmamba"))
    with pytest.raises(
        BadInput, match=r"names the architecture 'DistilBertForSequenceClassification', which has no language-model head"
    ):
        open_with_transformers(copy(base, tmp_path / "tuned", architectures=["DistilBertForSequenceClassification"]))
    with pytest.raises(BadInput, match=r"its weights lack \d+ tensors, the first 'distilbert.transformer.layer.2"):
        open_with_transformers(copy(base, tmp_path / "deeper", n_layers=3))
    with pytest.raises(BadInput, match=r"transformers cannot open it \("):
        open_with_transformers(copy(base, tmp_path / "wider", hidden_dim=24))
    large, cut, bare = (copy(base, tmp_path / name) for name in ("large", "cut", "bare"))
    (large / "vocab.txt").write_text("\n".join([*VOCABULARY, "X"]))
    with pytest.raises(BadInput, match=r"its tokenizer has 26 entries, its network 25"):
        open_with_transformers(large)
    (cut / "model.safetensors").write_bytes((cut / "model.safetensors").read_bytes()[:-40])
    with pytest.raises(BadInput, match=r"is cut: expected"):
        open_with_transformers(cut)
    (bare / "vocab.txt").unlink()
    with pytest.raises(BadInput, match=r"has neither tokenizer.json nor vocab.txt nor dict.txt"):
        open_with_transformers(bare)


def test_a_tokenizer_of_words(folders: dict[str, Path], tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

    rules = Tokenizer(models.BPE(unk_token="[UNK]"))
    rules.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(
        vocab_size=25, special_tokens=VOCABULARY[:5], initial_alphabet=list("ACGT"), show_progress=False
    )
    rules.train_from_iterator(["ACGTTTAGGACC", "TTTAGGTTTAGG", "GGACCAACCGT"] * 9, trainer)
    rules.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    folder = copy(folders["electra"], tmp_path / "words")
    (folder / "vocab.txt").unlink()
    rules.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"mask_token": {"content": "[MASK]"}, "unk_token": "[UNK]"}))
    model = open_with_transformers(folder, device="cpu")
    made = model.tokenizer
    assert (made.prefix, made.suffix, made.mask_id, made.pad_id, made.unk_id) == ((2,), (3,), 4, 0, 1)
    ids = made.encode("TTTAGGACC")
    assert 1 < len(ids) < 9
    assert made.decode(np.array([2, *ids, 3])).replace(" ", "") == "TTTAGGACC"
    assert made.maskable.tolist() == [False] * 5 + [True] * (len(made.vocabulary) - 5)
    theirs = reference(folder, "electra")
    tokens, boundaries = pack([np.array(rules.encode("TTTAGGACC").ids)])
    with torch.no_grad():
        torch.testing.assert_close(model.logits(tokens, boundaries), theirs(tokens[None]).logits[0], atol=1e-4, rtol=1e-4)
    assert embed(model, ["TTTAGGACC", "ACGT"]).shape == (2, 12)
    (folder / "tokenizer.json").write_text('{"version": "1.0"}')
    with pytest.raises(BadInput, match=r"tokenizer.json is not a tokenizer that the tokenizers library reads"):
        open_with_transformers(folder)
