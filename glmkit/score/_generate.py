"""Sampling of new sequences from a model.

A causal model samples from left to right, that is from the distribution it was trained to fit. A masked model defines no
distribution over whole sequences. With `steps` it fills in masks a few positions at a time, in random order. The results are
plausible sequences, not draws from a known distribution (discussed by Wang & Cho 2019, arXiv:1902.04094).

Only letters are sampled (`tokenizer.maskable`: no special token, no N or X), and the end token where the model family has one.
"""

from typing import TYPE_CHECKING

import numpy as np

from glmkit.errors import BadInput
from glmkit.score.unmask import unmask
from glmkit.score.windows.batches import BATCH_TOKENS, encode, evaluating
from glmkit.score.windows.continuation import Continuation
from glmkit.score.windows.sampling import Sampling, draw, probabilities
from glmkit.tokens.sequences import tokens_over_base

if TYPE_CHECKING:
    from glmkit.models import TokenModel


def generate(
    model: "TokenModel",
    n: int,
    prompt: str = "",
    *,
    length: int,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    seed: int = 0,
    steps: int = 0,
    batch_tokens: int = BATCH_TOKENS,
) -> list[str]:
    """Generate sequences.

    Parameters
    ----------
    model
        A LanguageModel; its training or evaluation mode is restored afterwards.
    n
        Number of sequences.
    prompt
        Common beginning of all sequences.
    length
        Length of a sequence in tokens, prompt included. A model whose family has an end token may stop earlier.
    temperature, top_k, top_p
        Sampling parameters, as in :class:`glmkit.score.windows.sampling.Sampling`; applied in this order.
    seed
        Random seed, 0 or more. Sequence i depends on `seed` and i, not on `n` or on the batch.
    steps
        Number of passes in which a masked model fills in the masks, from 1 (all positions at once, independently) to `length`
        (one position per pass). 0 for a causal model.
    batch_tokens
        Maximum number of tokens per batch; affects memory and speed, not the result.

    Returns
    -------
    list of str
        Sequences without special tokens. Without a prompt and a start token, the first letter is drawn uniformly.

    Raises
    ------
    BadInput
        A number out of range, a prompt with a letter outside the vocabulary, a length below the prompt's or beyond the context,
        overlapping k-mers, or `steps` that do not match the kind of model.

    Examples
    --------
    >>> from glmkit.models import TransformerConfig, new_model
    >>> from glmkit.score import generate
    >>> from glmkit.tokens import make_tokenizer
    >>> config = TransformerConfig(vocabulary_size=10, width=8, layers=1, heads=2, feedforward=8, causal=True)
    >>> model = new_model(config, make_tokenizer("base"))
    >>> [len(sequence) for sequence in generate(model, 2, prompt="ATG", length=12)]
    [12, 12]
    """
    sampling = Sampling(temperature=temperature, top_k=top_k, top_p=top_p)
    start = _start(model, n, prompt, length, seed, steps)
    generators = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(n)]
    at_once = max(1, batch_tokens // (length + len(model.tokenizer.prefix) + len(model.tokenizer.suffix)))
    out: list[str] = []
    with evaluating(model):
        for first in range(0, n, at_once):
            batch = generators[first : first + at_once]
            ids = unmask(model, start, length, batch, sampling, steps) if steps else _write(model, start, length, batch, sampling)
            out += [model.tokenizer.decode(item) for item in ids]
    return out


def _start(model: "TokenModel", n: int, prompt: str, length: int, seed: int, steps: int) -> np.ndarray:
    """Token ids of the prompt, int64 (prompt,), after validation of all arguments."""
    tokenizer, causal = model.tokenizer, bool(model.network.config.causal)
    for name, value, least in (("n", n, 1), ("length", length, 1), ("seed", seed, 0), ("steps", steps, 0)):
        if value < least:
            raise BadInput(f"{name}: expected {least} or more, got {value}.")
    if causal and steps:
        raise BadInput(f"steps={steps} is for masked models; this one is causal and samples from left to right. Leave steps out.")
    if not causal and not steps:
        raise BadInput(
            "This model is masked and cannot continue a prompt. Use a causal model, or steps= to fill in masks in that many "
            "passes, which gives plausible sequences but no draws from a distribution."
        )
    if tokens_over_base(tokenizer) > 1:
        raise BadInput("Overlapping k-mers share bases, so they cannot be sampled one by one. Use single bases or BPE.")
    try:
        ids = encode(model, [prompt])[0].astype(np.int64) if prompt else np.zeros(0, np.int64)
    except BadInput as error:
        error.add_note("This occurred in the prompt.")
        raise
    if len(ids) > length:
        raise BadInput(
            f"length: expected at least {len(ids)}, the tokens of the prompt, got {length}. Raise it, or shorten the prompt."
        )
    around = len(tokenizer.prefix) + len(tokenizer.suffix)
    if length + around > model.context:
        raise BadInput(
            f"length: {length} tokens{f' and {around} special ones' if around else ''} exceed the model's context of "
            f"{model.context}. Use at most {model.context - around}."
        )
    return ids


def _write(
    model: "TokenModel", start: np.ndarray, length: int, generators: list[np.random.Generator], sampling: Sampling
) -> list[np.ndarray]:
    """Continue the prompt from left to right; sequences with an end token leave the batch."""
    tokenizer = model.tokenizer
    letters = np.asarray(tokenizer.maskable)
    allowed, end = letters.copy(), -1
    if tokenizer.suffix:
        end = int(tokenizer.suffix[0])
        allowed[end] = True
    prefix = np.array([*tokenizer.prefix, *start], dtype=np.int64)
    written = np.empty((len(generators), length - len(start)), dtype=np.int64)
    stops = np.full(len(generators), written.shape[1])
    running = np.arange(len(generators))
    text = Continuation(model, prefix, len(generators))
    for place in range(written.shape[1]):
        if place or len(prefix):
            distribution = probabilities(text.logits(), allowed, sampling)
        else:
            distribution = np.tile(letters / letters.sum(), (len(running), 1))
        chosen = draw(distribution, [generators[i] for i in running])
        written[running, place] = chosen
        going = chosen != end
        stops[running[~going]] = place
        running = running[going]
        if not len(running):
            break
        text.append(chosen, going)
    return [np.concatenate([start, row[:stop]]) for row, stop in zip(written, stops, strict=True)]
