"""Modality dropout: during training some cells lose a whole modality, so that the model can predict any one from the others.

Many cells lack a modality, such as protein measurements, and its prediction is a main use of such a model. With a given
probability a cell of two or more modalities therefore loses one of them, drawn uniformly. If it is a panel, all its values
become unknown and are targets. If it is RNA, all its tokens are removed, so that only the other modalities remain. A cell never
loses all its modalities.
"""

from typing import Any, NamedTuple

import numpy as np

from glmkit.data.corpora.masking import Masked, hide


class Lost(NamedTuple):  # numpydoc ignore=PR02
    """A batch after cells have lost modalities.

    Parameters
    ----------
    kept
        Whether each token of the batch remains, bool (tokens,).
    hidden
        Whether each token is a value of a lost panel, bool (tokens,). Such tokens remain and have to be masked.
    """

    kept: np.ndarray
    hidden: np.ndarray


def lose_modalities(
    ids: np.ndarray, boundaries: np.ndarray, tokenizer: Any, rng: np.random.Generator, probability: float
) -> Lost:
    """Draw the modality that each cell loses.

    Parameters
    ----------
    ids
        Token ids of a packed batch, (tokens,).
    boundaries
        Start of each cell, then the number of tokens, int (cells + 1,).
    tokenizer
        Tokenizer with the modality of each id, such as :class:`glmkit.tokens.CellTokenizer`.
    rng
        Random generator, from which two numbers per cell are drawn.
    probability
        Probability that a cell with two or more modalities loses one, in [0, 1].

    Returns
    -------
    Lost
        Tokens that remain, and tokens to mask.
    """
    cells, kinds = len(boundaries) - 1, len(tokenizer.modalities)
    owner = np.repeat(np.arange(cells), np.diff(boundaries))
    modality = tokenizer.modality[ids]
    known = (modality >= 0) & ((modality == 0) | (tokenizer.hidden_by[ids] != ids))
    present = np.zeros((cells, kinds), bool)
    present[owner[known], modality[known]] = True
    loses = (rng.random(cells) < probability) & (present.sum(1) > 1)
    turn = (rng.random(cells) * present.sum(1)).astype(np.int64)  # index among the modalities present in the cell
    which = np.argmax(np.cumsum(present, 1) > turn[:, None], 1)
    gone = loses[owner] & (modality == which[owner])
    return Lost(~(gone & (modality == 0)), gone & (modality > 0))


def hide_lost(masked: Masked, ids: np.ndarray, hidden: np.ndarray, tokenizer: Any, weights: np.ndarray | None) -> Masked:
    """Mask the values of lost panels in a batch that is already masked.

    Parameters
    ----------
    masked
        Masked batch.
    ids
        Token ids before masking, (tokens,).
    hidden
        Whether each token is a value of a lost panel, bool (tokens,).
    tokenizer
        Tokenizer with ``hidden_by`` and ``maskable``.
    weights
        Weight of each token in the loss, (tokens,); 1 if None.

    Returns
    -------
    Masked
        The batch in which lost values are unknown and are targets, in addition to those chosen before.
    """
    inputs = masked.inputs.copy()
    inputs[hidden] = hide(ids[hidden], tokenizer)
    chosen = hidden & tokenizer.maskable[ids]
    chosen[masked.positions] = True
    positions = np.flatnonzero(chosen)
    scored = np.ones(len(positions), np.float32) if weights is None else np.asarray(weights, np.float32)[positions]
    return Masked(inputs, positions, ids[positions], scored)
