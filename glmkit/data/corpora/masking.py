"""Masking of tokens for a masked language model.

Of the maskable tokens, a share `rate` is chosen. Of those, 80% become ``<mask>``, 10% a random letter and 10% are left
unchanged (Devlin et al. 2019, BERT, section 3.1), so that the input does not show which visible tokens are targets. All
operations work on one packed array with the caller's random generator. Nothing depends on a global state, and the same
generator state gives the same mask after a resume.

A tokenizer of several modalities defines more. ``hidden_by`` is the id that replaces each hidden id: ``<mask>`` for a gene, and
``CD4:?`` for a value of the protein CD4. ``kin`` is the range of ids for random replacement: other genes, or other values of the
same protein.

Under overlapping k-mers a base is hidden only if all k tokens over it are hidden. Therefore bases are chosen, and the tokens over
them are masked in one run. A random or true token inside a run would reveal its bases, so every token of a run becomes ``<mask>``.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from glmkit.errors import BadInput
from glmkit.tokens import Tokenizer
from glmkit.tokens.sequences import tokens_over_base

TO_MASK, TO_RANDOM = 0.8, 0.9  # draws below the first: <mask>; up to the second: a random letter; above: unchanged


@dataclass(frozen=True)
class Masked:
    """A masked batch.

    Attributes
    ----------
    inputs
        Input ids of the model, (tokens,), of the same type as those given.
    positions
        Chosen positions, ascending, int64 (scored,).
    targets
        True ids at those positions, (scored,).
    weights
        Weight of each target in the loss, float32 (scored,).
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
    span: int = 1,
) -> Masked:
    """Choose and mask tokens of one sequence or of a packed batch.

    Each token is chosen independently with probability `rate`; special tokens and N are never chosen. A sequence without a chosen
    token gets one, so that every sequence has a target (unless it consists of special tokens and N).

    With ``span > 1``, and always under overlapping k-mers, runs are masked, and every token of a run becomes ``<mask>``. Under
    overlapping k-mers a run of `span` bases takes ``span + k - 1`` tokens (fewer at the ends of a sequence), all of which are
    targets, over the full vocabulary. `rate` is then the share of bases that are chosen; bases between two runs that are fewer
    than k apart are masked with them.

    Parameters
    ----------
    ids
        Token ids, (tokens,); not changed.
    tokenizer
        Tokenizer with ``maskable`` (which ids may be masked) and ``mask_id``; ``hidden_by`` and ``kin`` are used if present.
    rng
        Random generator, the only source of randomness.
    rate
        Share of tokens to choose, above 0 and at most 1.
    weights
        Weight of each token in the loss, (tokens,), such as 0.1 where soft-masked; 1 by default.
    boundaries
        Start of each sequence of a packed batch, then the number of tokens, int (sequences + 1,). One sequence by default.
    span
        Length of a run: in bases under overlapping k-mers, else in tokens.

    Returns
    -------
    Masked
        Inputs, positions, targets and weights.

    Raises
    ------
    BadInput
        A rate or span out of range, or weights or boundaries that do not fit the ids.

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.data.corpora import mask_tokens
    >>> from glmkit.tokens import make_tokenizer
    >>> tokenizer = make_tokenizer("base")
    >>> ids = tokenizer.encode("ACGTACGTACGTACGTACGT")
    >>> masked = mask_tokens(ids, tokenizer, np.random.default_rng(0), rate=0.2)
    >>> masked.inputs.shape, bool((masked.targets == ids[masked.positions]).all())
    ((20,), True)
    """
    ids = np.asarray(ids)
    if not 0 < rate <= 1:
        raise BadInput(f"Expected a masking rate above 0 and at most 1, got {rate}.")
    if span < 1:
        raise BadInput(f"Expected a span of at least 1, got {span}.")
    if weights is not None and len(weights) != len(ids):
        raise BadInput(f"Expected {len(ids)} weights, one a token, got {len(weights)}.")
    edges = np.array([0, len(ids)]) if boundaries is None else np.asarray(boundaries)
    if len(edges) < 1 or edges[0] != 0 or edges[-1] != len(ids) or (np.diff(edges) < 0).any():
        raise BadInput(f"Boundaries must rise from 0 to the {len(ids)} tokens, got {edges[:3].tolist()}…{edges[-1:].tolist()}.")
    maskable = tokenizer.maskable[ids]
    run = span + tokens_over_base(tokenizer) - 1
    inputs = ids.copy()
    if run == 1:
        positions = _choose_single(maskable, rng, rate, edges)
        inputs[positions] = _disguise(ids[positions], tokenizer, rng)
    else:
        positions = _choose_runs(maskable, rng, 1 - (1 - rate) ** (1 / span), run, edges)
        inputs[positions] = hide(ids[positions], tokenizer)
    scored = np.ones(len(positions), np.float32) if weights is None else np.asarray(weights, np.float32)[positions]
    return Masked(inputs, positions, ids[positions], scored)


