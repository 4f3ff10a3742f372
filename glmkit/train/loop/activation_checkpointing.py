"""Trading time for memory: a block's activations are computed again in the backward pass instead of being kept.

Chen et al. 2016 (arXiv:1604.06174). Only what enters each block is kept, and one block's insides at a time: of a deep network
that is a small part of the activations, for about a third more time. Dropout draws the same numbers again, so gradients are equal.
"""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint

from glmkit.errors import BadInput


@contextmanager
def recompute(model: Any, wanted: bool = True) -> Iterator[None]:
    """Compute the blocks of a model's network anew in backward passes, as long as the block of code lasts.

    Parameters
    ----------
    model
        Its ``network.layers`` are the blocks.
    wanted
        False changes nothing.

    Yields
    ------
    None
        The model has its own forward passes again afterwards.

    Raises
    ------
    BadInput
        The network is not made of blocks.
    """
    layers = getattr(model.network, "layers", None)
    if not wanted:
        yield
        return
    if not isinstance(layers, nn.ModuleList):
        raise BadInput(
            f"checkpoint_activations=True needs a network with layers, this one is a {type(model.network).__name__}. Set it to False."
        )
    for block in layers:
        block.forward = functools.partial(checkpoint, block.forward, use_reentrant=False)
    try:
        yield
    finally:
        for block in layers:
            del block.forward
