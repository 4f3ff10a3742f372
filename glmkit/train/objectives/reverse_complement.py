"""Both strands of DNA: reverse complements of packed batches, drawn anew for every batch.

On tokens of single bases and on overlapping k-mers the turn is exact: the tokens in reverse order, each one replaced by the
token of its reverse complement, are those that the reverse complement of the sequence would have been given.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.tokens.sequences import complement_kmers
from glmkit.train.objectives.batches import Batch


def random_strands(batch: Batch, table: np.ndarray, rng: np.random.Generator) -> Batch:
    """Turn about half of a batch's sequences into their reverse complements.

    Parameters
    ----------
    batch
        Packed items.
    table
        (vocab,): the id of each id's complement.
    rng
        Decides which.

    Returns
    -------
    Batch
        A new one; weights turn with their tokens.
    """
    order, turned = random_order(batch.boundaries, rng)
    tokens = batch.tokens[order]
    tokens[turned] = table[tokens[turned]]
    return Batch(batch.indices, tokens, batch.boundaries, None if batch.weights is None else batch.weights[order])


def random_order(boundaries: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Reverse about half of the sequences.

    Parameters
    ----------
    boundaries
        int64 (sequences + 1,).
    rng
        Decides which.

    Returns
    -------
    tuple of numpy.ndarray
        int64 (tokens,): the place each token comes from; bool (tokens,): whether it lies in a reversed sequence.
    """
    lengths = np.diff(boundaries)
    turned = np.repeat(rng.random(len(lengths)) < 0.5, lengths)
    order = np.arange(len(turned))
    mirror = np.repeat(boundaries[:-1] + boundaries[1:] - 1, lengths) - order
    return np.where(turned, mirror, order), turned


def turn_labels(
    labels: np.ndarray, order: np.ndarray, turned: np.ndarray, boundaries: np.ndarray, swap: Sequence[int], over: int
) -> np.ndarray:
    """Labels of the tokens that `random_order` put in another order.

    A k-mer's label is that of its base ``(k - 1) // 2``. For even k that base is not in the middle, so on the other strand the
    same k-mer speaks of the next base: its label is then that of the neighbour before it was turned, and the first token
    of a turned sequence has none.

    Parameters
    ----------
    labels
        int64 (tokens,), -1 for none.
    order, turned
        From `random_order`.
    boundaries
        int64 (sequences + 1,); no sequence is empty.
    swap
        (classes,): what each class is called on the other strand.
    over
        Tokens over a base, see `glmkit.tokens.sequences.tokens_over_base`.

    Returns
    -------
    numpy.ndarray
        int64 (tokens,).
    """
    found = labels[order]
    if over % 2 == 0:
        found = labels[np.minimum(order + turned, len(labels) - 1)]
        starts = boundaries[:-1]
        found[starts[turned[starts]]] = -1
    table = np.append(np.asarray(swap, np.int64), -1)  # index -1, no label, stays -1
    return np.where(turned, table[found], found)


def complement_table(tokenizer: Any) -> np.ndarray:
    """The id of each id's complement, under single bases or overlapping k-mers.

    Parameters
    ----------
    tokenizer
        The tokenizer of a model or corpus.

    Returns
    -------
    numpy.ndarray
        (vocab,): each base or k-mer changes place with its reverse complement; other ids stay.

    Raises
    ------
    BadInput
        The tokens are neither.
    """
    table = np.arange(len(tokenizer.vocabulary), dtype=tokenizer.dtype)
    letters = getattr(tokenizer, "letter_ids", None)
    if letters is not None:
        table[letters] = np.asarray(letters)[::-1]
    elif tokenizer.kind == "kmer" and tokenizer.overlapping:
        kmers = np.flatnonzero(tokenizer.maskable)
        table[kmers] = kmers[complement_kmers(tokenizer.k)]
    else:
        apart = "k-mers apart" if tokenizer.kind == "kmer" else repr(tokenizer.kind)
        raise BadInput(
            f"reverse_complement=True turns tokens of single bases or overlapping k-mers; these are {apart}. Switch it off and "
            "put both strands into the corpus instead, or use make_tokenizer('base') or, say, make_tokenizer('kmer4')."
        )
    return table
