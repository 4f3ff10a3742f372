"""How probable a model finds a sequence: per token, per base, per sequence, and as bits per base.

Three methods, never mixed up, since their numbers mean different things:

``causal``
    The probability of each token given those before it. The sum is a true log-likelihood. Where the family puts a
    start token before a sequence, the first token is predicted from that; elsewhere it has nothing before it and counts as one
    of the letters, all equally likely.
``masked``
    Pseudo-log-likelihood (Salazar 2020): each token is hidden once and predicted from both sides. With ``passes=None`` one
    token is hidden at a time, L passes; with ``passes=k`` every k-th letter is hidden together, k passes, a masking rate of
    1/k. As both sides are seen, bits per base are lower than any one-sided model's for free: compare with
    ``MarkovModel.bits_per_base(two_sided=True)``.
``one-pass (biased)``
    Nothing is hidden; the model reads the very token it is asked about. Fast, useful to rank, and not a likelihood.

Overlapping k-mers are scored base by base (:mod:`glmkit.score.windows.kmers`), so that their numbers stand beside those of single bases.

References
----------
Salazar J et al. (2020). Masked language model scoring. ACL, 2699-2712.
"""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np

from glmkit.axes import Scores
from glmkit.errors import BadInput
from glmkit.score.windows.batches import BATCH_TOKENS, encode, letters_at_once
from glmkit.score.windows.jobs import Method, run_jobs, token_jobs
from glmkit.score.windows.kmers import kmer_jobs, known_bases
from glmkit.statistics import Estimate, ratio
from glmkit.tokens.sequences import tokens_over_base

Passes = int | Literal["auto"] | None
AUTO_PASSES = 8  # of "auto": one token in eight is hidden at a time


