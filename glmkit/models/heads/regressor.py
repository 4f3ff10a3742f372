"""Regression on sequences and cells: a pooled head with one or more numerical outputs.

The head works on standardised targets (mean 0, standard deviation 1). Fresh weights therefore start near the best constant prediction,
in any unit of the assay. ``shift`` and ``scale`` convert its outputs to the unit of the targets; they are saved with the weights.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from glmkit.axes import BoundariesT, TokensT
from glmkit.errors import BadInput
from glmkit.models.heads.base import PooledHead, SequenceRegressor, attach
from glmkit.models.language_model import Network
from glmkit.models.networks.pooling import Pool

if TYPE_CHECKING:
    from glmkit.models.protocols import Model


class Regressor(PooledHead, SequenceRegressor):
    """Packed token ids to numbers for each sequence; the parameters are those of `PooledHead`.

    Attributes
    ----------
    shift, scale
        Mean and standard deviation of the training targets, float32 (outputs,), in the unit of the targets.
    """

    kind = "regressor"
    shift: torch.Tensor
    scale: torch.Tensor

    def __init__(self, network: Network, names: Sequence[str], tokenizer: Any, *card: Any, **options: Any) -> None:
        super().__init__(network, names, tokenizer, *card, **options)
        self.register_buffer("shift", torch.zeros(len(names)))
        self.register_buffer("scale", torch.ones(len(names)))

    def forward(self, tokens: TokensT, boundaries: BoundariesT) -> torch.Tensor:
        """Predicted values in the unit of the targets, (sequences, outputs); arguments as for `PooledHead`."""
        return super().forward(tokens, boundaries) * self.scale + self.shift


def new_regressor(
    model: "Model",
    outputs: Sequence[str] = ("value",),
    *,
    targets: np.ndarray | None = None,
    pool: Pool = "mean",
    hidden: int | None = None,
    dropout: float = 0.1,
    seed: int = 0,
) -> Regressor:
    """Put a fresh regression head on a model's network; the network is shared, not copied.

    Parameters
    ----------
    model
        Pretrained or new LanguageModel. Deep-copy it first to keep it unchanged.
    outputs
        Names of the outputs, one or more.
    targets
        Targets of the *training* items, (n,) or (n, outputs), n at least 2: their mean and standard deviation scale the head. None for
        mean 0 and standard deviation 1.
    pool
        Pooling mode, see `glmkit.models.networks.pooling`.
    hidden
        Units of the head's hidden layer; the network's width if None.
    dropout
        Dropout probability before each layer of the head during training, in [0, 1).
    seed
        Seed of the head's initial weights; the global random state is restored afterwards.

    Returns
    -------
    Regressor
        In evaluation mode, on the model's device.

    Raises
    ------
    BadInput
        Targets of another shape, not finite, or all equal.

    Examples
    --------
    >>> import numpy as np
    >>> from glmkit.models import TransformerConfig, new_model, new_regressor
    >>> from glmkit.tokens import make_tokenizer
    >>> tokenizer = make_tokenizer("protein")
    >>> model = new_model(TransformerConfig(vocabulary_size=len(tokenizer.vocabulary), width=16, layers=1, heads=2), tokenizer)
    >>> head = new_regressor(model, ["melting point"], targets=np.array([40.0, 50.0, 60.0]))
    >>> round(float(head.shift), 1), round(float(head.scale), 2)
    (50.0, 8.16)
    """
    regressor = attach(
        model,
        lambda card: Regressor(model.network, outputs, model.tokenizer, card, pool=pool, hidden=hidden, dropout=dropout),
        seed,
        outputs=list(outputs),
        pool=pool,
    )
    if targets is not None:
        table = np.asarray(targets, np.float64).reshape(len(targets), -1)
        if table.shape[1] != len(regressor.outputs) or len(table) < 2:
            raise BadInput(
                f"Targets must be (n, {len(regressor.outputs)}) with two items or more, got shape {np.shape(targets)}."
            )
        spread = table.std(0)
        if not np.isfinite(table).all() or not (spread > 0).all():
            raise BadInput("Targets must be finite and not all equal: their mean and standard deviation scale the head.")
        regressor.shift.copy_(torch.from_numpy(table.mean(0)))
        regressor.scale.copy_(torch.from_numpy(spread))
    return regressor
