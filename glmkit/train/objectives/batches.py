"""Batches of a training run as a pure function of seed, epoch and batch index, so that a resumed run needs no stored order.

Random numbers for masks come from a generator for each batch. Those for dropout come from torch's generator, which is seeded for
each forward pass. Neither depends on earlier computations in the process.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glmkit.data.corpora import token_budget_batches
from glmkit.tokens import surround

SCHEME = "seed-epoch-batch 1"  # version of the derivation of the random streams below, recorded in checkpoints
MASKS, DROPOUT, VALIDATION = 1, 2, 3


@dataclass(frozen=True)
class Batch:
    """Items of a corpus for one forward pass.

    Attributes
    ----------
    indices
        Indices of the items in the corpus, int64 (sequences,).
    tokens
        Concatenated token ids of the items, (tokens,).
    boundaries
        Boundaries of the items, int64 (sequences + 1,).
    weights
        Weight of each token in the loss, float32 (tokens,); None for 1 everywhere.
    labels
        Class of each token, int64 (tokens,), -1 for none; None if the corpus has no labels.
    """

    indices: np.ndarray
    tokens: np.ndarray
    boundaries: np.ndarray
    weights: np.ndarray | None
    labels: np.ndarray | None = None


def gather(store: Any, indices: np.ndarray, prefix: Sequence[int] = (), suffix: Sequence[int] = ()) -> Batch:
    """Read items of a corpus, and add the special tokens of the model's family around each.

    Parameters
    ----------
    store
        Corpus with token ids ``store[i]``, (length,), and optional methods ``store.weights(i)`` and ``store.labels(i)``.
    indices
        Indices of the items, int64 (sequences,).
    prefix, suffix
        Special token ids of the tokenizer before and after every sequence, with weight 0 and without a label.

    Returns
    -------
    Batch
        Batch of packed items.
    """
    sequences = [surround(store[int(index)], prefix, suffix) for index in indices]
    boundaries = np.zeros(len(sequences) + 1, dtype=np.int64)
    np.cumsum([len(sequence) for sequence in sequences], out=boundaries[1:])
    weights = labels = None
    if hasattr(store, "weights"):
        weights = _join(store.weights, indices, 0, prefix, suffix)
    if hasattr(store, "labels"):
        labels = _join(lambda i: np.asarray(store.labels(i), np.int64), indices, -1, prefix, suffix)
    return Batch(np.asarray(indices), np.concatenate(sequences), boundaries, weights, labels)


def _join(
    of: Callable[[int], np.ndarray], indices: np.ndarray, fill: int, prefix: Sequence[int], suffix: Sequence[int]
) -> np.ndarray:
    """Concatenated values of a corpus for the tokens of its items, with `fill` at special tokens."""
    before, after = [fill] * len(prefix), [fill] * len(suffix)
    return np.concatenate([surround(of(int(index)), before, after) for index in indices])


@dataclass
class Feed:  # numpydoc ignore=PR02
    """Infinite sequence of the batches of a training run, and the current position in it.

    Parameters
    ----------
    store
        The corpus.
    budget
        Maximum number of tokens per batch, special tokens included.
    seed
        Random seed of the order.
    epoch, batch
        Epoch and index of the next batch.
    prefix, suffix
        Special token ids of the tokenizer, as in `gather`.
    """

    store: Any
    budget: int
    seed: int
    epoch: int = 0
    batch: int = 0
    prefix: Sequence[int] = ()
    suffix: Sequence[int] = ()

    def __post_init__(self) -> None:
        self._made: int | None = None
        self._batches: list[np.ndarray] = []

    def take(self, count: int, rank: int = 0, size: int = 1) -> Iterator[tuple[int, Batch, np.random.Generator]]:
        """The next batches, each with the generator for its masks.

        Parameters
        ----------
        count
            Number of batches, which can extend over the end of an epoch.
        rank, size
            Rank and number of processes: batches `rank`, `rank` + `size` and so on are read; the others are skipped.

        Yields
        ------
        tuple
            Index of the batch among `count`, the batch, and its random generator.
        """
        for number in range(count):
            if self._made != self.epoch:
                lengths = np.asarray(self.store.lengths) + len(self.prefix) + len(self.suffix)
                self._batches = token_budget_batches(lengths, self.budget, self.seed, self.epoch)
                self._made = self.epoch
            indices = self._batches[self.batch]
            rng = np.random.default_rng([self.seed, MASKS, self.epoch, self.batch])
            self.batch += 1
            if self.batch == len(self._batches):
                self.epoch, self.batch = self.epoch + 1, 0
            if number % size == rank:
                yield number, gather(self.store, indices, self.prefix, self.suffix), rng


def validation_batches(
    store: Any,
    budget: int,
    seed: int,
    rank: int = 0,
    size: int = 1,
    lockstep: bool = False,
    *,
    prefix: Sequence[int] = (),
    suffix: Sequence[int] = (),
) -> Iterator[tuple[Batch, np.random.Generator, bool]]:
    """All batches of a corpus once, with the same masks at every call.

    Parameters
    ----------
    store
        The corpus.
    budget
        Maximum number of tokens per batch, special tokens included.
    seed
        Random seed of the masks.
    rank, size
        Rank and number of processes: batches `rank`, `rank` + `size` and so on are read.
    lockstep
        Whether every rank receives the same number of batches; ranks without a last one repeat the first, which does not count.
    prefix, suffix
        Special token ids of the tokenizer, as in `gather`.

    Yields
    ------
    tuple
        Batch, its random generator, and whether it counts.
    """
    lengths = np.asarray(store.lengths) + len(prefix) + len(suffix)
    batches = token_budget_batches(lengths, budget, seed, 0)
    rounds = -(-len(batches) // size)
    for number in range(rank, rounds * size, size):
        counts = number < len(batches)
        if counts or lockstep:
            number = number if counts else 0
            batch = gather(store, batches[number], prefix, suffix)
            yield batch, np.random.default_rng([seed, VALIDATION, number]), counts


def dropout_seed(seed: int, step: int, part: int) -> int:
    """Seed of torch's random generator for one forward pass.

    Parameters
    ----------
    seed
        Random seed of the run.
    step
        Optimiser step, from 0.
    part
        Index of the micro-batch within the step, from 0.

    Returns
    -------
    int
        Seed below 2**63.
    """
    return int(np.random.SeedSequence([seed, DROPOUT, step, part]).generate_state(1, np.uint64)[0]) >> 1
