"""Classification of tokens: one class a token, for labels along the sequence.

The head is a single linear layer, so the hidden states must contain the information themselves. For a rare label, a network trained on a
dense label such as the coding frame is therefore a better start than masked language modelling alone.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import nn

from glmkit.axes import BoundariesT, TokensT
from glmkit.models.heads.base import Head, attach
from glmkit.models.language_model import Network

if TYPE_CHECKING:
    from glmkit.models.protocols import Model


class TokenClassifier(Head):
    """Packed token ids to class logits of each token.

    Parameters
    ----------
    network
        Map of token ids to hidden states; shared, not copied.
    names
        Names of the classes, two or more.
    tokenizer
        Tokenizer of the network's ids.
    card
        Provenance of the model: plain JSON values.
    dropout
        Dropout probability before the head during training, in [0, 1).

    Raises
    ------
    BadInput
        Fewer than two classes, or a repeated name.
    """

    kind = "token classifier"
    options = ("dropout",)
    classes: tuple[str, ...]

    def __init__(
        self,
        network: Network,
        names: Sequence[str],
        tokenizer: Any,
        card: dict[str, Any] | None = None,
        *,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(network, names, tokenizer, card)
        self.dropout = dropout
        self.out = nn.Linear(network.config.width, len(names))
        nn.init.normal_(self.out.weight, std=0.02)
        nn.init.zeros_(self.out.bias)

    def forward(self, tokens: TokensT, boundaries: BoundariesT) -> torch.Tensor:
        """Class logits.

        Parameters
        ----------
        tokens
            Token ids, int64 (tokens,).
        boundaries
            Sequence boundaries, int64 (sequences + 1,).

        Returns
        -------
        torch.Tensor
            (tokens, classes).
        """
        return self.out(F.dropout(self.network(tokens, boundaries), self.dropout, self.training))


def new_token_classifier(model: "Model", classes: Sequence[str], *, dropout: float = 0.0, seed: int = 0) -> TokenClassifier:
    """Put a fresh token-classification head on a model's network; the network is shared, not copied.

    Parameters
    ----------
    model
        Pretrained or new LanguageModel. Deep-copy it first to keep it unchanged.
    classes
        Names of the classes, two or more.
    dropout
        Dropout probability before the head during training, in [0, 1).
    seed
        Seed of the head's initial weights; the global random state is restored afterwards.

    Returns
    -------
    TokenClassifier
        In evaluation mode, on the model's device.

    Examples
    --------
    >>> from glmkit.models import TransformerConfig, new_model, new_token_classifier
    >>> from glmkit.tokens import make_tokenizer
    >>> tokenizer = make_tokenizer("base")
    >>> model = new_model(TransformerConfig(vocabulary_size=len(tokenizer.vocabulary), width=16, layers=1, heads=2), tokenizer)
    >>> new_token_classifier(model, ["outside", "frame 1", "frame 2"]).out.weight.shape
    torch.Size([3, 16])
    """
    return attach(
        model,
        lambda card: TokenClassifier(model.network, classes, model.tokenizer, card, dropout=dropout),
        seed,
        token_classes=list(classes),
    )
