"""Likelihood of sequences under a model: per token, per base, per sequence, and as bits per base.

There are three methods, whose values are not comparable:

``causal``
    The probability of each token given the preceding ones. The sum is a true log-likelihood. If the model family puts a start
    token before a sequence, the first token is predicted from it. Otherwise all letters are equally likely as the first token.
``masked``
    Pseudo-log-likelihood (Salazar 2020): each token is masked once and predicted from both sides. With ``passes=None`` one
    token is masked at a time (L passes). With ``passes=k`` every k-th letter is masked together (k passes, masking rate 1/k).
    Context on both sides lowers bits per base below those of a one-sided model of equal quality. Compare with
    ``MarkovModel.bits_per_base(two_sided=True)``.
``one-pass (biased)``
    Nothing is masked, so the input contains the token being scored. Fast and useful for ranking, but not a likelihood.

Overlapping k-mers are scored base by base (:mod:`glmkit.score.windows.kmers`), so that results are comparable with single bases.

References
----------
Salazar J et al. (2020). Masked language model scoring. ACL, 2699-2712.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from glmkit.axes import Scores
from glmkit.errors import BadInput
from glmkit.score.windows.batches import BATCH_TOKENS, encode, letters_at_once
from glmkit.score.windows.jobs import Method, run_jobs, token_jobs
from glmkit.score.windows.kmers import kmer_jobs, known_bases
from glmkit.statistics import Estimate, ratio
from glmkit.tokens.sequences import tokens_over_base

if TYPE_CHECKING:
    from glmkit.models import TokenModel

Passes = int | Literal["auto"] | None
AUTO_PASSES = 8  # "auto" masks one token in eight at a time


def token_log_likelihood(
    model: "TokenModel",
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
        A LanguageModel; its training or evaluation mode is restored afterwards.
    inputs
        Sequences, or arrays of ids made by the model's tokenizer.
    method
        Scoring method, described in the module docstring; None for ``causal`` or ``masked``, the kind of the model.
    passes
        Number of passes of ``masked``: every `passes`-th letter is masked together. None masks one at a time, ``"auto"`` one in
        eight.
    context
        Window length in tokens, special tokens included; None for the model's own. Longer inputs are read in overlapping
        windows (:mod:`glmkit.score.windows.batches`).
    batch_tokens
        Maximum number of tokens per batch.

    Returns
    -------
    list of float64 arrays (length,)
        Log-probabilities in nats; NaN at special tokens and N, which are read but not scored.

    Raises
    ------
    BadInput
        A method that the model does not support, fewer than 2 passes, an empty input, or overlapping tokens.

    Examples
    --------
    >>> from glmkit.models import TransformerConfig, new_model
    >>> from glmkit.score import token_log_likelihood
    >>> from glmkit.tokens import make_tokenizer
    >>> config = TransformerConfig(vocabulary_size=10, width=8, layers=1, heads=2, feedforward=8, causal=True)
    >>> model = new_model(config, make_tokenizer("base"))
    >>> nats = token_log_likelihood(model, ["ACGTN"])[0]
    >>> nats.shape, nats[0].round(3), nats[4]  # the first base is one of four; N is not scored
    ((5,), np.float64(-1.386), np.float64(nan))
    """
    if tokens_over_base(model.tokenizer) > 1:
        raise BadInput("Overlapping k-mers share bases, so single tokens cannot be scored. Use base_log_likelihood.")
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
    model: "TokenModel",
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
        Number of passes of ``masked``: every `passes`-th base is masked together; None masks one at a time. For overlapping
        k-mers at least k + 1; ``"auto"`` is then 8 k, so that one token in eight is masked.

    Returns
    -------
    list of float64 arrays (bases,)
        Log-probabilities in nats; NaN at N and other bases that are not scored. L - k + 1 overlapping k-mers are L bases.

    Raises
    ------
    BadInput
        Non-overlapping tokens of several bases, a method that the model does not support, too few passes, or an empty input.
    """
    if tokens_over_base(model.tokenizer) == 1:
        if model.tokenizer.bases_per_token != 1:
            raise BadInput(
                "Single bases can be scored only with tokens of one base or overlapping k-mers. Use token_log_likelihood."
            )
        return token_log_likelihood(model, inputs, method, passes=passes, context=context, batch_tokens=batch_tokens)
    method, passes = check_method(model, method, passes)
    longest = letters_at_once(model, context)
    ids = encode(model, inputs)
    bases = [known_bases(item, model.tokenizer) for item in ids]
    result = [np.full(len(item), np.nan) for item in bases]
    if method == "causal":
        for item, nats in zip(bases, result, strict=True):
            nats[item >= 0] = -np.log(4)  # replaced below where the preceding token shows the first k - 1 bases of a k-mer
    run_jobs(model, kmer_jobs(model, ids, bases, method, passes, longest), result, batch_tokens)
    return result


def log_likelihood(
    model: "TokenModel",
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
    model: "TokenModel",
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
        As in :func:`token_log_likelihood` and :func:`base_log_likelihood`; by default one token in eight is masked at a time.
    groups
        Unit of independence of each input (contig, block), (n,); None when the inputs are independent.
    draws, seed
        Number of bootstrap resamples and random seed.

    Returns
    -------
    Estimate
        Bits per A, C, G or T with a 95% interval; the bounds are NaN for a single input without groups. Report the method
        together with the value: :func:`describe_method`.

    Raises
    ------
    BadInput
        As in :func:`token_log_likelihood` and :func:`base_log_likelihood`, or a single input without A, C, G or T.

    Examples
    --------
    >>> from glmkit.models import TransformerConfig, new_model
    >>> from glmkit.score import bits_per_base
    >>> from glmkit.tokens import make_tokenizer
    >>> config = TransformerConfig(vocabulary_size=10, width=8, layers=1, heads=2, feedforward=8)
    >>> model = new_model(config, make_tokenizer("base"))
    >>> estimate = bits_per_base(model, ["ACGTTGCATTGC", "GGCATTAACGTA"], draws=100)
    >>> estimate.low <= estimate.value <= estimate.high
    True
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


def check_method(model: "TokenModel", method: Method | None, passes: Passes) -> tuple[Method, int | None]:
    """The method and number of passes to use; raises an error if the model does not support them.

    Parameters
    ----------
    model
        A LanguageModel.
    method
        Scoring method; None for the kind of the model (``causal`` or ``masked``).
    passes
        Number of passes of the masked method, ``"auto"``, or None.

    Returns
    -------
    tuple
        One of the three methods, and the number of passes (None for one token at a time).
    """
    causal, over = bool(model.network.config.causal), tokens_over_base(model.tokenizer)
    method = method or ("causal" if causal else "masked")
    known = ("causal",) if causal else ("masked", "one-pass (biased)")
    if method not in get_args(Method) or method not in known:
        kind = "causal" if causal else "masked"
        raise BadInput(f"method: expected {' or '.join(map(repr, known))} for a {kind} model, got {method!r}.")
    count = AUTO_PASSES * over if passes == "auto" else passes
    if method == "masked" and count is not None and count < over + 1:
        why = "each masks half of the letters" if over == 1 else f"a {over}-mer must fit between two masked bases"
        raise BadInput(f"passes: expected at least {over + 1} ({why}) or None, got {count}.")
    return method, count


def describe_method(model: "TokenModel", method: Method | None = None, passes: Passes = None) -> str:
    """Short description of a scoring method, for tables.

    Parameters
    ----------
    model, method, passes
        As in :func:`token_log_likelihood`.

    Returns
    -------
    str
        A phrase such as "masked, 8 passes (12.5% hidden at a time)".

    Examples
    --------
    >>> from glmkit.models import TransformerConfig, new_model
    >>> from glmkit.score import describe_method
    >>> from glmkit.tokens import make_tokenizer
    >>> config = TransformerConfig(vocabulary_size=10, width=8, layers=1, heads=2, feedforward=8)
    >>> describe_method(new_model(config, make_tokenizer("base")), passes="auto")
    'masked, 8 passes (12.5% hidden at a time)'
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
