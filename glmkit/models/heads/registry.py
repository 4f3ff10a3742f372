"""The heads that stand on a network, by the name of their kind: what a folder on disk has to say to make one again.

A new head needs one line here; whatever reads or writes models looks it up.
"""

from typing import Any, NamedTuple

from torch import nn

from glmkit.errors import BadInput
from glmkit.models.heads.classifier import Classifier
from glmkit.models.heads.gene_hybrid import GeneHybrid
from glmkit.models.heads.regressor import Regressor
from glmkit.models.heads.token_classifier import TokenClassifier


class Head(NamedTuple):
    """How a head is made: ``make(network, names, tokenizer, card, **options)``.

    Attributes
    ----------
    make
        Its class.
    names
        The attribute that names its outputs.
    options
        Attributes that the constructor takes by keyword.
    """

    make: type[nn.Module]
    names: str
    options: tuple[str, ...]


HEADS = {
    "classifier": Head(Classifier, "classes", ("pool", "hidden", "dropout")),
    "token classifier": Head(TokenClassifier, "classes", ("dropout",)),
    "regressor": Head(Regressor, "outputs", ("pool", "hidden", "dropout")),
    "gene hybrid": Head(
        GeneHybrid, "classes", ("width", "layers", "messages", "heads", "features", "train_network", "dropout", "most")
    ),
}


def head_settings(model: nn.Module) -> dict[str, Any]:
    """What `make_head` needs to make a head like that of a model.

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
    for kind, head in HEADS.items():
        if type(model) is head.make:
            options = {name: getattr(model, name) for name in head.options}
            return {"kind": kind, head.names: list(getattr(model, head.names)), **options}
    known = ", ".join(head.make.__name__ for head in HEADS.values())
    raise BadInput(f"{type(model).__name__} is no head that can be saved; expected one of {known}.")


def make_head(settings: dict[str, Any], network: nn.Module, tokenizer: Any, card: dict[str, Any]) -> nn.Module:
    """Make a head with fresh weights.

    Parameters
    ----------
    settings
        From `head_settings`; further entries are left alone.
    network
        What it stands on.
    tokenizer
        What makes the ids.
    card
        Where the model comes from.

    Returns
    -------
    torch.nn.Module
        On the CPU.

    Raises
    ------
    BadInput
        The kind is unknown, or a setting is missing.
    """
    kind = settings.get("kind")
    if kind not in HEADS:
        raise BadInput(f"{kind!r} is no kind of head; expected one of {', '.join(HEADS)}.")
    head = HEADS[kind]
    missing = [name for name in (head.names, *head.options) if name not in settings]
    if missing:
        raise BadInput(f"The settings of a {kind} lack {missing[0]!r}.")
    options = {name: settings[name] for name in head.options}
    return head.make(network, settings[head.names], tokenizer, card, **options)
