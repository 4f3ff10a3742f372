"""Transformer for packed batches, for all modalities and families.

`TransformerConfig` selects the architecture: pre-norm and rotary positions as in ESM-2 (Lin et al. 2023,
doi:10.1126/science.ade2574), post-norm and learned positions as in BERT and RoBERTa, causal as in GPT-NeoX, or with local attention
and convolutions for long DNA. Batches are processed without padding: see `packed_layout`, `mixers` and `attention`.

Dropout is applied to the residual branches, not to the attention weights, where it would preclude fused kernels.
"""

import math
from typing import cast

import torch
import torch.nn.functional as F
from torch import nn

from glmkit.axes import BoundariesT, HiddenT, TokensT
from glmkit.errors import BadInput
from glmkit.models.networks.mixers import Attention, Convolution
from glmkit.models.networks.packed_layout import Chosen, Layout, lay_out
from glmkit.models.networks.transformer_config import TransformerConfig

MASKED_IN_TRAINING = 0.15 * 0.8  # fraction of mask tokens in the training of ESM


class Transformer(nn.Module):
    """Transformer from packed token ids to hidden states.

    Parameters
    ----------
    config
        Configuration of the network.
    """

    segment_of: torch.Tensor | None

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary_size, config.width)
        self.positions = nn.Embedding(config.maximum_positions, config.width) if config.positions == "learned" else None
        self.segments = nn.Embedding(config.segments, config.width) if config.segments else None
        starts = torch.tensor(config.segment_starts, dtype=torch.int64)
        table = torch.bucketize(torch.arange(config.vocabulary_size), starts, right=True) - 1 if len(starts) else None
        self.register_buffer("segment_of", table, persistent=False)  # int64 (vocab,), not saved: derived from the configuration
        self.embedding_norm = new_norm(config) if config.embedding_norm else None
        self.layers = nn.ModuleList(Block(config, layer) for layer in range(config.layers))
        self.norm = new_norm(config) if config.norm == "pre" else None
        self._initialise()

    def _initialise(self) -> None:
        """Normal weights; 0.02 is BERT's standard deviation at width 768, and narrower networks need more for the same signal."""
        spread = min(0.02 * math.sqrt(768 / self.config.width), 0.06)
        for name, parameter in self.named_parameters():
            if parameter.dim() != 2:
                continue
            residual = name.endswith(("out.weight", "down.weight"))
            nn.init.normal_(parameter, std=spread / (math.sqrt(2 * self.config.layers) if residual else 1))
        nn.init.normal_(self.embedding.weight, std=0.1)
        for module in self.modules():
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

    def forward(self, tokens: TokensT, boundaries: BoundariesT, positions: torch.Tensor | None = None) -> HiddenT:
        """Hidden states of the last layer.

        Parameters
        ----------
        tokens
            Token ids of concatenated sequences, int64 (tokens,).
        boundaries
            Boundaries of the sequences, int64 (sequences + 1,).
        positions
            Scored indices into the packed tokens, int64 (scored,), to which the last block is restricted; None for all.

        Returns
        -------
        torch.Tensor
            Hidden states, (tokens, width), or (scored, width) in the order of `positions`.
        """
        hidden, layout = self._embed(tokens, boundaries, positions)
        last = len(self.layers) - 1
        for number, layer in enumerate(self.layers):
            hidden = layer(hidden, layout, layout.chosen if number == last else None)
        if self.norm is not None:
            hidden = self.norm(hidden)
        return layout.given_back(hidden) if layout.chosen is None else hidden[layout.chosen.back]

    def hidden_states(self, tokens: TokensT, boundaries: BoundariesT) -> list[HiddenT]:
        """Hidden states before the first layer and after each one.

        Parameters
        ----------
        tokens
            Token ids, int64 (tokens,).
        boundaries
            Boundaries of the sequences, int64 (sequences + 1,).

        Returns
        -------
        list of torch.Tensor
            ``layers + 1`` tensors (tokens, width); the last is after the final norm, if there is one.
        """
        hidden, layout = self._embed(tokens, boundaries)
        states = [hidden]
        for layer in self.layers:
            states.append(layer(states[-1], layout))
        if self.norm is not None:
            states[-1] = self.norm(states[-1])
        return [layout.given_back(state) for state in states]

    def attentions(self, tokens: TokensT, boundaries: BoundariesT) -> list[torch.Tensor]:
        """Attention weights of every sequence.

        Parameters
        ----------
        tokens
            Token ids, int64 (tokens,).
        boundaries
            Boundaries of the sequences, int64 (sequences + 1,).

        Returns
        -------
        list of torch.Tensor
            Float32 (layers, heads, length, length) for each sequence, special tokens included; rows sum to 1. Blocks with
            convolution have no attention and are omitted.

        Raises
        ------
        BadInput
            A network without attention.
        """
        hidden, layout = self._embed(tokens, boundaries)
        kept: list[list[torch.Tensor]] = []
        for layer in cast("list[Block]", list(self.layers)):
            if isinstance(layer.mixer, Attention):
                kept.append(layer.mixer.weights(layer.entering(hidden), layout))
            hidden = layer(hidden, layout)
        if not kept:
            raise BadInput("This network has only convolutions and no attention weights. Choose a network with attention.")
        stacked = [torch.stack(layers) for layers in zip(*kept, strict=True)]
        if layout.order is None:
            return stacked
        visited = layout.order[layout.edges[:-1].long()].cpu()  # first token of each sequence, in the caller's order
        return [stacked[place] for place in torch.argsort(visited).tolist()]

    def _embed(self, tokens: TokensT, boundaries: BoundariesT, positions: torch.Tensor | None = None) -> tuple[HiddenT, Layout]:
        config = self.config
        rotary = config.width // config.heads if config.positions == "rotary" else None
        tokens, layout = lay_out(tokens, boundaries, rotary, positions)
        hidden = self.embedding(tokens)
        if config.token_dropout is not None:
            hidden = hidden * mask_scale(tokens == config.token_dropout, layout)[:, None].to(hidden.dtype)
        return self.place(hidden, tokens, layout.place, layout.longest), layout

    def place(self, hidden: HiddenT, tokens: TokensT, place: torch.Tensor, longest: int) -> HiddenT:
        """Add learned positions and segments to the embedding, followed by its norm, if the configuration has these.

        Parameters
        ----------
        hidden
            Embeddings, (tokens, width).
        tokens
            Token ids, which determine the segments, int64 (tokens,).
        place
            Position of each token in its sequence, int64 (tokens,), from 0.
        longest
            Length of the longest sequence in tokens.

        Returns
        -------
        torch.Tensor
            Inputs of the first block, (tokens, width).

        Raises
        ------
        BadInput
            A sequence longer than the number of learned positions.
        """
        if self.positions is not None:
            if longest > self.config.maximum_positions:
                raise BadInput(
                    f"A sequence has {longest} tokens (special ones included), but this model has learned positions for "
                    f"{self.config.maximum_positions}. Cut it into windows of at most that many."
                )
            hidden = hidden + self.positions(place)
        if self.segments is not None:
            hidden = hidden + (self.segments.weight[0] if self.segment_of is None else self.segments(self.segment_of[tokens]))
        if self.embedding_norm is not None:
            hidden = self.embedding_norm(hidden)
        return hidden


