"""The multiplicative LSTM (Krause et al. 2016) with weight normalisation, as in UniRep (Alley et al. 2019).

The transition of an LSTM is the same for every letter; here it depends on the letter. With input x and state h, a step is

    m = (x Wmx) * (h Wmh)
    i, f, o = sigmoid(x Wx + m Wh + b) of three quarters,  u = tanh(of the fourth)
    c = f * c + i * u,  h = o * tanh(c)

and each column of each matrix W is a unit vector times a separate gain (Salimans & Kingma 2016). Terms that depend on x alone are
one matrix product for all positions of the batch. Only the two products with the state are computed step by step, each over all
sequences that have not ended (see `stepwise`). The network is causal.

References
----------
Krause B et al. (2016). Multiplicative LSTM for sequence modelling. arXiv:1609.07959.
Alley EC et al. (2019). Unified rational protein engineering with sequence-based deep representation learning. Nature Methods 16,
1315-1322. doi:10.1038/s41592-019-0598-1.
Salimans T, Kingma DP (2016). Weight normalization. arXiv:1602.07868.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from glmkit.axes import BoundariesT, HiddenT, TokensT
from glmkit.errors import BadInput
from glmkit.models.networks.stepwise import by_step

SHORTEST = 1e-6  # lower limit of a column's norm as a divisor


@dataclass(frozen=True, kw_only=True)
class MLSTMConfig:  # numpydoc ignore=PR02
    """Shape of an `MLSTM`.

    Parameters
    ----------
    vocabulary_size
        Size of the tokenizer's vocabulary.
    width
        Number of units of a layer, and of features of a token.
    layers
        Number of recurrent layers.
    embedding_width
        Number of features of a token's embedding, at most `width`; 10 in UniRep.
    causal
        Always True.
    dropout
        Dropout probability between layers during training, in [0, 1).
    tie_embeddings
        Always False, because the embedding and the last layer differ in width.

    Raises
    ------
    BadInput
        A size that is not positive, or a value that the network does not support.
    """

    vocabulary_size: int
    width: int = 64
    layers: int = 1
    embedding_width: int = 10
    causal: bool = True
    dropout: float = 0.0
    tie_embeddings: bool = False

    def __post_init__(self) -> None:
        for name in ("vocabulary_size", "width", "layers", "embedding_width"):
            if getattr(self, name) < 1:
                raise BadInput(f"MLSTMConfig.{name} must be 1 or more, got {getattr(self, name)}.")
        if self.embedding_width > self.width:
            raise BadInput(
                f"MLSTMConfig.embedding_width={self.embedding_width} exceeds width={self.width}. Choose a smaller value."
            )
        if not self.causal:
            raise BadInput(
                "MLSTMConfig.causal must be True: a multiplicative LSTM reads left to right. For both directions use LSTMConfig."
            )
        if self.tie_embeddings:
            raise BadInput("MLSTMConfig.tie_embeddings must be False: the output layer has separate weights.")
        if not 0 <= self.dropout < 1:
            raise BadInput(f"MLSTMConfig.dropout must lie in [0, 1), got {self.dropout}.")


class MLSTM(nn.Module):
    """Multiplicative LSTM from packed token ids to hidden states.

    Parameters
    ----------
    config
        Configuration of the network.
    """

    def __init__(self, config: MLSTMConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary_size, config.embedding_width)
        widths = [config.embedding_width, *[config.width] * config.layers]
        self.layers = nn.ModuleList(MLSTMLayer(into, config.width) for into in widths[:-1])

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
            ``layers + 1`` tensors (tokens, width); the embeddings are padded with zeros.
        """
        steps = by_step(boundaries, tokens.device)
        sizes = steps.sizes.tolist()
        hidden = self.embedding(tokens[steps.order])
        states = [F.pad(hidden, (0, self.config.width - self.config.embedding_width))]
        for layer in self.layers:
            hidden = layer(F.dropout(hidden, self.config.dropout, self.training), sizes)[0]
            states.append(hidden)
        return [state[steps.back] for state in states]

    def read_on(
        self, tokens: torch.Tensor, kept: list[tuple[torch.Tensor, ...]]
    ) -> tuple[HiddenT, list[tuple[torch.Tensor, ...]]]:
        """Read further tokens of sequences of equal length.

        Parameters
        ----------
        tokens
            Token ids, int64 (sequences, new).
        kept
            State and memory of each layer, (sequences, width) each; empty at first.

        Returns
        -------
        hidden : torch.Tensor
            Hidden states, (sequences, new, width).
        kept : list of tuple
            State and memory of each layer after the new tokens.
        """
        count, new = tokens.shape
        hidden, after = self.embedding(tokens.T.flatten()), []
        for number, layer in enumerate(self.layers):
            hidden, *states = layer(hidden, [count] * new, *(kept[number] if kept else ()))
            after.append(tuple(states))
        return hidden.unflatten(0, (new, count)).transpose(0, 1), after


