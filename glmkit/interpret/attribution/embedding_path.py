"""Gradients of a model's score along the straight line from a baseline to an input, in embedding space.

Tokens are discrete, so there are no intermediate values between them, but there are between their embedding vectors. The network
reads the ids of the input as usual (lengths, segments and scales depend on them); only the output of its embedding layer is
replaced by a point on the line. The points of one sequence are packed as sequences of equal length, without padding. Gradients of
the weights are disabled meanwhile to save memory.
"""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch

from glmkit.errors import BadInput
from glmkit.interpret.attribution.target import followed
from glmkit.models import Transformer
from glmkit.models.networks import MLSTM, by_step, pack
from glmkit.score.windows import by_budget
from glmkit.tokens import surround

BASELINES = ("mask", "uniform", "pad")


class Traced(NamedTuple):
    """Path gradient of one input.

    Attributes
    ----------
    item
        Index of the input.
    gradient
        Weighted sum of the gradients at the nodes, float32 (tokens, width), without special tokens.
    moved
        Embedding minus baseline, float32 (tokens, width).
    score, base
        Explained score at the input and at the baseline.
    """

    item: int
    gradient: torch.Tensor
    moved: torch.Tensor
    score: float
    base: float


def walk(
    model: Any,
    ids: Sequence[np.ndarray],
    nodes: np.ndarray,
    weights: np.ndarray,
    target: int | None,
    baseline: torch.Tensor,
    batch_tokens: int,
) -> Iterator[Traced]:
    """Weighted sum of the gradients at points of the line, for each input.

    Parameters
    ----------
    model
        A Classifier or Regressor; it is not changed.
    ids
        Token ids of each input, (length,), without special tokens.
    nodes
        Positions on the line, float64 (nodes,), from 0 (baseline) to 1 (input).
    weights
        Weight of each node, float64 (nodes,).
    target
        Index of the class or output, as in :func:`glmkit.interpret.attribution.target.followed`.
    baseline
        Baseline embedding, (width,) for every letter, or (length, width) for inputs of equal length.
    batch_tokens
        Maximum number of tokens per pass.

    Yields
    ------
    Traced
        One per input, grouped by similar length.
    """
    read = followed(model, target)
    around = len(model.tokenizer.prefix), len(model.tokenizer.suffix)
    lengths = [len(item) + sum(around) for item in ids]
    with frozen(model):
        for members in _batches(model.network, lengths, max(1, batch_tokens // len(nodes))):
            pieces = [surround(ids[i], model.tokenizer.prefix, model.tokenizer.suffix) for i in members]
            tokens, boundaries = pack(pieces)
            tokens = tokens.to(model.device)
            with torch.no_grad():
                whole = model.network.embedding(tokens)
            inner = _inner(boundaries, around).to(model.device)
            start = whole.clone()
            start[inner] = baseline.to(whole) if baseline.dim() == 1 else baseline.to(whole).repeat(len(members), 1)
            line = _Line(model, read, pieces, start, whole - start)
            total = torch.zeros(whole.shape, dtype=torch.float32, device=whole.device)
            copies = max(1, batch_tokens // len(tokens))
            for first in range(0, len(nodes), copies):
                part = slice(first, first + copies)
                total += line.gradient(nodes[part], weights[part])
            ends = line.scores(np.array([0.0, 1.0]))
            for row, (i, a, b) in enumerate(zip(members, *_spans(boundaries, around), strict=True)):
                yield Traced(i, total[a:b], line.moved[a:b].float(), ends[row, 1], ends[row, 0])


class _Line:
    """Lines of one batch, with scores and gradients at any of their points."""

    def __init__(self, model: Any, read: Any, pieces: list[np.ndarray], start: torch.Tensor, moved: torch.Tensor) -> None:
        self.model, self.read, self.pieces, self.start, self.moved = model, read, pieces, start, moved
        self.rows = np.split(np.arange(len(start)), np.cumsum([len(piece) for piece in pieces])[:-1])

    def _points(self, nodes: np.ndarray) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Copies of each sequence, one per node: ids, boundaries, source rows in the batch, and embeddings (tokens, width)."""
        tokens, boundaries = pack([piece for piece in self.pieces for _ in nodes])
        which = torch.from_numpy(np.concatenate([np.tile(rows, len(nodes)) for rows in self.rows])).to(self.start.device)
        along = np.concatenate([np.repeat(nodes, len(rows)) for rows in self.rows])
        share = torch.from_numpy(along).to(self.start)[:, None]
        return tokens.to(self.start.device), boundaries, which, self.start[which] + share * self.moved[which]

    def _score(self, tokens: torch.Tensor, boundaries: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        with instead(self.model.network, tokens, boundaries, points):
            return self.read(self.model(tokens, boundaries).float())

    def gradient(self, nodes: np.ndarray, weights: np.ndarray) -> torch.Tensor:
        """Gradients at `nodes`, summed with `weights`, float32 (tokens, width)."""
        tokens, boundaries, which, points = self._points(nodes)
        with torch.enable_grad():
            scores = self._score(tokens, boundaries, points.requires_grad_())
            each = torch.from_numpy(np.tile(weights, len(self.pieces))).to(scores)
            (found,) = torch.autograd.grad(scores, points, each)
        total = torch.zeros(self.start.shape, dtype=torch.float32, device=found.device)
        return total.index_add_(0, which, found.float())

    def scores(self, nodes: np.ndarray) -> np.ndarray:
        """Explained score at `nodes`, float64 (sequences, nodes)."""
        with torch.no_grad():
            tokens, boundaries, _, points = self._points(nodes)
            found = self._score(tokens, boundaries, points)
        return found.double().cpu().numpy().reshape(len(self.pieces), len(nodes))


@contextmanager
def instead(network: Any, tokens: torch.Tensor, boundaries: torch.Tensor, points: torch.Tensor) -> Iterator[None]:
    """Context in which a network's embedding layer returns `points` for `tokens`.

    Parameters
    ----------
    network
        Any network with an ``embedding``.
    tokens
        Token ids, int64 (tokens,); sequences of equal length are adjacent.
    boundaries
        Boundaries of the sequences, int64 (sequences + 1,).
    points
        Embeddings, (tokens, width).

    Raises
    ------
    BadInput
        A network that embeds the tokens in an unknown order, so that the points cannot be assigned to them.
    """
    order = by_step(boundaries, tokens.device).order if isinstance(network, MLSTM) else None
    seen: list[Any] = []

    def replace(module: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        """The points, in the layer's own order."""
        laid = points if order is None else points[order]
        same = torch.equal(inputs[0].reshape(-1), tokens if order is None else tokens[order])
        if seen or not same:
            raise BadInput(
                f"Gradients along a path are not supported for {type(network).__name__}, which does not embed the tokens once and "
                "in order. Use a Transformer."
            )
        seen.append(module)
        return laid.reshape(output.shape)

    handle = network.embedding.register_forward_hook(replace)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def frozen(model: Any) -> Iterator[None]:
    """Context without dropout and without gradients of weights; the previous state is restored afterwards.

    Parameters
    ----------
    model
        A torch module.
    """
    modes = [(module, module.training) for module in model.modules()]
    required = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    model.eval().requires_grad_(False)
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        for parameter, wanted in required:
            parameter.requires_grad_(wanted)


def baseline_vector(model: Any, baseline: str | np.ndarray) -> torch.Tensor:
    """Baseline embedding, the same for every letter.

    Parameters
    ----------
    model
        A Classifier or Regressor.
    baseline
        ``mask``: embedding of the mask token (zero if the network reads masks as zero, as ESM-2 does). ``uniform``: mean
        embedding of the letters. ``pad``: embedding of the padding token. Or an array (width,).

    Returns
    -------
    torch.Tensor
        Float (width,).

    Raises
    ------
    BadInput
        An unknown name, or an array of another shape.
    """
    weight = model.network.embedding.weight.detach()
    if not isinstance(baseline, str):
        point = np.asarray(baseline, np.float32)
        if point.shape != weight.shape[1:] or not np.isfinite(point).all():
            raise BadInput(f"baseline: expected {weight.shape[1]} finite numbers, a point in embedding space, got {point.shape}.")
        return torch.from_numpy(point).to(weight)
    if baseline not in BASELINES:
        raise BadInput(f"baseline must be one of {', '.join(BASELINES)} or an array (width,), got {baseline!r}.")
    if baseline == "uniform":
        return weight[torch.from_numpy(np.flatnonzero(model.tokenizer.maskable)).to(weight.device)].mean(0)
    if baseline == "mask" and getattr(model.network.config, "token_dropout", None) is not None:
        return torch.zeros_like(weight[0])
    return weight[model.tokenizer.mask_id if baseline == "mask" else model.tokenizer.pad_id].clone()


def background_points(model: Any, background: Sequence[str], lengths: Sequence[int]) -> list[torch.Tensor]:
    """Embeddings of sequences used as baselines.

    Parameters
    ----------
    model
        A Classifier or Regressor.
    background
        One or more sequences.
    lengths
        Length of each input in tokens.

    Returns
    -------
    list of torch.Tensor
        Float (length, width) each.

    Raises
    ------
    BadInput
        No sequence, or sequences of another length than the inputs.
    """
    rows = [np.asarray(model.tokenizer.encode(sequence)).astype(np.int64) for sequence in background]
    found, wanted = sorted({len(row) for row in rows}), sorted(set(lengths))
    if len(found) != 1 or found != wanted:
        raise BadInput(f"baseline: expected sequences as long as those explained, {wanted} tokens, got {found}.")
    weight = model.network.embedding.weight.detach()
    return [weight[torch.from_numpy(row).to(weight.device)] for row in rows]


def _batches(network: Any, lengths: list[int], budget: int) -> Iterator[list[int]]:
    """Indices of inputs per batch: of similar length for a Transformer; of equal length for networks that reorder tokens."""
    for batch in by_budget(lengths, budget):
        members = batch.tolist()
        if isinstance(network, Transformer):
            yield members
        else:
            yield from (list(group) for _, group in itertools.groupby(members, key=lengths.__getitem__))


def _spans(boundaries: torch.Tensor, around: tuple[int, int]) -> tuple[list[int], list[int]]:
    return (boundaries[:-1] + around[0]).tolist(), (boundaries[1:] - around[1]).tolist()


def _inner(boundaries: torch.Tensor, around: tuple[int, int]) -> torch.Tensor:
    inner = torch.zeros(int(boundaries[-1]), dtype=torch.bool)
    for start, stop in zip(*_spans(boundaries, around), strict=True):
        inner[start:stop] = True
    return inner