class Block(nn.Module):
    """Block of a mixing and a feed-forward layer, each on a residual branch.

    Parameters
    ----------
    config
        Configuration of the network.
    layer
        Index of the block, from 0.
    """

    def __init__(self, config: TransformerConfig, layer: int = 0) -> None:
        super().__init__()
        self.pre, self.activation, self.dropout = config.norm == "pre", config.activation, config.dropout
        kind, bias = config.mixes(layer), config.biases == "all"
        self.attention_norm = new_norm(config)
        self.mixer = (
            Convolution(config) if kind == "convolution" else Attention(config, config.window if kind == "local" else None)
        )
        self.feedforward_norm = new_norm(config)
        self.up = nn.Linear(config.width, config.feedforward * (2 if config.activation == "swiglu" else 1), bias=bias)
        self.down = nn.Linear(config.feedforward, config.width, bias=bias)

    def forward(self, hidden: HiddenT, layout: Layout, chosen: Chosen | None = None) -> HiddenT:
        """Output of the block.

        Parameters
        ----------
        hidden
            States in the order of the layout, (tokens, width).
        layout
            Layout of the batch.
        chosen
            Scored positions; None for all.

        Returns
        -------
        torch.Tensor
            States, (tokens or scored, width).
        """
        mixed = self.mixer(self.entering(hidden), layout, chosen)
        return self.after(hidden if chosen is None else hidden[chosen.index], mixed)

    def entering(self, hidden: HiddenT) -> HiddenT:
        """Input of the mixing layer: the states, after a norm in a pre-norm block.

        Parameters
        ----------
        hidden
            States, (tokens, width).

        Returns
        -------
        torch.Tensor
            Normed or original states, (tokens, width).
        """
        return self.attention_norm(hidden) if self.pre else hidden

    def after(self, hidden: HiddenT, mixed: HiddenT) -> HiddenT:
        """The part of the block after mixing, which acts on single tokens.

        Parameters
        ----------
        hidden
            Input of the block, (tokens, width).
        mixed
            Output of the mixing layer, (tokens, width).

        Returns
        -------
        torch.Tensor
            Output of the block, (tokens, width).
        """
        hidden = hidden + self._dropped(mixed)
        if self.pre:
            return hidden + self._dropped(self.feed_forward(self.feedforward_norm(hidden)))
        hidden = self.attention_norm(hidden)
        return self.feedforward_norm(hidden + self._dropped(self.feed_forward(hidden)))

    def feed_forward(self, x: HiddenT) -> HiddenT:
        """Feed-forward layer: expansion, activation, and projection back.

        Parameters
        ----------
        x
            States, (tokens, width).

        Returns
        -------
        torch.Tensor
            States, (tokens, width).
        """
        return self.down(activate(self.up(x), self.activation))

    def _dropped(self, x: HiddenT) -> HiddenT:
        return F.dropout(x, self.dropout, True) if self.training and self.dropout else x


