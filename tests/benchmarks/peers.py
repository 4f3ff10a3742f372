"""The same ESM-2 with random weights on both sides: ours, and `transformers`' as most people run it."""

from typing import Any

import numpy as np
import torch
import transformers

from glmkit.models import LanguageModel, new_model
from glmkit.models.families import esm2
from glmkit.models.families.registry import family_to_save
from glmkit.tokens import make_tokenizer

transformers.logging.set_verbosity_error()


def esm_pair(size: str) -> tuple[LanguageModel, Any]:
    """A published shape twice, with equal random weights; both in evaluation mode."""
    tokenizer = make_tokenizer("protein")
    model = new_model(esm2(size), tokenizer)
    config = model.network.config
    family = family_to_save(config)
    disk = family.config_to_disk(config, tokenizer, False)
    theirs = transformers.EsmForMaskedLM(transformers.EsmConfig(**disk)).eval()
    state = {f"network.{name}": value for name, value in model.network.state_dict().items()}
    state |= {f"head.{name}": value for name, value in model.head.state_dict().items()}
    theirs.load_state_dict(family.weights_to_disk(state, config, disk), strict=False)
    theirs.tie_weights()
    return model, theirs


def proteins(lengths: np.ndarray, seed: int = 1) -> list[str]:
    """Random proteins of given lengths."""
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), length)) for length in lengths]


def fair_esm(model: LanguageModel) -> Any:
    """The same weights in fair-esm's own ESM-2."""
    import esm

    config = model.network.config
    alphabet = esm.data.Alphabet.from_architecture("ESM-1b")
    theirs = esm.model.esm2.ESM2(config.layers, config.width, config.heads, alphabet, token_dropout=True).eval()
    own, state = model.network.state_dict(), {"embed_tokens.weight": model.network.embedding.weight}
    names = {"attention_norm": "self_attn_layer_norm", "mixer.out": "self_attn.out_proj", "feedforward_norm": "final_layer_norm"}
    names |= {"up": "fc1", "down": "fc2"}
    for name, value in own.items():
        part, leaf = name.rsplit(".", 1)
        if part == "norm":
            state[f"emb_layer_norm_after.{leaf}"] = value
        elif part.endswith("mixer.qkv"):
            layer = part.split(".")[1]
            state |= {f"layers.{layer}.self_attn.{p}_proj.{leaf}": v for p, v in zip("qkv", value.chunk(3), strict=True)}
        elif part.startswith("layers."):
            _, layer, rest = part.split(".", 2)
            state[f"layers.{layer}.{names[rest]}.{leaf}"] = value
    head = model.head.state_dict()
    state |= {f"lm_head.{name.replace('norm.', 'layer_norm.')}": value for name, value in head.items()} | {
        "lm_head.weight": model.network.embedding.weight
    }
    missing, unexpected = theirs.load_state_dict(state, strict=False)
    assert not unexpected
    assert all("contact_head" in name or "inv_freq" in name for name in missing), missing
    return theirs


def padded(model: Any, sequences: list[str], order: np.ndarray, batch: int = 16) -> np.ndarray:
    """Mean embeddings by `transformers` in batches of `batch`, padded to the longest of each, in the given order."""
    tokenizer = make_tokenizer("protein")
    out = np.zeros((len(sequences), model.config.hidden_size), np.float32)
    with torch.no_grad():
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            ids = [[*tokenizer.prefix, *tokenizer.encode(sequences[i]).tolist(), *tokenizer.suffix] for i in chosen]
            longest = max(map(len, ids))
            tokens = torch.tensor([item + [tokenizer.pad_id] * (longest - len(item)) for item in ids])
            mask = (tokens != tokenizer.pad_id).long()
            hidden = model.esm(tokens, attention_mask=mask).last_hidden_state
            for row, i in enumerate(chosen):
                out[i] = hidden[row, 1 : len(ids[row]) - 1].float().mean(0).numpy()
    return out
