"""A network with a pooled head: one vector a sequence, then class logits.

Pooling speaks of the letters; special tokens that the tokenizer's family puts around a sequence take no part in it. It says what
the answer is about: ``mean`` of all letters for a property of the whole window, ``centre`` for a site that
the window was cut around, ``centre+mean`` for a site and its surroundings side by side, ``first`` for the
start, ``last`` for a causal model.

The centre of a window of L bases is base ``L // 2``: with single bases token ``L // 2``, with overlapping k-mers the token that
has that base at its own centre, index ``(k - 1) // 2`` of its letters. A window of 121 bases has its centre at base 60; of its
118 overlapping 4-mers token 59, over bases 59 to 62, stands for it. Other tokenizers take token ``length // 2``.
"""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import nn

from glmkit.axes import BoundariesT, HiddenT, TokensT
from glmkit.errors import BadInput
from glmkit.models.language_model import Network
from glmkit.tokens.sequences import centre_token, tokens_over_base

Pool = Literal["mean", "centre", "centre+mean", "first", "last"]


class Classifier(nn.Module):
    """Token ids to class logits, packed.

    Parameters
    ----------
    network
        Token ids to hidden states.
    classes
        Names of the classes, two or more.
    tokenizer
        What makes the ids.
    card
        Where the model comes from: plain JSON values.
    pool
        How hidden states become one vector.
    hidden
        Units of the head's hidden layer; as many as the network is wide if None.
    dropout
        Probability before the head while training.

    Raises
    ------
    BadInput
        Fewer than two classes, a name twice, an unknown way of pooling, or no hidden unit.
    """

    def __init__(
        self,
        network: Network,
        classes: Sequence[str],
        tokenizer: Any,
        card: dict[str, Any] | None = None,
        *,
        pool: Pool = "mean",
        hidden: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_classes(classes)
        if pool not in get_args(Pool):
            raise BadInput(f"pool must be one of {', '.join(get_args(Pool))}, got {pool!r}.")
        width = network.config.width
        units = width if hidden is None else hidden
        if units < 1:
            raise BadInput(f"hidden must be 1 or more units of the head, got {hidden}.")
        self.network, self.tokenizer, self.card = network, tokenizer, card or {}
        self.classes, self.pool, self.hidden, self.dropout = tuple(classes), pool, units, dropout
        self.dense = nn.Linear(2 * width if pool == "centre+mean" else width, units)
        self.out = nn.Linear(units, len(classes))
        for linear in (self.dense, self.out):
            nn.init.normal_(linear.weight, std=0.02)
            nn.init.zeros_(linear.bias)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.out.weight.device

    def pooled(self, tokens: TokensT, boundaries: BoundariesT) -> HiddenT:
        """One vector a sequence, before the head.

        Parameters
        ----------
        tokens
            int64 (tokens,).
        boundaries
            int64 (sequences + 1,).

        Returns
        -------
        torch.Tensor
            (sequences, width), or (sequences, 2 * width) for ``centre+mean``.
        """
        around = len(self.tokenizer.prefix), len(self.tokenizer.suffix)
        return pool_hidden(self.network(tokens, boundaries), boundaries, self.pool, tokens_over_base(self.tokenizer), around)

    def forward(self, tokens: TokensT, boundaries: BoundariesT) -> torch.Tensor:
        """Class logits.

        Parameters
        ----------
        tokens
            int64 (tokens,).
        boundaries
            int64 (sequences + 1,).

        Returns
        -------
        torch.Tensor
            (sequences, classes).
        """
        vector = F.dropout(self.pooled(tokens, boundaries), self.dropout, self.training)
        vector = F.dropout(torch.tanh(self.dense(vector)), self.dropout, self.training)
        return self.out(vector)


def pool_hidden(hidden: HiddenT, boundaries: BoundariesT, pool: str, over: int = 1, around: tuple[int, int] = (0, 0)) -> HiddenT:
    """Pool packed hidden states to one vector a sequence, over its letters.

    Parameters
    ----------
    hidden
        (tokens, width).
    boundaries
        int64 (sequences + 1,).
    pool
        ``mean``, ``centre``, ``centre+mean``, ``first`` or ``last``.
    over
        Tokens over a base, see `glmkit.tokens.sequences.tokens_over_base`: where the centre is.
    around
        Special tokens before and after each sequence; they are left out.

    Returns
    -------
    torch.Tensor
        (sequences, width), or (sequences, 2 * width) for ``centre+mean``, the centre first.
    """
    edges = boundaries.to(hidden.device)
    starts, stops = edges[:-1] + around[0], edges[1:] - around[1]
    if pool == "first":
        return hidden[starts]
    if pool == "last":
        return hidden[stops - 1]
    lengths = stops - starts
    centre = hidden[starts + centre_token(lengths, over)]
    if pool == "centre":
        return centre
    owner = torch.repeat_interleave(torch.arange(len(lengths), device=hidden.device), lengths)
    total = torch.zeros(len(lengths), hidden.shape[-1], dtype=torch.float32, device=hidden.device)
    if any(around):
        hidden = hidden[torch.arange(len(owner), device=hidden.device) + sum(around) * owner + around[0]]
    mean = total.index_add(0, owner, hidden.float()) / lengths[:, None]
    return mean if pool == "mean" else torch.cat([centre.float(), mean], -1)


def new_classifier(
    model: Any, classes: Sequence[str], *, pool: Pool = "mean", hidden: int | None = None, dropout: float = 0.1, seed: int = 0
) -> Classifier:
    """Put a fresh pooled head on a model's network; the network is shared, not copied.

    Parameters
    ----------
    model
        The pretrained (or new) LanguageModel, or a TokenClassifier that has learned something on the way. Deep-copy it
        first to keep it as it is.
    classes
        Names of the classes.
    pool
        How hidden states become one vector.
    hidden
        Units of the head's hidden layer; as many as the network is wide if None.
    dropout
        Probability before the head while training.
    seed
        Of the head's first weights; torch's global random state is left as it was.

    Returns
    -------
    Classifier
        In evaluation mode, on the model's device.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        card = {**model.card, "classes": list(classes), "pool": pool}
        classifier = Classifier(model.network, classes, model.tokenizer, card, pool=pool, hidden=hidden, dropout=dropout)
    return classifier.to(model.device).eval()


def check_classes(classes: Sequence[str]) -> None:
    """Raise BadInput unless there are two or more classes, each with a name of its own.

    Parameters
    ----------
    classes
        Names.
    """
    if len(classes) < 2 or len(set(classes)) != len(classes):
        raise BadInput(f"A classifier needs two or more classes with different names, got {list(classes)}.")
