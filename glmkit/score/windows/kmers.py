"""Scoring of single bases with a model of overlapping k-mers.

``masked``
    A base is hidden by masking the k tokens that cover it (fewer at the ends). It is scored at the token that has the base at
    index ``(k - 1) // 2``, or at the nearest one that exists and contains no N. Four k-mers are possible there, because the
    neighbouring tokens show the other k - 1 bases. The softmax over these four is the probability of the base. Two bases hidden
    together need k bases between them, so that one unmasked token shows those.
``causal``
    Token `t` shows bases up to ``t + k - 1``. The next token adds one base, so it is one of four k-mers. The softmax over these
    is the probability of that base. The first k bases, and the k - 1 after an N, have no such preceding token; for them the four
    letters are equally likely.
``one-pass (biased)``
    As ``masked``, but nothing is hidden.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from glmkit.score.windows.batches import Window, windows
from glmkit.score.windows.jobs import Job, Method, hidden_sets

if TYPE_CHECKING:
    from glmkit.models import TokenModel


def known_bases(ids: np.ndarray, tokenizer: Any) -> np.ndarray:
    """Bases covered by overlapping k-mers.

    Parameters
    ----------
    ids
        Token ids, (tokens,).
    tokenizer
        A KmerTokenizer.

    Returns
    -------
    numpy.ndarray
        int64 (tokens + k - 1,): 0 to 3 for A, C, G, T, or -1 for a base in no k-mer of known bases.
    """
    bases = np.full(len(ids) + tokenizer.k - 1, -1, np.int64)
    known = np.flatnonzero(tokenizer.maskable[ids])
    numbers = _numbers(ids[known], tokenizer)
    for place in range(tokenizer.k):
        bases[known + place] = numbers // 4 ** (tokenizer.k - 1 - place) % 4
    return bases


def _numbers(ids: np.ndarray, tokenizer: Any) -> np.ndarray:
    """Index of each k-mer in alphabetical order, from 0."""
    return ids.astype(np.int64) - int(np.argmax(tokenizer.maskable))


def kmer_jobs(
    model: "TokenModel", ids: list[np.ndarray], bases: list[np.ndarray], method: Method, passes: int | None, context: int
) -> Iterator[Job]:
    """Every window of every input, once for each set of bases that is hidden together.

    Parameters
    ----------
    model
        A LanguageModel of overlapping k-mers.
    ids
        Token ids of each input, (tokens,).
    bases
        Bases of each input from :func:`known_bases`, (bases,).
    method, passes
        As in :func:`glmkit.score.base_log_likelihood`.
    context
        Maximum length of a window in tokens, special tokens excluded.

    Yields
    ------
    Job
        Jobs that score bases; `places` are base positions.
    """
    tokenizer = model.tokenizer
    back = 1 if method == "causal" else 0  # a causal model predicts a token at the position before it
    for i, (item, letters) in enumerate(zip(ids, bases, strict=True)):
        scorer = _last_tokens(item, tokenizer) if method == "causal" else _central_tokens(item, tokenizer)
        scored = np.flatnonzero(scorer >= back)
        for window in windows(len(item), context, method == "causal"):
            for hidden in hidden_sets(scored, passes) if method == "masked" else [scored]:
                here = hidden[(scorer[hidden] >= max(window.first, back)) & (scorer[hidden] < window.last)]
                if len(here) == 0:
                    continue
                inputs = item[window.start : window.stop]
                if method == "masked":
                    inputs = _hide(inputs, hidden, window, tokenizer)
                unit = 4 ** (tokenizer.k - 1 - (here - scorer[here]))  # place value of the base in the k-mer's index
                other = item[scorer[here]].astype(np.int64) - letters[here] * unit
                candidates = other[:, None] + np.arange(4) * unit[:, None]
                yield Job(i, inputs, scorer[here] - back - window.start, candidates, letters[here], here)


def _central_tokens(ids: np.ndarray, tokenizer: Any) -> np.ndarray:
    """Token at which each base is scored, int64 (bases,): the base is at or near index (k - 1) // 2 of it; -1 if there is none."""
    k, known = tokenizer.k, tokenizer.maskable[ids]
    scorer = np.full(len(ids) + k - 1, -1, np.int64)
    for place in sorted(range(k), key=lambda place: abs(place - (k - 1) // 2)):
        tokens = np.flatnonzero(known)
        free = scorer[tokens + place] < 0
        scorer[(tokens + place)[free]] = tokens[free]
    return scorer


def _last_tokens(ids: np.ndarray, tokenizer: Any) -> np.ndarray:
    """Token that ends with each base, int64 (bases,); -1 if there is none or it contains an N."""
    scorer = np.full(len(ids) + tokenizer.k - 1, -1, np.int64)
    known = np.flatnonzero(tokenizer.maskable[ids])
    scorer[known + tokenizer.k - 1] = known
    return scorer


def _hide(piece: np.ndarray, bases: np.ndarray, window: Window, tokenizer: Any) -> np.ndarray:
    """Copy of a window with every token masked that covers any of `bases`."""
    over = (bases[:, None] - np.arange(tokenizer.k)).ravel() - window.start
    over = over[(over >= 0) & (over < len(piece))]
    inputs = piece.copy()
    inputs[over[tokenizer.maskable[piece[over]]]] = tokenizer.mask_id
    return inputs
