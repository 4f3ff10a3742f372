"""A network of `transformers` that reads packed tokens: rectangles of similar length, padded, run, and taken apart again.

Grouping by length bounds the work on padding to a fifth. A network in which padding leaks into results gets rectangles of equal
lengths only (see `glmkit.models.adapter.adapter`).
"""

import itertools
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from glmkit.axes import BoundariesT, HiddenT, TokensT
from glmkit.models.language_model import CONTEXT

WASTE = 1.2  # tokens of a rectangle, padding included, for one token of its sequences


@dataclass(frozen=True, kw_only=True)
class AdapterConfig:
    """The shape of a network of `transformers`, under the names that ours have.

    Attributes
    ----------
    vocabulary_size
        Entries of the embedding.
    width
        Features of a token.
    layers
        Blocks.
    heads
        Attention heads of a block.
    causal
        Whether a token sees only those before it.
    maximum_positions
        Most tokens of a sequence; 0 if the model does not say.
    family
        Its ``model_type``.
    """

    vocabulary_size: int
    width: int
    layers: int
    heads: int
    causal: bool
    maximum_positions: int
    family: str


class TransformersNetwork(nn.Module):
    """A model of `transformers` that reads packed tokens.

    Parameters
    ----------
    model
        With its language-model head.
    config
        Its shape.
    pad_id
        The id that fills rectangles up.
    """

    def __init__(self, model: Any, config: AdapterConfig, pad_id: int) -> None:
        super().__init__()
        self.model = model
        self.config = config
        self.pad_id = pad_id
        self.padding = True

    @property
    def embedding(self) -> nn.Embedding:
        """The input embeddings, ``.weight`` (vocab, width)."""
        return self.model.get_input_embeddings()

    def forward(self, tokens: TokensT, boundaries: BoundariesT, positions: torch.Tensor | None = None) -> HiddenT:
        """Hidden states of the last layer.

        Parameters
        ----------
        tokens
            int64 (tokens,).
        boundaries
            int64 (sequences + 1,).
        positions
            int64 (scored,); all of them if None.

        Returns
        -------
        torch.Tensor
            (tokens or scored, width).
        """
        (hidden,) = self._run(tokens, boundaries, lambda ids, mask: [self._base(ids, mask).last_hidden_state])
        return hidden if positions is None else hidden[positions]

    def hidden_states(self, tokens: TokensT, boundaries: BoundariesT) -> list[torch.Tensor]:
        """Hidden states of every layer, embeddings first.

        Parameters
        ----------
        tokens
            int64 (tokens,).
        boundaries
            int64 (sequences + 1,).

        Returns
        -------
        list of torch.Tensor
            layers + 1 of (tokens, width), as `transformers` defines them for the family.
        """
        return self._run(tokens, boundaries, lambda ids, mask: self._base(ids, mask, output_hidden_states=True).hidden_states)

    def logits(self, tokens: TokensT, boundaries: BoundariesT, positions: torch.Tensor | None = None) -> torch.Tensor:
        """Logits over the vocabulary.

        Parameters
        ----------
        tokens
            int64 (tokens,).
        boundaries
            int64 (sequences + 1,).
        positions
            int64 (scored,); all of them if None.

        Returns
        -------
        torch.Tensor
            (tokens or scored, vocab).
        """
        (logits,) = self._run(
            tokens, boundaries, lambda ids, mask: [self.model(input_ids=ids, attention_mask=mask, **self._plain).logits]
        )
        return logits if positions is None else logits[positions]

    @property
    def _plain(self) -> dict[str, Any]:
        return {"use_cache": False} if self.config.causal else {}

    def _base(self, ids: torch.Tensor, mask: torch.Tensor, **asked: bool) -> Any:
        return self.model.base_model(input_ids=ids, attention_mask=mask, **self._plain, **asked)

    def _run(self, tokens: TokensT, boundaries: BoundariesT, function: Any) -> list[torch.Tensor]:
        """Apply a function of (ids, mask) to rectangles; each of its results, packed in the order of `tokens`."""
        edges = boundaries.tolist()
        pieces: list[list[torch.Tensor]] = [[] for _ in edges[1:]]
        for members in rectangles([stop - start for start, stop in itertools.pairwise(edges)], WASTE if self.padding else 1.0):
            length = max(edges[i + 1] - edges[i] for i in members)
            ids = tokens.new_full((len(members), length), self.pad_id)
            mask = torch.zeros_like(ids)
            for row, i in enumerate(members):
                ids[row, : edges[i + 1] - edges[i]] = tokens[edges[i] : edges[i + 1]]
                mask[row, : edges[i + 1] - edges[i]] = 1
            results = function(ids, mask)
            for row, i in enumerate(members):
                pieces[i] = [result[row, : edges[i + 1] - edges[i]] for result in results]
        return [torch.cat(parts) for parts in zip(*pieces, strict=True)]


class TransformersModel(nn.Module):
    """A language model that runs in `transformers`; verbs take it as they take a `LanguageModel`.

    Parameters
    ----------
    network
        Token ids to hidden states and logits.
    tokenizer
        What makes the ids.
    card
        Where the model comes from: plain JSON values.
    """

    contact_head = None

    def __init__(self, network: TransformersNetwork, tokenizer: Any, card: dict[str, Any]) -> None:
        super().__init__()
        self.network = network
        self.tokenizer = tokenizer
        self.card = card

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.network.embedding.weight.device

    @property
    def causal(self) -> bool:
        """Whether a token sees only those before it."""
        return self.network.config.causal

    @property
    def context(self) -> int:
        """Most tokens, special ones included, that the model reads at once."""
        return self.network.config.maximum_positions or CONTEXT

    def hidden(self, tokens: TokensT, boundaries: BoundariesT) -> HiddenT:
        """Hidden states of the last layer, (tokens, width), of int64 tokens (tokens,) in int64 boundaries (sequences + 1,)."""
        return self.network(tokens, boundaries)

    def logits(self, tokens: TokensT, boundaries: BoundariesT, positions: torch.Tensor | None = None) -> torch.Tensor:
        """Logits over the vocabulary; in a causal model those at a position predict the token *after* it.

        Parameters
        ----------
        tokens
            int64 (tokens,).
        boundaries
            int64 (sequences + 1,).
        positions
            int64 (scored,); all of them if None.

        Returns
        -------
        torch.Tensor
            (tokens or scored, vocab).
        """
        return self.network.logits(tokens, boundaries, positions)

    def forward(self, tokens: TokensT, boundaries: BoundariesT, positions: torch.Tensor | None = None) -> torch.Tensor:
        """The same as `logits`."""
        return self.logits(tokens, boundaries, positions)


def rectangles(lengths: list[int], waste: float = WASTE) -> list[list[int]]:
    """Which sequences share a rectangle.

    Parameters
    ----------
    lengths
        Tokens of each sequence.
    waste
        Tokens of a rectangle, padding included, for one token of its sequences; 1 puts only equal lengths together.

    Returns
    -------
    list of list of int
        Numbers of the sequences; every one comes once.
    """
    groups: list[list[int]] = []
    filled = 0
    for i in sorted(range(len(lengths)), key=lengths.__getitem__):
        if groups and lengths[i] * (len(groups[-1]) + 1) <= waste * (filled + lengths[i]):
            groups[-1].append(i)
            filled += lengths[i]
        else:
            groups.append([i])
            filled = lengths[i]
    return groups
