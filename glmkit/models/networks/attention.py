"""Attention by the fastest exact way for the place, over rectangles of equally long sequences or, on a GPU, packed as it is.

`attend` takes one rectangle. PyTorch's fused attention is the right choice for float32 on a CPU. In bf16 on a CPU it does not use
the processor's bf16 units: for sequences of 128 its backward pass takes five times as long as the three plain matrix products,
which do, and its forward pass a quarter longer. So there the plain way is taken, a few heads at a time, so that a chunk's
weights stay in cache between its steps. While training they are kept for the backward pass, ``heads * length`` numbers a
token, hence only up to `LONGEST`.

`attend_packed` takes a whole packed batch in half precision on a GPU, by the variable-length flash kernel (Dao 2023, arXiv:2307.08691).

`attend_nearby` is local attention: a rectangle is cut into blocks as long as the window, and each block looks at itself and its
two neighbours, so that cost and memory grow with the length and not with its square.
"""

from typing import Any

import torch
import torch.nn.functional as F

LONGEST = 1024  # beyond it the kept weights would cost more memory than the time is worth
CHUNK = 1 << 20  # bytes of attention weights worked on at once


def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, seen: torch.Tensor | None = None) -> torch.Tensor:
    """Scaled dot-product attention within each sequence.

    Parameters
    ----------
    query
        (sequences, asked, heads, head width): the positions that look, all of a sequence or some.
    key, value
        (sequences, length, heads, head width).
    seen
        bool, broadcasts to (sequences, 1, asked, length): what may be looked at; everything if None.

    Returns
    -------
    torch.Tensor
        (sequences, asked, heads, head width).
    """
    count, asked, heads, width = query.shape
    if not _plainly(query, key) or (seen is not None and seen.dim() > 2):
        mixed = F.scaled_dot_product_attention(query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), attn_mask=seen)
        return mixed.transpose(1, 2)
    flat = [x.transpose(1, 2).reshape(count * heads, x.shape[1], width) for x in (query * width**-0.5, key, value)]
    mixed = PlainAttention.apply(*flat, None if seen is None else ~seen)
    return mixed.view(count, heads, asked, width).transpose(1, 2)


def _plainly(query: torch.Tensor, key: torch.Tensor) -> bool:
    """Whether three matrix products are faster here than the fused kernel."""
    return query.device.type == "cpu" and query.dtype == torch.bfloat16 and key.shape[1] <= LONGEST


def attend_causal(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """`attend` where each position sees itself and those before it; fused kernels need no mask for that.

    Parameters
    ----------
    query, key, value
        (sequences, length, heads, head width).

    Returns
    -------
    torch.Tensor
        (sequences, length, heads, head width).
    """
    if _plainly(query, key):
        return attend(query, key, value, torch.ones(key.shape[1], key.shape[1], dtype=torch.bool).tril_())
    parts = (query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2))
    return F.scaled_dot_product_attention(*parts, is_causal=True).transpose(1, 2)


def attend_packed(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    edges: tuple[torch.Tensor, torch.Tensor],
    longest: tuple[int, int],
    reach: tuple[int, int],
) -> torch.Tensor:
    """Attention over a packed batch, on a GPU in bf16 or float16.

    Parameters
    ----------
    query
        (asked, heads, head width), sequence after sequence.
    key, value
        (tokens, heads, head width).
    edges
        int32 (sequences + 1,) of queries and of keys.
    longest
        Most queries and most keys of a sequence.
    reach
        Tokens to the left and to the right that may be looked at; -1 for all.

    Returns
    -------
    torch.Tensor
        (asked, heads, head width).
    """
    from torch.nn.attention.varlen import varlen_attn

    mixed = varlen_attn(query, key, value, *edges, *longest, window_size=reach)
    return mixed if isinstance(mixed, torch.Tensor) else mixed[0]


