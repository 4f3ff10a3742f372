"""Selection of trainable parameters: the head alone, the last blocks too, or all."""

from typing import Any, Literal

from torch import nn

from glmkit.errors import BadInput

Trainable = Literal["head", "all"] | int


def freeze(model: Any, trainable: Trainable = "head") -> int:
    """Set which parameters are trainable; the others keep their values.

    A frozen network with a trained head is the baseline for fine-tuning. It needs the least memory, because frozen parameters
    have no gradients and no optimiser state.

    Parameters
    ----------
    model
        A LanguageModel or a head; changed in place.
    trainable
        ``head`` for the head alone; ``all`` for all parameters; an integer n for the head, the last n blocks of the network and
        the final norm.

    Returns
    -------
    int
        Number of trainable parameters.

    Raises
    ------
    BadInput
        Another value of `trainable`, or more blocks than the network has.

    Examples
    --------
    >>> from glmkit.models import TransformerConfig, new_classifier, new_model
    >>> from glmkit.tokens import make_tokenizer
    >>> from glmkit.train import freeze
    >>> config = TransformerConfig(vocabulary_size=10, width=8, layers=2, heads=2, feedforward=8)
    >>> classifier = new_classifier(new_model(config, make_tokenizer("base")), classes=("background", "promoter"))
    >>> freeze(classifier, "head") < freeze(classifier, 1) < freeze(classifier, "all")
    True
    """
    layers: nn.ModuleList = model.network.layers
    if isinstance(trainable, bool) or not (trainable in {"head", "all"} or isinstance(trainable, int)):
        raise BadInput(f"trainable must be 'head', 'all' or a number of last layers, got {trainable!r}.")
    if isinstance(trainable, int) and not 1 <= trainable <= len(layers):
        raise BadInput(f"trainable: expected 1 to {len(layers)} last layers, the number in the network, got {trainable}.")
    model.requires_grad_(True)
    if trainable != "all":
        model.network.requires_grad_(False)
        if isinstance(trainable, int):
            norm = getattr(model.network, "norm", None)
            for part in (*layers[len(layers) - trainable :], *([norm] if isinstance(norm, nn.Module) else [])):
                part.requires_grad_(True)
    return trainable_count(model)


def trainable_count(model: nn.Module) -> int:
    """Number of trainable parameters of a model.

    Parameters
    ----------
    model
        Any torch module.

    Returns
    -------
    int
        0 or more.
    """
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
