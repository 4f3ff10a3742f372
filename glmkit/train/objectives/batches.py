"""Which items each step sees: a pure function of seed, epoch and batch, so that a resumed run needs no stored order.

Random numbers for masks come from a generator made for the batch; those for dropout from torch's generator, seeded anew for
each forward pass. Nothing depends on what happened before in the process.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from glmkit.data.corpora import token_budget_batches
from glmkit.tokens import surround

SCHEME = "seed-epoch-batch 1"  # how the streams below are derived; a checkpoint records it
MASKS, DROPOUT, VALIDATION = 1, 2, 3


@dataclass(frozen=True)
class Batch:
    """Items of a corpus for one forward pass.

    Attributes
    ----------
    indices
        int64 (sequences,): the items' places in the corpus.
    tokens
        (tokens,): their ids, one sequence after another.
    boundaries
        int64 (sequences + 1,).
    weights
        float32 (tokens,): each token's weight in the loss, or None for 1 everywhere.
    labels
        int64 (tokens,): each token's class, -1 for none; None where the corpus has no labels of its own.
    """

    indices: np.ndarray
    tokens: np.ndarray
    boundaries: np.ndarray
    weights: np.ndarray | None
    labels: np.ndarray | None = None


def gather(store: Any, indices: np.ndarray, prefix: Sequence[int] = (), suffix: Sequence[int] = ()) -> Batch:
    """Read items of a corpus and put the special tokens of the model's family around each.

    Parameters
    ----------
    store
        A corpus: ``store[i]`` are ids (length,); ``store.weights(i)`` and ``store.labels(i)``, if there are such methods, their
        weights and labels.
    indices
        int64 (sequences,).
    prefix, suffix
        The tokenizer's: ids before and after every sequence. Their weight is 0 and they have no label.

    Returns
    -------
    Batch
        Packed.
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
    """What a corpus says of the tokens of its items, one item after another, with `fill` at special tokens."""
    before, after = [fill] * len(prefix), [fill] * len(suffix)
    return np.concatenate([surround(of(int(index)), before, after) for index in indices])


@dataclass
class Feed:  # numpydoc ignore=PR02
    """The endless sequence of batches of a training run, and where in it the run stands.

    Parameters
    ----------
    store
        The corpus.
    budget
        Most tokens of a batch, special ones included.
    seed
        Decides the order.
    epoch, batch
        The next batch to give.
    prefix, suffix
        The tokenizer's, see `gather`.
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
            How many; an epoch may end among them.
        rank, size
            Read only every `size`-th of them, from number `rank` on; the others are passed over.

        Yields
        ------
        tuple
            The batch's number among `count`, the batch, and its generator.
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
    """All of a corpus once, with the same batches and masks at every call.

    Parameters
    ----------
    store
        The corpus.
    budget
        Most tokens of a batch, special ones included.
    seed
        Decides the masks.
    rank, size
        Read only every `size`-th batch, from number `rank` on.
    lockstep
        Give every rank equally many batches: those without one at the end get the first one again, which does not count.
    prefix, suffix
        The tokenizer's, see `gather`.

    Yields
    ------
    tuple
        A batch, its generator, and whether it counts.
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
    """The seed of torch's generator for one forward pass.

    Parameters
    ----------
    seed
        The run's.
    step
        The optimiser step, from 0.
    part
        The forward pass within the step, from 0.

    Returns
    -------
    int
        Below 2**63.
    """
    return int(np.random.SeedSequence([seed, DROPOUT, step, part]).generate_state(1, np.uint64)[0]) >> 1
