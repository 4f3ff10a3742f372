"""A language model: a network, the head that predicts tokens, the tokenizer of the ids, and a card.

The head runs only at the scored positions. With 15% of a batch masked, this saves most of its computation and memory.
"""

from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import nn

from glmkit.axes import BoundariesT, HiddenT, TokensT
from glmkit.errors import BadInput
from glmkit.models.networks.kv_cache import Cache, extend
from glmkit.models.networks.local_attention_init import look_nearby
from glmkit.models.networks.mlstm import MLSTM, Decoder, MLSTMConfig
from glmkit.models.networks.recurrent import LSTM, LSTMConfig
from glmkit.models.networks.transformer import Transformer, activate
from glmkit.models.networks.transformer_config import NORM_EPSILON, TransformerConfig

Config = TransformerConfig | LSTMConfig | MLSTMConfig
Network = Transformer | LSTM | MLSTM
Start = Literal["plain", "nearby"]
CONTEXT = 1024  # input length, in tokens, of a model whose card does not give the length it was trained on


class LanguageModelHead(nn.Module):
    """Hidden states to logits over the vocabulary.

    Dense layer, activation, norm, and decoder with bias, as in ESM-2, BERT and RoBERTa. A causal Transformer has the plain decoder of
    GPT-NeoX.

    Parameters
    ----------
    config
        Shape of the network. The head of BERT has the network's activation; the others have exact GELU.
    """

    def __init__(self, config: TransformerConfig | LSTMConfig) -> None:
        super().__init__()
        plain = isinstance(config, TransformerConfig) and config.causal
        epsilon, self.activation = NORM_EPSILON, "gelu"
        if isinstance(config, TransformerConfig):
            epsilon = config.norm_epsilon
            if config.family in {"bert", "auto"} and config.norm == "post" and config.activation != "swiglu":
                self.activation = config.activation
        self.dense = None if plain else nn.Linear(config.width, config.width)
        self.norm = None if plain else nn.LayerNorm(config.width, eps=epsilon)
        self.bias = None if plain else nn.Parameter(torch.zeros(config.vocabulary_size))
        self.decoder = None if config.tie_embeddings else nn.Linear(config.width, config.vocabulary_size, bias=False)
        for linear in (self.dense, self.decoder):
            if linear is not None:
                nn.init.normal_(linear.weight, std=0.02)
        if self.dense is not None:
            nn.init.zeros_(self.dense.bias)

    def forward(self, hidden: HiddenT, embedding: torch.Tensor, candidates: torch.Tensor | None = None) -> torch.Tensor:
        """Logits.

        Parameters
        ----------
        hidden
            Hidden states at the scored positions, (scored, width).
        embedding
            Embedding matrix, (vocab, width); used if the output layer is tied to it.
        candidates
            Ids whose logits are computed, int64 (scored, choices). None computes those of the whole vocabulary.

        Returns
        -------
        torch.Tensor
            (scored, vocab), or (scored, choices).
        """
        if self.dense is not None and self.norm is not None:
            hidden = self.norm(activate(self.dense(hidden), self.activation))
        weight = embedding if self.decoder is None else self.decoder.weight
        if candidates is None:
            return F.linear(hidden, weight, self.bias)
        logits = torch.einsum("sd,scd->sc", hidden, weight[candidates])
        return logits if self.bias is None else logits + self.bias[candidates]