def attend_nearby(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, window: int, causal: bool) -> torch.Tensor:
    """Attention to at most `window` tokens on either side, or before only.

    Parameters
    ----------
    query, key, value
        (sequences, length, heads, head width).
    window
        Tokens on either side.
    causal
        Look back only.

    Returns
    -------
    torch.Tensor
        (sequences, length, heads, head width).
    """
    count, length, heads, width = query.shape
    if length <= 2 * window:
        return attend(query, key, value, nearby(torch.arange(length, device=query.device), length, window, causal))
    blocks = -(-length // window)
    sides = (window, 0) if causal else (window, window)
    padding = blocks * window - length
    queries = F.pad(query, (0, 0, 0, 0, 0, padding)).reshape(count * blocks, window, heads, width)
    span = window + sum(sides)
    around = [
        F.pad(x, (0, 0, 0, 0, sides[0], sides[1] + padding))
        .unfold(1, span, window)
        .movedim(-1, 2)
        .reshape(-1, span, heads, width)
        for x in (key, value)
    ]
    places = torch.arange(span, device=query.device) - sides[0]
    offset = places - torch.arange(window, device=query.device)[:, None]  # (window, span): key's place less query's
    inside = (offset >= -window) & (offset <= (0 if causal else window))
    absolute = places + window * torch.arange(blocks, device=query.device)[:, None]
    real = (absolute >= 0) & (absolute < length)
    seen = (inside & real[:, None]).repeat(count, 1, 1)[:, None]
    mixed = attend(queries, around[0], around[1], seen | (offset == 0))  # a padded query sees itself, so that it stays finite
    return mixed.reshape(count, blocks * window, heads, width)[:, :length]


def nearby(places: torch.Tensor, length: int, window: int | None, causal: bool) -> torch.Tensor:
    """Which of `length` positions those at `places` may look at.

    Parameters
    ----------
    places
        int64 (..., asked).
    length
        Positions of the sequence.
    window
        Tokens on either side; all if None.
    causal
        Look back only.

    Returns
    -------
    torch.Tensor
        bool (..., asked, length).
    """
    offset = torch.arange(length, device=places.device) - places[..., None]
    seen = offset <= (0 if causal else length)
    return seen if window is None else seen & (offset >= -window) & (offset <= window)


class PlainAttention(torch.autograd.Function):
    """``softmax(query @ key.T) @ value`` for each of many matrices, chunk by chunk."""

    @staticmethod
    def forward(
        ctx: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, hidden: torch.Tensor | None
    ) -> torch.Tensor:
        """Mix values; `query` is scaled already.

        Parameters
        ----------
        ctx
            Autograd's.
        query
            (matrices, asked, width), contiguous.
        key, value
            (matrices, length, width), contiguous.
        hidden
            bool (asked, length): what may not be looked at.

        Returns
        -------
        torch.Tensor
            (matrices, asked, width).
        """
        matrices, asked, _ = query.shape
        length = key.shape[1]
        ctx.chunk = max(1, CHUNK // (asked * length * query.element_size()))
        mixed = torch.empty_like(query)
        kept = any(ctx.needs_input_grad[:3])
        weights = query.new_empty(matrices if kept else ctx.chunk, asked, length)
        for start in range(0, matrices, ctx.chunk):
            part = slice(start, start + ctx.chunk)
            scores = torch.bmm(query[part], key[part].transpose(1, 2))
            if hidden is not None:
                scores.masked_fill_(hidden, -torch.inf)
            here = weights[part] if kept else weights[: len(scores)]
            torch.softmax(scores, -1, out=here)
            torch.bmm(here, value[part], out=mixed[part])
        ctx.save_for_backward(query, key, value, weights)
        return mixed

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Gradients of query, key and value.

        Parameters
        ----------
        ctx
            Autograd's.
        gradient
            (matrices, asked, width).

        Returns
        -------
        tuple
            Three tensors of the inputs' shapes, and None for `hidden`.
        """
        query, key, value, weights = ctx.saved_tensors
        gradient = gradient.contiguous()
        d_query, d_key, d_value = torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)
        for start in range(0, len(query), ctx.chunk):
            part = slice(start, start + ctx.chunk)
            torch.bmm(weights[part].transpose(1, 2), gradient[part], out=d_value[part])
            d_weights = torch.bmm(gradient[part], value[part].transpose(1, 2))
            d_scores = torch._softmax_backward_data(d_weights, weights[part], -1, weights.dtype)
            torch.bmm(d_scores, key[part], out=d_query[part])
            torch.bmm(d_scores.transpose(1, 2), query[part], out=d_key[part])
        return d_query, d_key, d_value, None
