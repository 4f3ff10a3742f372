"""The control of pretraining: the same network with random weights.

A probe on random features is a strong control, since wide random networks preserve much of the information in their inputs. The
contribution of pretraining is the distance to this control, not to chance.
"""

from typing import Any

from glmkit.errors import BadInput


def untrained(model: Any, seed: int = 0) -> Any:
    """A copy of a model's architecture with fresh weights.

    Parameters
    ----------
    model
        A LanguageModel, Classifier or Regressor with a Transformer, LSTM or mLSTM; it is not changed.
    seed
        Seed of the weights, 0 or more, other than the one that the model was made with: the same seed gives its initial weights.

    Returns
    -------
    LanguageModel, Classifier or Regressor
        A model of the same kind, on the same device, in evaluation mode. A Regressor keeps the units of its targets.

    Raises
    ------
    BadInput
        Another kind of model.

    Examples
    --------
    >>> from glmkit.evaluate import untrained
    >>> from glmkit.models import TransformerConfig, new_model, weights_hash
    >>> from glmkit.tokens import make_tokenizer
    >>> tokenizer = make_tokenizer("base")
    >>> config = TransformerConfig(vocabulary_size=len(tokenizer.vocabulary), width=8, layers=1, heads=2, feedforward=16)
    >>> model = new_model(config, tokenizer, seed=0)
    >>> control = untrained(model, seed=1)
    >>> control.network.config == config, weights_hash(control) == weights_hash(model)
    (True, False)
    """
    from glmkit.models import Classifier, LanguageModel, Regressor, new_classifier, new_model, new_regressor

    kinds = (LanguageModel, Classifier, Regressor)
    if type(model) not in kinds or type(model.network).__name__ not in ("Transformer", "LSTM", "MLSTM"):
        raise BadInput(
            f"Expected a LanguageModel, Classifier or Regressor with a Transformer, LSTM or mLSTM, got a {type(model).__name__}. "
            "Make the control with the constructor of the model."
        )
    kept = {name: model.card[name] for name in ("start", "context") if name in model.card}
    fresh = new_model(model.network.config, model.tokenizer, seed, start=kept.get("start", "plain")).to(model.device)
    fresh.card |= kept  # so that sequences beyond the context are read in windows, as by the model
    head = (
        {}
        if type(model) is LanguageModel
        else {"pool": model.pool, "hidden": model.hidden, "dropout": model.dropout, "seed": seed}
    )
    if type(model) is Classifier:
        return new_classifier(fresh, model.classes, **head)
    if type(model) is Regressor:
        regressor = new_regressor(fresh, model.outputs, **head)
        regressor.shift.copy_(model.shift)
        regressor.scale.copy_(model.scale)
        return regressor
    return fresh
