"""Substitutions in a network that mixes locally: only what a substitution can reach is computed again.

With convolutions and local attention alone, a letter reaches no farther than the sum of the blocks' reaches, R. The states within R of
a substitution follow from the letters within 2 R of it, so a piece of ``4 R + 1`` letters is enough, whatever the length of the window,
and the mean over the window changes by what those states change. That is exact but for rounding, and saves where the window is much
longer than the piece.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from glmkit.interpret.attribution.target import followed
from glmkit.models import Classifier, Regressor, Transformer
from glmkit.models.networks import Attention, Block, Convolution, pack
from glmkit.score.windows import BATCH_TOKENS, evaluating

WORTH = 2  # windows at least this many times as long as a piece are done piece by piece


def reach(model: Any) -> int | None:
    """How many tokens a letter's influence goes to either side.

    Parameters
    ----------
    model
        Any.

    Returns
    -------
    int or None
        None where a piece would not do: global mixing, places that are learned, scales or special tokens of whole sequences, a pool other
        than the mean, or tokens of several letters.
    """
    network = getattr(model, "network", None)
    if not isinstance(network, Transformer) or not isinstance(model, Classifier | Regressor) or model.pool != "mean":
        return None
    config = network.config
    if config.positions == "learned" or config.token_dropout is not None or model.tokenizer.kind != "base":
        return None
    total = 0
    for block in network.layers:
        mixer = block.mixer if isinstance(block, Block) else None
        if isinstance(mixer, Convolution):
            total += mixer.kernel - 1 if mixer.causal else mixer.kernel // 2
        elif isinstance(mixer, Attention) and mixer.window is not None:
            total += mixer.window
        else:
            return None
    return total


def piecewise(
    model: Any, sequences: Sequence[str], jobs: Sequence[tuple[int, int, str]], target: int | None, far: int
) -> np.ndarray:
    """Scores of windows with one letter changed each.

    Parameters
    ----------
    model
        A Classifier or Regressor of which :func:`reach` knows the reach.
    sequences
        Windows of one length.
    jobs
        Which window, position and letter; those of one window side by side.
    target
        Class or output to follow.
    far
        The reach.

    Returns
    -------
    float64 array (jobs,)
        In their order.
    """
    read, encode = followed(model, target), model.tokenizer.encode
    windows = sorted({item for item, _, _ in jobs})
    row = {item: number for number, item in enumerate(windows)}
    ids = np.stack([encode(sequences[item]) for item in windows]).astype(np.int64)
    count, length = ids.shape
    room, step, found = max(1, BATCH_TOKENS // length), max(1, BATCH_TOKENS // (4 * far + 1)), []
    with evaluating(model):
        states = [model.network(*_rows(model, ids[i : i + room])).float() for i in range(0, count, room)]
        whole = torch.cat(states).view(count, length, -1)
        for first in range(0, len(jobs), step):
            part = [(row[item], place, int(encode(letter)[0])) for item, place, letter in jobs[first : first + step]]
            vector = _changed(model, ids, whole, part, far).to(model.out.weight.dtype)
            answers = model.out(torch.tanh(model.dense(vector))).float()
            if isinstance(model, Regressor):
                answers = answers * model.scale + model.shift
            found.append(read(answers).double().cpu().numpy())
    return np.concatenate(found)


def _changed(model: Any, ids: np.ndarray, whole: torch.Tensor, jobs: list[tuple[int, int, int]], far: int) -> torch.Tensor:
    """Mean state of each changed window: (jobs, width)."""
    length = ids.shape[1]
    pieces, asked, before, start = [], [], [], 0
    for item, place, letter in jobs:
        left, right = max(place - 2 * far, 0), min(place + 2 * far + 1, length)
        first, last = max(place - far, 0), min(place + far + 1, length)
        piece = ids[item, left:right].copy()
        piece[place - left] = letter
        pieces.append(piece)
        asked.append(np.arange(first - left, last - left) + start)
        before.append(whole[item, first:last].sum(0))
        start += len(piece)
    tokens, boundaries = pack(pieces)
    where = torch.from_numpy(np.concatenate(asked)).to(whole.device)
    states = model.network(tokens.to(whole.device), boundaries, where).float()
    owner = torch.from_numpy(np.repeat(np.arange(len(jobs)), [len(each) for each in asked])).to(whole.device)
    after = torch.zeros(len(jobs), whole.shape[2], device=whole.device).index_add_(0, owner, states)
    items = torch.tensor([item for item, _, _ in jobs], device=whole.device)
    return (whole.sum(1)[items] + after - torch.stack(before)) / length


def _rows(model: Any, ids: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    tokens, boundaries = pack(list(ids))
    return tokens.to(model.device), boundaries
