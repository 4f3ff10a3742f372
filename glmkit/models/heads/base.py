"""Base class of the prediction heads: a network, its tokenizer, a card, and named outputs.

A kind of head is a subclass of `Head`. Saving, training and interpretation depend on three class attributes: `kind` is the name on disk,
`naming` the attribute with the names of the outputs, and `options` the further arguments of the constructor. Code that treats kinds
differently tests the type (`SequenceHead`, `SequenceClassifier`), never the presence of an attribute.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

import torch
import torch.nn.functional as F
from torch import nn

from glmkit.axes import BoundariesT, HiddenT, TokensT
from glmkit.errors import BadInput
from glmkit.models.language_model import Network
from glmkit.models.networks.pooling import Pool, check_pool, pool_hidden, pooled_width
from glmkit.tokens.sequences import tokens_over_base

if TYPE_CHECKING:
    from glmkit.models.protocols import Model


class Head(nn.Module):
    """A network with a prediction head, packed.

    Parameters
    ----------
    network
        Token ids to hidden states; shared, not copied.
    names
        Names of the classes (two or more) or of the numerical outputs (one or more).
    tokenizer
        Tokenizer of the network's ids.
    card
        Provenance of the model: plain JSON values.

    Attributes
    ----------
    kind
        Name of the kind of head in saved folders.
    naming
        Attribute that names the outputs: ``classes`` or ``outputs``.
    options
        Keyword arguments of the constructor; each is an attribute too.

    Raises
    ------
    BadInput
        Too few names, or a repeated one.
    """

    kind: ClassVar[str]
    naming: ClassVar[Literal["classes", "outputs"]] = "classes"
    options: ClassVar[tuple[str, ...]] = ()
    out: nn.Linear

    def __init__(self, network: Network, names: Sequence[str], tokenizer: Any, card: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.network, self.tokenizer, self.card = network, tokenizer, card or {}
        setattr(self, self.naming, check_names(names, self.naming))

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.out.weight.device

    @property
    def around(self) -> tuple[int, int]:
        """Number of special tokens before and after each sequence."""
        return len(self.tokenizer.prefix), len(self.tokenizer.suffix)

    def settings(self) -> dict[str, Any]:
        """Arguments that `glmkit.models.heads.make_head` needs to construct an equal head: plain JSON values."""
        options = {name: getattr(self, name) for name in self.options}
        return {"kind": self.kind, self.naming: list(getattr(self, self.naming)), **options}


class SequenceHead(Head):
    """A head with one prediction a sequence or cell.

    Attributes
    ----------
    pool
        Pooling mode, see `glmkit.models.networks.pooling`.
    """

    pool: str


class SequenceClassifier(SequenceHead):
    """A head with class logits for each sequence or cell.

    Attributes
    ----------
    classes
        Names of the classes.
    """

    classes: tuple[str, ...]


class SequenceRegressor(SequenceHead):
    """A head with numerical outputs for each sequence or cell.

    Attributes
    ----------
    outputs
        Names of the outputs.
    """

    naming = "outputs"
    outputs: tuple[str, ...]


class PooledHead(SequenceHead):
    """Pooling, one hidden layer and an output layer.

    Parameters
    ----------
    network
        Token ids to hidden states; shared, not copied.
    names
        Names of the classes (two or more) or of the numerical outputs (one or more).
    tokenizer
        Tokenizer of the network's ids.
    card
        Provenance of the model: plain JSON values.
    pool
        Pooling mode, see `glmkit.models.networks.pooling`.
    hidden
        Units of the hidden layer, at least 1; the network's width if None.
    dropout
        Dropout probability before each layer of the head during training, in [0, 1).

    Raises
    ------
    BadInput
        Too few names, a repeated one, an unknown pooling mode, or no hidden unit.
    """

    options = ("pool", "hidden", "dropout")

    def __init__(
        self,
        network: Network,
        names: Sequence[str],
        tokenizer: Any,
        card: dict[str, Any] | None = None,
        *,
        pool: Pool = "mean",
        hidden: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(network, names, tokenizer, card)
        check_pool(pool, tokenizer)
        width = network.config.width
        units = width if hidden is None else hidden
        if units < 1:
            raise BadInput(f"hidden: expected at least 1 unit of the head, got {hidden}.")
        self.pool, self.hidden, self.dropout = pool, units, dropout
        self.dense = nn.Linear(pooled_width(pool, width), units)
        self.out = nn.Linear(units, len(names))
        for linear in (self.dense, self.out):
            nn.init.normal_(linear.weight, std=0.02)
            nn.init.zeros_(linear.bias)

    def pooled(self, tokens: TokensT, boundaries: BoundariesT) -> HiddenT:
        """Pooled hidden states, before the head.

        Parameters
        ----------
        tokens
            Token ids, int64 (tokens,).
        boundaries
            Sequence boundaries, int64 (sequences + 1,).

        Returns
        -------
        torch.Tensor
            (sequences, width), or (sequences, 2 * width) for ``centre+mean``.
        """
        hidden = self.network(tokens, boundaries)
        return pool_hidden(hidden, boundaries, self.pool, tokens_over_base(self.tokenizer), self.around)

    def forward(self, tokens: TokensT, boundaries: BoundariesT) -> torch.Tensor:
        """Class logits, or numerical outputs.

        Parameters
        ----------
        tokens
            Token ids, int64 (tokens,).
        boundaries
            Sequence boundaries, int64 (sequences + 1,).

        Returns
        -------
        torch.Tensor
            (sequences, outputs).
        """
        vector = F.dropout(self.pooled(tokens, boundaries), self.dropout, self.training)
        vector = F.dropout(torch.tanh(self.dense(vector)), self.dropout, self.training)
        return self.out(vector)


AnyHead = TypeVar("AnyHead", bound=Head)


def attach(model: "Model", make: Callable[[dict[str, Any]], AnyHead], seed: int, **card: Any) -> AnyHead:
    """Construct a head with fresh weights on a model's network.

    Parameters
    ----------
    model
        The model whose network, tokenizer, card and device the head takes.
    make
        Constructor, called with the card of the head.
    seed
        Seed of the fresh weights; the global random state is restored afterwards.
    **card
        Entries that the head adds to the model's card.

    Returns
    -------
    Head
        In evaluation mode, on the model's device.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = make({**model.card, **card})
    return head.to(model.device).eval()


def check_names(names: Sequence[str], naming: str) -> tuple[str, ...]:
    """Check the names of outputs: enough of them, and each once.

    Parameters
    ----------
    names
        Names of classes or outputs.
    naming
        ``classes`` (at least two) or ``outputs`` (at least one).

    Returns
    -------
    tuple of str
        The names.

    Raises
    ------
    BadInput
        Too few names, a repeated one, or a single string.
    """
    subject, least = {
        "classes": ("A classifier needs two or more classes", 2),
        "outputs": ("A regressor needs a list of one or more outputs", 1),
    }[naming]
    if isinstance(names, str) or len(names) < least or len(set(names)) != len(names):
        given = repr(names) if isinstance(names, str) else list(names)
        raise BadInput(f"{subject} with different names, got {given}.")
    return tuple(names)
