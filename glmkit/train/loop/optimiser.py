"""Fused AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101), and its state as named tensors.

Weight decay applies to matrices that multiply activations. Biases, norms and embeddings are excluded: their decay does not
regularise, and the embedding of a rare token would decay at every step that does not contain it.
"""

from typing import Any

import torch
from torch import nn

from glmkit.errors import BadInput
from glmkit.train.loop.config import TrainConfig
from glmkit.train.loop.process_group import spread_like, whole


def make_optimiser(model: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """Optimiser of all trainable parameters of a model.

    Parameters
    ----------
    model
        Model on its device.
    config
        Settings with learning rate, betas and weight decay.

    Returns
    -------
    torch.optim.AdamW
        Fused optimiser.

    Raises
    ------
    BadInput
        A model without trainable parameters.
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
    """State of the optimiser by names of parameters.

    Parameters
    ----------
    optimiser
        Optimiser of the model's parameters.
    model
        Model, for the names of parameters.

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
    """Restore the state returned by `state_to_tensors`.

    Parameters
    ----------
    optimiser
        Optimiser of the model's parameters; changed in place.
    model
        Model, for the names of parameters.
    tensors
        State of the optimiser by name.

    Raises
    ------
    BadInput
        A name that is not in the model.
    """
    parameters = dict(model.named_parameters())
    state: dict[Any, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        kind, name = key.split("/", 1)
        if name not in parameters:
            raise BadInput(f"The checkpoint's optimiser has {name!r}, which is not in the model.")
        # Fused AdamW needs its step counter as float32 on the parameter's device.
        parameter = parameters[name].detach()
        state.setdefault(parameters[name], {})[kind] = (
            tensor.to(parameter.device) if kind == "step" else spread_like(tensor, parameter)
        )
    for parameter, values in state.items():
        optimiser.state[parameter] = values
