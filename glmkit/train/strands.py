"""Both strands of DNA: reverse complements of packed batches, drawn anew for every batch."""

from typing import Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.train.feed import Batch


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
    order = np.arange(len(batch.tokens))
    turned = rng.random(len(batch.indices)) < 0.5
    for start, stop in zip(batch.boundaries[:-1][turned], batch.boundaries[1:][turned], strict=True):
        order[start:stop] = order[start:stop][::-1]
    tokens = batch.tokens[order]
    inside = np.repeat(turned, np.diff(batch.boundaries))
    tokens[inside] = table[tokens[inside]]
    return Batch(batch.indices, tokens, batch.boundaries, None if batch.weights is None else batch.weights[order])


def complement_table(tokenizer: Any) -> np.ndarray:
    """The id of each id's complement, under a tokenizer of single bases.

    Parameters
    ----------
    tokenizer
        Has ``letter_ids``: the ids of A, C, G, T.

    Returns
    -------
    numpy.ndarray
        (vocab,): A and T, C and G change places; others stay.

    Raises
    ------
    BadInput
        The tokens are not single bases.
    """
    letters = getattr(tokenizer, "letter_ids", None)
    if letters is None:
        raise BadInput(
            f"reverse_complement=True needs a tokenizer of single bases, got {getattr(tokenizer, 'kind', '?')!r}. "
            "Switch it off, or use make_tokenizer('base')."
        )
    table = np.arange(len(tokenizer.vocabulary), dtype=tokenizer.dtype)
    table[letters] = np.asarray(letters)[::-1]
    return table
