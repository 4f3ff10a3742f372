"""Scoring single bases with a model of overlapping k-mers.

``masked``
    A base is hidden by masking the k tokens over it (fewer at the ends). The model is asked at one of them, the token that has
    the base at index ``(k - 1) // 2`` of its letters, or the nearest one to that which exists and holds no N. There four
    k-mers are possible, for the other k - 1 bases can be read off the neighbours: the softmax over these four is the
    probability of the base. Between two bases that are hidden together there must be k others, so that a token between
    them shows those.
``causal``
    Token `t` shows bases up to ``t + k - 1``; the next token adds one base and can be one of four k-mers. The softmax over these
    is the probability of that base. The first k bases, and the k - 1 behind an N, have no such token before them and count as
    one of four letters, all equally likely.
``one-pass (biased)``
    As ``masked``, with nothing hidden.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from glmkit.score.windows.batches import Window, windows
from glmkit.score.windows.jobs import Job, Method, hidden_sets


def known_bases(ids: np.ndarray, tokenizer: Any) -> np.ndarray:
    """The bases that overlapping k-mers show.

    Parameters
    ----------
    ids
        (tokens,).
    tokenizer
        A KmerTokenizer.

    Returns
    -------
    numpy.ndarray
        int64 (tokens + k - 1,): 0 to 3 for A, C, G, T, or -1 for a base that no token tells.
    """
    bases = np.full(len(ids) + tokenizer.k - 1, -1, np.int64)
    known = np.flatnonzero(tokenizer.maskable[ids])
    numbers = _numbers(ids[known], tokenizer)
    for place in range(tokenizer.k):
        bases[known + place] = numbers // 4 ** (tokenizer.k - 1 - place) % 4
    return bases


def _numbers(ids: np.ndarray, tokenizer: Any) -> np.ndarray:
    """k-mers as numbers, from 0."""
    return ids.astype(np.int64) - int(np.argmax(tokenizer.maskable))


def kmer_jobs(
    model: Any, ids: list[np.ndarray], bases: list[np.ndarray], method: Method, passes: int | None, context: int
) -> Iterator[Job]:
    """Every window of every input, once for each set of bases that is hidden in it.

    Parameters
    ----------
    model
        A LanguageModel of overlapping k-mers.
    ids
        Arrays (tokens,).
    bases
        From :func:`known_bases`, of each.
    method, passes
        As in :func:`glmkit.score.base_log_likelihood`.
    context
        Most tokens of a window, special ones not counted.

    Yields
    ------
    Job
        Scores for bases; places are positions of bases.
    """
    tokenizer = model.tokenizer
    back = 1 if method == "causal" else 0  # a causal model tells a token at the one before it
    for i, (item, letters) in enumerate(zip(ids, bases, strict=True)):
        told = _last_tokens(item, tokenizer) if method == "causal" else _central_tokens(item, tokenizer)
        scored = np.flatnonzero(told >= back)
        for window in windows(len(item), context, method == "causal"):
            for hidden in hidden_sets(scored, passes) if method == "masked" else [scored]:
                here = hidden[(told[hidden] >= max(window.first, back)) & (told[hidden] < window.last)]
                if len(here) == 0:
                    continue
                inputs = item[window.start : window.stop]
                if method == "masked":
                    inputs = _hide(inputs, hidden, window, tokenizer)
                unit = 4 ** (tokenizer.k - 1 - (here - told[here]))  # what the base counts in the k-mer's number
                other = item[told[here]].astype(np.int64) - letters[here] * unit
                candidates = other[:, None] + np.arange(4) * unit[:, None]
                yield Job(i, inputs, told[here] - back - window.start, candidates, letters[here], here)


def _central_tokens(ids: np.ndarray, tokenizer: Any) -> np.ndarray:
    """For each base the token to ask at, int64 (bases,): the base stands at index (k - 1) // 2 of it or near; -1 if there is none."""
    k, known = tokenizer.k, tokenizer.maskable[ids]
    told = np.full(len(ids) + k - 1, -1, np.int64)
    for place in sorted(range(k), key=lambda place: abs(place - (k - 1) // 2)):
        tokens = np.flatnonzero(known)
        free = told[tokens + place] < 0
        told[(tokens + place)[free]] = tokens[free]
    return told


def _last_tokens(ids: np.ndarray, tokenizer: Any) -> np.ndarray:
    """For each base the token that it is the last base of, int64 (bases,); -1 if that is none or holds an N."""
    told = np.full(len(ids) + tokenizer.k - 1, -1, np.int64)
    known = np.flatnonzero(tokenizer.maskable[ids])
    told[known + tokenizer.k - 1] = known
    return told


def _hide(piece: np.ndarray, bases: np.ndarray, window: Window, tokenizer: Any) -> np.ndarray:
    """A window in which no token shows any of `bases`."""
    over = (bases[:, None] - np.arange(tokenizer.k)).ravel() - window.start
    over = over[(over >= 0) & (over < len(piece))]
    inputs = piece.copy()
    inputs[over[tokenizer.maskable[piece[over]]]] = tokenizer.mask_id
    return inputs