def token_log_likelihood(
    model: Any,
    inputs: Sequence[str | np.ndarray],
    method: Method | None = None,
    *,
    passes: Passes = None,
    context: int | None = None,
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
        For ``masked``: hide every `passes`-th letter together; None hides one at a time; ``"auto"`` hides one in 8.
    context
        Longest piece read at once, special tokens included; longer inputs are read in overlapping windows
        (:mod:`glmkit.score.windows.batches`). The model's own if None.
    batch_tokens
        Tokens of a batch.

    Returns
    -------
    list of float64 arrays (length,)
        Nats; NaN at special tokens and N, which are read but not scored.

    Raises
    ------
    BadInput
        A method that the model cannot serve, fewer than 2 passes, an empty input, or tokens that overlap.
    """
    if tokens_over_base(model.tokenizer) > 1:
        raise BadInput("Overlapping k-mers show each other's bases, so a token has no score of its own. Use base_log_likelihood.")
    method, passes = check_method(model, method, passes)
    longest = letters_at_once(model, context)
    ids = encode(model, inputs)
    result = [np.full(len(item), np.nan) for item in ids]
    if method == "causal" and not model.tokenizer.prefix:
        letters = int(model.tokenizer.maskable.sum())
        for item, nats in zip(ids, result, strict=True):
            nats[0] = -np.log(letters) if model.tokenizer.maskable[item[0]] else np.nan
    run_jobs(model, token_jobs(model, ids, method, passes, longest), result, batch_tokens)
    return result


def base_log_likelihood(
    model: Any,
    inputs: Sequence[str | np.ndarray],
    method: Method | None = None,
    *,
    passes: Passes = None,
    context: int | None = None,
    batch_tokens: int = BATCH_TOKENS,
) -> list[np.ndarray]:
    """Log-probability of every base of every input, under single bases or overlapping k-mers.

    Parameters
    ----------
    model, inputs, method, context, batch_tokens
        As in :func:`token_log_likelihood`.
    passes
        For ``masked``: hide every `passes`-th base together; None hides one at a time. Under overlapping k-mers k + 1 or more,
        and ``"auto"`` is 8 k, so that one token in eight is hidden.

    Returns
    -------
    list of float64 arrays (bases,)
        Nats; NaN at N and what else is not scored. L - k + 1 overlapping k-mers are L bases.

    Raises
    ------
    BadInput
        Tokens of several bases each, a method that the model cannot serve, too few passes, an empty input.
    """
    if tokens_over_base(model.tokenizer) == 1:
        if model.tokenizer.bases_per_token != 1:
            raise BadInput("A base is scored on its own only under single bases or overlapping k-mers. Use token_log_likelihood.")
        return token_log_likelihood(model, inputs, method, passes=passes, context=context, batch_tokens=batch_tokens)
    method, passes = check_method(model, method, passes)
    longest = letters_at_once(model, context)
    ids = encode(model, inputs)
    bases = [known_bases(item, model.tokenizer) for item in ids]
    result = [np.full(len(item), np.nan) for item in bases]
    if method == "causal":
        for item, nats in zip(bases, result, strict=True):
            nats[item >= 0] = -np.log(4)  # and a better answer below, where a k-mer can be told from its first k - 1 bases
    run_jobs(model, kmer_jobs(model, ids, bases, method, passes, longest), result, batch_tokens)
    return result


def log_likelihood(
    model: Any,
    inputs: Sequence[str | np.ndarray],
    method: Method | None = None,
    *,
    passes: Passes = None,
    context: int | None = None,
    batch_tokens: int = BATCH_TOKENS,
) -> Scores:
    """Log-likelihood (or pseudo-log-likelihood) of each input, summed over its scored tokens or, under overlapping k-mers, bases.

    Parameters
    ----------
    model, inputs, method, passes, context, batch_tokens
        As in :func:`token_log_likelihood` and :func:`base_log_likelihood`.

    Returns
    -------
    float64 array (n,)
        Nats.
    """
    nats_of = token_log_likelihood if tokens_over_base(model.tokenizer) == 1 else base_log_likelihood
    each = nats_of(model, inputs, method, passes=passes, context=context, batch_tokens=batch_tokens)
    return np.array([np.nansum(nats) for nats in each], dtype=np.float64)


def bits_per_base(
    model: Any,
    inputs: Sequence[str | np.ndarray],
    method: Method | None = None,
    *,
    groups: Sequence[object] | None = None,
    passes: Passes = "auto",
    context: int | None = None,
    batch_tokens: int = BATCH_TOKENS,
    draws: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Bits per base over all inputs, with an interval over groups.

    Parameters
    ----------
    model, inputs, method, passes, context, batch_tokens
        As in :func:`token_log_likelihood` and :func:`base_log_likelihood`; here one token in eight is hidden at a time unless
        told otherwise.
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
        As in the functions named.
    """
    tokenizer, ids = model.tokenizer, encode(model, inputs)
    options: dict[str, Any] = {"passes": passes, "context": context, "batch_tokens": batch_tokens}
    if tokens_over_base(tokenizer) > 1 or tokenizer.kind == "base":
        each = base_log_likelihood(model, ids, method, **options)
        bases = np.array([np.count_nonzero(~np.isnan(nats)) for nats in each])
    else:
        each = token_log_likelihood(model, ids, method, **options)
        size = np.array([len(entry) for entry in tokenizer.vocabulary])
        bases = np.array([size[item[~np.isnan(nats)]].sum() for item, nats in zip(ids, each, strict=True)])
    bits = np.array([-np.nansum(nats) for nats in each]) / np.log(2)
    if groups is None and len(ids) == 1:
        if not bases[0]:
            raise BadInput("inputs[0] has no A, C, G or T to score.")
        return Estimate(float(bits[0] / bases[0]), float("nan"), float("nan"))
    return ratio(bits, bases, groups, draws, seed)


def check_method(model: Any, method: Method | None, passes: Passes) -> tuple[Method, int | None]:
    """The method and passes to use, or an error if the model cannot serve them.

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
    tuple
        One of the three methods, and the number of passes, None for one token at a time.
    """
    causal, over = bool(model.network.config.causal), tokens_over_base(model.tokenizer)
    method = method or ("causal" if causal else "masked")
    known = ("causal",) if causal else ("masked", "one-pass (biased)")
    if method not in get_args(Method) or method not in known:
        kind = "causal" if causal else "masked"
        raise BadInput(f"method: a {kind} model serves {' and '.join(map(repr, known))}, got {method!r}.")
    count = AUTO_PASSES * over if passes == "auto" else passes
    if method == "masked" and count is not None and count < over + 1:
        why = "each hides half of the letters" if over == 1 else f"every base between two hidden ones must stand in a {over}-mer"
        raise BadInput(f"passes: expected at least {over + 1} ({why}) or None, got {count}.")
    return method, count


def describe_method(model: Any, method: Method | None = None, passes: Passes = None) -> str:
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
    method, count = check_method(model, method, passes)
    if method != "masked":
        return method
    over = tokens_over_base(model.tokenizer)
    what = "token" if over == 1 else f"base ({over} tokens)"
    if count is None:
        return f"masked, one {what} at a time"
    bases = "" if over == 1 else f" of the bases, {100 * over / count:.3g}% of the tokens"
    return f"masked, {count} passes ({100 / count:.3g}%{bases} hidden at a time)"
