"""Graph network on a language model: hidden states as node features, message passing, and a prediction for each token or sequence.

The language model reads the sequence; the graph connects positions that are close without being neighbours in it: residues in contact,
the nearest Cα atoms, genes of one pathway. Two ablations measure the contribution of each part: ``edges=None`` leaves only
self-loops, and ``features="letters"`` replaces the hidden states by an embedding of the letters that is trained with the head. Report
both with the full model; the head's size stays the same.

Layers are GATv2 (attention over neighbours, Brody et al. 2022) or GraphSAGE (mean of neighbours, Hamilton et al. 2017) from
`torch_geometric`, each on a residual branch after a layer norm.

References
----------
Brody S et al. (2022). How attentive are graph attention networks? ICLR. arXiv:2105.14491.
Hamilton WL et al. (2017). Inductive representation learning on large graphs. NeurIPS. arXiv:1706.02216.
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import nn

from glmkit.axes import BoundariesT, HiddenT, TokensT
from glmkit.errors import BadInput
from glmkit.models.networks.graph import Graph, check
from glmkit.models.networks.pooling import POOLS, Pool, pool_hidden, pooled_width
from glmkit.tokens.sequences import tokens_over_base

Layer = Literal["gatv2", "sage"]
Features = Literal["model", "letters"]


@dataclass(frozen=True, kw_only=True)
class HybridConfig:  # numpydoc ignore=PR02
    """Shape of a `Hybrid`.

    Parameters
    ----------
    outputs
        Numbers predicted for each token or sequence: classes, or 1 for a regression.
    width
        Features of a node.
    layers
        Rounds of message passing: the distance, in edges, over which a node receives messages.
    kind
        Message passing: ``gatv2`` weights the neighbours by attention, ``sage`` averages them.
    heads
        Attention heads of ``gatv2``; `width` is a multiple.
    pool
        ``none`` for a prediction of each token; a pooling mode of `glmkit.models.networks.pooling` for one of each sequence.
    features
        Initial node features: hidden states of the language ``model``, or an embedding of the ``letters`` (the ablation).
    layer
        Layer of the hidden states: 0 is the embedding, -1 the last.
    train_network
        Whether the language model is trained too. Otherwise its hidden states are fixed and no memory is needed for its gradients.
    dropout
        Probability on each residual branch while training, in [0, 1).

    Raises
    ------
    BadInput
        A size is not positive, `width` does not divide into `heads`, or a choice is unknown.
    """

    outputs: int
    width: int = 64
    layers: int = 2
    kind: Layer = "gatv2"
    heads: int = 4
    pool: Pool | Literal["none"] = "none"
    features: Features = "model"
    layer: int = -1
    train_network: bool = False
    dropout: float = 0.0

    def __post_init__(self) -> None:
        for name in ("outputs", "width", "layers", "heads"):
            if getattr(self, name) < 1:
                raise BadInput(f"HybridConfig.{name} must be 1 or more, got {getattr(self, name)}.")
        if self.pool not in ("none", *POOLS):
            raise BadInput(f"HybridConfig.pool must be one of none, {', '.join(POOLS)}, got {self.pool!r}.")
        for name, known in (("kind", Layer), ("features", Features)):
            if getattr(self, name) not in get_args(known):
                raise BadInput(f"HybridConfig.{name} must be one of {', '.join(get_args(known))}, got {getattr(self, name)!r}.")
        if self.width % self.heads:
            raise BadInput(f"HybridConfig.width={self.width} does not divide into {self.heads} heads.")
        if not 0 <= self.dropout < 1:
            raise BadInput(f"HybridConfig.dropout must lie in [0, 1), got {self.dropout}.")


class GraphHead(nn.Module):
    """Message passing, and the output layer `out`.

    Parameters
    ----------
    into
        Number of input features of a node.
    config
        The head's shape.
    """

    def __init__(self, into: int, config: HybridConfig) -> None:
        super().__init__()
        self.config = config
        self.enter_norm = nn.LayerNorm(into)
        self.enter = nn.Linear(into, config.width)
        self.norms = nn.ModuleList(nn.LayerNorm(config.width) for _ in range(config.layers))
        self.layers = nn.ModuleList(_message_layer(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.out = nn.Linear(pooled_width(config.pool, config.width), config.outputs)

    def forward(self, nodes: HiddenT, edges: Graph) -> torch.Tensor:
        """Hidden states of the nodes after message passing.

        Parameters
        ----------
        nodes
            Node features, (tokens, into).
        edges
            Edge list, int64 (2, n_edges).

        Returns
        -------
        torch.Tensor
            (tokens, width).
        """
        hidden = self.enter(self.enter_norm(nodes))
        for norm, layer in zip(self.norms, self.layers, strict=True):
            messages = F.gelu(layer(norm(hidden), edges))
            hidden = hidden + F.dropout(messages, self.config.dropout, self.training)
        return self.norm(hidden)


class Hybrid(nn.Module):
    """A packed network with a graph head.

    Parameters
    ----------
    network
        Token ids to hidden states: a Transformer or a recurrent network; shared, not copied.
    config
        The head's shape.
    tokenizer
        Tokenizer of the network's ids, which defines the special tokens around a sequence. None for no special tokens.

    Raises
    ------
    BadInput
        `config` names a layer that the network lacks.
    """

    def __init__(self, network: Any, config: HybridConfig, tokenizer: Any = None) -> None:
        super().__init__()
        depth = network.config.layers + 1
        if not -depth <= config.layer < depth:
            raise BadInput(f"HybridConfig.layer: the network has layers {-depth} to {depth - 1}, got {config.layer}.")
        self.config, self.tokenizer = config, tokenizer
        self.network = network if config.features == "model" else None
        self.letters = None if self.network is not None else nn.Embedding(network.config.vocabulary_size, config.width)
        self.head = GraphHead(network.config.width if self.letters is None else config.width, config)
        self.around = (0, 0) if tokenizer is None else (len(tokenizer.prefix), len(tokenizer.suffix))
        self.over = 1 if tokenizer is None else tokens_over_base(tokenizer)

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.head.out.weight.device

    def nodes(self, tokens: TokensT, boundaries: BoundariesT) -> HiddenT:
        """Initial features of the nodes.

        Parameters
        ----------
        tokens
            Token ids, int64 (tokens,).
        boundaries
            Sequence boundaries, int64 (sequences + 1,).

        Returns
        -------
        torch.Tensor
            (tokens, features).
        """
        if self.letters is not None:
            return self.letters(tokens)
        assert self.network is not None
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.config.train_network):
            if self.config.layer in (-1, self.network.config.layers):
                return self.network(tokens, boundaries)
            return self.network.hidden_states(tokens, boundaries)[self.config.layer]

    def forward(self, tokens: TokensT, boundaries: BoundariesT, edges: Graph | None = None) -> torch.Tensor:
        """Predictions.

        Parameters
        ----------
        tokens
            Token ids, int64 (tokens,).
        boundaries
            Sequence boundaries, int64 (sequences + 1,).
        edges
            Edge list over the packed tokens, int64 (2, n_edges), see `glmkit.models.networks.graph`; None for no graph (the ablation).

        Returns
        -------
        torch.Tensor
            (tokens, outputs), or (sequences, outputs) for a pooled head.

        Raises
        ------
        BadInput
            Edges that do not belong to this batch.
        """
        if edges is None:
            edges = tokens.new_zeros(2, 0)
        check(edges, boundaries)
        hidden = self.head(self.nodes(tokens, boundaries), edges.to(tokens.device))
        if self.config.pool != "none":
            hidden = pool_hidden(hidden, boundaries, self.config.pool, self.over, self.around)
        return self.head.out(hidden)

    def train(self, mode: bool = True) -> "Hybrid":
        """Training mode; a language model that is not trained stays in evaluation mode.

        Parameters
        ----------
        mode
            False for evaluation.

        Returns
        -------
        Hybrid
            Itself.
        """
        super().train(mode)
        if self.network is not None and not self.config.train_network:
            self.network.eval()
        return self


def _message_layer(config: HybridConfig) -> nn.Module:
    """One round of message passing; each node has a self-loop."""
    from torch_geometric.nn import (  # imported here: it takes seconds, and all modules of heads are loaded together
        GATv2Conv,
        SAGEConv,
    )

    if config.kind == "sage":
        return SAGEConv(config.width, config.width)
    return GATv2Conv(config.width, config.width // config.heads, heads=config.heads)