def _choose_single(maskable: np.ndarray, rng: np.random.Generator, rate: float, edges: np.ndarray) -> np.ndarray:
    """Positions chosen one by one."""
    draw = rng.random(len(maskable))
    draw[~maskable] = 2.0  # never below any rate
    chosen = draw < rate
    _at_least_one(chosen, draw, edges)
    return np.flatnonzero(chosen)


def _disguise(targets: np.ndarray, tokenizer: Tokenizer, rng: np.random.Generator) -> np.ndarray:
    """Input ids in place of `targets`: the mask, a random letter, or the target itself."""
    fate = rng.random(len(targets))
    kin = getattr(tokenizer, "kin", None)
    if kin is None:
        letters = np.flatnonzero(tokenizer.maskable).astype(targets.dtype)
        others = letters[rng.integers(0, len(letters), len(targets))]
    else:
        others = rng.integers(kin[targets, 0], kin[targets, 1]).astype(targets.dtype)
    hidden = np.where(fate < TO_RANDOM, others, targets)
    masked = fate < TO_MASK
    hidden[masked] = hide(targets[masked], tokenizer)
    return hidden


def hide(ids: np.ndarray, tokenizer: Any) -> np.ndarray:
    """Ids that replace masked tokens.

    Parameters
    ----------
    ids
        True ids, (n,).
    tokenizer
        Tokenizer with ``hidden_by``, or with one ``mask_id`` for all ids.

    Returns
    -------
    numpy.ndarray
        Replacement of each id, (n,), of the same type.
    """
    hidden_by = getattr(tokenizer, "hidden_by", None)
    return np.full_like(ids, tokenizer.mask_id) if hidden_by is None else hidden_by[ids].astype(ids.dtype)


def _choose_runs(maskable: np.ndarray, rng: np.random.Generator, share: float, run: int, edges: np.ndarray) -> np.ndarray:
    """Positions inside runs of `run` tokens; runs may extend over a sequence's ends, so its edges are masked equally often.

    A run ends at each place with probability `share`; the places of a sequence are its tokens and ``run - 1`` more after them.
    """
    places = edges + (run - 1) * np.arange(len(edges))
    ends = np.flatnonzero(rng.random(places[-1]) < share)
    owner = np.searchsorted(places, ends, "right") - 1
    chosen = _paint(ends - (run - 1) * owner, owner, run, edges) & maskable
    found = chosen.copy()
    draw = rng.random(len(maskable))
    draw[~maskable] = 2.0
    _at_least_one(found, draw, edges)
    if len(added := np.flatnonzero(found & ~chosen)):
        chosen |= _paint(added, np.searchsorted(edges, added, "right") - 1, run, edges) & maskable
    return np.flatnonzero(chosen)


def _paint(last: np.ndarray, owner: np.ndarray, run: int, edges: np.ndarray) -> np.ndarray:
    """Whether each token lies in a run that ends with token `last` of sequence `owner`: bool (tokens,)."""
    change = np.zeros(edges[-1] + 1, np.int64)
    np.add.at(change, np.maximum(last - run + 1, edges[owner]), 1)
    np.add.at(change, np.minimum(last + 1, edges[owner + 1]), -1)
    return np.cumsum(change[:-1]) > 0


def _at_least_one(chosen: np.ndarray, draw: np.ndarray, boundaries: np.ndarray) -> None:
    """In each sequence without a choice, choose the maskable token with the smallest draw."""
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
