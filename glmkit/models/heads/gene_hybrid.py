"""Classification of cells on a gene graph: hidden states of a language model, message passing between genes, class logits.

The Transformer processes a cell as a list of ranked genes. The graph, estimated from the training cells
(`glmkit.data.coexpression_graph`), connects genes with correlated expression. Message passing is that of
`glmkit.models.heads.hybrid`; the mean over the cell's tokens gives class logits. Two ablations measure the contribution of each part:
``graph=None`` leaves only self-loops, and ``features="letters"`` replaces the hidden states by an embedding of the genes that is
trained with the head. Report both with the full model; all three have the same head.

`glmkit.train.Classification` trains it, and `glmkit.score.class_probabilities` gives its predictions.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from glmkit.axes import BoundariesT, HiddenT, TokensT
from glmkit.data.gene_graph import GeneGraph
from glmkit.errors import BadInput
from glmkit.models.heads.base import SequenceClassifier, attach
from glmkit.models.heads.hybrid import Features, GraphHead, HybridConfig, Layer
from glmkit.models.language_model import Network
from glmkit.models.networks.graph import Graph
from glmkit.models.networks.pooling import pool_hidden

if TYPE_CHECKING:
    from glmkit.models.protocols import Model


class GeneHybrid(SequenceClassifier):
    """Token ids of cells to class logits, packed, with message passing between connected genes.

    Parameters
    ----------
    network
        Token ids to hidden states; shared, not copied.
    names
        Names of the classes, two or more.
    tokenizer
        Tokenizer of the network's ids: a RankTokenizer or a CellTokenizer.
    card
        Provenance of the model: plain JSON values.
    width, layers, heads, features, train_network, dropout
        As for `glmkit.models.HybridConfig`.
    messages
        Kind of message passing, ``gatv2`` or ``sage``.
    most
        Largest number of neighbours of a gene; 0 for no graph.

    Attributes
    ----------
    neighbours
        Neighbours of each id, int64 (vocab, most), padded with -1.

    Raises
    ------
    BadInput
        Fewer than two classes, a repeated name, or an impossible shape.
    """

    kind = "gene hybrid"
    options = ("width", "layers", "messages", "heads", "features", "train_network", "dropout", "most")
    pool = "mean"
    neighbours: torch.Tensor

    def __init__(
        self,
        network: Network,
        names: Sequence[str],
        tokenizer: Any,
        card: dict[str, Any] | None = None,
        *,
        width: int = 64,
        layers: int = 2,
        messages: Layer = "gatv2",
        heads: int = 4,
        features: Features = "model",
        train_network: bool = False,
        dropout: float = 0.1,
        most: int = 0,
    ) -> None:
        super().__init__(network, names, tokenizer, card)
        shape: dict[str, Any] = {
            "width": width,
            "layers": layers,
            "kind": messages,
            "heads": heads,
            "features": features,
            "dropout": dropout,
        }
        config = HybridConfig(outputs=len(names), pool="mean", train_network=train_network, **shape)
        self.width, self.layers, self.messages, self.heads, self.features = width, layers, messages, heads, features
        self.train_network, self.dropout, self.most = train_network, dropout, most
        vocabulary = network.config.vocabulary_size
        self.letters = nn.Embedding(vocabulary, width) if features == "letters" else None
        self.passing = GraphHead(width if features == "letters" else network.config.width, config)
        self.register_buffer("neighbours", torch.full((vocabulary, most), -1, dtype=torch.int64))

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.passing.out.weight.device

    def edges(self, tokens: TokensT, boundaries: BoundariesT) -> Graph:
        """Graph of a batch of cells.

        Parameters
        ----------
        tokens
            Token ids, int64 (tokens,).
        boundaries
            Cell boundaries, int64 (cells + 1,).

        Returns
        -------
        torch.Tensor
            Edge list, int64 (2, n_edges), from each neighbour in the same cell to the receiving token.
        """
        if not self.most:
            return tokens.new_zeros(2, 0)
        ends = boundaries.to(tokens.device)
        owner = torch.repeat_interleave(torch.arange(len(ends) - 1, device=tokens.device), ends.diff())
        keys, order = torch.sort(owner * len(self.neighbours) + tokens)
        wanted = self.neighbours[tokens]
        queries = owner[:, None] * len(self.neighbours) + wanted
        place = torch.searchsorted(keys, queries).clamp(max=len(keys) - 1)
        receiver, which = torch.nonzero((keys[place] == queries) & (wanted >= 0), as_tuple=True)
        return torch.stack([order[place[receiver, which]], receiver])

    def nodes(self, tokens: TokensT, boundaries: BoundariesT) -> HiddenT:
        """Initial features of the nodes.

        Parameters
        ----------
        tokens
            Token ids, int64 (tokens,).
        boundaries
            Cell boundaries, int64 (cells + 1,).

        Returns
        -------
        torch.Tensor
            (tokens, features).
        """
        if self.letters is not None:
            return self.letters(tokens)
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.train_network):
            return self.network(tokens, boundaries)

    def forward(self, tokens: TokensT, boundaries: BoundariesT) -> torch.Tensor:
        """Class logits.

        Parameters
        ----------
        tokens
            Token ids, int64 (tokens,).
        boundaries
            Cell boundaries, int64 (cells + 1,).

        Returns
        -------
        torch.Tensor
            (cells, classes).
        """
        hidden = self.passing(self.nodes(tokens, boundaries), self.edges(tokens, boundaries))
        return self.passing.out(pool_hidden(hidden, boundaries, self.pool, around=self.around))

    def train(self, mode: bool = True) -> "GeneHybrid":
        """Training mode; a language model that is not trained stays in evaluation mode.

        Parameters
        ----------
        mode
            False for evaluation.

        Returns
        -------
        GeneHybrid
            Itself.
        """
        super().train(mode)
        if not self.train_network:
            self.network.eval()
        return self


def new_gene_hybrid(
    model: "Model",
    classes: Sequence[str],
    graph: GeneGraph | None,
    *,
    width: int = 64,
    layers: int = 2,
    messages: Layer = "gatv2",
    heads: int = 4,
    features: Features = "model",
    train_network: bool = False,
    dropout: float = 0.1,
    seed: int = 0,
) -> GeneHybrid:
    """Put fresh message passing over genes on a model's network; the network is shared, not copied.

    Parameters
    ----------
    model
        Pretrained or new LanguageModel of cells.
    classes
        Names of the classes, two or more.
    graph
        Gene graph of the training cells; None for no graph (the ablation).
    messages
        Kind of message passing, ``gatv2`` or ``sage``.
    width, layers, heads, features, train_network, dropout
        As for `glmkit.models.HybridConfig`; ``features="letters"`` is the ablation without language model.
    seed
        Seed of the head's initial weights; the global random state is restored afterwards.

    Returns
    -------
    GeneHybrid
        In evaluation mode, on the model's device.

    Raises
    ------
    BadInput
        The tokenizer has no genes, or none of the graph's genes.
    """
    table = None if graph is None else _by_id(graph, model.tokenizer)
    hybrid = attach(
        model,
        lambda card: GeneHybrid(
            model.network,
            classes,
            model.tokenizer,
            card,
            width=width,
            layers=layers,
            messages=messages,
            heads=heads,
            features=features,
            train_network=train_network,
            dropout=dropout,
            most=0 if table is None else table.shape[1],
        ),
        seed,
        classes=list(classes),
        graph=graph is not None,
        features=features,
    )
    if table is not None:
        hybrid.neighbours.copy_(torch.from_numpy(table))
    return hybrid


def _by_id(graph: GeneGraph, tokenizer: Any) -> np.ndarray:
    """Graph over the tokenizer's ids, int64 (vocab, k)."""
    known = getattr(tokenizer, "token_of", {})
    ids = np.array([known.get(gene, -1) for gene in graph.genes], np.int64)
    if not (ids >= 0).any():
        raise BadInput(
            f"None of the graph's {len(graph.genes)} genes ({', '.join(graph.genes[:3])}, …) is one of the tokenizer's "
            f"{len(known)}. Make the graph from cells with the same gene names."
        )
    table = np.full((len(tokenizer.vocabulary), graph.neighbours.shape[1]), -1, np.int64)
    connected = np.where(graph.neighbours >= 0, ids[graph.neighbours], -1)
    table[ids[ids >= 0]] = connected[ids >= 0]
    return table
