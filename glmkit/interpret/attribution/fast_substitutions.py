"""Fast scores of substitutions in networks with local mixing: only states within reach of a substitution are recomputed.

With convolutions and local attention alone, the influence of a letter extends no farther than the sum of the blocks' reaches, R.
The states within R of a substitution depend on the letters within 2 R of it. A piece of ``4 R + 1`` letters is therefore
sufficient for any window length, and the mean over the window changes by the change of those states. This is exact up to
rounding, and faster if the window is much longer than the piece.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from glmkit.interpret.attribution.target import followed
from glmkit.models import Classifier, Regressor, Transformer
from glmkit.models.networks import Attention, Block, Convolution, pack
from glmkit.score.windows import BATCH_TOKENS, evaluating

WORTH = 2  # smallest ratio of window to piece length for which pieces are used


def reach(model: Any) -> int | None:
    """Number of tokens on either side that a letter can influence.

    Parameters
    ----------
    model
        Any model.

    Returns
    -------
    int or None
        None if pieces are not sufficient: global mixing, learned positions, scales or special tokens of whole sequences, a pool
        other than the mean, or tokens of several letters.
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
    """Scores of windows with one substitution each.

    Parameters
    ----------
    model
        A Classifier or Regressor with a finite :func:`reach`.
    sequences
        Windows of equal length.
    jobs
        Substitutions (window, position, letter); those of one window are adjacent.
    target
        Index of the class or output to score.
    far
        Reach of the model in tokens.

    Returns
    -------
    float64 array (jobs,)
        Scores in the order of the jobs.
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
    """Mean state of each window with its substitution, (jobs, width)."""
    length = ids.shape[1]
    pieces, recomputed, before, start = [], [], [], 0
    for item, place, letter in jobs:
        left, right = max(place - 2 * far, 0), min(place + 2 * far + 1, length)
        first, last = max(place - far, 0), min(place + far + 1, length)
        piece = ids[item, left:right].copy()
        piece[place - left] = letter
        pieces.append(piece)
        recomputed.append(np.arange(first - left, last - left) + start)
        before.append(whole[item, first:last].sum(0))
        start += len(piece)
    tokens, boundaries = pack(pieces)
    where = torch.from_numpy(np.concatenate(recomputed)).to(whole.device)
    states = model.network(tokens.to(whole.device), boundaries, where).float()
    owner = torch.from_numpy(np.repeat(np.arange(len(jobs)), [len(each) for each in recomputed])).to(whole.device)
    after = torch.zeros(len(jobs), whole.shape[2], device=whole.device).index_add_(0, owner, states)
    items = torch.tensor([item for item, _, _ in jobs], device=whole.device)
    return (whole.sum(1)[items] + after - torch.stack(before)) / length


def _rows(model: Any, ids: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    tokens, boundaries = pack(list(ids))
    return tokens.to(model.device), boundaries
