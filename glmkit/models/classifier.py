"""A network with a pooled head: one vector a sequence, then class logits.

Pooling says what the answer is about: ``mean`` of all tokens for a property of the whole window, ``centre`` for a site that
the window was cut around (index ``length // 2``), ``first`` for a start token, ``last`` for a causal model.
"""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import nn

from glmkit.axes import BoundariesT, HiddenT, TokensT
from glmkit.errors import BadInput
from glmkit.models.language_model import LanguageModel, Network

Pool = Literal["mean", "centre", "first", "last"]


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
    dropout
        Probability before the head while training.

    Raises
    ------
    BadInput
        Fewer than two classes, a name twice, or an unknown way of pooling.
    """

    def __init__(
        self,
        network: Network,
        classes: Sequence[str],
        tokenizer: Any,
        card: dict[str, Any] | None = None,
        *,
        pool: Pool = "mean",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if len(classes) < 2 or len(set(classes)) != len(classes):
            raise BadInput(f"A classifier needs two or more classes with different names, got {list(classes)}.")
        if pool not in get_args(Pool):
            raise BadInput(f"pool must be one of {', '.join(get_args(Pool))}, got {pool!r}.")
        width = network.config.width
        self.network, self.tokenizer, self.card = network, tokenizer, card or {}
        self.classes, self.pool, self.dropout = tuple(classes), pool, dropout
        self.dense = nn.Linear(width, width)
        self.out = nn.Linear(width, len(classes))
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
            (sequences, width).
        """
        return pool_hidden(self.network(tokens, boundaries), boundaries, self.pool)

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


def pool_hidden(hidden: HiddenT, boundaries: BoundariesT, pool: str) -> HiddenT:
    """Pool packed hidden states to one vector a sequence.

    Parameters
    ----------
    hidden
        (tokens, width).
    boundaries
        int64 (sequences + 1,).
    pool
        ``mean``, ``centre``, ``first`` or ``last``.

    Returns
    -------
    torch.Tensor
        (sequences, width).
    """
    edges = boundaries.to(hidden.device)
    starts, stops = edges[:-1], edges[1:]
    if pool == "first":
        return hidden[starts]
    if pool == "last":
        return hidden[stops - 1]
    if pool == "centre":
        return hidden[starts + (stops - starts) // 2]
    lengths = stops - starts
    owner = torch.repeat_interleave(torch.arange(len(lengths), device=hidden.device), lengths)
    total = torch.zeros(len(lengths), hidden.shape[-1], dtype=torch.float32, device=hidden.device)
    return total.index_add(0, owner, hidden.float()) / lengths[:, None]


def new_classifier(
    model: LanguageModel, classes: Sequence[str], *, pool: Pool = "mean", dropout: float = 0.1, seed: int = 0
) -> Classifier:
    """Put a fresh pooled head on a language model's network; the network is shared, not copied.

    Parameters
    ----------
    model
        The pretrained (or new) model. Deep-copy it first to keep it as it is.
    classes
        Names of the classes.
    pool
        How hidden states become one vector.
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
        classifier = Classifier(model.network, classes, model.tokenizer, card, pool=pool, dropout=dropout)
    return classifier.to(model.device).eval()
