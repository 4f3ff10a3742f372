"""How probable a model finds a sequence: per token, per sequence, and as bits per base.

Three methods, never mixed up, since their numbers mean different things:

``causal``
    The probability of each token given those before it. The sum is a true log-likelihood. The first token has nothing before
    it (the models here are trained without a start token) and counts as one of the letters, all equally likely.
``masked``
    Pseudo-log-likelihood (Salazar 2020): each token is hidden once and predicted from both sides. With ``passes=None`` one
    token is hidden at a time, L passes; with ``passes=k`` every k-th letter is hidden together, k passes, a masking rate of
    1/k. As both sides are seen, bits per base are lower than any one-sided model's for free: compare with
    ``MarkovModel.bits_per_base(two_sided=True)``.
``one-pass (biased)``
    Nothing is hidden; the model reads the very token it is asked about. Fast, useful to rank, and not a likelihood.

References
----------
Salazar J et al. (2020). Masked language model scoring. ACL, 2699-2712.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Literal, NamedTuple

import numpy as np

from glmkit.axes import Scores
from glmkit.errors import BadInput
from glmkit.score.batches import BATCH_TOKENS, CONTEXT, by_budget, check_context, encode, evaluating, packed, windows
from glmkit.score.estimate import Estimate, ratio

Method = Literal["causal", "masked", "one-pass (biased)"]
_JOBS = 512  # windows gathered before they are sorted by length


class _Job(NamedTuple):
    """One window to read: what goes in, where to look, what should be there, and where the answer belongs."""

    item: int
    inputs: np.ndarray
    look: np.ndarray
    targets: np.ndarray
    places: np.ndarray


def token_log_likelihood(
    model: Any,
    inputs: Sequence[str | np.ndarray],
    method: Method | None = None,
    *,
    passes: int | None = None,
    context: int = CONTEXT,
    batch_tokens: int = BATCH_TOKENS,
) -> list[np.ndarray]:
    """Log-probability of every token of every input.

    Parameters
    ----------
    model
        A LanguageModel; it is left in the mode it was in.
    inputs
        Sequences, or arrays of ids made by the model's tokenizer.
    method
        See the module; None is ``causal`` for a causal model and ``masked`` for a masked one.
    passes
        For ``masked``: hide every `passes`-th letter together; None hides one at a time.
    context
        Longest piece read at once; longer inputs are read in overlapping windows (:mod:`glmkit.score.batches`).
    batch_tokens
        Tokens of a batch.

    Returns
    -------
    list of float64 arrays (length,)
        Nats; NaN at special tokens and N, which are read but not scored.

    Raises
    ------
    BadInput
        A method that the model cannot serve, fewer than 2 passes, an empty input.
    """
    method = check_method(model, method, passes)
    check_context(context)
    ids = encode(model, inputs)
    result = [np.full(len(item), np.nan) for item in ids]
    if method == "causal":
        letters = int(model.tokenizer.maskable.sum())
        for item, nats in zip(ids, result, strict=True):
            nats[0] = -np.log(letters) if model.tokenizer.maskable[item[0]] else np.nan
    jobs = _jobs(model, ids, method, passes, context)
    with evaluating(model):
        while gathered := list(islice(jobs, _JOBS)):
            for batch in by_budget([len(job.inputs) for job in gathered], batch_tokens):
                _score(model, [gathered[j] for j in batch], result)
    return result


def _jobs(model: Any, ids: list[np.ndarray], method: Method, passes: int | None, context: int) -> Iterator[_Job]:
    """Every window of every input, once for each set of letters that is hidden in it."""
    maskable, mask_id = model.tokenizer.maskable, model.tokenizer.mask_id
    for i, item in enumerate(ids):
        scored = np.flatnonzero(maskable[item])
        for window in windows(len(item), context, method == "causal"):
            piece = item[window.start : window.stop]
            if method == "causal":
                here = scored[(scored >= max(window.first, 1)) & (scored < window.last)]
                if len(here):
                    yield _Job(i, piece, here - 1 - window.start, item[here], here)
                continue
            if method == "one-pass (biased)":
                here = scored[(scored >= window.first) & (scored < window.last)]
                if len(here):
                    yield _Job(i, piece, here - window.start, item[here], here)
                continue
            for hidden in _hidden_sets(scored, passes):
                inside = hidden[(hidden >= window.start) & (hidden < window.stop)]
                here = inside[(inside >= window.first) & (inside < window.last)]
                if len(here):
                    inputs = piece.copy()
                    inputs[inside - window.start] = mask_id
                    yield _Job(i, inputs, here - window.start, item[here], here)


def _hidden_sets(scored: np.ndarray, passes: int | None) -> Iterator[np.ndarray]:
    """Sets of letters that are hidden together; each letter is in one."""
    step = len(scored) if passes is None else passes
    for first in range(min(step, len(scored))):
        yield scored[first::step]


def _score(model: Any, jobs: list[_Job], result: list[np.ndarray]) -> None:
    import torch

    tokens, boundaries = packed(model, (job.inputs for job in jobs))
    starts = boundaries.tolist()
    look = torch.from_numpy(np.concatenate([job.look + start for job, start in zip(jobs, starts, strict=False)]))
    logits = model.logits(tokens, boundaries, look.to(tokens.device)).float()
    targets = torch.from_numpy(np.concatenate([job.targets for job in jobs]).astype(np.int64)).to(logits.device)
    nats = logits.log_softmax(-1).gather(1, targets[:, None])[:, 0].cpu().numpy()
    first = 0
    for job in jobs:
        result[job.item][job.places] = nats[first : first + len(job.places)]
        first += len(job.places)


def log_likelihood(
    model: Any,
    inputs: Sequence[str | np.ndarray],
    method: Method | None = None,
    *,
    passes: int | None = None,
    context: int = CONTEXT,
    batch_tokens: int = BATCH_TOKENS,
) -> Scores:
    """Log-likelihood (or pseudo-log-likelihood) of each input, summed over its scored tokens.

    Parameters
    ----------
    model, inputs, method, passes, context, batch_tokens
        As in :func:`token_log_likelihood`.

    Returns
    -------
    float64 array (n,)
        Nats.
    """
    per_token = token_log_likelihood(model, inputs, method, passes=passes, context=context, batch_tokens=batch_tokens)
    return np.array([np.nansum(nats) for nats in per_token], dtype=np.float64)


def bits_per_base(
    model: Any,
    inputs: Sequence[str | np.ndarray],
    method: Method | None = None,
    *,
    groups: Sequence[object] | None = None,
    passes: int | None = 8,
    context: int = CONTEXT,
    batch_tokens: int = BATCH_TOKENS,
    draws: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Bits per base over all inputs, with an interval over groups.

    Parameters
    ----------
    model, inputs, method, passes, context, batch_tokens
        As in :func:`token_log_likelihood`; here every 8th base is hidden together unless told otherwise.
    groups
        Unit of independence of each input (contig, block); None when the inputs are independent.
    draws, seed
        Of the bootstrap.

    Returns
    -------
    Estimate
        Bits per A, C, G or T; the bounds are NaN for a single input without groups. Say the method beside the number:
        :func:`describe_method`.

    Raises
    ------
    BadInput
        The tokenizer's tokens overlap (k-mers), so that hiding one hides no base; or as in :func:`token_log_likelihood`.
    """
    tokenizer = model.tokenizer
    if tokenizer.kind not in {"base", "bpe"}:
        raise BadInput(
            f"Bits per base are not defined for {tokenizer.kind!r} tokens: overlapping tokens show each other's bases. "
            "Use a base or BPE tokenizer."
        )
    ids = encode(model, inputs)
    per_token = token_log_likelihood(model, ids, method, passes=passes, context=context, batch_tokens=batch_tokens)
    size = np.array([1 if tokenizer.kind == "base" else len(entry) for entry in tokenizer.vocabulary])
    bases = np.array([size[item[~np.isnan(nats)]].sum() for item, nats in zip(ids, per_token, strict=True)])
    bits = np.array([-np.nansum(nats) for nats in per_token]) / np.log(2)
    if groups is None and len(ids) == 1:
        if not bases[0]:
            raise BadInput("inputs[0] has no A, C, G or T to score.")
        return Estimate(float(bits[0] / bases[0]), float("nan"), float("nan"))
    return ratio(bits, bases, groups, draws, seed)