def activate(x: torch.Tensor, activation: str) -> torch.Tensor:
    """A non-linearity by name.

    Parameters
    ----------
    x
        Hidden units, (tokens, feedforward), or twice as many for ``swiglu``, the gate first.
    activation
        Name of the activation, as in `TransformerConfig`.

    Returns
    -------
    torch.Tensor
        Activated units, (tokens, feedforward).
    """
    if activation == "swiglu":
        gate, signal = x.chunk(2, -1)
        return F.silu(gate) * signal
    if activation in {"gelu", "gelu_tanh"}:
        return F.gelu(x, approximate="tanh" if activation == "gelu_tanh" else "none")
    return F.relu(x) if activation == "relu" else F.silu(x)


def mask_scale(masked: torch.Tensor, layout: Layout) -> torch.Tensor:
    """Scale of each token's embedding in ESM's token dropout.

    Parameters
    ----------
    masked
        Whether each token is a mask, bool (tokens,).
    layout
        Layout of the batch; the fraction of masks is computed for each sequence separately.

    Returns
    -------
    torch.Tensor
        Scales, float32 (tokens,), 0 at masks.
    """
    edges = layout.edges.long()
    lengths = edges.diff()
    running = F.pad(masked.cumsum(0), (1, 0))
    share = (running[edges[1:]] - running[edges[:-1]]).float() / lengths
    scale = (1 - MASKED_IN_TRAINING) / (1 - share)
    return torch.repeat_interleave(scale, lengths).masked_fill(masked, 0.0)


def new_norm(config: TransformerConfig) -> nn.Module:
    """A new norm over a token's features.

    Parameters
    ----------
    config
        Configuration of the network.

    Returns
    -------
    torch.nn.Module
        LayerNorm or RMSNorm.
    """
    kind = nn.LayerNorm if config.norm_kind == "layer" else nn.RMSNorm
    return kind(config.width, eps=config.norm_epsilon)
