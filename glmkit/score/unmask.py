"""Fill in masks a few places at a time."""

from typing import Any

import numpy as np

from glmkit.score.windows.batches import packed
from glmkit.score.windows.sampling import Sampling, draw, probabilities


def unmask(
    model: Any, start: np.ndarray, length: int, generators: list[np.random.Generator], sampling: Sampling, steps: int
) -> list[np.ndarray]:
    """Sequences that begin with `start`, the rest of them filled in by a masked model.

    Parameters
    ----------
    model
        A masked LanguageModel in evaluation mode.
    start
        int64 (prompt,).
    length
        Tokens of a sequence.
    generators
        One a sequence; each draws the order of its places, then one number a place.
    sampling
        How a token is chosen.
    steps
        Passes; each fills in an equal share of the places, given what stands there by then.

    Returns
    -------
    list of numpy.ndarray
        int64 (length,) each, without special tokens.
    """
    import torch

    allowed, before = np.asarray(model.tokenizer.maskable), len(model.tokenizer.prefix)
    ids = np.full((len(generators), length), model.tokenizer.mask_id, dtype=np.int64)
    ids[:, : len(start)] = start
    orders = np.stack([len(start) + generator.permutation(length - len(start)) for generator in generators])
    for places in np.array_split(orders, steps, axis=1):
        if not places.shape[1]:
            continue
        tokens, boundaries = packed(model, ids)
        offset = boundaries[:-1].numpy()[:, None] + before
        where = torch.from_numpy((places + offset).reshape(-1)).to(tokens.device)
        logits = model.logits(tokens, boundaries, where).float().cpu().numpy()
        drawers = [generator for generator in generators for _ in range(places.shape[1])]
        chosen = draw(probabilities(logits, allowed, sampling), drawers)
        np.put_along_axis(ids, places, chosen.reshape(places.shape), 1)
    return list(ids)
