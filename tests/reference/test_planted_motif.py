"""A motif planted at random places is found by every explanation that claims to, and lost when the weights are drawn anew.

The truth is known: windows of one class hold TGACGTCA somewhere, those of the other are random. A small network learns to tell them
apart; then each position of a window is ranked by its worth, and the area under the precision-recall curve says whether the motif's
positions stand first. Positions in random order would reach the share of motif positions, the base rate.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from glmkit.interpret import (
    gradient_times_input,
    importance,
    integrated_gradients,
    mutagenesis,
    randomise_weights,
    shapley,
)
from glmkit.models import TransformerConfig, new_classifier, new_model
from glmkit.score import class_logits
from glmkit.tokens import BaseTokenizer
from glmkit.train import Classification, TrainConfig, fit

MOTIF, LENGTH, EXPLAINED = "TGACGTCA", 40, 8
Worth = Callable[[Any], np.ndarray]


class Windows:
    """A corpus in memory."""

    def __init__(self, sequences: list[str]) -> None:
        tokenizer = BaseTokenizer()
        self.ids = [tokenizer.encode(sequence) for sequence in sequences]
        self.tokenizer_hash, self.hash, self.lengths = tokenizer.hash, "planted", np.full(len(sequences), LENGTH)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, item: int) -> np.ndarray:
        return self.ids[item]


def planted(n: int, seed: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Windows, every other one with the motif; labels; where it begins."""
    rng = np.random.default_rng(seed)
    labels, places = np.arange(n) % 2, rng.integers(0, LENGTH - len(MOTIF) + 1, n)
    windows = ["".join(row) for row in rng.choice(list("ACGT"), (n, LENGTH))]
    return (
        [w[:p] + MOTIF + w[p + 8 :] if label else w for w, p, label in zip(windows, places, labels, strict=True)],
        labels,
        places,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Any:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    windows, labels, _ = planted(2000, seed=10)
    config = TransformerConfig(vocabulary_size=10, width=32, layers=2, heads=2, feedforward=64, mixing=("convolution",), kernel=9)
    model = new_classifier(new_model(config, BaseTokenizer(), seed=1), ["without", "with"], dropout=0.0, seed=1)
    settings = TrainConfig(
        steps=200, learning_rate=3e-3, batch_tokens=64 * LENGTH, checkpoint_every=1000, precision="float32", device="cpu", seed=1
    )
    fit(model, Windows(windows), Classification(labels), settings, folder=tmp_path_factory.mktemp("planted"))
    yield model
    torch.set_num_threads(threads)


@pytest.mark.long
def test_the_motif_is_found_and_lost_with_the_weights(trained: Any) -> None:
    windows, labels, places = planted(200, seed=1)
    logits = class_logits(trained, windows)
    assert roc_auc_score(labels, logits[:, 1] - logits[:, 0]) > 0.95
    with_motif = [w for w, label in zip(windows, labels, strict=True) if label][:EXPLAINED]
    without = [w for w, label in zip(windows, labels, strict=True) if not label][:4]
    truth = np.array([[p <= i < p + len(MOTIF) for i in range(LENGTH)] for p in places[labels == 1][:EXPLAINED]])
    methods: dict[str, Worth] = {
        "integrated gradients": lambda m: integrated_gradients(m, with_motif, baseline=without, steps=30).values,
        "Shapley values": lambda m: shapley(m, with_motif, background=without, evaluations=300).values,
        "mutagenesis": lambda m: importance(mutagenesis(m, with_motif)),
        "gradient times input": lambda m: gradient_times_input(m, with_motif).values,
    }
    untrained = randomise_weights(trained, seed=1)
    found = {
        name: [average_precision_score(truth.ravel(), worth(m).ravel()) for m in (trained, untrained)]
        for name, worth in methods.items()
    }
    print(f"\nAUPRC of motif positions (base rate {truth.mean():.2f})   trained  weights drawn anew")
    for name, (before, after) in found.items():
        print(f"{name:48} {before:7.3f} {after:19.3f}")
    for name in ("integrated gradients", "Shapley values", "mutagenesis"):
        assert found[name][0] >= 0.9, name
    assert max(after for _, after in found.values()) < 0.4
