"""Hiding tokens for a masked language model.

Of the tokens that may be hidden, a share `rate` is chosen; of those 80% become ``<mask>``, 10% a random letter and 10% stay
(Devlin et al. 2019, BERT, section 3.1), so that the model cannot tell which visible tokens it will be asked about. All of
it is arithmetic on one packed array with the caller's random generator: nothing depends on a global state, and the same
generator state gives the same mask after a resume.
"""

from dataclasses import dataclass

import numpy as np

from glmkit.errors import BadInput
from glmkit.tokens import Tokenizer

TO_MASK, TO_RANDOM = 0.8, 0.9  # below the first: <mask>; up to the second: a random letter; above: as it is


@dataclass(frozen=True)
class Masked:
    """A masked batch.

    Attributes
    ----------
    inputs
        (tokens,): the ids the model sees, same type as those given.
    positions
        int64 (scored,): the chosen positions, ascending.
    targets
        (scored,): the true ids at those positions.
    weights
        float32 (scored,): weight of each in the loss.
    """

    inputs: np.ndarray
    positions: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


def mask_tokens(
    ids: np.ndarray,
    tokenizer: Tokenizer,
    rng: np.random.Generator,
    rate: float = 0.15,
    weights: np.ndarray | None = None,
    boundaries: np.ndarray | None = None,
) -> Masked:
    """Choose and hide tokens of one sequence or of a packed batch.

    Each token is chosen with probability `rate`, independently; special tokens and N never. A sequence in which chance chose none
    gets one, so that no sequence is without a target (unless it has nothing but special tokens and N).

    Parameters
    ----------
    ids
        (tokens,) ids; left as they are.
    tokenizer
        Says which ids may be hidden (``maskable``) and which one is the mask.
    rng
        The only source of chance.
    rate
        Share to choose, above 0 and at most 1.
    weights
        (tokens,) weight of each token in the loss, 0.1 where soft-masked, say; 1 by default.
    boundaries
        int (sequences + 1,): where each sequence of a packed batch starts, then the number of tokens. One sequence
        by default.

    Raises
    ------
    BadInput
        A rate out of range, or weights or boundaries that do not fit the ids.
    """
    ids = np.asarray(ids)
    if not 0 < rate <= 1:
        raise BadInput(f"Expected a masking rate above 0 and at most 1, got {rate}.")
    if weights is not None and len(weights) != len(ids):
        raise BadInput(f"Expected {len(ids)} weights, one a token, got {len(weights)}.")
    draw = rng.random(len(ids))
    draw[~tokenizer.maskable[ids]] = 2.0  # never below any rate
    chosen = draw < rate
    _at_least_one(chosen, draw, np.array([0, len(ids)]) if boundaries is None else np.asarray(boundaries))
    positions = np.flatnonzero(chosen)
    targets = ids[positions]
    fate = rng.random(len(positions))
    letters = np.flatnonzero(tokenizer.maskable).astype(ids.dtype)
    random_letter = letters[rng.integers(0, len(letters), len(positions))]
    inputs = ids.copy()
    hidden = np.where(fate < TO_RANDOM, random_letter, targets)
    hidden[fate < TO_MASK] = tokenizer.mask_id
    inputs[positions] = hidden
    scored = np.ones(len(positions), np.float32) if weights is None else np.asarray(weights, np.float32)[positions]
    return Masked(inputs, positions, targets, scored)


def _at_least_one(chosen: np.ndarray, draw: np.ndarray, boundaries: np.ndarray) -> None:
    """In each sequence without a choice, choose the maskable token with the smallest draw."""
    if len(boundaries) < 1 or boundaries[0] != 0 or boundaries[-1] != len(draw) or (np.diff(boundaries) < 0).any():
        raise BadInput(
            f"Boundaries must rise from 0 to the {len(draw)} tokens, got {boundaries[:3].tolist()}…{boundaries[-1:].tolist()}."
        )
    boundaries = boundaries[np.r_[True, np.diff(boundaries) > 0]]  # sequences without tokens have nothing to choose
    if len(boundaries) < 2:
        return
    without = np.flatnonzero(~np.logical_or.reduceat(chosen, boundaries[:-1]))
    if len(without) == 0:
        return
    smallest = np.minimum.reduceat(draw, boundaries[:-1])[without]
    lengths = np.diff(boundaries)[without]
    starts = np.repeat(boundaries[without] - np.r_[0, np.cumsum(lengths)[:-1]], lengths)
    candidates = starts + np.arange(len(starts))
    hit = candidates[(draw[candidates] == np.repeat(smallest, lengths)) & (draw[candidates] < 2)]
    chosen[hit] = True
