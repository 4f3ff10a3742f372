"""Families of published models as tables; see `Family`. What no family holds is saved under names of our own."""

from typing import Any

from glmkit.errors import BadInput
from glmkit.models.families.bert import BERT, ROBERTA
from glmkit.models.families.esm import ESM, NUCLEOTIDE_TRANSFORMER_2, SHAPES, esm2
from glmkit.models.families.family import Family
from glmkit.models.families.gpt_neox import GPT_NEOX
from glmkit.models.networks.transformer_config import TransformerConfig

FAMILIES = {family.name: family for family in (ESM, NUCLEOTIDE_TRANSFORMER_2, BERT, ROBERTA, GPT_NEOX)}
__all__ = ["FAMILIES", "SHAPES", "Family", "esm2", "family_of_config", "family_to_save"]


def family_of_config(value: dict[str, Any], where: str) -> Family | None:
    """The family of a ``config.json``.

    Parameters
    ----------
    value
        The parsed file.
    where
        Its path, for messages.

    Returns
    -------
    Family or None
        None if there is no table for its ``model_type``.

    Raises
    ------
    BadInput
        The model brings code of its own (``auto_map``) and is none whose arithmetic is known here.
    """
    second = value.get("model_type") == "esm" and value.get("add_bias_fnn") is False
    if "auto_map" in value and not second:
        raise BadInput(
            f"{where} has 'auto_map': the model wants to run Python code that came with it, which glmkit never does. "
            "Use a model of a known architecture."
        )
    if second:
        return NUCLEOTIDE_TRANSFORMER_2
    return next((family for family in FAMILIES.values() if family.model_type == value.get("model_type")), None)


def family_to_save(config: TransformerConfig) -> Family | None:
    """The family in whose format a network is saved: the one it came from if that still holds it, else the first that does.

    Parameters
    ----------
    config
        The network's shape.

    Returns
    -------
    Family or None
        None if no family holds it.
    """
    own = FAMILIES.get(config.family)
    return next((family for family in ([own] if own else []) + list(FAMILIES.values()) if family.holds(config)), None)
