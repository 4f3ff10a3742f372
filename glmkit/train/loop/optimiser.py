"""AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101), fused, and its state as named tensors.

Weight decay shrinks matrices that multiply activations. Biases, norms and embeddings are left out: shrinking them does not
regularise, and a rare token's embedding would decay at every step that does not contain it.
"""

from typing import Any

import torch
from torch import nn

from glmkit.errors import BadInput
from glmkit.train.loop.config import TrainConfig
from glmkit.train.loop.process_group import spread_like, whole


def make_optimiser(model: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """An optimiser for all trainable parameters of a model.

    Parameters
    ----------
    model
        On its device.
    config
        Learning rate, betas and decay.

    Returns
    -------
    torch.optim.AdamW
        Fused.

    Raises
    ------
    BadInput
        Nothing in the model is trainable.
    """
    embeddings = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not trainable:
        raise BadInput("No parameter of the model has requires_grad=True, so there is nothing to train.")
    decayed = [parameter for parameter in trainable if parameter.dim() >= 2 and id(parameter) not in embeddings]
    chosen = {id(parameter) for parameter in decayed}
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": [parameter for parameter in trainable if id(parameter) not in chosen], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=config.betas, fused=True)


def state_to_tensors(optimiser: torch.optim.Optimizer, model: nn.Module) -> dict[str, torch.Tensor]:
    """The optimiser's state under the parameters' names.

    Parameters
    ----------
    optimiser
        Of the model's parameters.
    model
        Gives the names.

    Returns
    -------
    dict
        ``exp_avg/NAME``, ``exp_avg_sq/NAME``, ``step/NAME``: CPU tensors.
    """
    return {
        f"{key}/{name}": whole(value).clone()
        for name, parameter in model.named_parameters()
        for key, value in optimiser.state.get(parameter, {}).items()
    }


def state_from_tensors(optimiser: torch.optim.Optimizer, model: nn.Module, tensors: dict[str, torch.Tensor]) -> None:
    """Put back what `state_to_tensors` gave.

    Parameters
    ----------
    optimiser
        Of the model's parameters.
    model
        Gives the names.
    tensors
        The state.

    Raises
    ------
    BadInput
        A name does not belong to the model.
    """
    parameters = dict(model.named_parameters())
    state: dict[Any, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        kind, name = key.split("/", 1)
        if name not in parameters:
            raise BadInput(f"The checkpoint's optimiser knows {name!r}, which the model does not have.")
        # fused AdamW wants its step counter as float32, on the parameter's device like the rest
        parameter = parameters[name].detach()
        state.setdefault(parameters[name], {})[kind] = (
            tensor.to(parameter.device) if kind == "step" else spread_like(tensor, parameter)
        )
    for parameter, values in state.items():
        optimiser.state[parameter] = values
