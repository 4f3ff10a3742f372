"""How one packed batch lies in memory while it runs through a network: rectangles, places, rotary angles, scored positions.

It is worked out once a forward pass and shared by all blocks. Where only some positions are asked for, the last block needs
queries and feed-forward at those alone (`Chosen`), while keys and values come from every token.
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
        int64 (scored,): their tokens, ascending.
    place
        int64 (scored,): their places in their sequences.
    spans
        Rectangles whose sequences have equally many of them.
    edges
        int32 (sequences + 1,): where each sequence's begin.
    most
        Most of one sequence.
    back
        int64 (scored,): puts them into the order in which they were asked for.
    """

    index: torch.Tensor
    place: torch.Tensor
    spans: list[Span]
    edges: torch.Tensor
    most: int
    back: torch.Tensor


@dataclass(frozen=True)
class Layout:
    """A laid-out batch.

    Attributes
    ----------
    spans
        Rectangles of equally long sequences, one after another.
    order, back
        int64 (tokens,): from the caller's order to this one and back; None if they are the same.
    place
        int64 (tokens,): each token's place in its sequence.
    edges
        int32 (sequences + 1,), where each sequence begins.
    longest
        Tokens of the longest sequence.
    angles
        Cosine and sine of each token's rotary angles, float32 (tokens, 1, 1, head width / 2); None without rotary positions.
    chosen
        The scored positions, or None for all.
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
            (tokens, width), as laid out.

        Returns
        -------
        torch.Tensor
            (tokens, width).
        """
        return hidden if self.back is None else hidden[self.back]


def lay_out(
    tokens: TokensT, boundaries: BoundariesT, head_width: int | None, positions: torch.Tensor | None = None
) -> tuple[TokensT, Layout]:
    """Lay a packed batch out.

    Parameters
    ----------
    tokens
        int64 (tokens,).
    boundaries
        int64 (sequences + 1,), best on the CPU.
    head_width
        Features of an attention head if positions are rotary, else None.
    positions
        int64 (scored,) indices into the packed tokens; all if None.

    Returns
    -------
    tuple
        Tokens as laid out, and the layout.
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
    """Cosine and sine of every place's rotary angles (Su et al. 2021, arXiv:2104.09864).

    Parameters
    ----------
    length
        Places, from 0.
    head_width
        Features of one head, even.
    device
        Where the tables should live.

    Returns
    -------
    tuple of torch.Tensor
        Two float32 (length, 1, head_width / 2); the middle axis stands for the heads.
    """
    frequency = 1.0 / ROTARY_BASE ** (torch.arange(0, head_width, 2, dtype=torch.float32, device=device) / head_width)
    angle = torch.arange(length, dtype=torch.float32, device=device)[:, None, None] * frequency
    return angle.cos(), angle.sin()


def rotate(x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    """Turn each pair (feature i, feature i + half) by its place's angle, as ESM-2 and GPT-NeoX pair them.

    Parameters
    ----------
    x
        (..., heads, head width).
    cosine, sine
        float32, broadcast to (..., heads, head width / 2).

    Returns
    -------
    torch.Tensor
        Shape and type of `x`; computed in float32.
    """
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1).to(x.dtype)
