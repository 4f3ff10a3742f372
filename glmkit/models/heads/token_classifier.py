"""A network with a head on every token: one class a token, for labels that run along the sequence.

The head is a single linear layer, so that what it needs has to be in the hidden states: trained on a dense label such as the
coding frame, the network is a better start for a rarer label than one that has only filled in masks.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from glmkit.axes import BoundariesT, TokensT
from glmkit.models.heads.classifier import check_classes
from glmkit.models.language_model import Network


class TokenClassifier(nn.Module):
    """Token ids to class logits of every token, packed.

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
    dropout
        Probability before the head while training.

    Raises
    ------
    BadInput
        Fewer than two classes, or a name twice.
    """

    def __init__(
        self,
        network: Network,
        classes: Sequence[str],
        tokenizer: Any,
        card: dict[str, Any] | None = None,
        *,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_classes(classes)
        self.network, self.tokenizer, self.card = network, tokenizer, card or {}
        self.classes, self.dropout = tuple(classes), dropout
        self.out = nn.Linear(network.config.width, len(classes))
        nn.init.normal_(self.out.weight, std=0.02)
        nn.init.zeros_(self.out.bias)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.out.weight.device

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
            (tokens, classes).
        """
        return self.out(F.dropout(self.network(tokens, boundaries), self.dropout, self.training))


def new_token_classifier(model: Any, classes: Sequence[str], *, dropout: float = 0.0, seed: int = 0) -> TokenClassifier:
    """Put a fresh head for every token on a model's network; the network is shared, not copied.

    Parameters
    ----------
    model
        The pretrained (or new) LanguageModel. Deep-copy it first to keep it as it is.
    classes
        Names of the classes.
    dropout
        Probability before the head while training.
    seed
        Of the head's first weights; torch's global random state is left as it was.

    Returns
    -------
    TokenClassifier
        In evaluation mode, on the model's device.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        card = {**model.card, "token_classes": list(classes)}
        classifier = TokenClassifier(model.network, classes, model.tokenizer, card, dropout=dropout)
    return classifier.to(model.device).eval()
