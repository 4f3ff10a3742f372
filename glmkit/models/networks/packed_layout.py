"""Layout of a packed batch in a network: rectangles, positions, rotary angles and scored positions.

It is computed once per forward pass and shared by all blocks. If only some positions are scored, the last block computes queries
and feed-forward layers for these alone (`Chosen`), but keys and values for every token.
"""

import itertools
from dataclasses import dataclass

import torch

from glmkit.axes import BoundariesT, HiddenT, TokensT
from glmkit.models.networks.packing import Span, group, places
from glmkit.models.networks.transformer_config import ROTARY_BASE


@dataclass(frozen=True)
class Chosen:
    """The scored positions of a laid-out batch.

    Attributes
    ----------
    index
        Token indices of the scored positions, int64 (scored,), ascending.
    place
        Positions within their sequences, int64 (scored,).
    spans
        Rectangles of sequences with equal numbers of scored positions.
    edges
        Boundaries of the sequences among the scored positions, int32 (sequences + 1,).
    most
        Maximum number of scored positions per sequence.
    back
        Permutation to the order of the caller, int64 (scored,).
    """

    index: torch.Tensor
    place: torch.Tensor
    spans: list[Span]
    edges: torch.Tensor
    most: int
    back: torch.Tensor


@dataclass(frozen=True)
class Layout:
    """Layout of a batch.

    Attributes
    ----------
    spans
        Consecutive rectangles of equally long sequences.
    order, back
        Permutation from the caller's order to the layout, and its inverse, int64 (tokens,); None if the orders are equal.
    place
        Position of each token in its sequence, int64 (tokens,).
    edges
        Boundaries of the sequences, int32 (sequences + 1,).
    longest
        Length of the longest sequence in tokens.
    angles
        Cosine and sine of each token's rotary angles, float32 (tokens, 1, 1, head width / 2); None without rotary positions.
    chosen
        Scored positions; None for all.
    """

    spans: list[Span]
    order: torch.Tensor | None
    back: torch.Tensor | None
    place: torch.Tensor
    edges: torch.Tensor
    longest: int
    angles: tuple[torch.Tensor, torch.Tensor] | None
    chosen: Chosen | None

    def given_back(self, hidden: HiddenT) -> HiddenT:
        """States of all tokens in the caller's order.

        Parameters
        ----------
        hidden
            States in the order of the layout, (tokens, width).

        Returns
        -------
        torch.Tensor
            States in the caller's order, (tokens, width).
        """
        return hidden if self.back is None else hidden[self.back]


def lay_out(
    tokens: TokensT, boundaries: BoundariesT, head_width: int | None, positions: torch.Tensor | None = None
) -> tuple[TokensT, Layout]:
    """Compute the layout of a packed batch.

    Parameters
    ----------
    tokens
        Token ids, int64 (tokens,).
    boundaries
        Boundaries of the sequences, int64 (sequences + 1,), preferably on the CPU.
    head_width
        Number of features of an attention head for rotary positions, else None.
    positions
        Scored indices into the packed tokens, int64 (scored,); None for all.

    Returns
    -------
    tuple
        Tokens in the order of the layout, and the layout.
    """
    device, edges = tokens.device, boundaries.cpu()
    counts = None
    if positions is not None:
        owner = torch.bucketize(positions.cpu(), edges, right=True) - 1
        counts = torch.bincount(owner, minlength=len(edges) - 1).tolist()
    groups = group(edges, device, counts)
    lengths = [span.length for span in groups.spans for _ in range(span.sequences)]
    starts = torch.tensor([0, *itertools.accumulate(lengths)])
    place = places(starts).to(device)
    angles = None
    if head_width is not None:
        table = rotary_table(max(lengths), head_width, device)
        angles = (table[0][place].unsqueeze(1), table[1][place].unsqueeze(1))
    chosen = None
    if positions is not None:
        where = positions.to(device) if groups.back is None else groups.back[positions.to(device)]
        index, turn = torch.sort(where)
        scored = [span.scored for span in groups.asked for _ in range(span.sequences)]
        begin = torch.tensor([0, *itertools.accumulate(scored)], dtype=torch.int32).to(device)
        chosen = Chosen(index, place[index], groups.asked, begin, max(scored), torch.argsort(turn))
    layout = Layout(groups.spans, groups.order, groups.back, place, starts.int().to(device), max(lengths), angles, chosen)
    return (tokens if groups.order is None else tokens[groups.order]), layout


def rotary_table(length: int, head_width: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosine and sine of the rotary angles of every position (Su et al. 2021, arXiv:2104.09864).

    Parameters
    ----------
    length
        Number of positions, from 0.
    head_width
        Number of features of one head, even.
    device
        Device of the tables.

    Returns
    -------
    tuple of torch.Tensor
        Cosine and sine, float32 (length, 1, head_width / 2) each; the middle axis broadcasts over heads.
    """
    frequency = 1.0 / ROTARY_BASE ** (torch.arange(0, head_width, 2, dtype=torch.float32, device=device) / head_width)
    angle = torch.arange(length, dtype=torch.float32, device=device)[:, None, None] * frequency
    return angle.cos(), angle.sin()


def rotate(x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    """Rotate each pair (feature i, feature i + half) by the angle of its position, with the pairing of ESM-2 and GPT-NeoX.

    Parameters
    ----------
    x
        Queries or keys, (..., heads, head width).
    cosine, sine
        Cosine and sine of the angles, float32, broadcast to (..., heads, head width / 2).

    Returns
    -------
    torch.Tensor
        Shape and type of `x`; computed in float32.
    """
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1).to(x.dtype)
