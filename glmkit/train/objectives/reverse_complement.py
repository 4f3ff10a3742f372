"""Random reverse complementation of the sequences of packed batches.

For tokens of single bases and for overlapping k-mers this is exact: the tokens in reverse order, each replaced by its reverse
complement, equal the tokens of the sequence's reverse complement.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.tokens.sequences import complement_kmers
from glmkit.train.objectives.batches import Batch


def random_strands(batch: Batch, table: np.ndarray, rng: np.random.Generator) -> Batch:
    """Replace each sequence of a batch by its reverse complement with probability 0.5.

    Parameters
    ----------
    batch
        Batch of packed items.
    table
        Complement of each token id, (vocab,).
    rng
        Random generator of the selection.

    Returns
    -------
    Batch
        New batch; weights are reversed with their tokens.
    """
    order, turned = random_order(batch.boundaries, rng)
    tokens = batch.tokens[order]
    tokens[turned] = table[tokens[turned]]
    return Batch(batch.indices, tokens, batch.boundaries, None if batch.weights is None else batch.weights[order])


def random_order(boundaries: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Token order in which each sequence is reversed with probability 0.5.

    Parameters
    ----------
    boundaries
        Boundaries of the sequences, int64 (sequences + 1,).
    rng
        Random generator of the selection.

    Returns
    -------
    tuple of numpy.ndarray
        Source position of each token, int64 (tokens,), and whether it is in a reversed sequence, bool (tokens,).
    """
    lengths = np.diff(boundaries)
    turned = np.repeat(rng.random(len(lengths)) < 0.5, lengths)
    order = np.arange(len(turned))
    mirror = np.repeat(boundaries[:-1] + boundaries[1:] - 1, lengths) - order
    return np.where(turned, mirror, order), turned


def turn_labels(
    labels: np.ndarray, order: np.ndarray, turned: np.ndarray, boundaries: np.ndarray, swap: Sequence[int], over: int
) -> np.ndarray:
    """Labels of tokens in the order of `random_order`.

    The label of a k-mer is that of its base ``(k - 1) // 2``. For even k this base is off-centre, so on the other strand the same
    k-mer corresponds to the next base. Its label is then that of its neighbour before reversal, and the first token of a
    reversed sequence has no label.

    Parameters
    ----------
    labels
        Labels of the tokens, int64 (tokens,), -1 for none.
    order, turned
        Order and reversal of the tokens, from `random_order`.
    boundaries
        Boundaries of the sequences, int64 (sequences + 1,); no sequence is empty.
    swap
        Class on the other strand for each class, (classes,).
    over
        Number of tokens that cover a base, see `glmkit.tokens.sequences.tokens_over_base`.

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
    """Complement of each token id, for single bases or overlapping k-mers.

    Parameters
    ----------
    tokenizer
        Tokenizer of a model or corpus.

    Returns
    -------
    numpy.ndarray
        Id of the reverse complement of each base or k-mer, (vocab,); other ids are unchanged.

    Raises
    ------
    BadInput
        Tokens of another kind.
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
            f"reverse_complement=True needs tokens of single bases or overlapping k-mers; these are {apart}. Switch it off and "
            "add both strands to the corpus, or use a tokenizer such as make_tokenizer('base') or make_tokenizer('kmer4')."
        )
    return table
