"""Generation against `transformers`: the same greedy text from the same folder, the same cut at top-k and top-p."""

from pathlib import Path

import numpy as np
import pytest
import torch

from glmkit.models import TransformerConfig, new_model, save
from glmkit.score import generate
from glmkit.score.windows.sampling import Sampling, probabilities
from glmkit.tokens import BaseTokenizer

transformers = pytest.importorskip("transformers")


def test_greedy_text_is_equal(tmp_path: Path) -> None:
    config = TransformerConfig(vocabulary_size=10, width=24, layers=3, heads=2, feedforward=40, causal=True)
    model = new_model(config, BaseTokenizer(), seed=3)
    with torch.no_grad():
        generator = torch.Generator().manual_seed(5)
        for parameter in model.parameters():
            parameter.add_(0.4 * torch.randn(parameter.shape, generator=generator))
    theirs = transformers.AutoModelForCausalLM.from_pretrained(save(model, tmp_path / "model")).eval()
    never = np.flatnonzero(~model.tokenizer.maskable).tolist()
    for prompt in ("A", "GATTACA", "CCGTA"):
        ids = torch.from_numpy(model.tokenizer.encode(prompt).astype(np.int64))[None]
        with torch.no_grad():
            expected = theirs.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                do_sample=False,
                max_length=40,
                suppress_tokens=never,
                pad_token_id=model.tokenizer.pad_id,
                eos_token_id=None,
            )[0]
        text = model.tokenizer.decode(expected.numpy())
        assert len(set(text)) > 1
        assert generate(model, 1, prompt, length=40, top_k=1) == [text]


@pytest.mark.parametrize(("temperature", "top_k", "top_p"), [(1.0, 5, 1.0), (0.7, 0, 0.8), (1.9, 7, 0.35), (1.0, 0, 0.05)])
def test_distributions_are_equal(temperature: float, top_k: int, top_p: float) -> None:
    logits = np.random.default_rng(2).normal(size=(13, 29)).astype(np.float32) * 2
    warpers = [transformers.TemperatureLogitsWarper(temperature)]
    if top_k:
        warpers.append(transformers.TopKLogitsWarper(top_k))
    if top_p < 1:
        warpers.append(transformers.TopPLogitsWarper(top_p))
    expected = transformers.LogitsProcessorList(warpers)(torch.zeros(13, 1, dtype=torch.int64), torch.from_numpy(logits))
    ours = probabilities(logits, np.ones(29, bool), Sampling(temperature=temperature, top_k=top_k, top_p=top_p))
    np.testing.assert_allclose(ours, expected.softmax(-1).numpy(), atol=1e-6)
