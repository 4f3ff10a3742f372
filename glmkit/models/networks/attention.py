"""Exact attention by the fastest kernel for the device, over rectangles of equally long sequences or over packed batches.

`attend` processes one rectangle. PyTorch's fused attention is the fastest choice for float32 on a CPU. In bf16 on a CPU it does
not use the processor's bf16 units, while plain matrix products do. For sequences of 128 tokens, its backward pass takes five times
as long as the three matrix products, and its forward pass a quarter longer. There, plain products are used, a few heads at a time,
so that the weights of a chunk stay in cache. In training these are stored for the backward pass, ``heads * length`` numbers per
token; plain products are therefore limited to sequences of `LONGEST` tokens.

`attend_packed` processes a packed batch in half precision on a GPU, by the variable-length flash kernel (Dao 2023,
arXiv:2307.08691).

`attend_nearby` is local attention. A rectangle is divided into blocks as long as the window, and each block attends to itself and
its two neighbours. Cost and memory thus grow linearly with the length.
"""

from typing import Any

import torch
import torch.nn.functional as F

LONGEST = 1024  # maximum length for plain products, because of the memory of the stored weights
CHUNK = 1 << 20  # bytes of attention weights per chunk


def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, seen: torch.Tensor | None = None) -> torch.Tensor:
    """Scaled dot-product attention within each sequence.

    Parameters
    ----------
    query
        Queries of all or some positions of each sequence, (sequences, asked, heads, head width).
    key, value
        Keys and values, (sequences, length, heads, head width).
    seen
        Attention mask, bool, True for visible positions; broadcasts to (sequences, 1, asked, length). None for no mask.

    Returns
    -------
    torch.Tensor
        Mixed values, (sequences, asked, heads, head width).
    """
    count, asked, heads, width = query.shape
    if not _plainly(query, key) or (seen is not None and seen.dim() > 2):
        mixed = F.scaled_dot_product_attention(query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), attn_mask=seen)
        return mixed.transpose(1, 2)
    flat = [x.transpose(1, 2).reshape(count * heads, x.shape[1], width) for x in (query * width**-0.5, key, value)]
    mixed = PlainAttention.apply(*flat, None if seen is None else ~seen)
    return mixed.view(count, heads, asked, width).transpose(1, 2)


def _plainly(query: torch.Tensor, key: torch.Tensor) -> bool:
    """Whether plain matrix products are faster than the fused kernel for these tensors."""
    return query.device.type == "cpu" and query.dtype == torch.bfloat16 and key.shape[1] <= LONGEST


def attend_causal(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Causal attention: each position attends to itself and to those before it, without an explicit mask in fused kernels.

    Parameters
    ----------
    query, key, value
        Queries, keys and values, (sequences, length, heads, head width).

    Returns
    -------
    torch.Tensor
        Mixed values, (sequences, length, heads, head width).
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
        Queries of concatenated sequences, (asked, heads, head width).
    key, value
        Keys and values of concatenated sequences, (tokens, heads, head width).
    edges
        Boundaries of the sequences in queries and in keys, int32 (sequences + 1,) each.
    longest
        Maximum number of queries and of keys per sequence.
    reach
        Number of visible tokens to the left and to the right; -1 for all.

    Returns
    -------
    torch.Tensor
        Mixed values, (asked, heads, head width).
    """
    from torch.nn.attention.varlen import varlen_attn

    mixed = varlen_attn(query, key, value, *edges, *longest, window_size=reach)
    return mixed if isinstance(mixed, torch.Tensor) else mixed[0]


def attend_nearby(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, window: int, causal: bool) -> torch.Tensor:
    """Local attention to at most `window` tokens on either side, or on the left only.

    Parameters
    ----------
    query, key, value
        Queries, keys and values, (sequences, length, heads, head width).
    window
        Number of visible tokens on either side.
    causal
        Whether to attend to preceding tokens only.

    Returns
    -------
    torch.Tensor
        Mixed values, (sequences, length, heads, head width).
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
    offset = places - torch.arange(window, device=query.device)[:, None]  # (window, span): key position minus query position
    inside = (offset >= -window) & (offset <= (0 if causal else window))
    absolute = places + window * torch.arange(blocks, device=query.device)[:, None]
    real = (absolute >= 0) & (absolute < length)
    seen = (inside & real[:, None]).repeat(count, 1, 1)[:, None]
    mixed = attend(queries, around[0], around[1], seen | (offset == 0))  # padded queries attend to themselves to avoid NaN
    return mixed.reshape(count, blocks * window, heads, width)[:, :length]


def nearby(places: torch.Tensor, length: int, window: int | None, causal: bool) -> torch.Tensor:
    """Attention mask of the queries at `places` in a sequence.

    Parameters
    ----------
    places
        Positions of the queries, int64 (..., asked).
    length
        Length of the sequence in tokens.
    window
        Number of visible tokens on either side; None for all.
    causal
        Whether to attend to preceding tokens only.

    Returns
    -------
    torch.Tensor
        Mask, bool (..., asked, length), True for visible positions.
    """
    offset = torch.arange(length, device=places.device) - places[..., None]
    seen = offset <= (0 if causal else length)
    return seen if window is None else seen & (offset >= -window) & (offset <= window)


class PlainAttention(torch.autograd.Function):
    """``softmax(query @ key.T) @ value`` for a batch of matrices, computed in chunks."""

    @staticmethod
    def forward(
        ctx: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, hidden: torch.Tensor | None
    ) -> torch.Tensor:
        """Mixed values for scaled queries.

        Parameters
        ----------
        ctx
            Context of autograd.
        query
            Scaled queries, (matrices, asked, width), contiguous.
        key, value
            Keys and values, (matrices, length, width), contiguous.
        hidden
            Mask, bool (asked, length), True for positions that are not visible.

        Returns
        -------
        torch.Tensor
            Mixed values, (matrices, asked, width).
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
            Context of autograd.
        gradient
            Gradient of the mixed values, (matrices, asked, width).

        Returns
        -------
        tuple
            Three tensors with the shapes of the inputs, and None for `hidden`.
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
