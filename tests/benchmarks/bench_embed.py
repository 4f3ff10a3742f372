"""Embedding proteins of realistic lengths with ESM-2's shapes against `transformers`, padded in batches of 16.

``python tests/benchmarks/bench_embed.py [8M 35M]``. Weights are random and equal on both sides; the embeddings are compared first.
"""

import sys
import time

import numpy as np
import torch
from peers import esm_pair, padded, proteins
from turns import Row, in_turns, protein_lengths, show

from glmkit.score import embed

GOALS = {"8M": (5.0, 1.3, 7.0), "35M": (2.0, 1.0, 3.2)}  # float32, over length buckets, bf16
NUMBER = {"8M": 64, "35M": 16}


def main(sizes: list[str]) -> None:
    """Print the table."""
    torch.set_num_threads(1)
    rows = []
    for size in sizes:
        ours, theirs = esm_pair(size)
        sequences = proteins(protein_lengths(NUMBER[size]))
        given, sorted_ = np.arange(len(sequences)), np.argsort([len(s) for s in sequences])
        found, expected = embed(ours, sequences), padded(theirs, sequences, given)
        difference = np.abs(found - expected).max() / np.abs(expected).max()
        if difference > 1e-5:
            raise SystemExit(f"ESM-2 {size}: the embeddings differ by {difference:.1e}; no timing is worth printing.")
        seconds, slow, bucketed = in_turns(
            lambda ours=ours, s=sequences: embed(ours, s),
            lambda m=theirs, s=sequences, o=given: padded(m, s, o),
            lambda m=theirs, s=sequences, o=sorted_: padded(m, s, o),
        )
        half = esm_pair(size)[0].to(torch.bfloat16)
        cosine = (embed(half, sequences) * expected).sum(1) / np.linalg.norm(expected, axis=1)
        cosine /= np.linalg.norm(embed(half, sequences), axis=1)
        (rough,) = in_turns(lambda half=half, s=sequences: embed(half, s))
        work = 2 * sum(len(s) + 2 for s in sequences) * sum(p.numel() for p in ours.network.layers.parameters())
        rate = f"{work / seconds / 1e9:.0f} GFLOP/s of {matrix_rate():.0f} in the matrices alone; differ {difference:.0e}"
        goal, over_buckets, in_bf16 = GOALS[size]
        rows += [
            Row(f"ESM-2 {size} embeddings, float32", "transformers, padded as given", slow / seconds, goal, rate),
            Row(f"ESM-2 {size} embeddings, float32", "transformers, length buckets", bucketed / seconds, over_buckets),
            Row(
                f"ESM-2 {size} embeddings, bf16",
                "transformers, padded as given",
                slow / rough,
                in_bf16,
                f"cosine {cosine.min():.4f}",
            ),
        ]
    show(rows)


def matrix_rate(size: int = 1280) -> float:
    """GFLOP/s of a plain float32 matrix product here."""
    left, right = torch.randn(4096, size), torch.randn(size, size)
    left @ right
    start = time.process_time()
    for _ in range(8):
        left @ right
    return 8 * 2 * 4096 * size * size / (time.process_time() - start) / 1e9


if __name__ == "__main__":
    main(sys.argv[1:] or list(GOALS))
