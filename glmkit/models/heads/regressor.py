"""A network with a pooled head that tells numbers: one vector a sequence, then one or more outputs.

The head works in units of its own in which the training targets have mean 0 and spread 1, so that fresh weights start near
the best constant guess whatever the units of the assay; ``shift`` and ``scale`` turn its outputs into the targets' units and
are saved with the weights.
"""

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from glmkit.axes import BoundariesT, HiddenT, TokensT
from glmkit.errors import BadInput
from glmkit.models.heads.classifier import Classifier, Pool
from glmkit.models.language_model import Network


class Regressor(nn.Module):
    """Token ids to numbers, packed.

    Parameters
    ----------
    network
        Token ids to hidden states.
    outputs
        Names of the numbers, one or more.
    tokenizer
        What makes the ids.
    card
        Where the model comes from: plain JSON values.
    pool
        How hidden states become one vector, as for `Classifier`.
    hidden
        Units of the head's hidden layer; as many as the network is wide if None.
    dropout
        Probability before the head while training.

    Raises
    ------
    BadInput
        No output, a name twice, an unknown way of pooling, or no hidden unit.
    """

    shift: torch.Tensor
    scale: torch.Tensor

    def __init__(
        self,
        network: Network,
        outputs: Sequence[str],
        tokenizer: Any,
        card: dict[str, Any] | None = None,
        *,
        pool: Pool = "mean",
        hidden: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if isinstance(outputs, str) or not outputs or len(set(outputs)) != len(outputs):
            raise BadInput(f"A regressor needs a list of one or more outputs with different names, got {outputs!r}.")
        if pool not in get_args(Pool):
            raise BadInput(f"pool must be one of {', '.join(get_args(Pool))}, got {pool!r}.")
        width = network.config.width
        units = width if hidden is None else hidden
        if units < 1:
            raise BadInput(f"hidden must be 1 or more units of the head, got {hidden}.")
        self.network, self.tokenizer, self.card = network, tokenizer, card or {}
        self.outputs, self.pool, self.hidden, self.dropout = tuple(outputs), pool, units, dropout
        self.dense = nn.Linear(2 * width if pool == "centre+mean" else width, units)
        self.out = nn.Linear(units, len(outputs))
        for linear in (self.dense, self.out):
            nn.init.normal_(linear.weight, std=0.02)
            nn.init.zeros_(linear.bias)
        self.register_buffer("shift", torch.zeros(len(outputs)))
        self.register_buffer("scale", torch.ones(len(outputs)))

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.out.weight.device

    def pooled(self, tokens: TokensT, boundaries: BoundariesT) -> HiddenT:
        """One vector a sequence, before the head; what `pool` means is what it means for a Classifier.

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
        return Classifier.pooled(self, tokens, boundaries)  # type: ignore[arg-type]

    def forward(self, tokens: TokensT, boundaries: BoundariesT) -> torch.Tensor:
        """Numbers in the targets' units.

        Parameters
        ----------
        tokens
            int64 (tokens,).
        boundaries
            int64 (sequences + 1,).

        Returns
        -------
        torch.Tensor
            (sequences, outputs).
        """
        vector = F.dropout(self.pooled(tokens, boundaries), self.dropout, self.training)
        vector = F.dropout(torch.tanh(self.dense(vector)), self.dropout, self.training)
        return self.out(vector) * self.scale + self.shift


def new_regressor(
    model: Any,
    outputs: Sequence[str] = ("value",),
    *,
    targets: np.ndarray | None = None,
    pool: Pool = "mean",
    hidden: int | None = None,
    dropout: float = 0.1,
    seed: int = 0,
) -> Regressor:
    """Put a fresh head for numbers on a model's network; the network is shared, not copied.

    Parameters
    ----------
    model
        The pretrained (or new) LanguageModel. Deep-copy it first to keep it as it is.
    outputs
        Names of the numbers.
    targets
        (n,) or (n, outputs): those of the *training* items, whose mean and spread the head starts from. Without them it
        starts from 0 and 1.
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
    Regressor
        In evaluation mode, on the model's device.

    Raises
    ------
    BadInput
        Targets are of another shape, not finite, or all equal.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        card = {**model.card, "outputs": list(outputs), "pool": pool}
        regressor = Regressor(model.network, outputs, model.tokenizer, card, pool=pool, hidden=hidden, dropout=dropout)
    if targets is not None:
        table = np.asarray(targets, np.float64).reshape(len(targets), -1)
        if table.shape[1] != len(regressor.outputs) or len(table) < 2:
            raise BadInput(
                f"Targets must be (n, {len(regressor.outputs)}) with two items or more, got shape {np.shape(targets)}."
            )
        spread = table.std(0)
        if not np.isfinite(table).all() or not (spread > 0).all():
            raise BadInput("Targets must be finite and not all equal, or their mean and spread mean nothing.")
        regressor.shift.copy_(torch.from_numpy(table.mean(0)))
        regressor.scale.copy_(torch.from_numpy(spread))
    return regressor.to(model.device).eval()
