"""One Transformer for masked and causal models, run packed.

Pre-norm blocks with rotary positions, exact GELU and a final layer norm: the architecture of ESM-2 (Lin et al. 2023,
doi:10.1126/science.ade2574) when attention looks both ways, and of GPT-NeoX without the parallel residual when it is causal,
so that what is trained here opens in `transformers`. Rotary positions: Su et al. 2021, arXiv:2104.09864.

Attention runs over rectangles of equally long sequences (see `packing` and `attention`): no mask, no padding.
Dropout stands on the two residual branches and not on the attention weights, where it would cost the fused kernels.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from glmkit.axes import BoundariesT, HiddenT, TokensT
from glmkit.errors import BadInput
from glmkit.models.attention import attend
from glmkit.models.packing import Span, group

ROTARY_BASE = 10_000.0
NORM_EPSILON = 1e-5


@dataclass(frozen=True, kw_only=True)
class TransformerConfig:  # numpydoc ignore=PR02
    """Shape of a `Transformer`.

    Parameters
    ----------
    vocabulary_size
        Entries of the tokenizer's vocabulary.
    width
        Features of a token; a multiple of ``2 * heads``.
    layers
        Blocks of attention and feed-forward.
    heads
        Attention heads a block.
    feedforward
        Hidden units of the feed-forward part.
    positions
        How order is told: rotary angles on queries and keys.
    norm
        Where the layer norm stands: before each part of a block.
    activation
        Non-linearity of the feed-forward part: the exact (erf) GELU.
    causal
        Whether a token sees only those before it.
    dropout
        Probability on each residual branch while training, in [0, 1).
    tie_embeddings
        Whether the output layer shares the embedding's weights.

    Raises
    ------
    BadInput
        A size is not positive, or `width` does not divide into even heads.
    """

    vocabulary_size: int
    width: int = 128
    layers: int = 4
    heads: int = 4
    feedforward: int = 512
    positions: Literal["rotary"] = "rotary"
    norm: Literal["pre"] = "pre"
    activation: Literal["gelu"] = "gelu"
    causal: bool = False
    dropout: float = 0.0
    tie_embeddings: bool = True

    def __post_init__(self) -> None:
        for name in ("vocabulary_size", "width", "layers", "heads", "feedforward"):
            if getattr(self, name) < 1:
                raise BadInput(f"TransformerConfig.{name} must be 1 or more, got {getattr(self, name)}.")
        if self.width % (2 * self.heads):
            raise BadInput(
                f"TransformerConfig.width={self.width} does not divide into {self.heads} heads of even size. "
                f"Choose a multiple of {2 * self.heads}."
            )
        if not 0 <= self.dropout < 1:
            raise BadInput(f"TransformerConfig.dropout must lie in [0, 1), got {self.dropout}.")
        for name, known in (("positions", "rotary"), ("norm", "pre"), ("activation", "gelu")):
            if getattr(self, name) != known:
                raise BadInput(f"TransformerConfig.{name} must be {known!r}, got {getattr(self, name)!r}.")


class Transformer(nn.Module):
    """Token ids to hidden states, packed.

    Parameters
    ----------
    config
        The network's shape.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary_size, config.width)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width, eps=NORM_EPSILON)
        self._initialise()

    def _initialise(self) -> None:
        """Normal weights; 0.02 is BERT's spread at width 768, and narrower networks need more to pass the same signal on."""
        spread = min(0.02 * math.sqrt(768 / self.config.width), 0.06)
        for name, parameter in self.named_parameters():
            if parameter.dim() < 2:
                continue
            residual = name.endswith(("out.weight", "down.weight"))
            nn.init.normal_(parameter, std=spread / (math.sqrt(2 * self.config.layers) if residual else 1))
        nn.init.normal_(self.embedding.weight, std=0.1)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def forward(self, tokens: TokensT, boundaries: BoundariesT) -> HiddenT:
        """Hidden states after the last layer norm.

        Parameters
        ----------
        tokens
            int64 (tokens,), all sequences one after another.
        boundaries
            int64 (sequences + 1,).

        Returns
        -------
        torch.Tensor
            Float (tokens, width).
        """
        return self._run(tokens, boundaries, None)

    def hidden_states(self, tokens: TokensT, boundaries: BoundariesT) -> list[HiddenT]:
        """Hidden states before the first layer and after each one.

        Parameters
        ----------
        tokens
            int64 (tokens,).
        boundaries
            int64 (sequences + 1,).

        Returns
        -------
        list of torch.Tensor
            ``layers + 1`` tensors (tokens, width); the last has passed the final layer norm.
        """
        kept: list[HiddenT] = []
        kept.append(self._run(tokens, boundaries, kept))
        return kept

    def _run(self, tokens: TokensT, boundaries: BoundariesT, kept: list[HiddenT] | None) -> HiddenT:
        """The forward pass; what enters each layer is appended to `kept` if one is given."""
        groups = group(boundaries, tokens.device)
        hidden = self.embedding(tokens if groups.order is None else tokens[groups.order])
        cosine, sine = rotary_table(
            max(span.length for span in groups.spans), self.config.width // self.config.heads, hidden.device
        )
        for layer in self.layers:
            if kept is not None:
                kept.append(hidden if groups.back is None else hidden[groups.back])
            hidden = layer(hidden, groups.spans, cosine, sine)
        hidden = self.norm(hidden)
        return hidden if groups.back is None else hidden[groups.back]


