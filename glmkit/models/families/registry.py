"""Registry of the families of published models (see `Family`); other networks are saved under glmkit's own names."""

from typing import Any

from glmkit.errors import BadInput
from glmkit.models.families.bert import BERT, ROBERTA
from glmkit.models.families.esm import ESM, NUCLEOTIDE_TRANSFORMER_2
from glmkit.models.families.family import Family
from glmkit.models.families.gpt_neox import GPT_NEOX
from glmkit.models.networks.transformer_config import TransformerConfig

FAMILIES = {family.name: family for family in (ESM, NUCLEOTIDE_TRANSFORMER_2, BERT, ROBERTA, GPT_NEOX)}


def family_of_config(value: dict[str, Any], where: str) -> Family | None:
    """Find the family of a ``config.json``.

    Parameters
    ----------
    value
        Parsed ``config.json``.
    where
        Path of the file, for messages.

    Returns
    -------
    Family or None
        None if no table describes its ``model_type``.

    Raises
    ------
    BadInput
        The model requires code of its own (``auto_map``), and no table describes its arithmetic.
    """
    if value.get("model_type") == "esm" and value.get("add_bias_fnn") is False:
        return NUCLEOTIDE_TRANSFORMER_2  # its code is not needed: this table describes its arithmetic
    refuse_code(value, where)
    return next((family for family in FAMILIES.values() if family.model_type == value.get("model_type")), None)


def refuse_code(value: dict[str, Any], where: str) -> None:
    """Raise BadInput if a configuration requires Python code that comes with the model.

    Parameters
    ----------
    value
        Parsed ``config.json``.
    where
        Path of the file, for messages.
    """
    if "auto_map" in value:
        raise BadInput(
            f"{where} has 'auto_map': the model needs Python code that came with it, which glmkit never runs. "
            "Use a model of a known architecture."
        )


def family_to_save(config: TransformerConfig) -> Family | None:
    """Find the family in whose format a network is saved.

    The family of the network has precedence if it describes the shape; otherwise the first family that does is used.

    Parameters
    ----------
    config
        Shape of the network.

    Returns
    -------
    Family or None
        None if no family describes the shape.
    """
    own = FAMILIES.get(config.family)
    return next((family for family in ([own] if own else []) + list(FAMILIES.values()) if family.holds(config)), None)