class MLSTMLayer(nn.Module):
    """One layer, in which each weight is a matrix of column directions (in, out) and a gain (out,).

    Parameters
    ----------
    into
        Number of input features.
    width
        Number of units.
    """

    def __init__(self, into: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.input = nn.Parameter(torch.randn(into, 5 * width))  # to the multiplier, then to the gates i, f, o, u
        self.input_gain = nn.Parameter(torch.ones(5 * width))
        self.state = nn.Parameter(torch.randn(width, width))  # from the state to the multiplier
        self.state_gain = nn.Parameter(torch.ones(width))
        self.multiplier = nn.Parameter(torch.randn(width, 4 * width))  # from the multiplier to the gates
        self.multiplier_gain = nn.Parameter(torch.ones(4 * width))
        self.bias = nn.Parameter(torch.zeros(4 * width))
        with torch.no_grad():
            self.bias[width : 2 * width] = 1.0  # forget gates are initially open

    def forward(
        self, x: HiddenT, sizes: list[int], state: torch.Tensor | None = None, memory: torch.Tensor | None = None
    ) -> tuple[HiddenT, torch.Tensor, torch.Tensor]:
        """Process a batch that is laid out step by step.

        Parameters
        ----------
        x
            Inputs, (tokens, into).
        sizes
            Number of sequences at each step, not increasing.
        state, memory
            Initial state and memory, (sequences, width); None for zeros.

        Returns
        -------
        hidden : torch.Tensor
            State after each step, (tokens, width).
        state, memory : torch.Tensor
            State and memory after the last step, (running, width) each.
        """
        width = self.width
        from_input = x @ normalised(self.input, self.input_gain)
        for_multiplier, for_gates = from_input[:, :width], from_input[:, width:] + self.bias
        to_multiplier = normalised(self.state, self.state_gain)
        to_gates = normalised(self.multiplier, self.multiplier_gain)
        state = x.new_zeros(sizes[0], width) if state is None else state
        memory = torch.zeros_like(state) if memory is None else memory
        out = []
        for running, scale, shift in zip(sizes, for_multiplier.split(sizes), for_gates.split(sizes), strict=True):
            gates = torch.addmm(shift, scale * (state[:running] @ to_multiplier), to_gates)
            enter, keep, leave = gates[:, : 3 * width].sigmoid().chunk(3, 1)
            memory = keep * memory[:running] + enter * gates[:, 3 * width :].tanh()
            state = leave * memory.tanh()
            out.append(state)
        return torch.cat(out), state, memory


class Decoder(nn.Module):
    """The head of a causal recurrent model: one linear layer with bias, as in UniRep.

    Parameters
    ----------
    width
        Number of features of a token.
    vocabulary_size
        Size of the vocabulary.
    """

    def __init__(self, width: int, vocabulary_size: int) -> None:
        super().__init__()
        self.decoder = nn.Linear(width, vocabulary_size, bias=False)
        self.bias = nn.Parameter(torch.zeros(vocabulary_size))
        nn.init.normal_(self.decoder.weight, std=0.02)

    def forward(self, hidden: HiddenT, embedding: torch.Tensor | None = None) -> torch.Tensor:
        """Logits.

        Parameters
        ----------
        hidden
            Hidden states, (scored, width).
        embedding
            Not used; argument of heads that share the embedding's weights.

        Returns
        -------
        torch.Tensor
            Logits, (scored, vocab).
        """
        return F.linear(hidden, self.decoder.weight, self.bias)


def normalised(direction: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
    """Weight matrix with the column directions of `direction` and the column norms `gain`.

    Parameters
    ----------
    direction
        Matrix of directions, (in, out).
    gain
        Norm of each column, (out,).

    Returns
    -------
    torch.Tensor
        Weight matrix, (in, out).
    """
    return F.normalize(direction, dim=0, eps=SHORTEST) * gain
