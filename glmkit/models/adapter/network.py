"""A network of `transformers` with packed input: sequences of similar length are padded to a batch, run, and unpadded.

Grouping by length limits a padded batch to 1.2 times the tokens of its sequences. Where padding changes the result, only sequences of
equal length share a batch (see `glmkit.models.adapter.adapter`).
"""

import itertools
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from glmkit.axes import BoundariesT, HiddenT, TokensT
from glmkit.models.language_model import CONTEXT

WASTE = 1.2  # largest ratio of tokens in a padded batch, padding included, to tokens of its sequences


@dataclass(frozen=True, kw_only=True)
class AdapterConfig:
    """Shape of a network of `transformers`, under the names of `glmkit.models.TransformerConfig`.

    Attributes
    ----------
    vocabulary_size
        Number of entries of the embedding.
    width
        Number of features of a token.
    layers
        Number of blocks.
    heads
        Number of attention heads of a block.
    causal
        Whether a token is predicted from those before it only.
    maximum_positions
        Largest number of tokens of a sequence; 0 if the configuration does not state it.
    family
        ``model_type`` of the configuration.
    """

    vocabulary_size: int
    width: int
    layers: int
    heads: int
    causal: bool
    maximum_positions: int
    family: str


class TransformersNetwork(nn.Module):
    """A model of `transformers` with packed input.

    Parameters
    ----------
    model
        Model of `transformers` with its language-model head.
    config
        Shape of the model.
    pad_id
        Id of the padding token.
    """

    def __init__(self, model: Any, config: AdapterConfig, pad_id: int) -> None:
        super().__init__()
        self.model = model
        self.config = config
        self.pad_id = pad_id
        self.padding = True

    @property
    def embedding(self) -> nn.Embedding:
        """Input embedding; its ``weight`` is (vocab, width)."""
        return self.model.get_input_embeddings()

    def forward(self, tokens: TokensT, boundaries: BoundariesT, positions: torch.Tensor | None = None) -> HiddenT:
        """Hidden states of the last layer.

        Parameters
        ----------
        tokens
            Token ids, int64 (tokens,).
        boundaries
            Sequence boundaries, int64 (sequences + 1,).
        positions
            Scored positions, int64 (scored,), as indices into the packed tokens; all positions if None.

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
            Token ids, int64 (tokens,).
        boundaries
            Sequence boundaries, int64 (sequences + 1,).

        Returns
        -------
        list of torch.Tensor
            Tensors (tokens, width), layers + 1 of them, as `transformers` defines them for the family.
        """
        return self._run(tokens, boundaries, lambda ids, mask: self._base(ids, mask, output_hidden_states=True).hidden_states)

    def logits(self, tokens: TokensT, boundaries: BoundariesT, positions: torch.Tensor | None = None) -> torch.Tensor:
        """Logits over the vocabulary.

        Parameters
        ----------
        tokens
            Token ids, int64 (tokens,).
        boundaries
            Sequence boundaries, int64 (sequences + 1,).
        positions
            Scored positions, int64 (scored,), as indices into the packed tokens; all positions if None.

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

    def _base(self, ids: torch.Tensor, mask: torch.Tensor, **options: bool) -> Any:
        return self.model.base_model(input_ids=ids, attention_mask=mask, **self._plain, **options)

    def _run(self, tokens: TokensT, boundaries: BoundariesT, function: Any) -> list[torch.Tensor]:
        """Results of a function of (ids, mask), applied to padded batches and packed in the order of `tokens`."""
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
    """A language model that runs in `transformers`, with the interface of `LanguageModel`.

    Parameters
    ----------
    network
        Map of token ids to hidden states and logits.
    tokenizer
        Tokenizer of the network's ids.
    card
        Provenance of the model: plain JSON values.
    """

    contact_head = None

    def __init__(self, network: TransformersNetwork, tokenizer: Any, card: dict[str, Any]) -> None:
        super().__init__()
        self.network = network
        self.tokenizer = tokenizer
        self.card = card

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.network.embedding.weight.device

    @property
    def causal(self) -> bool:
        """Whether a token is predicted from those before it only."""
        return self.network.config.causal

    @property
    def context(self) -> int:
        """Largest number of tokens read at once, special tokens included."""
        return self.network.config.maximum_positions or CONTEXT

    def hidden(self, tokens: TokensT, boundaries: BoundariesT) -> HiddenT:
        """Hidden states of the last layer, (tokens, width); arguments as for `TransformersNetwork.forward`."""
        return self.network(tokens, boundaries)

    def logits(self, tokens: TokensT, boundaries: BoundariesT, positions: torch.Tensor | None = None) -> torch.Tensor:
        """Logits over the vocabulary at the scored positions.

        In a causal model the logits at a position predict the token *after* it.

        Parameters
        ----------
        tokens
            Token ids, int64 (tokens,).
        boundaries
            Sequence boundaries, int64 (sequences + 1,).
        positions
            Scored positions, int64 (scored,), as indices into the packed tokens; all positions if None.

        Returns
        -------
        torch.Tensor
            (tokens or scored, vocab).
        """
        return self.network.logits(tokens, boundaries, positions)

    def forward(self, tokens: TokensT, boundaries: BoundariesT, positions: torch.Tensor | None = None) -> torch.Tensor:
        """Alias of `logits`."""
        return self.logits(tokens, boundaries, positions)


def rectangles(lengths: list[int], waste: float = WASTE) -> list[list[int]]:
    """Assignment of sequences to padded batches.

    Parameters
    ----------
    lengths
        Number of tokens of each sequence.
    waste
        Largest ratio of tokens in a batch, padding included, to tokens of its sequences; 1 groups only equal lengths.

    Returns
    -------
    list of list of int
        Indices of the sequences of each batch; each index occurs once.

    Examples
    --------
    >>> rectangles([10, 2, 9, 2])
    [[1, 3], [2, 0]]
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
