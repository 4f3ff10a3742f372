"""The same ESM-2 with random weights on both sides: ours, and `transformers`' as most people run it."""

from typing import Any

import numpy as np
import torch
import transformers

from glmkit.models import LanguageModel, esm2, new_model
from glmkit.models.families import family_to_save
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
