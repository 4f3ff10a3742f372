"""A training run of a second, for the fault tests: in this process, or in one of its own that is killed."""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from glmkit.models import TransformerConfig, new_model, weights_hash
from glmkit.tokens import BaseTokenizer
from glmkit.train import FitResult, MaskedLanguageModel, TrainConfig, fit


class Letters:
    """A corpus in memory: 23 sequences of 5 to 13 bases, some tokens at a lower weight."""

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.lengths = rng.integers(5, 14, 23)
        self.items = [rng.integers(4, 8, length).astype(np.uint8) for length in self.lengths]
        self.hash = f"letters {seed}"
        self.read: list[int] = []

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> np.ndarray:
        self.read.append(index)
        return self.items[index]

    def weights(self, index: int) -> np.ndarray:
        return np.where(self.items[index] == 5, np.float32(0.1), np.float32(1))


SETTINGS: dict[str, Any] = {
    "steps": 12,
    "batch_tokens": 50,
    "checkpoint_every": 3,
    "log_every": 1,
    "seed": 4,
    "device": "cpu",
    "precision": "float32",
}


def tiny_model() -> Any:
    shape = TransformerConfig(vocabulary_size=10, width=8, layers=2, heads=2, feedforward=12, dropout=0.2)
    return new_model(shape, BaseTokenizer(), seed=1)


def run(
    folder: Path | None, store: Any = None, resume: bool = True, stop: Any = None, log: Any = None, **settings: Any
) -> tuple[str, FitResult]:
    """Train the tiny model; the final weights' hash and the result."""
    model = tiny_model()
    objective = MaskedLanguageModel(0.3, reverse_complement=True)
    config = TrainConfig(**(SETTINGS | settings))
    result = fit(model, store or Letters(), objective, config, folder=folder, resume=resume, stop=stop, log=log)
    return weights_hash(model), result


if __name__ == "__main__":
    print(run(Path(sys.argv[1]))[0])