class Block(nn.Module):
    """Attention and feed-forward, each on a residual branch behind a layer norm.

    Parameters
    ----------
    config
        The network's shape.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.heads, self.causal, self.dropout = config.heads, config.causal, config.dropout
        self.attention_norm = nn.LayerNorm(config.width, eps=NORM_EPSILON)
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.out = nn.Linear(config.width, config.width)
        self.feedforward_norm = nn.LayerNorm(config.width, eps=NORM_EPSILON)
        self.up = nn.Linear(config.width, config.feedforward)
        self.down = nn.Linear(config.feedforward, config.width)

    def forward(self, hidden: HiddenT, spans: list[Span], cosine: torch.Tensor, sine: torch.Tensor) -> HiddenT:
        """One block.

        Parameters
        ----------
        hidden
            (tokens, width), sequences of equal length side by side.
        spans
            The rectangles of the batch.
        cosine, sine
            (longest, head width / 2), see `rotary_table`.

        Returns
        -------
        torch.Tensor
            (tokens, width).
        """
        qkv = self.qkv(self.attention_norm(hidden))
        mixed = [self._attend(qkv, span, cosine, sine) for span in spans]
        mixed_T = mixed[0] if len(mixed) == 1 else torch.cat(mixed)
        hidden = hidden + F.dropout(self.out(mixed_T), self.dropout, self.training)
        expanded = F.gelu(self.up(self.feedforward_norm(hidden)))
        return hidden + F.dropout(self.down(expanded), self.dropout, self.training)

    def _attend(self, qkv: torch.Tensor, span: Span, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
        start, count, length = span
        width = qkv.shape[-1] // 3
        rectangle = qkv[start : start + count * length].view(count, length, 3, self.heads, width // self.heads)
        query, key, value = rectangle.unbind(2)
        query, key = rotate(query, cosine[:length], sine[:length]), rotate(key, cosine[:length], sine[:length])
        return attend(query, key, value, self.causal).reshape(count * length, width)


def rotary_table(length: int, head_width: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosine and sine of every position's rotary angles.

    Parameters
    ----------
    length
        Positions, from 0.
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
    """Turn each pair (feature i, feature i + half) by its position's angle, as ESM-2 and GPT-NeoX pair them.

    Parameters
    ----------
    x
        (sequences, length, heads, head width).
    cosine, sine
        (length, 1, head width / 2).

    Returns
    -------
    torch.Tensor
        Shape and type of `x`.
    """
    first, second = x.float().chunk(2, dim=-1)
    return torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1).to(x.dtype)