class LanguageModel(nn.Module):
    """A network with its head, tokenizer and card.

    Parameters
    ----------
    network
        Map of token ids to hidden states.
    tokenizer
        Tokenizer of the network's ids, with as many vocabulary entries as the network's embedding.
    card
        Provenance of the model: plain JSON values.

    Attributes
    ----------
    contact_head
        ESM's logistic regression from attention weights to residue contacts, ``Linear(layers * heads, 1)``, or None.

    Raises
    ------
    BadInput
        The tokenizer's vocabulary and the network's embedding differ in size.

    Examples
    --------
    Logits of two packed proteins, at all tokens and at two scored positions:

    >>> import torch
    >>> from glmkit.models import LanguageModel, Transformer, TransformerConfig
    >>> from glmkit.models.networks import pack
    >>> from glmkit.tokens import make_tokenizer
    >>> tokenizer = make_tokenizer("protein")
    >>> config = TransformerConfig(vocabulary_size=len(tokenizer.vocabulary), width=16, layers=1, heads=2)
    >>> model = LanguageModel(Transformer(config), tokenizer, {"source": "example"})
    >>> tokens, boundaries = pack([tokenizer.encode("MKTAY"), tokenizer.encode("MKV")])
    >>> model.hidden(tokens, boundaries).shape
    torch.Size([8, 16])
    >>> model.logits(tokens, boundaries).shape, model.logits(tokens, boundaries, torch.tensor([1, 6])).shape
    (torch.Size([8, 33]), torch.Size([2, 33]))
    """

    def __init__(self, network: Network, tokenizer: Any, card: dict[str, Any]) -> None:
        super().__init__()
        config = network.config
        if len(tokenizer.vocabulary) != config.vocabulary_size:
            raise BadInput(
                f"The tokenizer has {len(tokenizer.vocabulary)} vocabulary entries but the network was made for "
                f"{config.vocabulary_size}. Use the tokenizer that the model was trained with."
            )
        self.network = network
        self.head: LanguageModelHead | Decoder
        if isinstance(config, MLSTMConfig):
            self.head = Decoder(config.width, config.vocabulary_size)
        else:
            self.head = LanguageModelHead(config)
        self.contact_head: nn.Linear | None = None
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
        """Largest number of tokens read at once, special tokens included.

        The number of learned positions; without them the entry ``context`` of the card; without that `CONTEXT`.
        """
        return getattr(self.network.config, "maximum_positions", 0) or int(self.card.get("context", CONTEXT))

    def hidden(self, tokens: TokensT, boundaries: BoundariesT) -> HiddenT:
        """Hidden states of the last layer.

        Parameters
        ----------
        tokens
            Token ids, int64 (tokens,).
        boundaries
            Sequence boundaries, int64 (sequences + 1,).

        Returns
        -------
        torch.Tensor
            (tokens, width).
        """
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
            (scored, vocab).
        """
        hidden = self.network(tokens, boundaries, positions)
        return self.head(hidden, self.network.embedding.weight)

    def read_on(self, tokens: torch.Tensor, cache: Cache) -> torch.Tensor:
        """Logits of the token that follows a continuation, in a causal model with a cache.

        Parameters
        ----------
        tokens
            Ids of the continuation, int64 (sequences, new), after the tokens in the cache.
        cache
            Keys and values of the earlier tokens; ``Cache()`` for none. It is changed in place.

        Returns
        -------
        torch.Tensor
            (sequences, vocab).

        Raises
        ------
        BadInput
            The model is not causal.
        """
        return self.head(extend(self.network, tokens, cache)[:, -1], self.network.embedding.weight)

    def forward(self, tokens: TokensT, boundaries: BoundariesT, positions: torch.Tensor | None = None) -> torch.Tensor:
        """Alias of `logits`."""
        return self.logits(tokens, boundaries, positions)


def new_network(config: Config) -> Network:
    """Network of the kind that `config` describes, with fresh weights."""
    if isinstance(config, TransformerConfig):
        return Transformer(config)
    return LSTM(config) if isinstance(config, LSTMConfig) else MLSTM(config)


def new_model(config: Config, tokenizer: Any, seed: int = 0, *, start: Start = "plain") -> LanguageModel:
    """Construct a language model with fresh weights that depend on `seed` alone.

    Parameters
    ----------
    config
        Shape of the network.
    tokenizer
        Tokenizer of the network's ids.
    seed
        Seed of the initial weights, 0 or more. The global random state of torch is restored afterwards.
    start
        Initialisation. ``plain``: small random weights. ``nearby``: the same, except that the attention heads of the first two blocks
        of a Transformer initially attend to fixed neighbours (see `glmkit.models.networks.local_attention_init`).

    Returns
    -------
    LanguageModel
        On the CPU, float32, in evaluation mode.

    Raises
    ------
    BadInput
        The vocabulary sizes differ, the seed is negative, or the initialisation is unknown or not available for this network.

    Examples
    --------
    >>> from glmkit.models import TransformerConfig, new_model
    >>> from glmkit.tokens import make_tokenizer
    >>> tokenizer = make_tokenizer("base")
    >>> config = TransformerConfig(vocabulary_size=len(tokenizer.vocabulary), width=16, layers=1, heads=2, causal=True)
    >>> model = new_model(config, tokenizer, seed=7)
    >>> model.card["objective"], model.card["parameters"] == sum(weights.numel() for weights in model.parameters())
    ('causal', True)
    """
    if start not in get_args(Start):
        raise BadInput(f"start must be one of {', '.join(get_args(Start))}, got {start!r}.")
    if seed < 0:
        raise BadInput(f"seed must be 0 or more, got {seed}.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = new_network(config)
        if start == "nearby":
            if not isinstance(network, Transformer):
                raise BadInput(f"start='nearby' is for a Transformer, not for {type(network).__name__}. Use start='plain'.")
            look_nearby(network)
        model = LanguageModel(network, tokenizer, {})
    model.card = {
        "architecture": type(model.network).__name__,
        "objective": "causal" if config.causal else "masked",
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "seed": seed,
        "start": start,
        "tokenizer_hash": tokenizer.hash,
    }
    return model.eval()
