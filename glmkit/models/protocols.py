"""Protocols of the models that scoring, training and interpretation accept: the attributes required of any class.

`Model` is any network with its tokenizer: a language model or a prediction head. `TokenModel` also predicts tokens; it is a
`LanguageModel` or a model that runs through `transformers`.
"""

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch


class Model(Protocol):
    """A network with its tokenizer.

    Attributes
    ----------
    network
        Map of token ids (tokens,) and sequence boundaries (sequences + 1,) to hidden states (tokens, width). Its ``config`` has the
        sizes.
    tokenizer
        Tokenizer of the network's ids, a `glmkit.tokens.Tokenizer`.
    card
        Provenance of the model: plain JSON values.
    training
        Whether the model is in training mode.
    """

    network: Any
    tokenizer: Any
    card: dict[str, Any]
    training: bool

    @property
    def device(self) -> "torch.device":
        """Device of the weights."""

    def train(self, mode: bool = True) -> Any:
        """Switch to training mode, or to evaluation mode with False."""

    def eval(self) -> Any:
        """Switch to evaluation mode."""

    def parameters(self) -> Any:
        """Iterator over the weights."""


class TokenModel(Model, Protocol):
    """A masked or causal language model.

    Attributes
    ----------
    contact_head
        Logistic regression from attention weights to residue contacts, or None.
    """

    contact_head: Any

    @property
    def causal(self) -> bool:
        """Whether a token is predicted from those before it only."""

    @property
    def context(self) -> int:
        """Largest number of tokens read at once, special tokens included."""

    def logits(self, tokens: Any, boundaries: Any, positions: Any = None, *rest: Any) -> Any:
        """Logits over the vocabulary at the given positions."""
