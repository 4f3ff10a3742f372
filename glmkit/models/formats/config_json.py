"""How a network is written on disk: in the format of a published family if one holds it, else under our own names."""

from dataclasses import asdict, fields
from typing import Any

import torch

from glmkit.errors import BadInput
from glmkit.models.families.registry import family_of_config, family_to_save
from glmkit.models.language_model import Config
from glmkit.models.networks.mlstm import MLSTMConfig
from glmkit.models.networks.recurrent import LSTMConfig
from glmkit.models.networks.transformer_config import TransformerConfig

ADDED = {"segment_starts": ()}  # fields younger than the format, and what they are in older files
OWN: dict[str, Any] = {"glmkit_transformer": TransformerConfig, "glmkit_lstm": LSTMConfig, "glmkit_mlstm": MLSTMConfig}


def config_to_disk(config: Config, tokenizer: Any, classifier: bool = False) -> dict[str, Any]:
    """The content of ``config.json`` for a model.

    Parameters
    ----------
    config
        The network's shape.
    tokenizer
        Gives the special ids.
    classifier
        Whether another head stands on the network than a language model's.

    Returns
    -------
    dict
        Plain JSON values.
    """
    family = family_to_save(config) if isinstance(config, TransformerConfig) else None
    if family is not None and isinstance(config, TransformerConfig):
        return family.config_to_disk(config, tokenizer, classifier)
    kind = next(name for name, made in OWN.items() if isinstance(config, made))
    return {"model_type": kind, **asdict(config)}


def config_from_disk(value: dict[str, Any], where: str) -> Config:
    """Read what `config_to_disk` wrote, or what was published in the format of a known family.

    Parameters
    ----------
    value
        The parsed ``config.json``.
    where
        Its path, for messages.

    Returns
    -------
    TransformerConfig or another network's
        The network's shape.

    Raises
    ------
    BadInput
        The file asks for code of its own (``auto_map``), is of an unknown kind, lacks a value, or has one that changes the network.
    """
    family = family_of_config(value, where)
    if family is not None:
        return family.config_from_disk(value, where)
    kind = value.get("model_type")
    if kind not in OWN:
        known = "esm, bert, roberta, gpt_neox"
        raise BadInput(
            f"{where} has model_type {kind!r}; expected {known}, or one that glmkit.models.save writes ({', '.join(OWN)})."
        )
    names = [field.name for field in fields(OWN[kind])]
    value = ADDED | value
    for name in names:
        if name not in value:
            raise BadInput(f"{where} lacks {name!r}. Was it written by glmkit.models.save?")
    return OWN[kind](**{name: tuple(value[name]) if isinstance(value[name], list) else value[name] for name in names})


def weights_to_disk(state: dict[str, torch.Tensor], config: Config, disk: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Our weights under the names, and in the layout, of the format.

    Parameters
    ----------
    state
        Tensors by our names (``network.…``, ``head.…``, ``classifier.…``).
    config
        The network's shape.
    disk
        The ``config.json`` beside which they are written.

    Returns
    -------
    dict
        Contiguous CPU tensors.
    """
    family = family_to_save(config) if isinstance(config, TransformerConfig) else None
    out = state if family is None or not isinstance(config, TransformerConfig) else family.weights_to_disk(state, config, disk)
    return {name: tensor.detach().cpu().contiguous() for name, tensor in out.items()}


def weights_from_disk(state: dict[str, torch.Tensor], config: Config, disk: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The inverse of `weights_to_disk`.

    Parameters
    ----------
    state
        Tensors by the format's names.
    config
        The network's shape.
    disk
        The ``config.json`` beside them.

    Returns
    -------
    dict
        Tensors by our names; those with unknown names keep theirs.
    """
    family = family_of_config(disk, "config.json")
    if family is None or not isinstance(config, TransformerConfig):
        return dict(state)
    return family.weights_from_disk(state, config, disk)
