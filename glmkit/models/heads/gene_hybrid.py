"""A classifier of cells in which genes that go together hear each other: a language model's states on a graph over genes.

The Transformer reads a cell as a list of ranked genes; the graph, made from the training cells
(`glmkit.data.coexpression_graph`), joins those of a cell's genes that rise and fall together. Message passing is that of
`glmkit.models.heads.hybrid`; the mean over the cell's tokens becomes class logits. Whether graph or language model is worth having is
a question for ablation: ``graph=None`` leaves every gene alone with itself, ``features="letters"`` replaces the states by an
embedding of the genes that is learnt with the head. Report both beside the whole; all three have the same head.

It has a Classifier's face, so `glmkit.train.Classification` trains it and `glmkit.score.class_probabilities` asks it.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from glmkit.axes import BoundariesT, HiddenT, TokensT
from glmkit.data.gene_graph import GeneGraph
from glmkit.errors import BadInput
from glmkit.models.heads.classifier import check_classes, pool_hidden
from glmkit.models.heads.hybrid import Features, GraphHead, HybridConfig, Layer
from glmkit.models.language_model import Network
from glmkit.models.networks.graph import Graph


class GeneHybrid(nn.Module):
    """Token ids of cells to class logits, packed; genes that are joined hear each other.

    Parameters
    ----------
    network
        Token ids to hidden states; shared, not copied.
    classes
        Names of the classes, two or more.
    tokenizer
        What makes the ids: a RankTokenizer or a CellTokenizer.
    card
        Where the model comes from: plain JSON values.
    width, layers, heads, features, train_network, dropout
        As for `glmkit.models.HybridConfig`.
    messages
        Its ``kind``: ``gatv2`` or ``sage``.
    most
        Neighbours of a gene that there is room for; 0 for no graph.

    Attributes
    ----------
    neighbours
        int64 (vocab, most): for each id those that it hears, -1 where there are fewer.

    Raises
    ------
    BadInput
        Fewer than two classes, a name twice, or a shape that cannot be.
    """

    neighbours: torch.Tensor
    pool: Literal["mean"] = "mean"

    def __init__(
        self,
        network: Network,
        classes: Sequence[str],
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
        super().__init__()
        check_classes(classes)
        shape: dict[str, Any] = {
            "width": width,
            "layers": layers,
            "kind": messages,
            "heads": heads,
            "features": features,
            "dropout": dropout,
        }
        config = HybridConfig(outputs=len(classes), pool="mean", train_network=train_network, **shape)
        self.network, self.tokenizer, self.card, self.classes = network, tokenizer, card or {}, tuple(classes)
        self.width, self.layers, self.messages, self.heads, self.features = width, layers, messages, heads, features
        self.train_network, self.dropout, self.most = train_network, dropout, most
        vocabulary = network.config.vocabulary_size
        self.letters = nn.Embedding(vocabulary, width) if features == "letters" else None
        self.passing = GraphHead(width if features == "letters" else network.config.width, config)
        self.register_buffer("neighbours", torch.full((vocabulary, most), -1, dtype=torch.int64))

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.passing.out.weight.device

    def edges(self, tokens: TokensT, boundaries: BoundariesT) -> Graph:
        """The graph of a batch of cells.

        Parameters
        ----------
        tokens
            int64 (tokens,).
        boundaries
            int64 (cells + 1,).

        Returns
        -------
        torch.Tensor
            int64 (2, n): from each neighbour that is in the same cell to the token that hears it.
        """
        if not self.most:
            return tokens.new_zeros(2, 0)
        ends = boundaries.to(tokens.device)
        owner = torch.repeat_interleave(torch.arange(len(ends) - 1, device=tokens.device), ends.diff())
        keys, order = torch.sort(owner * len(self.neighbours) + tokens)
        wanted = self.neighbours[tokens]
        asked = owner[:, None] * len(self.neighbours) + wanted
        place = torch.searchsorted(keys, asked).clamp(max=len(keys) - 1)
        hears, which = torch.nonzero((keys[place] == asked) & (wanted >= 0), as_tuple=True)
        return torch.stack([order[place[hears, which]], hears])

    def nodes(self, tokens: TokensT, boundaries: BoundariesT) -> HiddenT:
        """What every token begins with.

        Parameters
        ----------
        tokens
            int64 (tokens,).
        boundaries
            int64 (cells + 1,).

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
            int64 (tokens,).
        boundaries
            int64 (cells + 1,).

        Returns
        -------
        torch.Tensor
            (cells, classes).
        """
        hidden = self.passing(self.nodes(tokens, boundaries), self.edges(tokens, boundaries))
        around = len(self.tokenizer.prefix), len(self.tokenizer.suffix)
        return self.passing.out(pool_hidden(hidden, boundaries, "mean", around=around))

    def train(self, mode: bool = True) -> "GeneHybrid":
        """Training mode; a language model that is only measured stays in evaluation mode.

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
    model: Any,
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
        The pretrained (or new) LanguageModel of cells.
    classes
        Names of the classes.
    graph
        Of the training cells; None for no graph (the ablation).
    messages
        Its ``kind``: ``gatv2`` or ``sage``.
    width, layers, heads, features, train_network, dropout
        As for `glmkit.models.HybridConfig`; ``features="letters"`` is the ablation without language model.
    seed
        Of the head's first weights; torch's global random state is left as it was.

    Returns
    -------
    GeneHybrid
        In evaluation mode, on the model's device.

    Raises
    ------
    BadInput
        The tokenizer has no genes, or none of the graph's is among them.
    """
    table = None if graph is None else _by_id(graph, model.tokenizer)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        hybrid = GeneHybrid(
            model.network,
            classes,
            model.tokenizer,
            {**model.card, "classes": list(classes), "graph": graph is not None, "features": features},
            width=width,
            layers=layers,
            messages=messages,
            heads=heads,
            features=features,
            train_network=train_network,
            dropout=dropout,
            most=0 if table is None else table.shape[1],
        )
    if table is not None:
        hybrid.neighbours.copy_(torch.from_numpy(table))
    return hybrid.to(model.device).eval()


def _by_id(graph: GeneGraph, tokenizer: Any) -> np.ndarray:
    """int64 (vocab, k): the graph over the tokenizer's ids."""
    known = getattr(tokenizer, "token_of", {})
    ids = np.array([known.get(gene, -1) for gene in graph.genes], np.int64)
    if not (ids >= 0).any():
        raise BadInput(
            f"None of the graph's {len(graph.genes)} genes ({', '.join(graph.genes[:3])}, …) is one of the tokenizer's "
            f"{len(known)}. Make the graph from cells with the same gene names."
        )
    table = np.full((len(tokenizer.vocabulary), graph.neighbours.shape[1]), -1, np.int64)
    heard = np.where(graph.neighbours >= 0, ids[graph.neighbours], -1)
    table[ids[ids >= 0]] = heard[ids >= 0]
    return table
