"""Memorisation: whether a language model reproduces its training sequences rather than what they have in common.

A model that memorises assigns exact copies of its training sequences a higher probability than held-out sequences. The raw difference is
no evidence, since training sequences may be of easier composition. So each sequence is compared with shuffled copies of itself, which
keep its letters but not their order. The gain of a sequence over its shuffles measures what the model predicts from order. The
*excess* is the gain of the training sequences minus that of the held-out ones. The *membership* is how well that gain separates
single training sequences from held-out ones (a membership test: AUROC, one half without memorisation).

The held-out sequences must resemble the training ones. Under a split by family a gap has two readings: memorisation, and families absent
from training. A random split leaves memorisation alone.

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
from glmkit.evaluate.metrics.registry import METRICS
from glmkit.statistics import Estimate, draw_groups, group_index, interval

Passes = int | Literal["auto"] | None
Shuffle = Callable[[str, np.random.Generator], str]


@dataclass(frozen=True, kw_only=True)
class Memorisation:  # numpydoc ignore=PR02
    """Result of :func:`memorisation`.

    Parameters
    ----------
    table
        One row for each set: set, sequences, letters, nats_per_letter with ``_low`` and ``_high`` (log-likelihood; higher is more
        probable).
    excess
        Gain over their shuffles of training minus held-out sequences, nats a letter; 0 without memorisation.
    membership
        AUROC of training against held-out sequences by that gain; one half without memorisation.
    sentence
        Conclusion in one sentence.
    """

    table: pd.DataFrame
    excess: Estimate
    membership: Estimate
    sentence: str

    def __str__(self) -> str:
        return f"{self.table.to_string(index=False, float_format='%.3f')}\n{self.sentence}"


@dataclass(frozen=True, kw_only=True)
class _Side:
    """One set: nats of its sequences, mean nats of their shuffles, numbers of letters, and groups, each (n,)."""

    nats: np.ndarray
    shuffled: np.ndarray
    letters: np.ndarray
    groups: np.ndarray

    def drawn(self, numerators: np.ndarray, draws: int, seed: int) -> tuple[float, np.ndarray]:
        """Sum of `numerators` divided by the letters, of all sequences and of resampled groups (draws,)."""
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
    """Compare the likelihood of training sequences with that of held-out ones and of shuffled copies of both.

    Parameters
    ----------
    model
        A LanguageModel of sequences; its training or evaluation mode is kept.
    train_sequences
        Training sequences of the model, n.
    held_out
        Sequences of the same kind that were not in training, m.
    seed
        Seed of the choice of sequences, the shuffles and the bootstrap.
    train_groups, held_out_groups
        Unit of independence of each sequence (family, contig); None if they are independent.
    most
        Largest number of sequences of each set, drawn at random, 2 or more.
    copies
        Number of shuffles of each sequence, 1 or more.
    shuffle
        Function (sequence, generator) -> sequence; None permutes the letters, which keeps the composition.
    passes
        As in :func:`glmkit.score.log_likelihood`.
    draws
        Number of bootstrap draws.

    Returns
    -------
    Memorisation
        Table with 95% intervals over groups, two summaries and one sentence.

    Raises
    ------
    BadInput
        Fewer than two sequences in a set, an empty one, a held-out sequence that is an exact copy of a training one, or fewer than
        one copy.

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.evaluate import memorisation
    >>> from glmkit.models import TransformerConfig, new_model
    >>> from glmkit.tokens import make_tokenizer
    >>> tokenizer = make_tokenizer("base")
    >>> config = TransformerConfig(vocabulary_size=len(tokenizer.vocabulary), width=8, layers=1, heads=2, feedforward=16)
    >>> rng = np.random.default_rng(0)
    >>> sequences = ["".join(rng.choice(list("ACGT"), 24)) for _ in range(12)]
    >>> found = memorisation(new_model(config, tokenizer), sequences[:6], sequences[6:], draws=50)  # never trained
    >>> found.table["set"].tolist()
    ['training', 'training, shuffled', 'held-out', 'held-out, shuffled']
    >>> abs(found.excess.value) < 0.1
    True
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
    """Scores of a sample of one set and of its shuffles."""
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
        f"over their shuffles they gain {excess.value:+.3f} [{excess.low:+.3f}, {excess.high:+.3f}] nats a letter more than "
        f"held-out ones, and the gain separates the two with {METRICS['auroc'].title} {membership}"
    )
    if excess.low > 0:
        return f"Training sequences are memorised beyond what held-out ones show: {numbers}."
    if excess.high < 0:
        return f"Training sequences are less probable than held-out ones, so the sets differ in more than training: {numbers}."
    return f"No memorisation of training sequences is detectable: {numbers}."
