"""LSTM, GRU and Elman recurrent networks with the packed interface of the Transformer, as baselines and for long inputs.

Networks are bidirectional by default, which suits classification; ``causal=True`` reads left to right only, for a causal language
model. A masked objective is also valid for a bidirectional network, because the masked letter is not in the input.

A layer runs over rectangles of equally long sequences, or step by step over all sequences (see `stepwise`). The faster layout
depends on the kernels. On a CPU, LSTM has a fused kernel for rectangles, which is 3 to 7 times faster in training with 16 to 64
distinct lengths. GRU and Elman networks have none, and are 3 to 7 times faster step by step for batches of many lengths. On a
GPU, the step-by-step layout is that of cuDNN.

References
----------
Elman J (1990). Finding structure in time. Cognitive Science 14, 179-211. doi:10.1207/s15516709cog1402_1
Hochreiter S, Schmidhuber J (1997). Long short-term memory. Neural Computation 9, 1735-1780. doi:10.1162/neco.1997.9.8.1735
Cho K et al. (2014). Learning phrase representations using RNN encoder-decoder. arXiv:1406.1078
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from glmkit.axes import BoundariesT, HiddenT, TokensT
from glmkit.errors import BadInput
from glmkit.models.networks.packing import group
from glmkit.models.networks.stepwise import by_step

Cell = Literal["lstm", "gru", "rnn"]
CELLS: dict[str, Callable[..., nn.Module]] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
Run = Callable[[nn.Module, HiddenT], HiddenT]
FEW = 4  # number of distinct lengths up to which rectangles are as fast as steps for cells without a fused kernel


@dataclass(frozen=True, kw_only=True)
class LSTMConfig:  # numpydoc ignore=PR02
    """Shape of an `LSTM`, GRU or Elman network.

    Parameters
    ----------
    vocabulary_size
        Size of the tokenizer's vocabulary.
    width
        Number of features of a token; even unless `causal`, because each direction gives half of them.
    layers
        Number of recurrent layers.
    cell
        ``lstm``; ``gru``, with two gates and no cell state; or ``rnn``, the Elman network with tanh and no gates.
    causal
        Whether to read left to right only.
    dropout
        Dropout probability between layers during training, in [0, 1).
    tie_embeddings
        Whether the output layer shares the embedding's weights.

    Raises
    ------
    BadInput
        A size that is not positive, an odd `width` for two directions, or an unknown cell.
    """

    vocabulary_size: int
    width: int = 128
    layers: int = 2
    cell: Cell = "lstm"
    causal: bool = False
    dropout: float = 0.0
    tie_embeddings: bool = True

    def __post_init__(self) -> None:
        for name in ("vocabulary_size", "width", "layers"):
            if getattr(self, name) < 1:
                raise BadInput(f"LSTMConfig.{name} must be 1 or more, got {getattr(self, name)}.")
        if self.cell not in get_args(Cell):
            raise BadInput(f"LSTMConfig.cell must be one of {', '.join(get_args(Cell))}, got {self.cell!r}.")
        if not self.causal and self.width % 2:
            raise BadInput(f"LSTMConfig.width={self.width} is odd, but two directions share it. Choose an even width.")
        if not 0 <= self.dropout < 1:
            raise BadInput(f"LSTMConfig.dropout must lie in [0, 1), got {self.dropout}.")


class LSTM(nn.Module):
    """Recurrent network from packed token ids to hidden states, with the cell of its configuration.

    Parameters
    ----------
    config
        Configuration of the network.
    """

    def __init__(self, config: LSTMConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary_size, config.width)
        nn.init.normal_(self.embedding.weight, std=0.1)
        hidden = config.width if config.causal else config.width // 2
        make = CELLS[config.cell]
        self.layers = nn.ModuleList(
            make(config.width, hidden, batch_first=True, bidirectional=not config.causal) for _ in range(config.layers)
        )

    def forward(self, tokens: TokensT, boundaries: BoundariesT, positions: torch.Tensor | None = None) -> HiddenT:
        """Hidden states of the last layer.

        Parameters
        ----------
        tokens
            Token ids of concatenated sequences, int64 (tokens,).
        boundaries
            Boundaries of the sequences, int64 (sequences + 1,).
        positions
            Scored indices into the packed tokens, int64 (scored,); None for all.

        Returns
        -------
        torch.Tensor
            Hidden states, (tokens, width), or (scored, width).
        """
        hidden = self.hidden_states(tokens, boundaries)[-1]
        return hidden if positions is None else hidden[positions]

    def hidden_states(self, tokens: TokensT, boundaries: BoundariesT) -> list[HiddenT]:
        """Embeddings, then the hidden states of each layer.

        Parameters
        ----------
        tokens
            Token ids, int64 (tokens,).
        boundaries
            Boundaries of the sequences, int64 (sequences + 1,).

        Returns
        -------
        list of torch.Tensor
            ``layers + 1`` tensors (tokens, width).
        """
        order, back, run = self._layout(boundaries, tokens.device)
        hidden = self.embedding(tokens if order is None else tokens[order])
        states = [hidden]
        for layer in self.layers:
            hidden = run(layer, F.dropout(hidden, self.config.dropout, self.training))
            states.append(hidden)
        return states if back is None else [state[back] for state in states]

    def read_on(
        self, tokens: torch.Tensor, kept: list[tuple[torch.Tensor, ...]]
    ) -> tuple[HiddenT, list[tuple[torch.Tensor, ...]]]:
        """Read further tokens of sequences of equal length, for causal networks.

        Parameters
        ----------
        tokens
            Token ids, int64 (sequences, new).
        kept
            State (and memory of an LSTM) of each layer, (sequences, width) each; empty at first.

        Returns
        -------
        hidden : torch.Tensor
            Hidden states, (sequences, new, width).
        kept : list of tuple
            State of each layer after the new tokens.
        """
        hidden, after = self.embedding(tokens), []
        for number, layer in enumerate(self.layers):
            before = tuple(state[None] for state in kept[number]) if kept else ()
            start = before if len(before) == 2 else before[0] if before else None
            hidden, last = layer(hidden, start)
            after.append(tuple(state[0] for state in (last if isinstance(last, tuple) else (last,))))
        return hidden, after

    def _layout(self, boundaries: BoundariesT, device: torch.device) -> tuple[torch.Tensor | None, torch.Tensor | None, Run]:
        """Permutation of the tokens to the layout, its inverse, and a function that runs a layer over the layout."""
        distinct = len(set(boundaries.diff().tolist()))
        stepwise = self.config.cell != "lstm" and distinct > FEW if device.type == "cpu" else distinct > 1
        if stepwise:
            steps = by_step(boundaries, device)
            return steps.order, steps.back, partial(_over_steps, sizes=steps.sizes)
        groups = group(boundaries, device)
        spans = [(span.start, span.sequences, span.length) for span in groups.spans]
        return groups.order, groups.back, partial(_over_rectangles, spans=spans)


def _over_steps(layer: nn.Module, hidden: HiddenT, sizes: torch.Tensor) -> HiddenT:
    return layer(PackedSequence(hidden, sizes))[0].data


def _over_rectangles(layer: nn.Module, hidden: HiddenT, spans: list[tuple[int, int, int]]) -> HiddenT:
    parts = [
        layer(hidden[start : start + count * length].view(count, length, -1))[0].flatten(0, 1) for start, count, length in spans
    ]
    return parts[0] if len(parts) == 1 else torch.cat(parts)
