"""Which part of a model learns: the head alone, the last blocks too, or everything."""

from typing import Any, Literal

from torch import nn

from glmkit.errors import BadInput

Trainable = Literal["head", "all"] | int


def freeze(model: Any, trainable: Trainable = "head") -> int:
    """Say which parameters training may change; the others keep their values.

    A frozen body with a trained head is the floor that fine-tuning has to beat, and needs the least memory: no gradients
    and no optimiser state are kept for what is frozen.

    Parameters
    ----------
    model
        A LanguageModel or a head; changed in place.
    trainable
        ``head``: what stands on the network. ``all``: everything. A number: the head, the last so many blocks of the network, and
        the norm after them.

    Returns
    -------
    int
        Trainable numbers.

    Raises
    ------
    BadInput
        `trainable` is neither, or there are not so many blocks.
    """
    layers: nn.ModuleList = model.network.layers
    if isinstance(trainable, bool) or not (trainable in {"head", "all"} or isinstance(trainable, int)):
        raise BadInput(f"trainable must be 'head', 'all' or a number of last layers, got {trainable!r}.")
    if isinstance(trainable, int) and not 1 <= trainable <= len(layers):
        raise BadInput(
            f"trainable={trainable} last layers were asked for, the network has {len(layers)}; choose 1 to {len(layers)}."
        )
    model.requires_grad_(True)
    if trainable != "all":
        model.network.requires_grad_(False)
        if isinstance(trainable, int):
            norm = getattr(model.network, "norm", None)
            for part in (*layers[len(layers) - trainable :], *([norm] if isinstance(norm, nn.Module) else [])):
                part.requires_grad_(True)
    return trainable_count(model)


def trainable_count(model: nn.Module) -> int:
    """How many numbers of a model training may change.

    Parameters
    ----------
    model
        Any module.

    Returns
    -------
    int
        0 or more.
    """
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
