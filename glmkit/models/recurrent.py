"""An LSTM with the Transformer's packed face: the recurrent baseline, and the cheap model for long inputs.

Bidirectional by default, which suits classification; ``causal=True`` reads left to right only, for a causal language model.
(A bidirectional LSTM under a masked objective is sound too: the masked letter itself is not in the input.)
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from glmkit.axes import BoundariesT, HiddenT, TokensT
from glmkit.errors import BadInput
from glmkit.models.packing import group, part


@dataclass(frozen=True, kw_only=True)
class LSTMConfig:  # numpydoc ignore=PR02
    """Shape of an `LSTM`.

    Parameters
    ----------
    vocabulary_size
        Entries of the tokenizer's vocabulary.
    width
        Features of a token; even unless `causal`, as each direction gives half of them.
    layers
        Layers of recurrence.
    causal
        Read left to right only.
    dropout
        Probability between layers while training, in [0, 1).
    tie_embeddings
        Whether the output layer shares the embedding's weights.

    Raises
    ------
    BadInput
        A size is not positive, or `width` is odd for two directions.
    """

    vocabulary_size: int
    width: int = 128
    layers: int = 2
    causal: bool = False
    dropout: float = 0.0
    tie_embeddings: bool = True

    def __post_init__(self) -> None:
        for name in ("vocabulary_size", "width", "layers"):
            if getattr(self, name) < 1:
                raise BadInput(f"LSTMConfig.{name} must be 1 or more, got {getattr(self, name)}.")
        if not self.causal and self.width % 2:
            raise BadInput(f"LSTMConfig.width={self.width} is odd; two directions share it. Choose an even width.")
        if not 0 <= self.dropout < 1:
            raise BadInput(f"LSTMConfig.dropout must lie in [0, 1), got {self.dropout}.")


class LSTM(nn.Module):
    """Token ids to hidden states, packed.

    Parameters
    ----------
    config
        The network's shape.
    """

    def __init__(self, config: LSTMConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary_size, config.width)
        nn.init.normal_(self.embedding.weight, std=0.1)
        hidden = config.width if config.causal else config.width // 2
        self.layers = nn.ModuleList(
            nn.LSTM(config.width, hidden, batch_first=True, bidirectional=not config.causal) for _ in range(config.layers)
        )

    def forward(self, tokens: TokensT, boundaries: BoundariesT, positions: torch.Tensor | None = None) -> HiddenT:
        """Hidden states of the last layer.

        Parameters
        ----------
        tokens
            int64 (tokens,), all sequences one after another.
        boundaries
            int64 (sequences + 1,).
        positions
            int64 (scored,) indices into the packed tokens; all if None.

        Returns
        -------
        torch.Tensor
            Float (tokens, width), or (scored, width).
        """
        hidden = self.hidden_states(tokens, boundaries)[-1]
        return hidden if positions is None else hidden[positions]

    def hidden_states(self, tokens: TokensT, boundaries: BoundariesT) -> list[HiddenT]:
        """Embeddings, then the hidden states of each layer.

        Parameters
        ----------
        tokens
            int64 (tokens,).
        boundaries
            int64 (sequences + 1,).

        Returns
        -------
        list of torch.Tensor
            ``layers + 1`` tensors (tokens, width).
        """
        groups = group(boundaries, tokens.device)
        hidden = self.embedding(tokens if groups.order is None else tokens[groups.order])
        states = [hidden]
        for layer in self.layers:
            hidden = F.dropout(hidden, self.config.dropout, self.training)
            rectangles = [layer(part(hidden, span))[0].flatten(0, 1) for span in groups.spans]
            hidden = rectangles[0] if len(rectangles) == 1 else torch.cat(rectangles)
            states.append(hidden)
        return states if groups.back is None else [state[groups.back] for state in states]
