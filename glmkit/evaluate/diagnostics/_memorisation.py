"""Memorisation: whether a language model remembers its training sequences, or has learned what they have in common.

A model that memorises finds exact copies of its training sequences more probable than held-out ones. The raw difference is not
evidence, since training sequences may simply be of easier composition. So each sequence stands beside shuffled copies of itself,
which have its letters and nothing of their order: what a sequence gains over its own shuffles is what the model knows of its order,
and the *excess* is the gain of the training sequences minus that of the held-out ones. Beside it stands how well single training
sequences are told from held-out ones by that gain (a membership test: AUROC, one half if nothing is remembered).

The held-out sequences must be like the training ones. Under a split by family a gap has two readings, memory and families that were
never seen; a random split leaves the first alone.

References
----------
Carlini N et al. (2021). Extracting training data from large language models. USENIX Security, 2633-2650.
Yeom S et al. (2018). Privacy risk in machine learning: analyzing the connection to overfitting. IEEE CSF, 268-282.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from glmkit.errors import BadInput
from glmkit.evaluate.metrics._bootstrap import bootstrap
from glmkit.statistics import Estimate, draw_groups, group_index, interval

Passes = int | Literal["auto"] | None
Shuffle = Callable[[str, np.random.Generator], str]


@dataclass(frozen=True, kw_only=True)
class Memorisation:  # numpydoc ignore=PR02
    """What :func:`memorisation` found.

    Parameters
    ----------
    table
        One row a set: set, sequences, letters, nats_per_letter with ``_low`` and ``_high`` (log-likelihood; higher is more probable).
    excess
        Gain over their own shuffles of training minus held-out sequences, nats a letter; 0 if nothing is remembered.
    membership
        AUROC of training against held-out sequences by that gain; one half if nothing is remembered.
    sentence
        What that means.
    """

    table: pd.DataFrame
    excess: Estimate
    membership: Estimate
    sentence: str

    def __str__(self) -> str:
        return f"{self.table.to_string(index=False, float_format='%.3f')}\n{self.sentence}"


@dataclass(frozen=True, kw_only=True)
class _Side:
    """One set: nats of its sequences and, on average, of their shuffles, with their letters and groups."""

    nats: np.ndarray
    shuffled: np.ndarray
    letters: np.ndarray
    groups: np.ndarray

    def drawn(self, numerators: np.ndarray, draws: int, seed: int) -> tuple[float, np.ndarray]:
        """Sum of `numerators` over letters, on all sequences and on resampled groups (draws,)."""
        top, bottom = np.bincount(self.groups, numerators), np.bincount(self.groups, self.letters)
        counts = draw_groups(len(top), draws, seed)
        return float(top.sum() / bottom.sum()), (counts @ top) / (counts @ bottom)


def memorisation(
    model: Any,
    train_sequences: Sequence[str],
    held_out: Sequence[str],
    seed: int = 0,
    *,
    train_groups: Sequence[object] | None = None,
    held_out_groups: Sequence[object] | None = None,
    most: int = 200,
    copies: int = 2,
    shuffle: Shuffle | None = None,
    passes: Passes = "auto",
    draws: int = 1000,
) -> Memorisation:
    """Likelihood of exact training sequences beside held-out ones and shuffled copies of both.

    Parameters
    ----------
    model
        A LanguageModel of sequences; it is left in the mode it was in.
    train_sequences
        As the model was trained on them (n,).
    held_out
        That it has not read, of the same kind (m,).
    seed
        Decides which sequences, the shuffles and the bootstrap.
    train_groups, held_out_groups
        Unit of independence of each sequence (family, contig); None when they are independent.
    most
        Sequences taken of each set at most, drawn by `seed`.
    copies
        Shuffles of each.
    shuffle
        (sequence, generator) -> sequence; None permutes the letters, which keeps the composition.
    passes
        As in :func:`glmkit.score.log_likelihood`.
    draws
        Of the bootstrap.

    Returns
    -------
    Memorisation
        A table with 95% intervals over groups, two summaries and one sentence.

    Raises
    ------
    BadInput
        Fewer than two sequences on a side, an empty one, a held-out sequence that is an exact copy of a training one, or fewer than
        one copy.
    """
    _check_sets(train_sequences, held_out, copies, most)
    rng = np.random.default_rng(seed)
    options: dict[str, Any] = {"copies": copies, "shuffle": shuffle or _permuted, "passes": passes}
    train = _side(model, "train_sequences", train_sequences, train_groups, most, rng, **options)
    held = _side(model, "held_out", held_out, held_out_groups, most, rng, **options)
    return _summary(train, held, draws, seed)


def _check_sets(train: Sequence[str], held: Sequence[str], copies: int, most: int) -> None:
    if same := set(train) & set(held):
        raise BadInput(
            f"held_out: {len(same)} of its sequences are exact copies of training sequences, such as {min(same)[:30]!r}. Take them out."
        )
    if copies < 1 or most < 2:
        raise BadInput(f"copies and most: expected at least 1 and 2, got {copies} and {most}.")


def _summary(train: _Side, held: _Side, draws: int, seed: int) -> Memorisation:
    rows, gains = [], []
    for number, (name, side) in enumerate((("training", train), ("held-out", held))):
        for label, nats in ((name, side.nats), (f"{name}, shuffled", side.shuffled)):
            estimate = interval(*side.drawn(nats, draws, seed + number))
            rows.append((label, len(side.letters), int(side.letters.sum()), *estimate))
        gains.append(side.drawn(side.nats - side.shuffled, draws, seed + number))
    excess = interval(gains[0][0] - gains[1][0], gains[0][1] - gains[1][1])
    membership = _membership(train, held, draws, seed)
    columns = ["set", "sequences", "letters", "nats_per_letter", "nats_per_letter_low", "nats_per_letter_high"]
    table = pd.DataFrame(rows, columns=columns)
    return Memorisation(table=table, excess=excess, membership=membership, sentence=_sentence(excess, membership))


def _side(
    model: Any,
    what: str,
    sequences: Sequence[str],
    groups: Sequence[object] | None,
    most: int,
    rng: np.random.Generator,
    *,
    copies: int,
    shuffle: Shuffle,
    passes: Passes,
) -> _Side:
    """Score a sample of one set and of its shuffles."""
    from glmkit.score import log_likelihood

    if len(sequences) < 2 or not all(sequences):
        raise BadInput(f"{what}: expected at least 2 sequences, none of them empty, got {len(sequences)}.")
    names = list(range(len(sequences))) if groups is None else list(groups)
    if len(names) != len(sequences):
        raise BadInput(f"{what}: expected a group for each of {len(sequences)} sequences, got {len(names)}.")
    chosen = np.sort(rng.permutation(len(sequences))[:most])
    some = [sequences[i] for i in chosen]
    twisted = [shuffle(sequence, rng) for sequence in some for _ in range(copies)]
    nats = log_likelihood(model, [*some, *twisted], passes=passes)
    return _Side(
        nats=nats[: len(some)],
        shuffled=nats[len(some) :].reshape(len(some), copies).mean(1),
        letters=np.array([len(sequence) for sequence in some], dtype=np.float64),
        groups=group_index([names[i] for i in chosen], len(some)),
    )


def _permuted(sequence: str, rng: np.random.Generator) -> str:
    return "".join(rng.permutation(list(sequence)))


def _membership(train: _Side, held: _Side, draws: int, seed: int) -> Estimate:
    gain = np.concatenate([(side.nats - side.shuffled) / side.letters for side in (train, held)])
    labels = np.repeat([1, 0], [len(train.letters), len(held.letters)])
    groups = [f"train {group}" for group in train.groups] + [f"held {group}" for group in held.groups]
    return bootstrap("auroc", labels, gain, groups, draws, seed)


def _sentence(excess: Estimate, membership: Estimate) -> str:
    numbers = (
        f"over their own shuffles they gain {excess.value:+.3f} [{excess.low:+.3f}, {excess.high:+.3f}] nats a letter more than "
        f"held-out ones, and the gain tells the two apart with AUROC {membership}"
    )
    if excess.low > 0:
        return f"Training sequences are remembered beyond what held-out ones show: {numbers}."
    if excess.high < 0:
        return f"Training sequences are less probable than held-out ones, so the sets differ in more than training: {numbers}."
    return f"No memory of training sequences can be told: {numbers}."
