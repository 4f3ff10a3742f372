"""Batched computation of likelihoods: windows with masked tokens, and the assignment of results to positions."""

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from glmkit.score.windows.batches import by_budget, evaluating, first_letters, packed, windows

if TYPE_CHECKING:
    from glmkit.models import TokenModel

Method = Literal["causal", "masked", "one-pass (biased)"]
_JOBS = 512  # windows gathered before they are sorted by length


class Job(NamedTuple):  # numpydoc ignore=PR02
    """One window to read, and the positions in it to score.

    Parameters
    ----------
    item
        Index of the input that the window belongs to.
    inputs
        Token ids of the window, (tokens,), without special tokens.
    look
        Positions in the window whose logits are used, int64 (scored,); -1 is the last token before it.
    candidates
        Token ids over which each softmax is taken, int64 (scored, choices); None for the whole vocabulary.
    targets
        True token of each position, int64 (scored,): a column of `candidates`, or a token id.
    places
        Index of each score in the result of the item, int64 (scored,).
    """

    item: int
    inputs: np.ndarray
    look: np.ndarray
    candidates: np.ndarray | None
    targets: np.ndarray
    places: np.ndarray


def token_jobs(model: "TokenModel", ids: list[np.ndarray], method: Method, passes: int | None, context: int) -> Iterator[Job]:
    """Every window of every input, once for each set of tokens that is masked together.

    Parameters
    ----------
    model
        A LanguageModel.
    ids
        Token ids of each input, (length,).
    method, passes
        As in :func:`glmkit.score.token_log_likelihood`.
    context
        Maximum length of a window in tokens, special tokens excluded.

    Yields
    ------
    Job
        Jobs that score tokens; `places` are token positions.
    """
    maskable, mask_id = model.tokenizer.maskable, model.tokenizer.mask_id
    back = 1 if method == "causal" else 0  # a causal model predicts a token at the position before it
    unseen = 0 if model.tokenizer.prefix else back  # tokens at the start without a preceding token to predict them
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
    """Sets of positions that are masked together; each position is in one set.

    Parameters
    ----------
    scored
        Positions to score, int64 (scored,).
    passes
        Number of sets: every `passes`-th position together, or None for one position per set.

    Yields
    ------
    numpy.ndarray
        Positions, int64, ascending.
    """
    step = len(scored) if passes is None else passes
    for first in range(min(step, len(scored))):
        yield scored[first::step]


def run_jobs(model: "TokenModel", jobs: Iterator[Job], result: list[np.ndarray], batch_tokens: int) -> None:
    """Run jobs and write log-probabilities into `result`.

    Parameters
    ----------
    model
        A LanguageModel; its training or evaluation mode is restored afterwards.
    jobs
        Windows to score.
    result
        One array per input, (length,), filled in place with nats.
    batch_tokens
        Maximum number of tokens per batch.
    """
    with evaluating(model):
        while gathered := list(islice(jobs, _JOBS)):
            for batch in by_budget([len(job.inputs) for job in gathered], batch_tokens):
                _run(model, [gathered[j] for j in batch], result)


def _run(model: "TokenModel", jobs: list[Job], result: list[np.ndarray]) -> None:
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
