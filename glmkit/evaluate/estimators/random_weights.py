"""The same network with random weights: what architecture alone can do.

A probe on random features is a strong control, as wide random networks keep much of what their inputs say; what a pretrained model
adds is its distance to this, not to chance.
"""

from typing import Any

from glmkit.errors import BadInput


def untrained(model: Any, seed: int = 0) -> Any:
    """A copy of a model's architecture with fresh weights.

    Parameters
    ----------
    model
        A LanguageModel, Classifier or Regressor with a Transformer, LSTM or mLSTM; it stays as it is.
    seed
        Of the weights, 0 or more. A model that was itself made with this seed starts from the very same weights: take another one.

    Returns
    -------
    LanguageModel, Classifier or Regressor
        Of the same kind, on the same device, in evaluation mode. A Regressor keeps the units of its targets.

    Raises
    ------
    BadInput
        Another kind of model.
    """
    from glmkit.models import Classifier, LanguageModel, Regressor, new_classifier, new_model, new_regressor

    kinds = (LanguageModel, Classifier, Regressor)
    if type(model) not in kinds or type(model.network).__name__ not in ("Transformer", "LSTM", "MLSTM"):
        raise BadInput(
            f"Expected a LanguageModel, Classifier or Regressor with a Transformer, LSTM or mLSTM, got a {type(model).__name__}. "
            "Make the control by hand, with the constructor that made the model."
        )
    kept = {name: model.card[name] for name in ("start", "context") if name in model.card}
    fresh = new_model(model.network.config, model.tokenizer, seed, start=kept.get("start", "plain")).to(model.device)
    fresh.card |= kept  # beyond the context it reads in windows, as the model does
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
