"""Network configurations on disk, in the format of a published family if one describes the network, else in glmkit's own."""

from dataclasses import asdict, fields
from typing import Any

import torch

from glmkit.errors import BadInput
from glmkit.models.families.family import Family
from glmkit.models.families.registry import FAMILIES, family_to_save
from glmkit.models.language_model import Config
from glmkit.models.networks.mlstm import MLSTMConfig
from glmkit.models.networks.recurrent import LSTMConfig
from glmkit.models.networks.transformer_config import TransformerConfig

ADDED = {"segment_starts": ()}  # fields added after version 1 of the format, with their values for older files
OWN: dict[str, Any] = {"glmkit_transformer": TransformerConfig, "glmkit_lstm": LSTMConfig, "glmkit_mlstm": MLSTMConfig}


def config_to_disk(config: Config, tokenizer: Any, classifier: bool = False) -> dict[str, Any]:
    """Content of ``config.json`` for a model.

    Parameters
    ----------
    config
        Shape of the network.
    tokenizer
        Tokenizer with the special ids.
    classifier
        Whether the head is a prediction head instead of the language model's.

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


def read_config(value: dict[str, Any], where: str, family: Family | None) -> Config:
    """Read what `config_to_disk` wrote, or a configuration published in the format of a known family.

    Parameters
    ----------
    value
        Parsed ``config.json``.
    where
        Path of the file, for messages.
    family
        Family of the architecture, from `glmkit.models.formats.source.Source.family`.

    Returns
    -------
    TransformerConfig, LSTMConfig or MLSTMConfig
        Shape of the network.

    Raises
    ------
    BadInput
        The file is of an unknown kind, or a value is missing or not implemented by the network.
    """
    if family is not None:
        return family.config_from_disk(value, where)
    kind = value.get("model_type")
    if kind not in OWN:
        known = ", ".join(dict.fromkeys(family.model_type for family in FAMILIES.values()))
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
    """Weights under the names, and in the layout, of the format.

    Parameters
    ----------
    state
        Tensors by glmkit's names (``network.…``, ``head.…``, ``classifier.…``).
    config
        Shape of the network.
    disk
        Content of the ``config.json`` of the same folder.

    Returns
    -------
    dict
        Contiguous CPU tensors by name.
    """
    family = family_to_save(config) if isinstance(config, TransformerConfig) else None
    out = state if family is None or not isinstance(config, TransformerConfig) else family.weights_to_disk(state, config, disk)
    return {name: tensor.detach().cpu().contiguous() for name, tensor in out.items()}
