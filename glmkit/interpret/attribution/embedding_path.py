"""Gradients of a model's answer along the straight line from a baseline to an input, in the space of its embeddings.

Tokens are discrete, so nothing lies between two of them; their embeddings are vectors, and the line between two vectors exists. The
network reads the ids of the input as ever (lengths, segments and scales follow from them), and only what its embedding layer gives
is replaced by a point on the line. Points of one sequence are as many sequences of one length: a packed rectangle without padding,
whatever the lengths of the inputs. Weights ask for no gradient meanwhile, so nothing is kept for them.
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
    """What walking the line gave for one input.

    Attributes
    ----------
    item
        Its number.
    gradient
        float32 (tokens, width): gradients at the nodes, summed by their weights; special tokens are left out.
    moved
        float32 (tokens, width): embedding less baseline.
    score, base
        The number followed, at the input and at the baseline.
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
    """Sum the gradients at points of the line.

    Parameters
    ----------
    model
        A Classifier or Regressor; it is left as it was.
    ids
        Arrays (length,) of ids, bare.
    nodes
        float64 (nodes,): where on the line, from 0 (baseline) to 1 (input).
    weights
        float64 (nodes,): what each gradient counts.
    target
        As in :func:`glmkit.interpret.attribution.target.followed`.
    baseline
        (width,) for every letter, or (length, width) for inputs of one length.
    batch_tokens
        Tokens of a pass.

    Yields
    ------
    Traced
        One an input, those of like lengths together.
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
    """The line of one batch: a score or a gradient at any of its points."""

    def __init__(self, model: Any, read: Any, pieces: list[np.ndarray], start: torch.Tensor, moved: torch.Tensor) -> None:
        self.model, self.read, self.pieces, self.start, self.moved = model, read, pieces, start, moved
        self.rows = np.split(np.arange(len(start)), np.cumsum([len(piece) for piece in pieces])[:-1])

    def _points(self, nodes: np.ndarray) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Each sequence's copies side by side: ids, boundaries, the rows of the batch that they copy, and points (tokens, width)."""
        tokens, boundaries = pack([piece for piece in self.pieces for _ in nodes])
        which = torch.from_numpy(np.concatenate([np.tile(rows, len(nodes)) for rows in self.rows])).to(self.start.device)
        along = np.concatenate([np.repeat(nodes, len(rows)) for rows in self.rows])
        share = torch.from_numpy(along).to(self.start)[:, None]
        return tokens.to(self.start.device), boundaries, which, self.start[which] + share * self.moved[which]

    def _score(self, tokens: torch.Tensor, boundaries: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        with instead(self.model.network, tokens, boundaries, points):
            return self.read(self.model(tokens, boundaries).float())

    def gradient(self, nodes: np.ndarray, weights: np.ndarray) -> torch.Tensor:
        """Gradients at `nodes` times `weights`, summed: float32 (tokens, width)."""
        tokens, boundaries, which, points = self._points(nodes)
        with torch.enable_grad():
            scores = self._score(tokens, boundaries, points.requires_grad_())
            each = torch.from_numpy(np.tile(weights, len(self.pieces))).to(scores)
            (found,) = torch.autograd.grad(scores, points, each)
        total = torch.zeros(self.start.shape, dtype=torch.float32, device=found.device)
        return total.index_add_(0, which, found.float())

    def scores(self, nodes: np.ndarray) -> np.ndarray:
        """The number followed at `nodes`: float64 (sequences, nodes)."""
        with torch.no_grad():
            tokens, boundaries, _, points = self._points(nodes)
            found = self._score(tokens, boundaries, points)
        return found.double().cpu().numpy().reshape(len(self.pieces), len(nodes))


@contextmanager
def instead(network: Any, tokens: torch.Tensor, boundaries: torch.Tensor, points: torch.Tensor) -> Iterator[None]:
    """Let a network's embedding layer give `points` for `tokens`.

    Parameters
    ----------
    network
        Any with an ``embedding``.
    tokens
        int64 (tokens,); equally long sequences lie side by side.
    boundaries
        int64 (sequences + 1,).
    points
        (tokens, width).

    Raises
    ------
    BadInput
        The network reads the tokens in an order of its own, so that the points cannot be put in their places.
    """
    order = by_step(boundaries, tokens.device).order if isinstance(network, MLSTM) else None
    seen: list[Any] = []

    def replace(module: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        """The points, in the layer's own order."""
        laid = points if order is None else points[order]
        same = torch.equal(inputs[0].reshape(-1), tokens if order is None else tokens[order])
        if seen or not same:
            raise BadInput(f"Gradients cannot follow {type(network).__name__}: it does not embed the tokens once and in order.")
        seen.append(module)
        return laid.reshape(output.shape)

    handle = network.embedding.register_forward_hook(replace)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def frozen(model: Any) -> Iterator[None]:
    """No dropout, and no gradient for any weight; afterwards everything is as it was.

    Parameters
    ----------
    model
        A module.
    """
    modes = [(module, module.training) for module in model.modules()]
    asked = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    model.eval().requires_grad_(False)
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        for parameter, wanted in asked:
            parameter.requires_grad_(wanted)


def baseline_vector(model: Any, baseline: str | np.ndarray) -> torch.Tensor:
    """The point that stands for "nothing known" at every letter.

    Parameters
    ----------
    model
        A Classifier or Regressor.
    baseline
        ``mask``: the mask token's embedding (zero where the network reads masks as zero, as ESM-2 does). ``uniform``: the mean
        embedding of the letters. ``pad``: the padding token's. Or an array (width,).

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
            raise BadInput(f"baseline: expected {weight.shape[1]} finite numbers, a point of the embedding, got {point.shape}.")
        return torch.from_numpy(point).to(weight)
    if baseline not in BASELINES:
        raise BadInput(f"baseline must be one of {', '.join(BASELINES)} or an array (width,), got {baseline!r}.")
    if baseline == "uniform":
        return weight[torch.from_numpy(np.flatnonzero(model.tokenizer.maskable)).to(weight.device)].mean(0)
    if baseline == "mask" and getattr(model.network.config, "token_dropout", None) is not None:
        return torch.zeros_like(weight[0])
    return weight[model.tokenizer.mask_id if baseline == "mask" else model.tokenizer.pad_id].clone()


def background_points(model: Any, background: Sequence[str], lengths: Sequence[int]) -> list[torch.Tensor]:
    """The embeddings of sequences that serve as baselines.

    Parameters
    ----------
    model
        A Classifier or Regressor.
    background
        One or more sequences.
    lengths
        Tokens of each input.

    Returns
    -------
    list of torch.Tensor
        Float (length, width) each.

    Raises
    ------
    BadInput
        No sequence, or tokens in another number than the inputs have.
    """
    rows = [np.asarray(model.tokenizer.encode(sequence)).astype(np.int64) for sequence in background]
    found, wanted = sorted({len(row) for row in rows}), sorted(set(lengths))
    if len(found) != 1 or found != wanted:
        raise BadInput(f"baseline: its sequences must be as long as those explained; got {found} tokens for {wanted}.")
    weight = model.network.embedding.weight.detach()
    return [weight[torch.from_numpy(row).to(weight.device)] for row in rows]


def _batches(network: Any, lengths: list[int], budget: int) -> Iterator[list[int]]:
    """Inputs that are walked together: of similar length in a Transformer, of one length where the order would differ."""
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