def check_method(model: Any, method: Method | None, passes: int | None) -> Method:
    """The method to use, or an error if the model cannot serve it.

    Parameters
    ----------
    model
        A LanguageModel.
    method
        None for the model's own.
    passes
        Of the masked method.

    Returns
    -------
    str
        One of the three.
    """
    causal = bool(model.network.config.causal)
    if method is None:
        method = "causal" if causal else "masked"
    known = ("causal",) if causal else ("masked", "one-pass (biased)")
    if method not in known:
        kind = "causal" if causal else "masked"
        raise BadInput(f"method: a {kind} model serves {' and '.join(map(repr, known))}, got {method!r}.")
    if method == "masked" and passes is not None and passes < 2:
        raise BadInput(f"passes: expected at least 2 (each hides half of the letters) or None, got {passes}.")
    return method


def describe_method(model: Any, method: Method | None = None, passes: int | None = None) -> str:
    """One phrase for tables: how a likelihood was made.

    Parameters
    ----------
    model, method, passes
        As given to the verb.

    Returns
    -------
    str
        Such as "masked, 8 passes (12.5% hidden at a time)".
    """
    method = check_method(model, method, passes)
    if method != "masked":
        return method
    return "masked, one token at a time" if passes is None else f"masked, {passes} passes ({100 / passes:.3g}% hidden at a time)"
