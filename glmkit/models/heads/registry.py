"""Prediction heads by the name of their kind: construction of a head from the settings of a saved folder.

A new kind of head needs a subclass of `Head` and one entry in `HEADS`, which the code that reads and writes models uses.
"""

from typing import Any

from torch import nn

from glmkit.errors import BadInput
from glmkit.models.heads.base import Head
from glmkit.models.heads.classifier import Classifier
from glmkit.models.heads.gene_hybrid import GeneHybrid
from glmkit.models.heads.regressor import Regressor
from glmkit.models.heads.token_classifier import TokenClassifier

HEADS: dict[str, Any] = {made.kind: made for made in (Classifier, TokenClassifier, Regressor, GeneHybrid)}


def head_settings(model: nn.Module) -> dict[str, Any]:
    """Settings that `make_head` needs to construct an equal head.

    Parameters
    ----------
    model
        A Classifier, TokenClassifier, Regressor or GeneHybrid.

    Returns
    -------
    dict
        ``kind``, the names of the outputs, and the options: plain JSON values.

    Raises
    ------
    BadInput
        The model is none of them.
    """
    if type(model) not in HEADS.values() or not isinstance(model, Head):
        known = ", ".join(made.__name__ for made in HEADS.values())
        raise BadInput(f"{type(model).__name__} is no head that can be saved; expected one of {known}.")
    return model.settings()


def make_head(settings: dict[str, Any], network: nn.Module, tokenizer: Any, card: dict[str, Any]) -> Head:
    """Construct a head with fresh weights.

    Parameters
    ----------
    settings
        From `head_settings`; further entries are ignored.
    network
        Network of the head.
    tokenizer
        Tokenizer of the network's ids.
    card
        Provenance of the model.

    Returns
    -------
    Head
        On the CPU.

    Raises
    ------
    BadInput
        The kind is unknown, or a setting is missing.
    """
    kind = settings.get("kind")
    if kind not in HEADS:
        raise BadInput(f"{kind!r} is no kind of head; expected one of {', '.join(HEADS)}.")
    made = HEADS[kind]
    missing = [name for name in (made.naming, *made.options) if name not in settings]
    if missing:
        raise BadInput(f"The settings of a {kind} lack {missing[0]!r}.")
    return made(network, settings[made.naming], tokenizer, card, **{name: settings[name] for name in made.options})
