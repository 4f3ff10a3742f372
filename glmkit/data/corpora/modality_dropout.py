"""Cells that lose a whole modality while a model is trained, so that it learns to do without any one of them.

A cell whose proteins were not measured is as common as one whose were, and the question worth asking of a model is what it
would say of those that were not. So with some probability a cell of two modalities or more loses one of them, drawn evenly: of
a panel all values become unknown and are to be predicted; of RNA all ranks are taken out, so that the other modalities have to
do alone. A cell never loses all.
"""

from typing import Any, NamedTuple

import numpy as np

from glmkit.data.corpora.masking import Masked, hide


class Lost(NamedTuple):  # numpydoc ignore=PR02
    """A batch after cells have lost modalities.

    Parameters
    ----------
    kept
        bool (tokens,): tokens of the batch that are still there.
    hidden
        bool (tokens,): tokens that a lost panel's values were in; they are still there and are to be hidden.
    """

    kept: np.ndarray
    hidden: np.ndarray


def lose_modalities(
    ids: np.ndarray, boundaries: np.ndarray, tokenizer: Any, rng: np.random.Generator, probability: float
) -> Lost:
    """Choose what cells lose.

    Parameters
    ----------
    ids
        (tokens,) of a packed batch.
    boundaries
        int (cells + 1,).
    tokenizer
        Says of what modality an id is, see `glmkit.tokens.CellTokenizer`.
    rng
        The only source of chance: two numbers a cell.
    probability
        That a cell which has two modalities or more loses one, in [0, 1].

    Returns
    -------
    Lost
        What is left.
    """
    cells, kinds = len(boundaries) - 1, len(tokenizer.modalities)
    owner = np.repeat(np.arange(cells), np.diff(boundaries))
    modality = tokenizer.modality[ids]
    known = (modality >= 0) & ((modality == 0) | (tokenizer.hidden_by[ids] != ids))
    present = np.zeros((cells, kinds), bool)
    present[owner[known], modality[known]] = True
    loses = (rng.random(cells) < probability) & (present.sum(1) > 1)
    turn = (rng.random(cells) * present.sum(1)).astype(np.int64)  # which of those that it has
    which = np.argmax(np.cumsum(present, 1) > turn[:, None], 1)
    gone = loses[owner] & (modality == which[owner])
    return Lost(~(gone & (modality == 0)), gone & (modality > 0))


def hide_lost(masked: Masked, ids: np.ndarray, hidden: np.ndarray, tokenizer: Any, weights: np.ndarray | None) -> Masked:
    """Hide the values of lost panels in a batch that was masked already.

    Parameters
    ----------
    masked
        The batch.
    ids
        (tokens,): as they were before masking.
    hidden
        bool (tokens,): which are lost.
    tokenizer
        Says what they become, and which of them can be asked for.
    weights
        (tokens,): weight of each in the loss; 1 if None.

    Returns
    -------
    Masked
        Lost values are unknown, and scored beside what was chosen before.
    """
    inputs = masked.inputs.copy()
    inputs[hidden] = hide(ids[hidden], tokenizer)
    chosen = hidden & tokenizer.maskable[ids]
    chosen[masked.positions] = True
    positions = np.flatnonzero(chosen)
    scored = np.ones(len(positions), np.float32) if weights is None else np.asarray(weights, np.float32)[positions]
    return Masked(inputs, positions, ids[positions], scored)
