"""``make bench-gpu``: ESM-2's 650M shape on one CUDA device: pretraining throughput, and embeddings against `transformers` padded.

Floating-point work is counted as 6 per weight and token (2 forward, 4 backward) plus attention's own products, over real tokens
only. Rates stand beside the chip's own rate for a large bf16 matrix product, measured here.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench_training import Corpus
from peers import esm_pair, padded, proteins
from turns import protein_lengths

from glmkit.models.networks import pack
from glmkit.score import embed
from glmkit.train import MaskedLanguageModel
from glmkit.train.loop.config import TrainConfig
from glmkit.train.loop.optimiser import make_optimiser
from glmkit.train.objectives.batches import gather

TURNS = 5


def seconds(run: Callable[[], object], turns: int = TURNS) -> float:
    """Median wall seconds, the device idle before and after."""
    run()
    found = []
    for _ in range(turns):
        torch.cuda.synchronize()
        before = time.perf_counter()
        run()
        torch.cuda.synchronize()
        found.append(time.perf_counter() - before)
    return median(found)


def matrix_rate(size: int = 8192) -> float:
    """TFLOP/s of a bf16 matrix product."""
    left, right = (torch.randn(size, size, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    return 2 * size**3 / seconds(lambda: left @ right) / 1e12


def work(lengths: np.ndarray, layers: int, width: int, passes: int) -> float:
    """Floating-point operations of `passes` forward passes' worth (3 for a training step)."""
    weights = 12 * layers * width**2
    return passes * (2 * weights * lengths.sum() + 4 * layers * width * (lengths.astype(float) ** 2).sum())


def pretraining(size: str, tokens: int) -> None:
    """One optimiser step on packed proteins, masked language modelling, bf16 autocast."""
    model = esm_pair(size)[0].cuda().train()
    config = model.network.config
    lengths = protein_lengths(tokens // 300)
    lengths = lengths[np.cumsum(lengths) <= tokens]
    rng = np.random.default_rng(0)
    corpus = Corpus([rng.integers(4, 24, length) for length in lengths])
    batch = gather(corpus, np.arange(len(corpus)), model.tokenizer.prefix, model.tokenizer.suffix)
    objective = MaskedLanguageModel(0.15)
    optimiser = make_optimiser(model, TrainConfig(steps=1))

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cuda", dtype=torch.bfloat16):
            loss = objective.loss(model, batch, np.random.default_rng(1))
        (loss.total / loss.weight).backward()
        optimiser.step()

    taken = seconds(step)
    rate, chip = work(lengths + 2, config.layers, config.width, 3) / taken / 1e12, matrix_rate()
    print(
        f"ESM-2 {size} pretraining: {len(batch.tokens) / taken:,.0f} tokens/s, {rate:.0f} TFLOP/s, {rate / chip:.0%} of the chip's "
        f"measured {chip:.0f}; memory {torch.cuda.max_memory_allocated() / 1e9:.1f} GB (goal 50%)"
    )


def embedding(size: str) -> None:
    """Embeddings of 256 proteins, bf16, against `transformers` padded in batches of 16."""
    ours, theirs = esm_pair(size)
    sequences = proteins(protein_lengths(256))
    exact = embed(ours.cuda(), sequences[:8])
    ours, theirs = ours.to(torch.bfloat16), theirs.to("cuda", torch.bfloat16)
    rough = embed(ours, sequences[:8])
    cosine = ((exact * rough).sum(1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(rough, axis=1)).min()
    order = np.arange(len(sequences))
    with torch.device("cuda"):
        slow = seconds(lambda: padded(theirs, sequences, order))
    fast = seconds(lambda: embed(ours, sequences, batch_tokens=65_536))
    print(f"ESM-2 {size} embeddings, bf16: {slow / fast:.2f}× transformers padded (goal 3×); cosine with float32 {cosine:.4f}")


def agreement() -> None:
    """The packed kernel against float32 on the CPU, before anything is timed."""
    model = esm_pair("8M")[0]
    tokens, boundaries = pack([np.arange(length) % 20 + 4 for length in (7, 301, 64, 64, 1)])
    with torch.no_grad():
        expected = model.logits(tokens, boundaries)
        found = model.cuda().to(torch.bfloat16).logits(tokens.cuda(), boundaries).float().cpu()
    gap = ((found - expected).abs().max() / expected.abs().max()).item()
    print(f"packed bf16 against float32 on the CPU: largest relative difference {gap:.1e}")
    if gap > 0.05:
        raise SystemExit("The packed kernel does not compute the same; no timing is worth printing.")


def main() -> None:
    """Print the figures, or why there are none."""
    if not torch.cuda.is_available():
        raise SystemExit("No CUDA device here: bench-gpu has nothing to measure. `make bench` times the CPU.")
    print(torch.cuda.get_device_name(), torch.__version__)
    agreement()
    pretraining("650M", 65_536)
    embedding("650M")


if __name__ == "__main__":
    main()
