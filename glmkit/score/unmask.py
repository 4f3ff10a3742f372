"""Iterative filling in of masks by a masked model, a few positions per pass."""

from typing import TYPE_CHECKING

import numpy as np

from glmkit.score.windows.batches import packed
from glmkit.score.windows.sampling import Sampling, draw, probabilities

if TYPE_CHECKING:
    from glmkit.models import TokenModel


def unmask(
    model: "TokenModel", start: np.ndarray, length: int, generators: list[np.random.Generator], sampling: Sampling, steps: int
) -> list[np.ndarray]:
    """Sequences that begin with `start`; a masked model fills in the rest.

    Parameters
    ----------
    model
        A masked LanguageModel in evaluation mode.
    start
        Token ids of the prompt, int64 (prompt,).
    length
        Length of a sequence in tokens.
    generators
        One random generator per sequence; each draws the order of positions, then one number per position.
    sampling
        Temperature, top-k and top-p.
    steps
        Number of passes; each fills in an equal share of the positions, conditional on those filled in before.

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
