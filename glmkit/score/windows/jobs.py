"""The work behind a likelihood: windows with some letters hidden, run in batches, each answer put where it belongs."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Literal, NamedTuple

import numpy as np

from glmkit.score.windows.batches import by_budget, evaluating, first_letters, packed, windows

Method = Literal["causal", "masked", "one-pass (biased)"]
_JOBS = 512  # windows gathered before they are sorted by length


class Job(NamedTuple):  # numpydoc ignore=PR02
    """One window to read.

    Parameters
    ----------
    item
        Number of the input that it is a piece of.
    inputs
        (tokens,): what goes in, without special tokens.
    look
        int64 (scored,): where in the window to look; -1 is the last token before it.
    candidates
        int64 (scored, choices): the ids between which the model chooses there, or None for the whole vocabulary.
    targets
        int64 (scored,): the right one, a column of `candidates` or an id.
    places
        int64 (scored,): where in the result of the item each answer belongs.
    """

    item: int
    inputs: np.ndarray
    look: np.ndarray
    candidates: np.ndarray | None
    targets: np.ndarray
    places: np.ndarray


def token_jobs(model: Any, ids: list[np.ndarray], method: Method, passes: int | None, context: int) -> Iterator[Job]:
    """Every window of every input, once for each set of tokens that is hidden in it.

    Parameters
    ----------
    model
        A LanguageModel.
    ids
        Arrays (length,).
    method, passes
        As in :func:`glmkit.score.token_log_likelihood`.
    context
        Most tokens of a window, special ones not counted.

    Yields
    ------
    Job
        Scores for tokens; places are positions of tokens.
    """
    maskable, mask_id = model.tokenizer.maskable, model.tokenizer.mask_id
    back = 1 if method == "causal" else 0  # a causal model tells a token at the one before it
    unseen = 0 if model.tokenizer.prefix else back  # tokens at the start that nothing before them tells
    for i, item in enumerate(ids):
        scored = np.flatnonzero(maskable[item])
        for window in windows(len(item), context, method == "causal"):
            piece = item[window.start : window.stop]
            for hidden in hidden_sets(scored, passes) if method == "masked" else [scored]:
                inside = hidden[(hidden >= window.start) & (hidden < window.stop)]
                here = inside[(inside >= max(window.first, unseen)) & (inside < window.last)]
                if len(here):
                    inputs = piece
                    if method == "masked":
                        inputs = piece.copy()
                        inputs[inside - window.start] = mask_id
                    yield Job(i, inputs, here - back - window.start, None, item[here].astype(np.int64), here)


def hidden_sets(scored: np.ndarray, passes: int | None) -> Iterator[np.ndarray]:
    """Sets of places that are hidden together; each place is in one.

    Parameters
    ----------
    scored
        int64 (scored,): the places.
    passes
        How many sets: every `passes`-th place together, or None for each alone.

    Yields
    ------
    numpy.ndarray
        int64, ascending.
    """
    step = len(scored) if passes is None else passes
    for first in range(min(step, len(scored))):
        yield scored[first::step]


def run_jobs(model: Any, jobs: Iterator[Job], result: list[np.ndarray], batch_tokens: int) -> None:
    """Run jobs and write log-probabilities into `result`.

    Parameters
    ----------
    model
        A LanguageModel; it is left in the mode it was in.
    jobs
        Any number.
    result
        An array for each item.
    batch_tokens
        Tokens of a batch.
    """
    with evaluating(model):
        while gathered := list(islice(jobs, _JOBS)):
            for batch in by_budget([len(job.inputs) for job in gathered], batch_tokens):
                _run(model, [gathered[j] for j in batch], result)


def _run(model: Any, jobs: list[Job], result: list[np.ndarray]) -> None:
    import torch

    tokens, boundaries = packed(model, (job.inputs for job in jobs))
    starts = first_letters(model, boundaries)
    look = torch.from_numpy(np.concatenate([job.look + start for job, start in zip(jobs, starts, strict=True)]))
    logits = model.logits(tokens, boundaries, look.to(tokens.device)).float()
    candidates = [job.candidates for job in jobs if job.candidates is not None]
    if candidates:
        logits = logits.gather(1, torch.from_numpy(np.concatenate(candidates)).to(logits.device))
    targets = torch.from_numpy(np.concatenate([job.targets for job in jobs])).to(logits.device)
    nats = logits.log_softmax(-1).gather(1, targets[:, None])[:, 0].cpu().numpy()
    first = 0
    for job in jobs:
        result[job.item][job.places] = nats[first : first + len(job.places)]
        first += len(job.places)
