"""Activation checkpointing: recomputation of activations in the backward pass, which saves memory at the cost of time.

Only the input of each block is stored, and the activations of one block at a time (Chen et al. 2016, arXiv:1604.06174). In a deep
network that is a small part of all activations, for about a third more time. Dropout uses the same random numbers in the
recomputation, so gradients are equal.
"""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from torch import nn
from torch.utils.checkpoint import checkpoint

from glmkit.errors import BadInput

if TYPE_CHECKING:
    from glmkit.models import Model


@contextmanager
def recompute(model: "Model", wanted: bool = True) -> Iterator[None]:
    """Context in which the blocks of a model's network are recomputed in backward passes.

    Parameters
    ----------
    model
        Model whose blocks are ``network.layers``.
    wanted
        Whether to recompute; False changes nothing.

    Yields
    ------
    None
        The original forward passes are restored afterwards.

    Raises
    ------
    BadInput
        A network without blocks.
    """
    layers = getattr(model.network, "layers", None)
    if not wanted:
        yield
        return
    if not isinstance(layers, nn.ModuleList):
        raise BadInput(
            f"checkpoint_activations=True needs a network with layers, got a {type(model.network).__name__}. Set it to False."
        )
    for block in layers:
        block.forward = functools.partial(checkpoint, block.forward, use_reentrant=False)
    try:
        yield
    finally:
        for block in layers:
            del block.forward
