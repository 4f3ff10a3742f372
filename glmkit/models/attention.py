"""Attention over one rectangle of equally long sequences, by the fastest exact way for the place.

PyTorch's fused attention is the right choice on a GPU and for float32 on a CPU. In bf16 on a CPU its backward pass does not
use the processor's bf16 units: for sequences of 128 it takes five times as long as the three plain matrix products, which do.
So there the plain way is taken while training, a few heads at a time, so that a chunk's weights stay in cache between its
steps. The weights are kept for the backward pass, ``heads * length`` numbers a token, hence only up to `LONGEST`.
"""

from typing import Any

import torch
import torch.nn.functional as F

LONGEST = 1024  # beyond it the kept weights would cost more memory than the time is worth
CHUNK = 1 << 20  # bytes of attention weights worked on at once


def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, causal: bool) -> torch.Tensor:
    """Scaled dot-product attention within each sequence.

    Parameters
    ----------
    query, key, value
        (sequences, length, heads, head width).
    causal
        Whether a position sees only itself and those before it.

    Returns
    -------
    torch.Tensor
        (sequences, length, heads, head width).
    """
    count, length, heads, width = query.shape
    plain = query.device.type == "cpu" and query.dtype == torch.bfloat16 and torch.is_grad_enabled() and length <= LONGEST
    if not plain:
        mixed = F.scaled_dot_product_attention(
            query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), is_causal=causal
        )
        return mixed.transpose(1, 2)
    scaled = query * width**-0.5
    flat = [x.transpose(1, 2).reshape(count * heads, length, width) for x in (scaled, key, value)]
    mixed = PlainAttention.apply(*flat, causal)
    return mixed.view(count, heads, length, width).transpose(1, 2)


class PlainAttention(torch.autograd.Function):
    """``softmax(query @ key.T) @ value`` for each of many (length, width) matrices, chunk by chunk."""

    @staticmethod
    def forward(ctx: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, causal: bool) -> torch.Tensor:
        """Mix values; `query` is scaled already.

        Parameters
        ----------
        ctx
            Autograd's.
        query, key, value
            (matrices, length, width), contiguous.
        causal
            As in `attend`.

        Returns
        -------
        torch.Tensor
            (matrices, length, width).
        """
        matrices, length, _ = query.shape
        ctx.chunk = max(1, CHUNK // (length * length * query.element_size()))
        mixed = torch.empty_like(query)
        weights = query.new_empty(matrices, length, length)
        later = torch.ones(length, length, dtype=torch.bool).triu_(1) if causal else None
        for start in range(0, matrices, ctx.chunk):
            part = slice(start, start + ctx.chunk)
            scores = torch.bmm(query[part], key[part].transpose(1, 2))
            if later is not None:
                scores.masked_fill_(later, -torch.inf)
            torch.softmax(scores, -1, out=weights[part])
            torch.bmm(weights[part], value[part], out=mixed[part])
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
            (matrices, length, width).

        Returns
        -------
        tuple
            Three tensors of that shape, and None for `causal`.
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
